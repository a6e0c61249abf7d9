"""Geometry of simulated objects: convex parts for contact, smooth surfaces for the eye.

An object's frame has its origin at the middle of its underside, z up. Lengths are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One geom.

    Attributes:
        shape: "box", "sphere", "cylinder", "capsule" or "mesh".
        size_m: MuJoCo's size: half extents; radius; radius and half length.
        T_object_part: (4, 4) pose in the object's frame.
        paint: "main" or "accent".
        collides: Whether it takes part in contact, and carries mass.
        visible: Whether cameras see it.
        vertices_m: (N, 3) of a mesh, in the part's frame.
        faces: (M, 3) triangles of a mesh; empty means the convex hull of the vertices.
    """

    shape: str
    size_m: tuple[float, ...] = ()
    T_object_part: Array = field(default_factory=lambda: np.eye(4))
    paint: str = "main"
    collides: bool = True
    visible: bool = True
    vertices_m: Array = field(default_factory=lambda: np.zeros((0, 3)))
    faces: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 3), np.int32))


def at(x: float, y: float, z: float, R: npt.ArrayLike | None = None) -> Array:
    """Pose of a part."""
    return geo.make_transform(R, (x, y, z))


def box(size_m: tuple[float, float, float], T: Array, *, paint: str = "main", visible: bool = True) -> Part:
    """A cuboid of full extents size_m."""
    half = (size_m[0] / 2, size_m[1] / 2, size_m[2] / 2)
    return Part(shape="box", size_m=half, T_object_part=T, paint=paint, visible=visible)


def cylinder(radius_m: float, z0_m: float, z1_m: float, *, paint: str = "main", visible: bool = True) -> Part:
    """An upright cylinder between two heights."""
    return Part(
        shape="cylinder",
        size_m=(radius_m, (z1_m - z0_m) / 2),
        T_object_part=at(0, 0, (z0_m + z1_m) / 2),
        paint=paint,
        visible=visible,
    )


def capsule(
    a_m: npt.ArrayLike, b_m: npt.ArrayLike, radius_m: float, *, paint: str = "main", visible: bool = True
) -> Part:
    """A capsule between two points."""
    a, b = np.asarray(a_m, dtype=np.float64), np.asarray(b_m, dtype=np.float64)
    z = (b - a) / np.linalg.norm(b - a)
    side = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = np.cross(side, z)
    x /= np.linalg.norm(x)
    R = np.column_stack([x, np.cross(z, x), z])
    return Part(
        shape="capsule",
        size_m=(radius_m, float(np.linalg.norm(b - a)) / 2),
        T_object_part=geo.make_transform(R, (a + b) / 2),
        paint=paint,
        visible=visible,
    )


def hull(vertices_m: npt.ArrayLike, *, paint: str = "main") -> Part:
    """The convex hull of points, for eye and contact."""
    return Part(shape="mesh", vertices_m=np.asarray(vertices_m, dtype=np.float64), paint=paint)


def turned(profile_m: npt.ArrayLike, *, paint: str = "main", sides: int = 40) -> Part:
    """A surface of revolution about z, for the eye only.

    Args:
        profile_m: (N, 2) radius and height, from the axis at the bottom, outside first, to the axis again.
        paint: Which of the object's colours.
        sides: Number of sectors.
    """
    profile = np.asarray(profile_m, dtype=np.float64)
    angles = np.linspace(0.0, 2 * math.pi, sides, endpoint=False)
    rings = [np.column_stack([r * np.cos(angles), r * np.sin(angles), np.full(sides, z)]) for r, z in profile]
    faces: list[tuple[int, int, int]] = []
    for ring in range(len(profile) - 1):
        a0, b0 = ring * sides, (ring + 1) * sides
        for i in range(sides):
            j = (i + 1) % sides
            if profile[ring, 0] > 0:
                faces.append((a0 + i, a0 + j, b0 + i))
            if profile[ring + 1, 0] > 0:
                faces.append((a0 + j, b0 + j, b0 + i))
    return Part(
        shape="mesh",
        vertices_m=np.concatenate(rings),
        faces=np.asarray(faces, dtype=np.int32),
        paint=paint,
        collides=False,
    )


def wall(outline_m: npt.ArrayLike, thickness_m: float, *, sides: int = 14, visible: bool = False) -> list[Part]:
    """The wall of a turned vessel as convex plates around z.

    Args:
        outline_m: (N, 2) radius and height of the wall's outer surface, bottom to rim.
        thickness_m: Wall thickness, inwards.
        sides: Number of plates around.
        visible: Whether cameras see the plates.
    """
    outline = np.asarray(outline_m, dtype=np.float64)
    plates = []
    for (r0, z0), (r1, z1) in zip(outline[:-1], outline[1:], strict=True):
        slope = np.array([r1 - r0, z1 - z0])
        length = float(np.linalg.norm(slope))
        inward = np.array([-slope[1], slope[0]]) / length
        middle = np.array([(r0 + r1) / 2, (z0 + z1) / 2]) + inward * thickness_m / 2
        # The radius at the middle of a plate's face is the true one: its corners stand out by 1/cos(pi/sides).
        width = 2 * max(r0, r1) * math.tan(math.pi / sides)
        tilt = math.atan2(slope[0], slope[1])
        for i in range(sides):
            R = geo.rotation_z(2 * math.pi * i / sides) @ geo.rotation_y(tilt)
            centre = geo.rotation_z(2 * math.pi * i / sides) @ np.array([middle[0], 0.0, middle[1]])
            plates.append(box((thickness_m, width, length), geo.make_transform(R, centre), visible=visible))
    return plates


def vessel(outline_m: npt.ArrayLike, thickness_m: float, floor_m: float, *, paint: str = "main") -> list[Part]:
    """A hollow turned vessel, open at the top: a smooth surface to see, plates and a floor to touch.

    Args:
        outline_m: (N, 2) radius and height of the outer surface, from the foot to the rim.
        thickness_m: Wall thickness.
        floor_m: Thickness of the floor.
        paint: Which of the object's colours.
    """
    outline = np.asarray(outline_m, dtype=np.float64)
    tangents = np.gradient(outline, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    inner = outline + thickness_m * np.column_stack([-tangents[:, 1], tangents[:, 0]])
    inner[-1, 1] = outline[-1, 1]
    inner = inner[inner[:, 1] > floor_m]
    foot = np.array([[0.0, outline[0, 1]]])
    floor = np.array([[float(np.interp(floor_m, outline[:, 1], outline[:, 0])) - thickness_m, floor_m], [0.0, floor_m]])
    surface = turned(np.concatenate([foot, outline, inner[::-1], floor]), paint=paint)
    base = cylinder(float(outline[0, 0]), 0.0, floor_m, paint=paint, visible=False)
    return [surface, base, *wall(outline, thickness_m)]


def outline_points(parts: tuple[Part, ...], collision_only: bool = True) -> Array:
    """(N, 3) points whose convex hull is that of the parts, in the object's frame."""
    points = []
    ring = np.linspace(0.0, 2 * math.pi, 16, endpoint=False)
    circle = np.column_stack([np.cos(ring), np.sin(ring), np.zeros(16)])
    ball = np.concatenate(
        [np.column_stack([circle[:, :2] * math.cos(e), np.full(16, math.sin(e))]) for e in np.linspace(-1.57, 1.57, 7)]
    )
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    for part in parts:
        if collision_only and not part.collides:
            continue
        if part.shape == "box":
            local = signs * np.asarray(part.size_m)
        elif part.shape == "sphere":
            local = ball * part.size_m[0]
        elif part.shape == "cylinder":
            r, h = part.size_m
            local = np.concatenate([circle * r + (0, 0, h), circle * r - (0, 0, h)])
        elif part.shape == "capsule":
            r, h = part.size_m
            local = np.concatenate([ball * r + (0, 0, h), ball * r - (0, 0, h)])
        else:
            local = part.vertices_m
        points.append(geo.apply(part.T_object_part, local))
    return np.concatenate(points)
