"""Family C: opposing contour points of an object's footprint, fingers coming down from above.

From one view the far face of a box is hidden, so pairs of visible surface points find nothing on it; the top face
still shows where that face is. Footprints are taken twice for tall objects: whole, and of the topmost part, which is
what a bottle's neck or a tapered top offers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.grasping.candidates import Array, Candidates, Surface, concatenate, empty, from_poses, tool_poses
from molmo_ros.grasping.hand import HandGeometry

CELL_M = 0.003
MARGIN_CELLS = 8
SIGMA_CELLS = 1.5
PAD_CELLS = 3
MAX_CONTOUR = 140
MIN_WIDTH_M = 0.008
SLICE_M = 0.03
FRICTION = 0.35
TABLE_CLEARANCE_M = 0.003
REACH_DOWN_M = 0.03
CONTACT_BELOW_M = 0.004
TILTS_RAD = (0.0, 0.26, -0.26, 0.52, -0.52)
TILTED_SHARE = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Footprint:
    """A footprint on a grid of the support.

    Attributes:
        mask: (rows, columns) uint8, 1 inside; rows run along the support's y.
        height_m: (rows, columns) greatest height per cell, NaN where nothing was seen.
        origin_m: (2,) support coordinates of cell (0, 0)'s centre.
    """

    mask: npt.NDArray[np.uint8]
    height_m: npt.NDArray[np.float32]
    origin_m: Array

    def cells(self, xy_m: Array) -> npt.NDArray[np.int64]:
        """Column and row of (..., 2) positions, kept on the grid."""
        cell = np.rint((xy_m - self.origin_m) / CELL_M).astype(np.int64)
        return np.clip(cell, 0, np.array(self.mask.shape[::-1]) - 1)


def footprint(points_m: Array) -> Footprint:
    """Rasterise (N, 3) support-frame points: 3 mm cells, small gaps closed, enclosed holes filled."""
    low = points_m[:, :2].min(axis=0) - MARGIN_CELLS * CELL_M
    cell = np.rint((points_m[:, :2] - low) / CELL_M).astype(np.int64)
    columns, rows = (cell.max(axis=0) + 1 + MARGIN_CELLS).tolist()
    flat = cell[:, 1] * columns + cell[:, 0]
    height = np.full(rows * columns, -np.inf, np.float32)
    np.maximum.at(height, flat, points_m[:, 2].astype(np.float32))
    seen = np.isfinite(height).reshape(rows, columns)
    mask = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask, outlines, -1, 1, thickness=cv2.FILLED)
    height[~np.isfinite(height)] = np.nan
    return Footprint(mask=mask, height_m=height.reshape(rows, columns), origin_m=low)


def contour(shape: Footprint) -> tuple[Array, Array, Array]:
    """The outline of a footprint.

    Returns:
        (M, 2) positions [m], their (M, 2) outward unit normals, and (M,) flatness 0..1: the length of the mean normal
        over a finger pad's width, so that corners, on which a pad cannot rest, score low. M <= MAX_CONTOUR.
    """
    outlines, _ = cv2.findContours(shape.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pixels = max(outlines, key=len)[:, 0, :] if outlines else np.zeros((0, 2), np.int32)
    if len(pixels) < 8:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    smooth = cv2.GaussianBlur(shape.mask.astype(np.float32), (0, 0), SIGMA_CELLS)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    u, v = pixels[:, 0], pixels[:, 1]
    normal = -np.stack([gx[v, u], gy[v, u]], axis=1).astype(np.float64)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    window = np.arange(-PAD_CELLS, PAD_CELLS + 1)
    around = normal[(np.arange(len(pixels))[:, None] + window) % len(pixels)].mean(axis=1)
    length = np.linalg.norm(around, axis=1)
    step = max(1, -(-len(pixels) // MAX_CONTOUR))
    good = np.arange(0, len(pixels), step)
    good = good[length[good] > 0.3]
    flat = np.clip((length[good] - 0.72) / 0.2, 0.0, 1.0)
    return shape.origin_m + pixels[good] * CELL_M, around[good] / length[good, None], flat


def contour_candidates(surface: Surface, hand: HandGeometry, limit: int) -> Candidates:
    """Top-down and tilted grasps across the footprint.

    Args:
        surface: The object.
        hand: The hand.
        limit: At most about this many candidates.
    """
    if len(surface.points_m) < 20:
        return empty()
    body = np.concatenate([surface.points_m, surface.hidden_m])
    parts = [_across(surface, footprint(body), hand, limit)]
    top = body[body[:, 2] > surface.top_m - SLICE_M]
    if surface.top_m - surface.bottom_m > 2 * SLICE_M and len(top) >= 20:
        parts.append(_across(surface, footprint(top), hand, max(limit // 2, 20)))
    return concatenate(parts)


def _across(surface: Surface, shape: Footprint, hand: HandGeometry, limit: int) -> Candidates:
    xy, normal, flat = contour(shape)
    if len(xy) < 4:
        return empty()
    i, j = np.triu_indices(len(xy), k=1)
    axis = xy[j] - xy[i]
    width = np.linalg.norm(axis, axis=1)
    # A contour cell's centre lies half a cell inside the outline.
    near = (width + CELL_M >= MIN_WIDTH_M) & (width > 1e-6)
    i, j, axis, width = i[near], j[near], axis[near] / width[near, None], width[near] + CELL_M
    cosine = np.minimum(-np.einsum("kd,kd->k", normal[i], axis), np.einsum("kd,kd->k", normal[j], axis))
    least = np.cos(np.arctan(FRICTION))
    good = cosine >= least
    i, j, axis, width, cosine = i[good], j[good], axis[good], width[good], cosine[good]
    if len(i) == 0:
        return empty()
    middle = 0.5 * (xy[i] + xy[j])
    centre = 0.5 * (shape.origin_m + shape.origin_m + CELL_M * (np.array(shape.mask.shape[::-1]) - 1))
    along_view = np.abs(axis @ surface.view_xy)
    quality = (cosine - least) / (1 - least)
    quality = (
        (0.3 + 0.7 * quality)
        * (0.1 + 0.9 * np.minimum(flat[i], flat[j]))
        * np.exp(-np.sum((middle - centre) ** 2, axis=1) / 0.06**2)
    )
    quality = quality * (1.0 - 0.2 * np.abs(width - 0.04) / 0.08) * (1.0 - 0.25 * along_view**2)
    chosen = _spread(middle, axis, quality, width <= hand.max_width_m - 0.005, limit)
    middle, axis, width, quality = middle[chosen], axis[chosen], width[chosen], quality[chosen]

    top = _chord_top(shape, middle, axis, width)
    tall = top - surface.bottom_m
    held = _contact_top(shape, middle, axis, width)
    z = np.minimum(top - np.minimum(REACH_DOWN_M, 0.5 * tall), held - CONTACT_BELOW_M)
    z = np.maximum(z, hand.tip_m + TABLE_CLEARANCE_M)
    closing = np.column_stack([axis, np.zeros(len(axis))])
    position = np.column_stack([middle, z])
    sideways = np.cross(closing, np.array([0.0, 0.0, -1.0]))
    parts = []
    for tilt in TILTS_RAD:
        rows = slice(None) if tilt == 0.0 else slice(0, max(1, int(TILTED_SHARE * len(chosen))))
        approach = np.array([0.0, 0.0, -np.cos(tilt)]) + np.sin(tilt) * sideways[rows]
        place = position[rows].copy()
        lowest = hand.tip_m * np.cos(tilt) + hand.pad_half_x_m * np.sin(abs(tilt)) + TABLE_CLEARANCE_M
        place[:, 2] = np.maximum(place[:, 2], lowest + 1e-4)
        T_support = tool_poses(place, approach, closing[rows])
        T = surface.T_base_support @ T_support
        parts.append(from_poses(T, width[rows], quality[rows] * np.cos(tilt), surface.item.object_id, "contour"))
    return concatenate(parts)


def _chord_top(shape: Footprint, middle: Array, axis: Array, width: Array) -> Array:
    """Greatest height seen under the palm along each chord, over a 5x5 neighbourhood of its samples [m]."""
    height = np.where(np.isnan(shape.height_m), 0.0, shape.height_m).astype(np.float32)
    height = cv2.dilate(height, np.ones((5, 5), np.uint8))
    steps = np.linspace(-0.45, 0.45, 7)
    samples = middle[:, None, :] + steps[None, :, None] * (axis * width[:, None])[:, None, :]
    cell = shape.cells(samples)
    return np.asarray(height[cell[..., 1], cell[..., 0]].max(axis=1), dtype=np.float64)


def _contact_top(shape: Footprint, middle: Array, axis: Array, width: Array) -> Array:
    """Height up to which the body is as wide as each chord: the lower of the tops just inside its ends [m]."""
    height = np.where(np.isnan(shape.height_m), 0.0, shape.height_m).astype(np.float32)
    height = cv2.dilate(height, np.ones((3, 3), np.uint8))
    tops = []
    for side in (-1.0, 1.0):
        inset = np.maximum(0.5 * width - 1.5 * CELL_M, 0.25 * width)
        cell = shape.cells(middle + side * axis * inset[:, None])
        tops.append(height[cell[:, 1], cell[:, 0]])
    return np.asarray(np.minimum(*tops), dtype=np.float64)


def _spread(
    middle: Array, axis: Array, quality: Array, fits: npt.NDArray[np.bool_], limit: int
) -> npt.NDArray[np.int64]:
    """Best chord of each 6 mm place and 15 degree direction, best first; a few of those too wide for the hand."""
    angle = np.mod(np.arctan2(axis[:, 1], axis[:, 0]), np.pi)
    key = np.column_stack([np.floor(middle / 0.006), np.floor(angle / np.radians(15.0))]).astype(np.int64)
    order = np.argsort(-quality, kind="stable")
    _, first = np.unique(key[order], axis=0, return_index=True)
    best = order[np.sort(first)]
    share = 1.0 / (1.0 + (len(TILTS_RAD) - 1) * TILTED_SHARE)
    inside = best[fits[best]][: max(8, int(limit * share))]
    if len(inside):
        return np.asarray(inside)
    return np.asarray(best[~fits[best]][:4])
