"""The named colours of simulated objects."""

from __future__ import annotations

import colorsys

import numpy as np

RGB: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.10, 0.09),
    "green": (0.13, 0.55, 0.17),
    "blue": (0.10, 0.25, 0.78),
    "yellow": (0.93, 0.80, 0.10),
    "orange": (0.95, 0.45, 0.05),
    "purple": (0.45, 0.16, 0.62),
    "pink": (0.95, 0.50, 0.68),
    "brown": (0.40, 0.22, 0.10),
    "black": (0.06, 0.06, 0.07),
    "white": (0.93, 0.93, 0.92),
    "grey": (0.48, 0.48, 0.49),
    "cyan": (0.10, 0.72, 0.78),
}
"""Colour name to linear 0..1 red, green, blue under white light."""

NAMES = tuple(RGB)


def vary(name: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A shade of a named colour: hue within 3 degrees, saturation and value within 8 %."""
    h, s, v = colorsys.rgb_to_hsv(*RGB[name])
    h = (h + float(rng.uniform(-3.0, 3.0)) / 360.0) % 1.0
    s = float(np.clip(s * rng.uniform(0.92, 1.08), 0.0, 1.0))
    v = float(np.clip(v * rng.uniform(0.92, 1.08), 0.0, 1.0))
    return colorsys.hsv_to_rgb(h, s, v)
