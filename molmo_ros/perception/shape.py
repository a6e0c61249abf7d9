"""Shape words of everyday things from a measured body.

Each word has a soft score from figures a person would name: a can is round, closed and taller than wide. The limits are
those of household objects, with wide ramps, so that neighbours such as can and jar share a doubtful one.
"""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ros.perception.solid import Solid

RECEPTACLES = frozenset({"bowl", "plate", "tray", "cup", "mug"})
UNKNOWN = "object"
MIN_SCORE = 0.25


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A shape word, the scores of all of them, and whether things can be put in or on it."""

    name: str
    scores: dict[str, float]
    is_receptacle: bool


def describe_shape(solid: Solid, colour: str, purity: float = 1.0) -> Shape:
    """Name the shape of a body.

    Args:
        solid: The body.
        colour: Its colour name, which tells a banana from other bent things.
        purity: Share of its greatest colour; a jar has a lid of another one, a ball rarely.
    """
    scores = _round_scores(solid, purity) if solid.is_round else _square_scores(solid, colour)
    scores = {name: round(value, 3) for name, value in scores.items() if value > 0.02}
    best = max(scores, key=lambda name: scores[name], default=UNKNOWN)
    name = best if scores.get(best, 0.0) >= MIN_SCORE else UNKNOWN
    return Shape(name=name, scores=scores or {UNKNOWN: 1.0}, is_receptacle=name in RECEPTACLES)


def _round_scores(solid: Solid, purity: float) -> dict[str, float]:
    diameter, tall = float(solid.size_m[0]), solid.tall_m
    ratio = tall / diameter
    closed = _ramp(solid.lid, 0.1, 0.32)
    is_open = (1.0 - closed) * _ramp(solid.coverage, 0.4, 0.55)
    wedge = _sloped(solid) * _ramp(solid.sphere_error, 0.16, 0.2) * _ramp(solid.lid, 0.1, 0.3)
    ball = (1 - _ramp(solid.sphere_error, 0.066, 0.088)) * (1 - _ramp(solid.flat, 0.49, 0.58)) * closed
    ball *= 0.3 + 0.7 * _ramp(purity, 0.6, 0.85)
    bottle = (1.0 - _ramp(solid.top_width, 0.62, 0.85)) * _ramp(ratio, 1.6, 2.1)
    standing = _ramp(ratio, 0.65, 0.9)
    flat = 1.0 - _ramp(ratio, 0.16, 0.24)
    small = 1.0 - _ramp(diameter, 0.115, 0.14)
    upright = closed * (1 - bottle) * (1 - ball) * (1 - wedge) * (1 - flat)
    even = _ramp(solid.top_width, 0.86, 0.94)
    squat = (1 - _ramp(ratio, 1.12, 1.24)) * _ramp(solid.sphere_error, 0.09, 0.115) * (1 - _ramp(diameter, 0.05, 0.06))
    handle = _ramp(float(solid.handle), 0.3, 1.0) * (1.0 - _ramp(float(solid.handle), 9.0, 13.0))
    vessel = is_open * standing * (1.0 - bottle)
    return {
        "ball": ball,
        "bottle": bottle,
        "can": upright * (1 - squat) * (0.3 + 0.7 * even * _ramp(ratio, 0.9, 1.3)),
        "jar": upright * (1 - squat) * (1 - 0.7 * even) * _ramp(ratio, 0.75, 1.0),
        "mug": vessel * (0.25 + 0.75 * handle),
        "cup": vessel * (1.0 - 0.5 * handle),
        "bowl": is_open * (1 - standing) * (1 - flat) * _ramp(diameter, 0.1, 0.12),
        "plate": flat * (1 - _ramp(tall, 0.03, 0.045)) * _ramp(diameter, 0.1, 0.14),
        "ring": is_open * small * (1 - _ramp(tall, 0.03, 0.042)) * (1 - _ramp(ratio, 0.45, 0.6)),
        "block": upright * max(squat, 0.15),
        "wedge": wedge,
    }


def _square_scores(solid: Solid, colour: str) -> dict[str, float]:
    length, width = (float(v) for v in solid.size_m)
    tall = solid.tall_m
    slim = _ramp(length / max(width, 1e-3), 2.3, 3.2) * (1 - _ramp(max(width, tall), 0.045, 0.06))
    bent = _ramp(solid.bow_m, 0.003, 0.007) * _slim_enough(solid)
    tapered = (1 - _ramp(solid.taper, 0.6, 0.8)) * slim
    edges = sorted((length, width, tall))
    cubic = 1 - _ramp(edges[2] / max(edges[0], 1e-3), 1.4, 1.9)
    small = 1 - _ramp(edges[2], 0.06, 0.085)
    sloped = _sloped(solid) * (1 - slim) * small
    low = 1 - _ramp(tall, 0.026, 0.036)
    tray = low * _ramp(length, 0.13, 0.17) * _ramp(width, 0.09, 0.12) * (1 - _ramp(solid.lid, 0.4, 0.75))
    flat = (1 - _ramp(tall / width, 0.5, 0.68)) * (1 - _ramp(tall, 0.032, 0.042)) * (1 - slim) * (1 - tray)
    solid_body = (1 - slim) * (1 - tray) * (1 - sloped)
    notched = (1 - _ramp(solid.fill, 0.86, 0.95)) * (1 - _ramp(edges[2], 0.1, 0.12)) * (1 - slim)
    block = max(cubic * small, notched)
    return {
        "block": solid_body * max(block, 0.3 * small),
        "box": solid_body * max(1 - block, 0.3) * (1 - 0.6 * flat),
        "book": solid_body * flat * _ramp(width, 0.035, 0.05) * (1 - notched),
        "wedge": sloped * small * (1 - tray),
        "stick": slim * (1 - bent) * (1 - 0.8 * tapered),
        "banana": bent * (1.0 if colour in {"yellow", "green", "brown"} else 0.5),
        "carrot": tapered * (1 - 0.7 * bent) * (1.0 if colour == "orange" else 0.6),
        "tray": tray,
        "bottle": 0.3 * _ramp(tall / max(width, 1e-3), 2.0, 2.6) * (1 - _ramp(solid.top_width, 0.6, 0.8)),
    }


def _slim_enough(solid: Solid) -> float:
    """How much longer than thick a body is, for things that bend, 0..1."""
    length, width = (float(v) for v in solid.size_m)
    return _ramp(length / max(width, 1e-3), 1.9, 2.4) * (1 - _ramp(max(width, solid.tall_m), 0.06, 0.08))


def _sloped(solid: Solid) -> float:
    """How little of the footprint is level with the top, 0..1."""
    return 1.0 - _ramp(solid.flat, 0.24, 0.42)


def _ramp(value: float, low: float, high: float) -> float:
    """0 below low, 1 above high, straight between."""
    return float(min(1.0, max(0.0, (value - low) / (high - low))))
