"""Instance labels to objects: upright box, colour, shape."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane, SceneObject
from molmo_ros.core.types import Frame
from molmo_ros.perception.colour import name_colour
from molmo_ros.perception.shape import describe_shape

TRIM_PERCENT = 0.5
RESTING_M = 0.025
BOX_POINTS = 2500

Array = npt.NDArray[np.float64]


def plane_frame(plane: Plane) -> Array:
    """(3, 3) rotation from the base frame to one with z along the support normal and x the base frame's x along it."""
    z = plane.normal / np.linalg.norm(plane.normal)
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    if np.linalg.norm(x) < 1e-3:
        x = np.array([0.0, 1.0, 0.0]) - z[1] * z
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def upright_box(local: Array, height_m: Array) -> tuple[Array, Array]:
    """Smallest upright box of points, the outermost half percent trimmed on each side.

    Args:
        local: (N, 2) positions along the support [m].
        height_m: (N,) heights above the support [m].

    Returns:
        (4, 4) pose of its centre in the local frame with x along the longer side, and its (3,) size [m].
    """
    rectangle = cv2.minAreaRect(_trim(local).astype(np.float32))
    angle = np.radians(rectangle[2])
    width, depth = rectangle[1]
    if depth > width:
        angle += np.pi / 2
    c, s = np.cos(angle), np.sin(angle)
    axes = np.array([[c, s], [-s, c]])
    along = local @ axes.T
    low, high = np.percentile(along, [TRIM_PERCENT, 100 - TRIM_PERCENT], axis=0)
    bottom, top = np.percentile(height_m, [1.0, 100 - TRIM_PERCENT])
    if bottom < RESTING_M:
        bottom = 0.0
    T = np.eye(4)
    T[:2, 0], T[:2, 1] = axes[0], axes[1]
    T[:2, 3] = axes.T @ (0.5 * (low + high))
    T[2, 3] = 0.5 * (bottom + top)
    return T, np.array([high[0] - low[0], high[1] - low[1], max(top - bottom, 1e-3)])


def _trim(local: Array) -> Array:
    if len(local) < 50:
        return local
    middle = np.median(local, axis=0)
    radius = np.linalg.norm(local - middle, axis=1)
    return np.asarray(local[radius <= np.percentile(radius, 99.5)])


def make_object(
    object_id: int,
    mask: npt.NDArray[np.bool_],
    cloud: npt.NDArray[np.float32],
    frame: Frame,
    plane: Plane,
) -> SceneObject:
    """Describe one instance.

    Args:
        object_id: Its index in the scene.
        mask: (H, W) pixels that show it.
        cloud: (H, W, 3) points in the base frame [m].
        frame: Colour image and camera pose.
        plane: The support.
    """
    v, u = np.nonzero(mask)
    x0, x1, y0, y1 = int(u.min()), int(u.max()) + 1, int(v.min()), int(v.max()) + 1
    points = cloud[v, u].astype(np.float64)
    known = ~np.isnan(points[:, 2])
    points = points[known]
    R_local_base = plane_frame(plane)
    step = max(1, len(points) // BOX_POINTS)
    local = points[::step] @ R_local_base.T
    height_m = local[:, 2] - plane.offset_m
    T_local_box, size_m = upright_box(local[:, :2], height_m)
    T_local_box[2, 3] += plane.offset_m
    T_base_local = np.eye(4)
    T_base_local[:3, :3] = R_local_base.T
    T_base_box = T_base_local @ T_local_box

    inner = mask.astype(np.uint8)[y0:y1, x0:x1]
    if len(u) > 200:
        eroded = cv2.erode(
            cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), np.ones((3, 3), np.uint8)
        )
        eroded = eroded[1:-1, 1:-1]
        inner = eroded if np.count_nonzero(eroded) > 50 else inner
    pixels = frame.rgb[y0:y1, x0:x1][inner > 0]
    camera_local = R_local_base @ frame.T_base_camera[:3, 3]
    shape = describe_shape(local[:, :2], height_m, T_local_box, size_m, camera_local[:2])
    height, width = mask.shape
    return SceneObject(
        object_id=object_id,
        mask=mask,
        bbox_px=(x0, y0, x1, y1),
        points_base_m=points,
        T_base_box=T_base_box,
        size_m=size_m,
        colour=name_colour(pixels),
        rgb=pixels.mean(axis=0).astype(np.float64),
        shape=shape.name,
        shape_scores=shape.scores,
        is_receptacle=shape.is_receptacle,
        touches_border=x0 == 0 or y0 == 0 or x1 == width or y1 == height,
        confidence=float(min(1.0, len(points) / 150.0)),
    )
