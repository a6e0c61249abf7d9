"""Candidates against the cloud and the table: boxes of the hand, the way in, and what lies between the fingers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane
from molmo_ros.grasping.hand import HandGeometry

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contacts:
    """What the boxes of K candidates hold.

    Attributes:
        in_hand: (K,) points inside body or fingers at the grasp.
        in_way: (K,) points met only on the way in.
        between: (K,) points between the fingers.
        extent_m: (K, 2) smallest and greatest position of those along the closing axis; NaN where none.
        lowest_m: (K,) height of the hand's lowest corner above the support.
    """

    in_hand: npt.NDArray[np.int64]
    in_way: npt.NDArray[np.int64]
    between: npt.NDArray[np.int64]
    extent_m: Array
    lowest_m: Array


def voxelise(points_m: npt.NDArray[Any], voxel_m: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """One point per occupied voxel of (N, 3) points, float32: the first that fell into it, and its index."""
    points = np.asarray(points_m, dtype=np.float32)
    if len(points) == 0:
        return points, np.zeros(0, dtype=np.int64)
    cell = np.floor(points / voxel_m).astype(np.int64)
    cell -= cell.min(axis=0)
    span = cell.max(axis=0) + 1
    key = (cell[:, 0] * span[1] + cell[:, 1]) * span[2] + cell[:, 2]
    _, first = np.unique(key, return_index=True)
    return points[first], first


def count_contacts(
    T_base_tcp: Array,
    points_base_m: npt.NDArray[Any],
    is_target: Mask,
    plane: Plane,
    hand: HandGeometry,
    approach_m: float,
    margin_m: float = 0.001,
) -> Contacts:
    """Count the cloud points in each box of the open hand.

    Args:
        T_base_tcp: (K, 4, 4) candidates.
        points_base_m: (N, 3) voxelised points around the object, the object's own included.
        is_target: (N,) which of them belong to the object to grasp.
        plane: The support.
        hand: The hand, fully open.
        approach_m: Length of the straight way in.
        margin_m: Points closer to a face than this count as outside it, against noise.
    """
    count = len(T_base_tcp)
    corners = hand.corners()
    heights = (T_base_tcp[:, :3, :3] @ corners.T + T_base_tcp[:, :3, 3:]).transpose(0, 2, 1) @ plane.normal
    lowest = heights.min(axis=1) - plane.offset_m
    rotation = T_base_tcp[:, :3, :3].astype(np.float32)
    origin = np.einsum("kij,ki->kj", T_base_tcp[:, :3, :3], T_base_tcp[:, :3, 3]).astype(np.float32)
    cloud = np.ascontiguousarray(points_base_m.T, dtype=np.float32)

    x = rotation[:, :, 0] @ cloud - origin[:, :1]
    np.abs(x, out=x)
    near = x < max(hand.body_half_x_m, hand.finger_half_x_m)
    candidate, point = np.nonzero(near)
    x = x[candidate, point]
    local = cloud[:, point]
    y = np.einsum("ki,ik->k", rotation[candidate, :, 1], local) - origin[candidate, 1]
    z = np.einsum("ki,ik->k", rotation[candidate, :, 2], local) - origin[candidate, 2]
    far = np.abs(y)
    keep = (far < hand.body_half_y_m) & (z < hand.tip_m) & (z > hand.body_z_m[0] - approach_m)
    candidate, point, x, y, z, far = (a[keep] for a in (candidate, point, x, y, z, far))

    half = 0.5 * hand.max_width_m
    m = margin_m
    in_body_section = (x < hand.body_half_x_m - m) & (far < hand.body_half_y_m - m)
    in_pad_section = (x < hand.pad_half_x_m) & (far > half + m) & (far < half + hand.pad_thickness_m)
    in_finger_section = (
        (x < hand.finger_half_x_m) & (far > half + hand.finger_inset_m) & (far < half + hand.finger_outer_m)
    )
    hit = in_body_section & (z > hand.body_z_m[0]) & (z < hand.body_z_m[1] - m)
    hit |= in_pad_section & (z > hand.pad_z_m[0]) & (z < hand.pad_z_m[1] - m)
    hit |= in_finger_section & (z > hand.finger_z_m[0]) & (z < hand.finger_z_m[1] - m)
    met = in_body_section & (z < hand.body_z_m[1] - m)
    met |= in_pad_section & (z < hand.pad_z_m[1] - m)
    met |= in_finger_section & (z < hand.finger_z_m[1] - m)
    met &= ~hit

    inside = (x < hand.pad_half_x_m) & (far < half) & (z > hand.palm_z_m) & is_target[point]
    low = np.full(count, np.inf)
    high = np.full(count, -np.inf)
    np.minimum.at(low, candidate[inside], y[inside])
    np.maximum.at(high, candidate[inside], y[inside])
    extent = np.stack([low, high], axis=1)
    extent[~np.isfinite(extent)] = np.nan
    return Contacts(
        in_hand=np.bincount(candidate[hit], minlength=count),
        in_way=np.bincount(candidate[met], minlength=count),
        between=np.bincount(candidate[inside], minlength=count),
        extent_m=extent,
        lowest_m=lowest,
    )
