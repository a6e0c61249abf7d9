"""Figures of patches and clusters: where they lie, how they are bent, what plane they make."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.perception.patches import LabelImage
from molmo_ros.perception.surface import Grid, Surface

Array = npt.NDArray[np.float64]

TOP_BAND_M = 0.02
BORDER_CELLS = 2
MIN_INNER_CELLS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Facets:
    """Figures per label 0..n (row 0 is unused).

    Attributes:
        cells: (n + 1,) grid cells.
        centre_m: (n + 1, 3) mean point in the base frame.
        centre_uv: (n + 1, 2) mean cell (column, row).
        normal: (n + 1, 3) normal of the least squares plane, towards the camera's side.
        residual_m: (n + 1,) root mean square distance from that plane.
        top_m: (n + 1,) 98th percentile of height above the support.
        bottom_m: (n + 1,) 2nd percentile of it.
        facing_up: (n + 1,) mean vertical part of the normals near the top, 1 for a level top face.
        span_u: (n + 1, 2) least and greatest column.
        hollow_rad: (n + 1,) mean signed bend of the inner cells: > 0 for the inside of a bowl, < 0 for a ball.
    """

    cells: npt.NDArray[np.int64]
    centre_m: Array
    centre_uv: Array
    normal: Array
    residual_m: Array
    top_m: Array
    bottom_m: Array
    facing_up: Array
    span_u: npt.NDArray[np.int64]
    hollow_rad: Array


def measure_facets(
    labels: LabelImage,
    number: int,
    grid: Grid,
    surface: Surface,
    height_m: npt.NDArray[np.float32],
    up: npt.NDArray[np.float64],
) -> Facets:
    """Measure every label of a label image.

    Args:
        labels: (h, w) labels 0..number.
        number: The greatest label.
        grid: Points.
        surface: Normals and folds.
        height_m: (h, w) height above the support [m].
        up: (3,) the support's normal in the base frame.
    """
    size = number + 1
    v, u = np.nonzero((labels > 0) & grid.known)
    label = labels[v, u]
    points = grid.points_m[v, u].astype(np.float64)
    cells = np.bincount(label, minlength=size)
    divisor = np.maximum(cells, 1)
    centre = np.stack([np.bincount(label, points[:, k], size) for k in range(3)], axis=1) / divisor[:, None]
    uv = np.stack([np.bincount(label, u, size), np.bincount(label, v, size)], axis=1) / divisor[:, None]
    offset = points - centre[label]
    moments = np.zeros((size, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            moments[:, i, j] = moments[:, j, i] = np.bincount(label, offset[:, i] * offset[:, j], size) / divisor
    values, vectors = np.linalg.eigh(moments)
    normal = vectors[:, :, 0]
    normals = surface.normals[v, u]
    mean_normal = np.stack([np.bincount(label, normals[:, k], size) for k in range(3)], axis=1)
    normal = normal * np.where(np.einsum("ij,ij->i", normal, mean_normal) < 0, -1.0, 1.0)[:, None]
    bend = (surface.valley - surface.ridge)[v, u]
    # Folds at a label's border are where it meets something else, not its shape; the support's reach farther in.
    names = labels.astype(np.float32)
    near = np.ones((3, 3), np.uint8)
    alike = (cv2.dilate(names, near) == names) & (cv2.erode(names, near) == names)
    floor = ((labels == 0) & grid.known).astype(np.uint8)
    alike &= cv2.dilate(floor, np.ones((2 * BORDER_CELLS + 1, 2 * BORDER_CELLS + 1), np.uint8)) == 0
    inner = alike[v, u].astype(np.float64)
    weight = np.bincount(label, inner, size)
    hollow = np.where(weight >= MIN_INNER_CELLS, np.bincount(label, bend * inner, size) / np.maximum(weight, 1), 0.0)
    top, bottom = np.zeros(size), np.zeros(size)
    height = height_m[v, u]
    order = np.lexsort((height, label))
    start = np.searchsorted(label[order], np.arange(size))
    ordered = height[order]
    for k in range(1, size):
        if cells[k]:
            top[k] = ordered[start[k] + int(0.98 * (cells[k] - 1))]
            bottom[k] = ordered[start[k] + int(0.02 * (cells[k] - 1))]
    upper = height > top[label] - TOP_BAND_M
    vertical = (normals @ up) * upper
    low, high = np.full(size, labels.shape[1]), np.zeros(size, np.int64)
    np.minimum.at(low, label, u)
    np.maximum.at(high, label, u)
    facing_up = np.bincount(label, vertical, size) / np.maximum(np.bincount(label, upper, size), 1)
    return Facets(
        cells=cells,
        centre_m=centre,
        centre_uv=uv,
        normal=normal,
        residual_m=np.sqrt(np.maximum(values[:, 0], 0.0)),
        top_m=top,
        bottom_m=bottom,
        facing_up=facing_up,
        span_u=np.stack([low, high], axis=1),
        hollow_rad=hollow,
    )
