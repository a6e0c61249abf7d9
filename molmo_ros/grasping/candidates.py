"""A batch of grasp candidates before they are judged, and the surface of an object as samplers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane, SceneObject

Array = npt.NDArray[np.float64]

ROUND = frozenset({"ball", "can", "jar", "bottle", "cup", "mug", "bowl", "plate", "ring"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """K candidates as arrays.

    Attributes:
        T_base_tcp: (K, 4, 4) tool frame in the base frame.
        width_m: (K,) distance between the contacts.
        quality: (K,) 0..1.
        object_id: (K,) index of the object.
        source: (K,) family names.
    """

    T_base_tcp: Array
    width_m: Array
    quality: Array
    object_id: npt.NDArray[np.int64]
    source: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.width_m)

    def take(self, index: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Candidates:
        """The candidates of an index or mask."""
        return Candidates(
            T_base_tcp=self.T_base_tcp[index],
            width_m=self.width_m[index],
            quality=self.quality[index],
            object_id=self.object_id[index],
            source=self.source[index],
        )


def empty() -> Candidates:
    """No candidates."""
    return Candidates(
        T_base_tcp=np.zeros((0, 4, 4)),
        width_m=np.zeros(0),
        quality=np.zeros(0),
        object_id=np.zeros(0, dtype=np.int64),
        source=np.zeros(0, dtype="<U12"),
    )


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """All candidates of all parts, in order."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return empty()
    return Candidates(
        T_base_tcp=np.concatenate([part.T_base_tcp for part in parts]),
        width_m=np.concatenate([part.width_m for part in parts]),
        quality=np.concatenate([part.quality for part in parts]),
        object_id=np.concatenate([part.object_id for part in parts]),
        source=np.concatenate([part.source.astype("<U12") for part in parts]),
    )


def from_poses(T_base_tcp: Array, width_m: Array, quality: Array, object_id: int, source: str) -> Candidates:
    """Candidates of one object and family."""
    count = len(width_m)
    return Candidates(
        T_base_tcp=T_base_tcp,
        width_m=width_m,
        quality=np.clip(quality, 0.0, 1.0),
        object_id=np.full(count, object_id, dtype=np.int64),
        source=np.full(count, source, dtype="<U12"),
    )


def tool_poses(centre_m: Array, approach: Array, closing: Array) -> Array:
    """(K, 4, 4) tool frames of (K, 3) centres, unit approach axes and unit closing axes at right angles to them."""
    T = np.zeros((len(centre_m), 4, 4))
    T[:, :3, 0] = np.cross(closing, approach)
    T[:, :3, 1] = closing
    T[:, :3, 2] = approach
    T[:, :3, 3] = centre_m
    T[:, 3, 3] = 1.0
    return T


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """The visible surface of one object in the support's frame: z is the height above the support.

    Attributes:
        item: The object.
        points_m: (N, 3) points in the support's frame.
        T_base_support: (4, 4) support's frame in the base frame.
        camera_m: (3,) camera position in the support's frame.
        view_xy: (2,) unit horizontal direction from the camera to the object.
        hidden_m: (M, 3) points it must have where the camera does not see: a round body mirrored in its axis.
        top_m: Height of the object's top.
        bottom_m: Height of the object's lowest part.
    """

    item: SceneObject
    points_m: Array
    T_base_support: Array
    camera_m: Array
    view_xy: Array
    hidden_m: Array
    top_m: float
    bottom_m: float


def _mirrored(item: SceneObject, points: Array, T_base_support: Array) -> Array:
    """The visible points of a round body turned half about its axis; none for other bodies."""
    if item.shape not in ROUND:
        return np.zeros((0, 3))
    axis = ((item.T_base_box[:3, 3] - T_base_support[:3, 3]) @ T_base_support[:3, :3])[:2]
    offset = points[:, :2] - axis
    body = np.linalg.norm(offset, axis=1) < 0.5 * float(item.size_m[0]) + 0.004
    return np.column_stack([axis - offset[body], points[body, 2]])


def support_pose(plane: Plane) -> Array:
    """(4, 4) pose of the support's frame: z the normal, x the base frame's x along it, origin on the plane."""
    z = plane.normal / np.linalg.norm(plane.normal)
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    if np.linalg.norm(x) < 1e-3:
        x = np.array([0.0, 1.0, 0.0]) - z[1] * z
    x = x / np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3] = np.column_stack([x, np.cross(z, x), z])
    T[:3, 3] = plane.offset_m * z
    return T


def surface_of(item: SceneObject, plane: Plane, camera_m: Array) -> Surface:
    """The surface of a perceived object.

    Args:
        item: The object.
        plane: The support.
        camera_m: (3,) camera position in the base frame [m].
    """
    T = support_pose(plane)
    points = (item.points_base_m - T[:3, 3]) @ T[:3, :3]
    camera = (camera_m - T[:3, 3]) @ T[:3, :3]
    view = points[:, :2].mean(axis=0) - camera[:2]
    norm = np.linalg.norm(view)
    return Surface(
        item=item,
        points_m=points,
        T_base_support=T,
        camera_m=camera,
        view_xy=view / norm if norm > 1e-6 else np.array([1.0, 0.0]),
        hidden_m=_mirrored(item, points, T),
        top_m=float(np.percentile(points[:, 2], 99.0)),
        bottom_m=float(max(0.0, item.T_base_box[:3, 3] @ plane.normal - plane.offset_m - 0.5 * item.size_m[2])),
    )
