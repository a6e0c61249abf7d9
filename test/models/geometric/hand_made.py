"""Scenes made by hand: boxes on a table seen by a camera across it."""

from __future__ import annotations

import numpy as np

from molmo_ros.core import geometry
from molmo_ros.core.scene import Plane, Scene, SceneObject

H, W = 480, 640
K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
T_BASE_CAMERA = geometry.look_at([1.1, 0.0, 0.8], [0.5, 0.0, 0.0])


def thing(
    number: int,
    colour: str,
    shape: str,
    xy: tuple[float, float],
    size: tuple[float, float, float] = (0.05, 0.05, 0.05),
    receptacle: bool = False,
) -> SceneObject:
    """A box with its mask where the camera would see it."""
    T = geometry.make_transform(None, [*xy, size[2] / 2])
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(size) / 2
    points = geometry.apply(T, corners)
    uv = geometry.project(K, geometry.apply(geometry.invert(T_BASE_CAMERA), points))
    x0, y0 = np.floor(uv.min(axis=0)).astype(int)
    x1, y1 = np.ceil(uv.max(axis=0)).astype(int)
    mask = np.zeros((H, W), bool)
    mask[y0:y1, x0:x1] = True
    grid = np.stack(np.meshgrid(*[np.linspace(-s / 2, s / 2, 6) for s in size], indexing="ij"), axis=-1).reshape(-1, 3)
    return SceneObject(
        object_id=number,
        mask=mask,
        bbox_px=(int(x0), int(y0), int(x1), int(y1)),
        points_base_m=geometry.apply(T, grid),
        T_base_box=T,
        size_m=np.array(size),
        colour=colour,
        rgb=np.array([128.0, 128.0, 128.0]),
        shape=shape,
        shape_scores={shape: 1.0},
        is_receptacle=receptacle,
    )


def scene(*things: SceneObject) -> Scene:
    """The things on a table at z = 0."""
    u, v = np.meshgrid(np.arange(W), np.arange(H))
    rays = geometry.deproject(K, np.stack([u, v], axis=-1), np.ones((H, W))) @ T_BASE_CAMERA[:3, :3].T
    depth = -T_BASE_CAMERA[2, 3] / np.minimum(rays[..., 2], -1e-6)
    cloud = (T_BASE_CAMERA[:3, 3] + rays * depth[..., None]).astype(np.float32)
    return Scene(
        stamp_ns=0,
        points_base_m=cloud,
        plane=Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0),
        objects=things,
        camera_base_m=T_BASE_CAMERA[:3, 3],
    )
