"""Basic colour names of image regions, steady under shading.

The names are English's basic colour terms (Berlin and Kay 1969) and cyan. Chromatic names follow from hue, which
shading leaves alone; lightness only parts brown from orange and black, grey and white from each other, and is taken
from the brighter pixels of the region.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

NAMES = (
    "red",
    "orange",
    "yellow",
    "green",
    "cyan",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "grey",
    "white",
)
MIXED = "mixed"
DOMINANT_SHARE = 0.4
ACCENT_SHARE = 0.3
NEUTRAL = frozenset({"black", "grey", "white"})
MAX_PIXELS = 800

_HUE_EDGES_DEG = np.array([12.0, 42.0, 68.0, 165.0, 196.0, 252.0, 293.0, 346.0])
_HUE_NAMES = np.array([0, 1, 2, 3, 4, 5, 6, 7, 0])


def colour_shares(rgb: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Share of each basic colour among (N, 3) pixels, red first; the shares add up to 1."""
    if len(rgb) == 0:
        return dict.fromkeys(NAMES, 0.0)
    step = max(1, len(rgb) // MAX_PIXELS)
    pixels = np.ascontiguousarray(rgb[::step])
    hsv = cv2.cvtColor(pixels[None].astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)[0]
    hue, saturation, value = hsv[:, 0], hsv[:, 1], hsv[:, 2]
    neutral = (saturation < 0.16) | (saturation * value < 0.055)
    bright = float(np.percentile(value, 90))
    vivid = float(np.percentile(value[~neutral], 90)) if np.any(~neutral) else bright
    names = _HUE_NAMES[np.digitize(hue, _HUE_EDGES_DEG)]
    chroma = saturation * value

    pale_red = (names == 0) & (saturation < 0.55) & (vivid > 0.65)
    warm_purple = (names == 7) & (saturation > 0.8) & (vivid < 0.6)
    names = np.where(pale_red, 7, np.where(warm_purple, 6, names))
    dark_warm = ((names == 1) | ((names == 0) & (hue > 6) & (hue < 180) & (saturation < 0.75))) & (vivid < 0.56)
    pale_warm = (names == 1) & (saturation < 0.5) & (vivid < 0.8)
    names = np.where(dark_warm | pale_warm, 8, names)

    grey_level = 11 if bright > 0.68 else 10 if bright > 0.22 else 9
    names = np.where(neutral, grey_level, names)
    names = np.where((value < 0.13) & (chroma < 0.09), 9, names)
    share = np.bincount(names, minlength=len(NAMES)) / len(names)
    return {name: float(share[i]) for i, name in enumerate(NAMES)}


def colour_scores(rgb: npt.NDArray[np.uint8], shares: dict[str, float] | None = None) -> dict[str, float]:
    """How well each basic colour name fits (N, 3) pixels, 0..1; their shares may be given.

    A chromatic colour fits by its share. What has no hue is white, grey or black by its brightness alone, and under
    unknown light those have no sharp edge: near it, both names fit in part.
    """
    scores = dict(colour_shares(rgb) if shares is None else shares)
    neutral = sum(scores[name] for name in NEUTRAL)
    if len(rgb) and neutral > 0:
        bright = float(np.percentile(np.max(rgb[:: max(1, len(rgb) // MAX_PIXELS)], axis=1), 90)) / 255.0
        for name, levels, fits in (
            ("black", (0.0, 0.18, 0.30), (1.0, 1.0, 0.0)),
            ("grey", (0.18, 0.30, 0.62, 0.80), (0.0, 1.0, 1.0, 0.0)),
            ("white", (0.50, 0.68, 1.0), (0.0, 1.0, 1.0)),
        ):
            scores[name] = neutral * float(np.interp(bright, levels, fits))
    return scores


def name_colour(rgb: npt.NDArray[np.uint8]) -> str:
    """The basic colour that dominates (N, 3) pixels, "mixed" where none does."""
    return name_shares(colour_shares(rgb))


def name_shares(shares: dict[str, float]) -> str:
    """The basic colour that dominates shares of colours, "mixed" where none does."""
    name = max(shares, key=lambda key: shares[key])
    if name in NEUTRAL:
        # Lids, caps and labels are often plain metal or white; a thing is called by its colour.
        chromatic = max((key for key in shares if key not in NEUTRAL), key=lambda key: shares[key])
        if shares[chromatic] > ACCENT_SHARE:
            name = chromatic
    elif shares[name] < DOMINANT_SHARE:
        return MIXED
    return name if shares[name] >= ACCENT_SHARE else MIXED
