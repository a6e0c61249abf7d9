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
class Planes:
    """Least squares planes per label 0..n (row 0 is unused).

    Attributes:
        cells: (n + 1,) grid cells.
        centre_m: (n + 1, 3) mean point in the base frame.
        centre_uv: (n + 1, 2) mean cell (column, row).
        normal: (n + 1, 3) normal, towards the camera's side.
        residual_m: (n + 1,) root mean square distance from the plane.
    """

    cells: npt.NDArray[np.int64]
    centre_m: Array
    centre_uv: Array
    normal: Array
    residual_m: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Facets:
    """Figures per label 0..n (row 0 is unused).

    Attributes:
        cells: (n + 1,) grid cells.
        centre_m: (n + 1, 3) mean point in the base frame.
        centre_v: (n + 1,) mean row.
        span_u: (n + 1, 2) least and greatest column.
        width_m: (n + 1,) width in the image at its distance.
        area_m2: (n + 1,) area in the image at its distance.
        top_m: (n + 1,) 98th percentile of height above the support.
        bottom_m: (n + 1,) 2nd percentile of it.
        facing_up: (n + 1,) mean vertical part of the normals near the top, 1 for a level top face.
        hollow_rad: (n + 1,) mean signed bend of the inner cells: > 0 for the inside of a bowl, < 0 for a ball.
    """

    cells: npt.NDArray[np.int64]
    centre_m: Array
    centre_v: Array
    span_u: npt.NDArray[np.int64]
    width_m: Array
    area_m2: Array
    top_m: Array
    bottom_m: Array
    facing_up: Array
    hollow_rad: Array


class Survey:
    """The foreground cells of a grid, gathered once, lowest first, and measured under any labelling.

    Args:
        grid: Points.
        surface: Normals and folds.
        height_m: (h, w) height above the support [m].
        up: (3,) the support's normal in the base frame.
        f_px: Focal length [px].
    """

    def __init__(self, grid: Grid, surface: Surface, height_m: npt.NDArray[np.float32], up: Array, f_px: float) -> None:
        self._grid = grid
        self._last: tuple[LabelImage, Facets] | None = None
        v, u = np.nonzero((grid.mask > 0) & grid.known)
        order = np.argsort(height_m[v, u], kind="stable")
        self._v, self._u = v[order], u[order]
        at = (self._v, self._u)
        self._height = height_m[at].astype(np.float64)
        self._points = grid.points_m[at].astype(np.float64)
        self._normals = surface.normals[at].astype(np.float64)
        self._vertical = self._normals @ up
        self._bend = (surface.valley - surface.ridge)[at].astype(np.float64)
        self._cell_m = grid.depth_m[at].astype(np.float64) * grid.stride_px / f_px

    def planes(self, labels: LabelImage, number: int) -> Planes:
        """Fit a plane to every label 1..number of an (h, w) label image."""
        size = number + 1
        label = labels[self._v, self._u]
        taken = label > 0
        label, points, normals = label[taken], self._points[taken], self._normals[taken]
        cells = np.bincount(label, minlength=size)
        divisor = np.maximum(cells, 1)
        centre = np.stack([np.bincount(label, points[:, k], size) for k in range(3)], axis=1) / divisor[:, None]
        offset = points - centre[label]
        moments = np.zeros((size, 3, 3))
        for i in range(3):
            for j in range(i, 3):
                moments[:, i, j] = moments[:, j, i] = np.bincount(label, offset[:, i] * offset[:, j], size) / divisor
        values, vectors = np.linalg.eigh(moments)
        normal = vectors[:, :, 0]
        towards = np.stack([np.bincount(label, normals[:, k], size) for k in range(3)], axis=1)
        uv = [np.bincount(label, along[taken], size) / divisor for along in (self._u, self._v)]
        return Planes(
            cells=cells,
            centre_m=centre,
            centre_uv=np.stack(uv, axis=1),
            normal=normal * np.where(np.einsum("ij,ij->i", normal, towards) < 0, -1.0, 1.0)[:, None],
            residual_m=np.sqrt(np.maximum(values[:, 0], 0.0)),
        )

    def measure(self, labels: LabelImage) -> Facets:
        """Measure every label of an (h, w) label image; the same image as last time gives the same figures."""
        if self._last is None or not np.array_equal(self._last[0], labels):
            self._last = labels, self._measure(labels)
        return self._last[1]

    def _measure(self, labels: LabelImage) -> Facets:
        size = int(labels.max()) + 1
        label = labels[self._v, self._u]
        order = np.argsort(label.astype(np.int16), kind="stable")
        bounds = np.searchsorted(label[order], np.arange(size + 1))
        cells = np.diff(bounds)
        cells[0] = 0
        height = self._height[order]
        last = max(len(height) - 1, 0)
        first = bounds[:-1]
        top = height[np.minimum(first + (0.98 * np.maximum(cells - 1, 0)).astype(int), last)]
        bottom = height[np.minimum(first + (0.02 * np.maximum(cells - 1, 0)).astype(int), last)]
        divisor = np.maximum(cells, 1)
        upper = self._height > top[label] - TOP_BAND_M
        inner = self._inner(labels)
        weight = np.bincount(label, inner, size)
        hollow = np.bincount(label, self._bend * inner, size) / np.maximum(weight, 1)
        low, high = np.full(size, labels.shape[1]), np.zeros(size, np.int64)
        np.minimum.at(low, label, self._u)
        np.maximum.at(high, label, self._u)
        cell_m = np.bincount(label, self._cell_m, size) / divisor
        return Facets(
            cells=cells,
            centre_m=np.stack([np.bincount(label, self._points[:, k], size) for k in range(3)], axis=1)
            / divisor[:, None],
            centre_v=np.bincount(label, self._v, size) / divisor,
            span_u=np.stack([low, high], axis=1),
            width_m=np.maximum(high - low + 1, 0) * cell_m,
            area_m2=cells * cell_m**2,
            top_m=top,
            bottom_m=bottom,
            facing_up=np.bincount(label, self._vertical * upper, size) / np.maximum(np.bincount(label, upper, size), 1),
            hollow_rad=np.where(weight >= MIN_INNER_CELLS, hollow, 0.0),
        )

    def _inner(self, labels: LabelImage) -> Array:
        """1 for cells away from their label's border, where folds belong to something else; else 0.

        The fold at the support reaches farther in than those at other labels.
        """
        names = labels.astype(np.float32)
        near = np.ones((3, 3), np.uint8)
        alike = (cv2.dilate(names, near) == names) & (cv2.erode(names, near) == names)
        floor = ((labels == 0) & self._grid.known).astype(np.uint8)
        alike &= cv2.dilate(floor, np.ones((2 * BORDER_CELLS + 1, 2 * BORDER_CELLS + 1), np.uint8)) == 0
        return np.asarray(alike[self._v, self._u], dtype=np.float64)
