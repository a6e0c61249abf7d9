"""Whether a hand has room to take a thing from above: an episode without that has no solution to be judged by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.core.hulls import polygon_gap_m
from molmo_ros.sim.scene import PlacedObject, SceneModel

Array = npt.NDArray[np.float64]

# The Franka Hand seen along its approach, and how far its palm lies above the tool frame (franka_description,
# franka_hand.xacro: TCP 0.1034 m from the flange; housing 0.066 m long).
_HAND_SIZE_M = (0.064, 0.204)
_PALM_ABOVE_TCP_M = 0.0374
_DEPTH_M = 0.03
_LOWEST_TCP_M = 0.012
_ROOM_M = 0.008
_OPENING_M = 0.07
_ROUND = frozenset({"ball", "can", "jar", "bottle", "cup", "mug", "ring"})


def hand_has_room(scene: SceneModel, name: str) -> bool:
    """Whether for some closing direction the hand's body stays clear of what stands beside the object.

    Args:
        scene: The scene.
        name: The object to be taken.
    """
    target = scene.objects[name]
    height = target.model.size_m[2]
    palm_m = max(height - _DEPTH_M, _LOWEST_TCP_M) + _PALM_ABOVE_TCP_M
    tall = [o for o in scene.objects.values() if o.name != name and o.model.size_m[2] > palm_m - _ROOM_M]
    return any(
        all(polygon_gap_m(_hand_outline(target.xy_m, yaw), other.outline_m) > _ROOM_M for other in tall)
        for yaw in _closing_yaws(target)
    )


def _closing_yaws(target: PlacedObject) -> list[float]:
    """Headings of the closing axis that fit the thing [rad]."""
    if target.model.kind in _ROUND:
        return [float(yaw) for yaw in np.linspace(0.0, np.pi, 12, endpoint=False)]
    across = [target.yaw_rad + np.pi / 2]
    if target.model.size_m[0] <= _OPENING_M:
        across.append(target.yaw_rad)
    return across


def _hand_outline(xy_m: Array, closing_yaw_rad: float) -> Array:
    """(4, 2) corners of the hand's body, anticlockwise [m]."""
    c, s = np.cos(closing_yaw_rad), np.sin(closing_yaw_rad)
    half = np.array([_HAND_SIZE_M[1] / 2, _HAND_SIZE_M[0] / 2])
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half
    return np.asarray(corners @ np.array([[c, s], [-s, c]]) + xy_m)
