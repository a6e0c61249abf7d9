"""Ray-cast tabletop scenes with known instances: analytic depth of boxes, cylinders and balls on a table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from molmo_ros.core.geometry import invert, look_at, rotation_z
from molmo_ros.core.types import Frame

K = np.array([[525.0, 0.0, 319.5], [0.0, 525.0, 239.5], [0.0, 0.0, 1.0]])


@dataclass
class Box:
    """An upright box: centre, size, yaw."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0
    rgb: tuple[int, int, int] = (200, 30, 30)

    def depth(self, origin, rays):
        R = rotation_z(self.yaw).T
        o = R @ (origin - np.array(self.center))
        d = rays @ R.T
        half = np.array(self.size) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (-half - o) / d, (half - o) / d
        near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
        return np.where((near <= far) & (near > 0), near, np.inf)


@dataclass
class Cylinder:
    """An upright cylinder standing with its bottom at base."""

    base: tuple[float, float, float]
    radius: float
    height: float
    rgb: tuple[int, int, int] = (30, 160, 40)

    def depth(self, origin, rays):
        o = origin - np.array(self.base)
        a = (rays[..., :2] ** 2).sum(-1)
        b = 2 * (rays[..., :2] * o[:2]).sum(-1)
        c = (o[:2] ** 2).sum() - self.radius**2
        disc = b * b - 4 * a * c
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (-b - np.sqrt(disc)) / (2 * a)
            z = o[2] + t * rays[..., 2]
            side = np.where((disc > 0) & (t > 0) & (z > 0) & (z < self.height), t, np.inf)
            t = (self.height - o[2]) / rays[..., 2]
        p = o[:2] + t[..., None] * rays[..., :2]
        cap = np.where((t > 0) & ((p**2).sum(-1) < self.radius**2), t, np.inf)
        return np.minimum(side, cap)


@dataclass
class Ball:
    """A ball."""

    center: tuple[float, float, float]
    radius: float
    rgb: tuple[int, int, int] = (30, 60, 200)

    def depth(self, origin, rays):
        o = origin - np.array(self.center)
        a = (rays**2).sum(-1)
        b = 2 * (rays * o).sum(-1)
        disc = b * b - 4 * a * ((o**2).sum() - self.radius**2)
        with np.errstate(invalid="ignore"):
            t = (-b - np.sqrt(disc)) / (2 * a)
        return np.where((disc > 0) & (t > 0), t, np.inf)


@dataclass
class Bowl:
    """A hemispherical shell, open at the top, standing with its lowest outer point at base."""

    base: tuple[float, float, float]
    radius: float
    thickness: float = 0.004
    rgb: tuple[int, int, int] = (235, 235, 235)

    def depth(self, origin, rays):
        centre = np.array(self.base) + (0, 0, self.radius)
        best = np.full(rays.shape[:2], np.inf)
        for radius, sign in ((self.radius, -1.0), (self.radius - self.thickness, 1.0)):
            o = origin - centre
            a = (rays**2).sum(-1)
            b = 2 * (rays * o).sum(-1)
            disc = b * b - 4 * a * ((o**2).sum() - radius**2)
            with np.errstate(invalid="ignore"):
                t = (-b + sign * np.sqrt(disc)) / (2 * a)
                below = o[2] + t * rays[..., 2] < 0
            best = np.minimum(best, np.where((disc > 0) & (t > 0) & below, t, np.inf))
        return best


@dataclass
class World:
    """Things on a table at z = 0, seen by a camera."""

    things: list = field(default_factory=list)
    eye: tuple[float, float, float] = (1.15, 0.0, 0.65)
    target: tuple[float, float, float] = (0.5, 0.0, 0.0)
    size: tuple[int, int] = (640, 480)
    table_rgb: tuple[int, int, int] = (170, 150, 130)

    def render(self, seed: int = 0, noise: float = 1.0) -> tuple[Frame, np.ndarray]:
        """The frame and an int image: -1 beyond the table, 0 table, i + 1 thing i. Noise is Kinect-like."""
        width, height = self.size
        k = K.copy()
        k[:2] *= width / 640
        T = look_at(self.eye, self.target)
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones_like(u, float)], -1) @ T[:3, :3].T
        origin = T[:3, 3]
        with np.errstate(divide="ignore"):
            table = -origin[2] / rays[..., 2]
        table[table <= 0] = np.inf
        layers = np.stack([table, *[thing.depth(origin, rays) for thing in self.things]])
        label = layers.argmin(0)
        depth = layers.min(0)
        depth[depth > 3] = np.nan
        label[np.isnan(depth)] = -1
        palette = np.array([self.table_rgb, *[thing.rgb for thing in self.things]], float)
        rng = np.random.default_rng(seed)
        rgb = palette[label]
        shade = 1.0 - 0.25 * rng.random() * (v / height)[..., None]
        rgb = np.clip(rgb * shade + rng.normal(0, 4, rgb.shape), 0, 255).astype(np.uint8)
        if noise > 0:
            dv, du = rng.integers(-1, 2, v.shape), rng.integers(-1, 2, v.shape)
            shifted = depth[np.clip(v + dv, 0, height - 1), np.clip(u + du, 0, width - 1)]
            depth = np.where(rng.random(depth.shape) < 0.5 * noise, shifted, depth)
            disparity = 35.0 / depth + rng.normal(0, 0.06 * noise, depth.shape)
            depth = 35.0 / (np.rint(disparity * 8) / 8)
            jump = np.abs(np.nan_to_num(np.roll(depth, 1, 1) - depth)) > 0.03
            depth[jump & (rng.random(depth.shape) < 0.5)] = np.nan
            depth[rng.random(depth.shape) < 0.003 * noise] = np.nan
        frame = Frame(rgb=rgb, depth_m=depth.astype(np.float32), K=k, T_base_camera=T, stamp_ns=1, frame_id="camera")
        return frame, label


def camera_pose(world: World) -> np.ndarray:
    """Pose of the base in the camera, for projecting."""
    return invert(look_at(world.eye, world.target))
