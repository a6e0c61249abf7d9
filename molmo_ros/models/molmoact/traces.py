"""Traces of MolmoAct v1: from its 0..255 grid to pixels and back, drawn for steering, and told from scribble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.models.images import Uint8Image

GRID_TOP = 255.0
# Colour of github allenai/molmoact's overlays: written as BGR yellow on an RGB array, so it appears cyan.
STEERING_RGB = (0, 255, 255)
STEERING_THICKNESS_PX = 3
SHARP_TURN_RAD = 2.36
LONG_SEGMENT = 15.0

FloatArray = npt.NDArray[np.float64]


def to_pixels(trace: Sequence[Sequence[float]], width_px: int, height_px: int) -> FloatArray:
    """Map (N, 2) grid points to pixels of an image."""
    scale = np.array([width_px - 1, height_px - 1], dtype=np.float64) / GRID_TOP
    return np.asarray(np.asarray(trace, dtype=np.float64).reshape(-1, 2) * scale)


def to_grid(uv: npt.ArrayLike, width_px: int, height_px: int) -> FloatArray:
    """Map (N, 2) pixels to the grid."""
    scale = GRID_TOP / np.maximum(np.array([width_px - 1, height_px - 1], dtype=np.float64), 1.0)
    return np.asarray(np.asarray(uv, dtype=np.float64).reshape(-1, 2) * scale)


def draw(image: Uint8Image, uv: npt.ArrayLike) -> Uint8Image:
    """Draw a trace as the steering prompt expects it.

    Args:
        image: (H, W, 3) uint8 RGB; not changed.
        uv: (N, 2) pixels of this image.
    """
    canvas: Any = image.copy()
    points = np.rint(np.asarray(uv, dtype=np.float64).reshape(-1, 2)).astype(int)
    for start, end in zip(points[:-1], points[1:], strict=True):
        cv2.line(
            canvas,
            (int(start[0]), int(start[1])),
            (int(end[0]), int(end[1])),
            STEERING_RGB,
            thickness=STEERING_THICKNESS_PX,
            lineType=cv2.LINE_AA,
        )
    return np.asarray(canvas, dtype=np.uint8)


def is_scribble(trace: Sequence[Sequence[float]]) -> bool:
    """Whether a trace turns sharply back more than once, as mislabelled training traces do."""
    steps = np.diff(np.asarray(trace, dtype=np.float64).reshape(-1, 2), axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    reversals = 0
    for before, after, first, second in zip(steps[:-1], steps[1:], lengths[:-1], lengths[1:], strict=True):
        if min(first, second) < LONG_SEGMENT:
            continue
        cosine = float(before @ after) / float(first * second)
        reversals += bool(np.arccos(np.clip(cosine, -1.0, 1.0)) > SHARP_TURN_RAD)
    return reversals > 1
