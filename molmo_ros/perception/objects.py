"""Instance labels to objects: upright box, colour, shape."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane, SceneObject
from molmo_ros.core.types import Frame
from molmo_ros.perception.colour import colour_scores, colour_shares, name_shares
from molmo_ros.perception.shape import describe_shape
from molmo_ros.perception.solid import fit_solid, quantiles

BOX_POINTS = 1000

Array = npt.NDArray[np.float64]


def plane_frame(plane: Plane) -> Array:
    """(3, 3) rotation from the base frame to one with z along the support normal and x the base frame's x along it."""
    z = plane.normal / np.linalg.norm(plane.normal)
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    if np.linalg.norm(x) < 1e-3:
        x = np.array([0.0, 1.0, 0.0]) - z[1] * z
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


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
    x0, y0, width, height = cv2.boundingRect(mask.view(np.uint8))
    x1, y1 = x0 + width, y0 + height
    inner = mask[y0:y1, x0:x1].astype(np.uint8)
    points = cloud[y0:y1, x0:x1][inner > 0].astype(np.float64)
    known = ~np.isnan(points[:, 2])
    points = points[known]
    R_local_base = plane_frame(plane)
    step = max(1, len(points) // BOX_POINTS)
    local = points[::step] @ R_local_base.T
    height_m = local[:, 2] - plane.offset_m
    solid = fit_solid(local[:, :2], height_m, (R_local_base @ frame.T_base_camera[:3, 3])[:2])
    if len(points) > 200:
        eroded = cv2.erode(
            cv2.copyMakeBorder(inner, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), np.ones((3, 3), np.uint8)
        )
        eroded = eroded[1:-1, 1:-1]
        inner = eroded if np.count_nonzero(eroded) > 50 else inner
    pixels = frame.rgb[y0:y1, x0:x1][inner > 0]
    shares = colour_shares(pixels)
    colour = name_shares(shares)
    shape = describe_shape(solid, colour, max(shares.values()))
    centre_m, sides_m = solid.centre_m, solid.size_m
    if shape.name == "ball":
        centre_m, sides_m = solid.sphere_m, np.array([solid.tall_m, solid.tall_m])
    T_local_box = np.eye(4)
    T_local_box[:2, 0], T_local_box[:2, 1] = solid.axes[0], solid.axes[1]
    T_local_box[:2, 3] = centre_m
    T_local_box[2, 3] = plane.offset_m + float(quantiles(height_m, 0.99)[0]) - 0.5 * solid.tall_m
    T_base_local = np.eye(4)
    T_base_local[:3, :3] = R_local_base.T
    T_base_box = T_base_local @ T_local_box
    rows, columns = mask.shape
    return SceneObject(
        object_id=object_id,
        mask=mask,
        bbox_px=(x0, y0, x1, y1),
        points_base_m=points,
        T_base_box=T_base_box,
        size_m=np.array([*sides_m, solid.tall_m]),
        colour=colour,
        colour_scores=colour_scores(pixels, shares),
        rgb=pixels.mean(axis=0).astype(np.float64),
        shape=shape.name,
        shape_scores=shape.scores,
        is_receptacle=shape.is_receptacle,
        touches_border=x0 == 0 or y0 == 0 or x1 == columns or y1 == rows,
        confidence=float(min(1.0, len(points) / 150.0)),
    )
