"""Whether a second look bears out what was done."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Scene, SceneObject

SAME_PLACE_M = 0.03
AT_PLACE_M = 0.06


def _alike(a: SceneObject, b: SceneObject) -> bool:
    """Whether two views may show one thing: same colour, or much the same colour under other light."""
    return a.colour == b.colour or float(np.linalg.norm(a.rgb - b.rgb)) < 45.0


def still_there(scene: Scene, target: SceneObject) -> bool:
    """Whether something alike stands where the target stood."""
    return any(
        _alike(o, target) and float(np.linalg.norm(o.center_base_m[:2] - target.center_base_m[:2])) < SAME_PLACE_M
        for o in scene.objects
    )


def is_placed(
    scene: Scene, target: SceneObject, place_m: npt.NDArray[np.float64], relation: str, before: Scene
) -> bool:
    """Whether something like the target is at the place now, and was not before.

    Inside a receptacle the thing may be hidden or merged with it; then a receptacle at the place that shows the
    target's colour counts.
    """

    def at_place(item: SceneObject) -> bool:
        if relation in ("in", "on"):
            offset = np.linalg.inv(item.T_base_box) @ np.append(place_m, 1.0)
            if np.all(np.abs(offset[:2]) <= item.size_m[:2] / 2 + 0.01):
                return True
        return float(np.linalg.norm(item.center_base_m[:2] - place_m[:2])) < AT_PLACE_M

    def count(view: Scene) -> int:
        return sum(_alike(o, target) and at_place(o) for o in view.objects)

    return count(scene) > count(before)
