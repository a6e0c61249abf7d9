"""What the camera sees of a scene: where each thing appears, and what hides it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.parts import outline_points
from molmo_ros.sim.scene import PlacedObject, SceneModel
from molmo_ros.sim.wording import Seen

_COARSE = 4


def seen(scene: SceneModel, config: WorldConfig, camera: str = "front") -> list[Seen]:
    """The scene's objects as the camera shows them."""
    settings = config.cameras[camera]
    T_camera_base = geo.invert(settings.T_base_optical)
    forward = settings.T_base_optical[:2, 2] / np.linalg.norm(settings.T_base_optical[:2, 2])
    eye = settings.T_base_optical[:2, 3]
    view = []
    for placed in scene.objects.values():
        x, y, z = placed.model.size_m
        middle = np.array([*placed.xy_m, config.table_top_z_m + z / 2])
        u_px = float(geo.project(settings.K, geo.apply(T_camera_base, middle))[0])
        view.append(
            Seen(
                name=placed.name,
                kind=placed.model.kind,
                colour=placed.model.colour,
                u_px=u_px,
                distance_m=float((placed.xy_m - eye) @ forward),
                size_m=float(np.cbrt(x * y * z)),
            )
        )
    return view


def hidden_share(scene: SceneModel, name: str, config: WorldConfig, camera: str = "front") -> float:
    """Share of an object's outline in the image that nearer objects cover, 0..1; all outlines taken as convex.

    MolmoSpaces, too, asks that what a task is about can be seen when an episode begins.
    """
    own = _silhouette(scene.objects[name], config, camera)
    distance = {item.name: item.distance_m for item in seen(scene, config, camera)}
    covered = np.zeros_like(own)
    for other in scene.objects.values():
        if distance[other.name] < distance[name]:
            covered |= _silhouette(other, config, camera)
    return float((own & covered).sum() / max(1, own.sum()))


def _silhouette(placed: PlacedObject, config: WorldConfig, camera: str) -> npt.NDArray[np.uint8]:
    """(H/4, W/4) 0 or 1: where an object's convex outline lies in the image."""
    settings = config.cameras[camera]
    T_base_object = geo.make_transform(geo.rotation_z(placed.yaw_rad), [*placed.xy_m, config.table_top_z_m])
    points = geo.apply(geo.invert(settings.T_base_optical) @ T_base_object, outline_points(placed.model.parts))
    corners = cv2.convexHull((geo.project(settings.K, points) / _COARSE).astype(np.float32))
    mask = np.zeros((settings.height_px // _COARSE, settings.width_px // _COARSE), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1)
    return mask
