"""Adaptive depth of Think: which cells of the depth map changed since the last frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.models.errors import InputError
from molmo_ros.models.images import Uint8Image, check_rgb

CELL_PX = 32
SIMILAR = 0.996


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthMemory:
    """What the next call may reuse.

    Attributes:
        image: (H, W, 3) uint8 first image of the call before.
        bins: Its depth codes, row-major.
    """

    image: Uint8Image
    bins: tuple[int, ...]


def grid_side(codes: int) -> int:
    """Side of a square grid of codes.

    Raises:
        InputError: The number is not a square.
    """
    side = math.isqrt(codes)
    if side * side != codes or codes < 1:
        raise InputError(f"A depth map of {codes} codes is not square.")
    return side


def _cells(image: Uint8Image, side: int) -> npt.NDArray[np.float32]:
    from PIL import Image

    size = side * CELL_PX
    array = check_rgb(image)
    if array.shape[:2] != (size, size):
        array = np.asarray(Image.fromarray(array).resize((size, size), Image.Resampling.BILINEAR))
    parted = array.astype(np.float32).reshape(side, CELL_PX, side, CELL_PX, 3).transpose(0, 2, 1, 3, 4)
    return parted.reshape(side * side, -1)


def changed_cells(current: Uint8Image, previous: Uint8Image, codes: int) -> npt.NDArray[np.bool_]:
    """Cells whose pixels differ, by cosine similarity of the raw colours below 0.996.

    Args:
        current: (H, W, 3) uint8.
        previous: Another such image; its size may differ.
        codes: Number of cells, a square.

    Returns:
        (codes,) row-major.
    """
    side = grid_side(codes)
    now, before = _cells(current, side), _cells(previous, side)
    length = np.linalg.norm(now, axis=-1) * np.linalg.norm(before, axis=-1)
    similarity = np.where(length < 1e-8, 1.0, np.sum(now * before, axis=-1) / (length + 1e-12))
    return np.asarray(similarity < SIMILAR)


def spans(mask: Sequence[bool] | npt.NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """Runs of equal values as (first, last + 1, value)."""
    flat = [bool(value) for value in np.asarray(mask).reshape(-1)]
    runs: list[tuple[int, int, bool]] = []
    for index, value in enumerate(flat):
        if runs and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], index + 1, value)
        else:
            runs.append((index, index + 1, value))
    return runs
