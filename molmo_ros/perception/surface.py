"""Local surface shape on the image grid: depth jumps, normals, and where the surface folds.

In a pinhole image the inverse depth of a plane is linear in the pixel, so its gradient gives the normal, and smoothing
inverse depth does not bend planes. The work is done on a grid of about 320 columns, which costs a quarter and, since
every cell is a mean of its pixels, loses nothing that the sensor's noise had not already taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.perception.config import PerceptionConfig

FloatImage = npt.NDArray[np.float32]
ByteImage = npt.NDArray[np.uint8]

GRID_COLUMNS = 320
NORMAL_WINDOW = 5
FOLD_STEP = 2
JUMP_SIGMAS = 4.0
JUMP_SHARE = 0.008
GRAZING = 3.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """A region of the image on a coarser grid.

    Attributes:
        depth_m: (h, w) depth [m], 0 where unknown.
        points_m: (h, w, 3) points in the base frame [m], 0 where unknown.
        known: (h, w) bool.
        mask: (h, w) uint8, 1 on pixels above the support.
        origin_px: (column, row) of the first cell's first pixel.
        stride_px: Pixels per cell.
    """

    depth_m: FloatImage
    points_m: FloatImage
    known: npt.NDArray[np.bool_]
    mask: ByteImage
    origin_px: tuple[int, int]
    stride_px: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Surface shape of a grid.

    Attributes:
        jump_right: (h, w) uint8, 1 where depth jumps between a cell and its right neighbour.
        jump_down: The same towards the lower neighbour.
        normals: (h, w, 3) unit normals in the base frame, towards the camera; zero where unknown.
        valley: (h, w) the deepest valley through the cell [rad], >= 0.
        ridge: (h, w) the sharpest ridge through the cell [rad], >= 0.
    """

    jump_right: ByteImage
    jump_down: ByteImage
    normals: FloatImage
    valley: FloatImage
    ridge: FloatImage


def make_grid(
    depth_m: FloatImage, mask: ByteImage, cloud: FloatImage, config: PerceptionConfig, margin_px: int = 12
) -> Grid | None:
    """The grid around everything above the support; None where nothing is.

    Args:
        depth_m: (H, W) depth [m], NaN where unknown.
        mask: (H, W) uint8, 1 on pixels above the support.
        cloud: (H, W, 3) points in the base frame [m].
        config: Expected noise.
        margin_px: Pixels kept around the region.
    """
    if not cv2.hasNonZero(mask):
        return None
    x, y, w, h = cv2.boundingRect(mask)
    stride = max(1, round(mask.shape[1] / GRID_COLUMNS))
    x0, y0 = max(0, x - margin_px) // stride * stride, max(0, y - margin_px) // stride * stride
    x1 = x0 + max(2, (min(mask.shape[1], x + w + margin_px) - x0) // stride) * stride
    y1 = y0 + max(2, (min(mask.shape[0], y + h + margin_px) - y0) // stride) * stride
    x1, y1 = min(x1, mask.shape[1] // stride * stride), min(y1, mask.shape[0] // stride * stride)
    region = cv2.patchNaNs(depth_m[y0:y1, x0:x1].copy(), 0.0)
    first = region[::stride, ::stride]
    cells = cv2.resize(region, None, fx=1 / stride, fy=1 / stride, interpolation=cv2.INTER_AREA)
    kernel = np.ones((stride, stride), np.uint8)
    spread = cv2.morphologyEx(region, cv2.MORPH_GRADIENT, kernel, anchor=(0, 0))[::stride, ::stride]
    limit = jump_limit_m(first, config)
    depth = np.where((spread > limit) | (first <= 0), first, cells).astype(np.float32)
    points = cv2.patchNaNs(np.ascontiguousarray(cloud[y0:y1:stride, x0:x1:stride]), 0.0)
    return Grid(
        depth_m=depth,
        points_m=points,
        known=depth > 0,
        mask=np.ascontiguousarray(mask[y0:y1:stride, x0:x1:stride]),
        origin_px=(x0, y0),
        stride_px=stride,
    )


def jump_limit_m(depth_m: FloatImage, config: PerceptionConfig) -> FloatImage:
    """Difference between neighbours above which depth has jumped [m]: some sigmas, and a share for slanted surfaces."""
    limit = np.float32(JUMP_SIGMAS * config.noise_slope) * depth_m + np.float32(JUMP_SHARE)
    return np.asarray(limit * depth_m + np.float32(config.noise_floor_m), dtype=np.float32)


def measure_surface(
    grid: Grid, K: npt.NDArray[np.float64], R_base_camera: npt.NDArray[np.float64], config: PerceptionConfig
) -> Surface:
    """Measure a grid.

    Args:
        grid: The region.
        K: (3, 3) intrinsics of the whole image [px].
        R_base_camera: (3, 3) rotation of the optical frame in the base frame.
        config: Expected noise.
    """
    depth, known = grid.depth_m, grid.known
    limit = jump_limit_m(depth, config)
    jump_right = np.zeros(depth.shape, np.uint8)
    jump_down = np.zeros(depth.shape, np.uint8)
    jump_right[:, :-1] = _jumps(depth, limit)
    jump_down[:-1, :] = _jumps(depth.T, limit.T).T

    inverse = np.zeros_like(depth)
    np.divide(np.float32(1.0), depth, out=inverse, where=known)
    slope_u, good_u = _slope(inverse, known, jump_right, axis=1)
    slope_v, good_v = _slope(inverse, known, jump_down, axis=0)
    height, width = depth.shape
    stride = grid.stride_px
    middle = 0.5 * (stride - 1)
    x = ((np.arange(width) * stride + grid.origin_px[0] + middle - K[0, 2]) / K[0, 0]).astype(np.float32)
    y = ((np.arange(height) * stride + grid.origin_px[1] + middle - K[1, 2]) / K[1, 1]).astype(np.float32)
    # A plane n.p = d has 1/z = (n_x x + n_y y + n_z) / d; turned around, n/d points towards the camera.
    nx = slope_u * np.float32(-K[0, 0] / stride)
    ny = slope_v * np.float32(-K[1, 1] / stride)
    nz = -inverse - x[None, :] * nx - y[:, None] * ny
    good = known & good_u & good_v
    normals = cv2.transform(cv2.merge([nx, ny, nz]), R_base_camera)
    square = nx * nx + ny * ny + nz * nz
    factor = np.zeros_like(square)
    np.divide(np.float32(1.0), np.sqrt(square), out=factor, where=good & (square > 0))
    normals = cv2.multiply(normals, cv2.merge([factor, factor, factor]))
    valley, ridge = _folds(normals, grid.points_m, depth, good, limit)
    return Surface(jump_right=jump_right, jump_down=jump_down, normals=normals, valley=valley, ridge=ridge)


def _jumps(depth: FloatImage, limit: FloatImage) -> npt.NDArray[np.bool_]:
    """Where depth jumps to the right neighbour: a large step that neither neighbouring step foretells.

    A surface seen at a grazing angle has large steps everywhere; a jump is a step unlike the ones beside it.
    """
    step = depth[:, 1:] - depth[:, :-1]
    before = np.abs(step[:, 1:] - step[:, :-1])
    unlike = np.full(step.shape, np.inf, dtype=np.float32)
    unlike[:, 1:] = before
    unlike[:, :-1] = np.minimum(unlike[:, :-1], before)
    size = np.abs(step)
    return np.asarray((size > limit[:, :-1]) & ((unlike > limit[:, :-1]) | (size > GRAZING * limit[:, :-1])))


def _slope(
    inverse: FloatImage, known: npt.NDArray[np.bool_], jump: ByteImage, axis: int
) -> tuple[FloatImage, npt.NDArray[np.bool_]]:
    """Mean slope of inverse depth per cell over a window, from neighbour pairs without a jump, and where it is known."""
    difference = np.zeros_like(inverse)
    usable = np.zeros_like(inverse)
    if axis == 1:
        usable[:, :-1] = known[:, 1:] & known[:, :-1] & (jump[:, :-1] == 0)
        difference[:, :-1] = inverse[:, 1:] - inverse[:, :-1]
        kernel = (NORMAL_WINDOW - 1, NORMAL_WINDOW)
    else:
        usable[:-1, :] = known[1:, :] & known[:-1, :] & (jump[:-1, :] == 0)
        difference[:-1, :] = inverse[1:, :] - inverse[:-1, :]
        kernel = (NORMAL_WINDOW, NORMAL_WINDOW - 1)
    difference *= usable
    anchor = (NORMAL_WINDOW // 2, NORMAL_WINDOW // 2)
    total = cv2.boxFilter(difference, -1, kernel, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
    count = cv2.boxFilter(usable, -1, kernel, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
    good = count > 0.3 * kernel[0] * kernel[1]
    slope = np.zeros_like(inverse)
    np.divide(total, count, out=slope, where=good)
    return slope, good


def _folds(
    normals: FloatImage, points: FloatImage, depth: FloatImage, good: npt.NDArray[np.bool_], limit: FloatImage
) -> tuple[FloatImage, FloatImage]:
    """Deepest valley and sharpest ridge through each cell, measured over 2 * FOLD_STEP cells across and down [rad]."""
    valley = np.zeros_like(depth)
    ridge = np.zeros_like(depth)
    height, width = depth.shape
    for dv, du in ((0, FOLD_STEP), (FOLD_STEP, 0)):
        if height <= 2 * dv or width <= 2 * du:
            continue
        first = (slice(0, height - 2 * dv), slice(0, width - 2 * du))
        last = (slice(2 * dv, height), slice(2 * du, width))
        middle = (slice(dv, height - dv), slice(du, width - du))
        along = cv2.subtract(points[last], points[first])
        turn = cv2.subtract(normals[last], normals[first])
        dot = cv2.transform(cv2.multiply(along, turn), np.ones((1, 3)))
        square = cv2.transform(cv2.multiply(along, along), np.ones((1, 3)))
        usable = good[first] & good[last] & (square > 0)
        usable &= cv2.absdiff(depth[last], depth[first]) < np.maximum(limit[middle] * 2, 0.03)
        bend = np.zeros_like(dot)
        np.divide(dot, np.sqrt(square), out=bend, where=usable)
        np.maximum(valley[middle], -bend, out=valley[middle])
        np.maximum(ridge[middle], bend, out=ridge[middle])
    return valley, ridge
