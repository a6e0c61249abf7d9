"""Kinds of objects that stand on a table, each varied in size, shade and mass by a random generator.

Hollow things are hollow for contact too: a bowl, a cup, a mug and a tray are walls around a floor. Sizes are those of
household things a 0.08 m hand can take, receptacles excepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.hulls import hull_order
from molmo_ros.sim import colours
from molmo_ros.sim.parts import Part, at, box, capsule, cylinder, hull, outline_points, turned, vessel

Rng = np.random.Generator
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectModel:
    """One object: what it is, and the geometry it is made of.

    Attributes:
        kind: Key of `KINDS`.
        colour: Name of its main colour.
        parts: Its geoms, in a frame at the middle of its underside, z up.
        paints: Linear 0..1 colours by paint name.
        mass_kg: Mass.
        friction: Sliding friction of its surface.
        size_m: Extents along its x, y, z [m].
        footprint_m: (N, 2) corners of its convex outline seen from above, anticlockwise [m].
        inside: "in" or "on" where things can be put, "" where not.
    """

    kind: str
    colour: str
    parts: tuple[Part, ...]
    paints: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    mass_kg: float = 0.08
    friction: float = 0.9
    size_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    footprint_m: Array = field(default_factory=lambda: np.zeros((0, 2)))
    inside: str = ""

    @cached_property
    def radius_m(self) -> float:
        """Radius of the circle around its origin that holds its footprint [m]."""
        return float(np.linalg.norm(self.footprint_m, axis=1).max())

    @cached_property
    def inner_radius_m(self) -> float:
        """Radius of the circle around its origin that its footprint holds; 0 where it does not hold the origin [m]."""
        edges = np.roll(self.footprint_m, -1, axis=0) - self.footprint_m
        outward = np.column_stack([edges[:, 1], -edges[:, 0]]) / np.linalg.norm(edges, axis=1, keepdims=True)
        return max(0.0, float(np.einsum("ij,ij->i", outward, self.footprint_m).min()))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of object.

    Attributes:
        build: Makes its parts and the name of the accent colour ("" for a shade of the main one).
        nouns: What people call it, the usual word first.
        family: Kinds that a person might name with each other's words share one.
        mass_kg: Least and greatest mass.
        inside: "in" or "on" where things can be put.
        pickable: Whether a hand that opens 0.08 m can take it from above.
        colours: Colours it comes in; all where empty.
    """

    build: Callable[[Rng], tuple[list[Part], str]]
    nouns: tuple[str, ...]
    family: str
    mass_kg: tuple[float, float] = (0.04, 0.12)
    inside: str = ""
    pickable: bool = True
    colours: tuple[str, ...] = ()


def _block(rng: Rng) -> tuple[list[Part], str]:
    a = rng.uniform(0.032, 0.05)
    return [box((a, a, a), at(0, 0, a / 2))], ""


def _box(rng: Rng) -> tuple[list[Part], str]:
    x, y, z = rng.uniform(0.07, 0.11), rng.uniform(0.035, 0.06), rng.uniform(0.035, 0.08)
    tape = box((x * 0.12, y + 0.0006, z + 0.0003), at(0, 0, z / 2 + 0.00015), paint="accent")
    return [box((x, y, z), at(0, 0, z / 2)), _seen(tape)], ""


def _seen(part: Part) -> Part:
    """The same part for the eye only."""
    return replace(part, collides=False)


def _ball(rng: Rng) -> tuple[list[Part], str]:
    r = rng.uniform(0.021, 0.031)
    return [Part(shape="sphere", size_m=(r,), T_object_part=at(0, 0, r))], ""


def _can(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.026, 0.032), rng.uniform(0.08, 0.115)
    lid = turned(
        [[0.0, h], [r * 0.84, h], [r * 0.84, h + 0.0015], [r * 0.74, h + 0.0008], [0.0, h + 0.0008]], paint="accent"
    )
    return [cylinder(r, 0, h), lid], "grey"


def _bottle(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.026, 0.032), rng.uniform(0.14, 0.185)
    neck, shoulder, cap = r * 0.42, h * 0.58, h * 0.88
    outline = [[0, 0], [r * 0.94, 0], [r, 0.004], [r, shoulder], [neck * 1.5, h * 0.73], [neck, h * 0.77], [neck, cap]]
    surface = turned(np.array([*outline, [0, cap]]))
    slope = [
        hull(_ring(r, shoulder) + _ring(neck * 1.5, h * 0.73)),
        hull(_ring(neck * 1.5, h * 0.73) + _ring(neck, h * 0.77)),
    ]
    solid = [
        cylinder(r, 0, shoulder, visible=False),
        *(Part(shape="mesh", vertices_m=s.vertices_m, visible=False) for s in slope),
        cylinder(neck, h * 0.77, cap, visible=False),
        cylinder(neck * 1.12, cap, h, paint="accent"),
    ]
    return [surface, *solid], "white"


def _ring(radius_m: float, z_m: float, sides: int = 20) -> list[tuple[float, float, float]]:
    turns = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    return [(radius_m * math.cos(a), radius_m * math.sin(a), z_m) for a in turns]


def _cup(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.029, 0.034), rng.uniform(0.07, 0.095)
    return vessel([[r * 0.78, 0], [r * 0.89, h / 2], [r, h]], 0.003, 0.004), ""


def _mug(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.031, 0.036), rng.uniform(0.075, 0.095)
    reach, low, high = rng.uniform(0.02, 0.026), h * 0.24, h * 0.8
    bend = [(r + 0.002, high), (r + reach, high - 0.006), (r + reach, low + 0.008), (r + 0.002, low)]
    handle = [capsule((x0, 0, z0), (x1, 0, z1), 0.0048) for (x0, z0), (x1, z1) in zip(bend[:-1], bend[1:], strict=True)]
    return [*vessel([[r * 0.96, 0], [r, 0.006], [r, h]], 0.0035, 0.005), *handle], ""


def _bowl(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.068, 0.085), rng.uniform(0.042, 0.055)
    foot = r * 0.45
    bend = [(foot + (r - foot) * math.sin(t), h * (1 - math.cos(t))) for t in np.linspace(0.0, math.pi / 2, 5)]
    # A quarter ellipse is flat at the foot; starting a little up keeps the first plate off the table's plane.
    bend[0] = (foot, 0.0)
    return vessel(bend, 0.004, 0.005), ""


def _plate(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.085, 0.1), rng.uniform(0.014, 0.019)
    return vessel([[r * 0.62, 0], [r * 0.74, 0.003], [r * 0.88, h * 0.6], [r, h]], 0.0035, 0.004), ""


def _tray(rng: Rng) -> tuple[list[Part], str]:
    x, y, h, t = rng.uniform(0.2, 0.24), rng.uniform(0.14, 0.17), rng.uniform(0.016, 0.026), 0.005
    return [
        box((x, y, 0.004), at(0, 0, 0.002)),
        box((x, t, h), at(0, (y - t) / 2, h / 2)),
        box((x, t, h), at(0, -(y - t) / 2, h / 2)),
        box((t, y, h), at((x - t) / 2, 0, h / 2)),
        box((t, y, h), at(-(x - t) / 2, 0, h / 2)),
    ], ""


def _stick(rng: Rng) -> tuple[list[Part], str]:
    x, a = rng.uniform(0.12, 0.17), rng.uniform(0.016, 0.024)
    return [box((x, a, a), at(0, 0, a / 2))], ""


def _wedge(rng: Rng) -> tuple[list[Part], str]:
    x, y, z = rng.uniform(0.05, 0.075), rng.uniform(0.035, 0.05), rng.uniform(0.035, 0.05)
    return [
        hull([(-x / 2, s * y / 2, 0) for s in (-1, 1)] + [(x / 2, s * y / 2, 0) for s in (-1, 1)]
             + [(-x / 2, s * y / 2, z) for s in (-1, 1)])
    ], ""  # fmt: skip


def _torus(rng: Rng) -> tuple[list[Part], str]:
    # Too wide to be taken as a whole; its hole is wide enough for one finger of a hand that is fully open.
    r, R = rng.uniform(0.009, 0.0115), rng.uniform(0.041, 0.049)
    turns = np.linspace(-math.pi, math.pi, 17)
    inner_first = [(R + r * math.cos(a), r + r * math.sin(a)) for a in turns]
    sides = 14
    middle = [np.array([R * math.cos(a), R * math.sin(a), r]) for a in np.linspace(0, 2 * math.pi, sides + 1)]
    tube = [capsule(a, b, r, visible=False) for a, b in zip(middle[:-1], middle[1:], strict=True)]
    return [turned(inner_first), *tube], ""


def _l_block(rng: Rng) -> tuple[list[Part], str]:
    a, b, t, h = rng.uniform(0.07, 0.09), rng.uniform(0.05, 0.065), rng.uniform(0.024, 0.03), rng.uniform(0.025, 0.04)
    return [
        box((a, t, h), at(0, -(b - t) / 2, h / 2)),
        box((t, b - t, h), at(-(a - t) / 2, t / 2, h / 2)),
    ], ""


def _jar(rng: Rng) -> tuple[list[Part], str]:
    r, h = rng.uniform(0.027, 0.032), rng.uniform(0.06, 0.085)
    return [cylinder(r, 0, h * 0.82), cylinder(r * 0.7, h * 0.82, h, paint="accent")], "grey"


def _banana(rng: Rng) -> tuple[list[Part], str]:
    bend, r = rng.uniform(0.08, 0.1), rng.uniform(0.0145, 0.0175)
    angles = np.linspace(-0.75, 0.75, 7)
    middle = [np.array([bend * math.sin(a), bend * (math.cos(a) - 0.87), r]) for a in angles]
    radii = [r * 0.72, r * 0.95, r, r, r * 0.95, r * 0.72]
    body = [capsule(p, q, w) for p, q, w in zip(middle[:-1], middle[1:], radii, strict=True)]
    tip = capsule(middle[-1], middle[-1] + (middle[-1] - middle[-2]) * 0.45, r * 0.38, paint="accent")
    return [*body, tip], "brown"


def _carrot(rng: Rng) -> tuple[list[Part], str]:
    x, r = rng.uniform(0.1, 0.13), rng.uniform(0.014, 0.018)
    # Lying on its side with its flank on the table: the axis falls from r at the head to the tip's radius.
    tip = r * 0.35
    shares = np.linspace(0, 1, 7)
    middle = [np.array([x * (s - 0.5), 0.0, r + (tip - r) * s]) for s in shares]
    widths = [r + (tip - r) * s for s in shares]
    body = [capsule(p, q, w) for p, q, w in zip(middle[:-1], middle[1:], widths[1:], strict=True)]
    head = Part(shape="sphere", size_m=(r,), T_object_part=at(*middle[0]))
    leaves = capsule(middle[0] - (r * 0.8, 0, 0), middle[0] - (r * 1.6, 0, -0.002), r * 0.4, paint="accent")
    return [head, *body, leaves], "green"


def _book(rng: Rng) -> tuple[list[Part], str]:
    x, y, z = rng.uniform(0.08, 0.1), rng.uniform(0.055, 0.063), rng.uniform(0.02, 0.028)
    t = 0.003
    return [
        box((x, y, t), at(0, 0, t / 2)),
        box((x, y, t), at(0, 0, z - t / 2)),
        box((x, t, z - 2 * t), at(0, -(y - t) / 2, z / 2)),
        box((x * 0.97, y - t - 0.002, z - 2 * t), at(0, t / 2 - 0.001, z / 2), paint="accent"),
    ], "white"


_NOT_PALE = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "cyan")

KINDS: dict[str, Kind] = {
    "block": Kind(build=_block, nouns=("block", "cube"), family="block"),
    "box": Kind(build=_box, nouns=("box",), family="block", mass_kg=(0.06, 0.16)),
    "book": Kind(build=_book, nouns=("book",), family="block", mass_kg=(0.08, 0.15), colours=_NOT_PALE),
    "wedge": Kind(build=_wedge, nouns=("wedge", "prism"), family="block"),
    "l_block": Kind(build=_l_block, nouns=("block",), family="block"),
    "ball": Kind(build=_ball, nouns=("ball",), family="ball", mass_kg=(0.03, 0.08)),
    "can": Kind(build=_can, nouns=("can", "tin"), family="can", mass_kg=(0.08, 0.2), colours=_NOT_PALE),
    "jar": Kind(build=_jar, nouns=("jar",), family="can", mass_kg=(0.08, 0.18), colours=_NOT_PALE),
    "bottle": Kind(build=_bottle, nouns=("bottle",), family="bottle", mass_kg=(0.06, 0.16), colours=_NOT_PALE),
    "cup": Kind(build=_cup, nouns=("cup",), family="cup", mass_kg=(0.04, 0.1)),
    "mug": Kind(build=_mug, nouns=("mug",), family="cup", mass_kg=(0.1, 0.2)),
    "bowl": Kind(build=_bowl, nouns=("bowl",), family="dish", mass_kg=(0.2, 0.35), inside="in", pickable=False),
    "plate": Kind(build=_plate, nouns=("plate",), family="dish", mass_kg=(0.2, 0.35), inside="on", pickable=False),
    "tray": Kind(build=_tray, nouns=("tray",), family="dish", mass_kg=(0.25, 0.4), inside="on", pickable=False),
    "stick": Kind(build=_stick, nouns=("stick", "bar"), family="stick", mass_kg=(0.03, 0.08)),
    "banana": Kind(build=_banana, nouns=("banana",), family="stick", mass_kg=(0.08, 0.14), colours=("yellow",)),
    "carrot": Kind(build=_carrot, nouns=("carrot",), family="stick", mass_kg=(0.05, 0.1), colours=("orange",)),
    "ring": Kind(build=_torus, nouns=("ring",), family="ring", mass_kg=(0.03, 0.08)),
}
"""Every kind by name."""


def make(kind: str, colour: str, rng: Rng) -> ObjectModel:
    """One object of a kind and colour, its size, shade and mass drawn from rng.

    Raises:
        MolmoRosError: CONFIG_INVALID when the kind or the colour is unknown.
    """
    if kind not in KINDS or colour not in colours.RGB:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID,
            f"no object '{colour} {kind}'; kinds: {', '.join(KINDS)}; colours: {', '.join(colours.NAMES)}",
        )
    entry = KINDS[kind]
    parts, accent = entry.build(rng)
    main = colours.vary(colour, rng)
    shade = colours.vary(accent, rng) if accent else (main[0] * 0.8, main[1] * 0.8, main[2] * 0.8)
    points = outline_points(tuple(parts))
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    centred = tuple(_moved(part, (-middle[0], -middle[1], -low[2])) for part in parts)
    size = high - low
    return ObjectModel(
        kind=kind,
        colour=colour,
        parts=centred,
        paints={"main": main, "accent": shade},
        mass_kg=float(rng.uniform(*entry.mass_kg)),
        friction=float(rng.uniform(0.7, 1.0)),
        size_m=(float(size[0]), float(size[1]), float(size[2])),
        footprint_m=hull_order(points[:, :2] - middle[:2]),
        inside=entry.inside,
    )


def _moved(part: Part, offset_m: tuple[float, float, float]) -> Part:
    return replace(part, T_object_part=geo.make_transform(None, offset_m) @ part.T_object_part)


def scaled(model: ObjectModel, factor: float) -> ObjectModel:
    """The same object, larger or smaller; its mass grows with the volume."""
    parts = []
    for part in model.parts:
        T = part.T_object_part.copy()
        T[:3, 3] *= factor
        parts.append(
            replace(
                part,
                size_m=tuple(s * factor for s in part.size_m),
                T_object_part=T,
                vertices_m=part.vertices_m * factor,
            )
        )
    x, y, z = model.size_m
    return replace(
        model,
        parts=tuple(parts),
        mass_kg=model.mass_kg * factor**3,
        size_m=(x * factor, y * factor, z * factor),
        footprint_m=model.footprint_m * factor,
    )
