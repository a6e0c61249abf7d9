"""What the end of a trace means in space: the surface there, what carries it, and how high things stand around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Scene, SceneObject

_MIN_POINTS = 8


@dataclass(frozen=True, kw_only=True)
class PlaceSpot:
    """A spot on which something shall stand.

    Attributes:
        point_m: (3,) on the surface [m].
        clear_z_m: Height above which nothing near the spot stands [m].
        rim_z_m: Height of the carrying thing's rim [m]; the surface itself on the bare support.
        support_ids: Objects that carry it.
    """

    point_m: npt.NDArray[np.float64]
    clear_z_m: float
    rim_z_m: float
    support_ids: tuple[int, ...]

    def drop_heights_m(self, clearance_m: float) -> tuple[float, ...]:
        """Heights above the surface to try letting go at, lowest first, up to just above the rim."""
        rim = self.rim_z_m - float(self.point_m[2])
        steps = [clearance_m]
        if rim > 0.01:
            steps += [clearance_m + share * rim for share in (0.35, 0.7, 1.0)]
            steps.append(rim + 0.02)
        return tuple(steps)


def _carries(item: SceneObject, point_m: npt.NDArray[np.float64]) -> bool:
    offset = np.linalg.inv(item.T_base_box) @ np.append(point_m, 1.0)
    return bool(np.all(np.abs(offset[:2]) <= item.size_m[:2] / 2 + 0.005))


def place_spot(scene: Scene, target: SceneObject, point_m: npt.NDArray[np.float64], relation: str) -> PlaceSpot:
    """The spot under a point.

    Args:
        scene: What is seen.
        target: The thing that will stand there; it carries nothing.
        point_m: (3,) the trace's end [m].
        relation: "in" and "on" look for a carrying object; others mean the support itself.
    """
    plane = scene.plane
    ground_z = float((plane.offset_m - plane.normal[:2] @ point_m[:2]) / plane.normal[2])
    carriers = [
        o
        for o in scene.objects
        if o.object_id != target.object_id and relation in ("in", "on", "") and _carries(o, point_m)
    ]
    if not carriers:
        near = [
            float(o.center_base_m[2] + o.size_m[2] / 2)
            for o in scene.objects
            if o.object_id != target.object_id
            and np.linalg.norm(o.center_base_m[:2] - point_m[:2]) < 0.12 + float(np.max(o.size_m[:2])) / 2
        ]
        clear = max([ground_z, *near])
        return PlaceSpot(
            point_m=np.array([point_m[0], point_m[1], ground_z]), clear_z_m=clear, rim_z_m=ground_z, support_ids=()
        )
    carrier = max(carriers, key=lambda o: float(o.center_base_m[2]))
    radius = max(0.015, 0.25 * float(np.min(carrier.size_m[:2])))
    near_points = np.linalg.norm(carrier.points_base_m[:, :2] - point_m[:2], axis=1) < radius
    heights = carrier.points_base_m[near_points, 2]
    top = float(carrier.center_base_m[2] + carrier.size_m[2] / 2)
    if len(heights) < _MIN_POINTS:
        surface = top
    elif carrier.is_receptacle:
        surface = float(np.median(heights))
    else:
        surface = float(np.percentile(heights, 90))
    return PlaceSpot(
        point_m=np.array([point_m[0], point_m[1], max(surface, ground_z)]),
        clear_z_m=top,
        rim_z_m=max(top, surface),
        support_ids=(carrier.object_id,),
    )
