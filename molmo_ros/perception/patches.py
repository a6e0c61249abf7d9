"""Surface patches, free of folds and jumps, and what their common borders say.

A patch is never larger than an object as long as objects meet in a valley or a jump (convex objects do, wherever they
touch). Which patches belong together is decided later from the borders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.perception.surface import Grid, Surface

LabelImage = npt.NDArray[np.int32]

VALLEY_RAD = 0.22
RIDGE_RAD = 0.5
MIN_CORE_CELLS = 10
REACH_CELLS = 2
MAX_GAP_CELLS = 3
GROW_STEPS = 4
LIKE_DEPTH_M = 0.03
BORDER_VALLEY_RAD = 0.25
FAR_JUMP_M = 0.025
FAR_JUMP_SHARE = 0.03


@dataclass(frozen=True, kw_only=True, eq=False)
class Borders:
    """Common borders of patch pairs i < j, one row per pair.

    Attributes:
        pairs: (B, 2) patch labels.
        joined: (B,) cells where the surface goes on, flat or over a ridge.
        valley: (B,) cells where it folds into a valley.
        jump: (B,) cells where depth jumps.
        first_nearer: (B,) of those, cells where patch i lies in front.
    """

    pairs: npt.NDArray[np.int32]
    joined: npt.NDArray[Any]
    valley: npt.NDArray[Any]
    jump: npt.NDArray[Any]
    first_nearer: npt.NDArray[Any]


def find_patches(
    grid: Grid, surface: Surface, colour_edge: npt.NDArray[np.bool_]
) -> tuple[LabelImage, LabelImage, int]:
    """Label every foreground cell with its patch 1..n; 0 is the rest.

    Args:
        grid: Points.
        surface: Folds and jumps.
        colour_edge: (h, w) cells where one colour meets another.

    Returns:
        (h, w) labels, (h, w) labels of the patches' cores alone, which no edge blurs, and n.
    """
    edge = (surface.valley > VALLEY_RAD) | (surface.ridge > RIDGE_RAD) | colour_edge
    edge |= (surface.jump_right > 0) | (surface.jump_down > 0)
    edge[:, 1:] |= surface.jump_right[:, :-1] > 0
    edge[1:, :] |= surface.jump_down[:-1, :] > 0
    core = (grid.mask > 0) & ~edge
    opened = cv2.morphologyEx(core.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    cores, number = _components(opened, 4)
    labels = _spread(cores.copy(), grid, surface)
    # What no core reaches, such as a thin rim or a bent stick, makes patches of its own.
    barrier = (surface.jump_right > 0) | (surface.jump_down > 0)
    rest, extra = _components((grid.mask > 0) & (labels == 0) & ~barrier, 4)
    labels = np.where(rest > 0, rest + number, labels).astype(np.int32)
    cores = np.where(rest > 0, rest + number, cores).astype(np.int32)
    return _nearest(labels, grid), cores, number + extra


def _components(mask: npt.NDArray[Any], connectivity: int) -> tuple[LabelImage, int]:
    """Connected components of a mask that are large enough, labelled 1..n, and n."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    large = stats[:, cv2.CC_STAT_AREA] >= MIN_CORE_CELLS
    large[0] = False
    table = np.where(large, np.cumsum(large), 0).astype(np.int32)
    return table[labels], int(large.sum())


def _spread(labels: LabelImage, grid: Grid, surface: Surface) -> LabelImage:
    """Extend labels a few cells along the surface, never over a jump."""
    free_right = surface.jump_right[:, :-1] == 0
    free_down = surface.jump_down[:-1, :] == 0
    open_cell = grid.mask > 0
    for _ in range(GROW_STEPS):
        for to, source, free in (
            (np.s_[:, 1:], np.s_[:, :-1], free_right),
            (np.s_[:, :-1], np.s_[:, 1:], free_right),
            (np.s_[1:, :], np.s_[:-1, :], free_down),
            (np.s_[:-1, :], np.s_[1:, :], free_down),
        ):
            take = (labels[to] == 0) & free & open_cell[to]
            labels[to] = np.where(take, labels[source], labels[to])
    return labels


def _nearest(labels: LabelImage, grid: Grid) -> LabelImage:
    """Give the last unlabelled cells the nearest label of like depth."""
    left = (grid.mask > 0) & (labels == 0)
    if not np.any(left) or not np.any(labels):
        return labels
    distance, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(nearest.max()) + 1, np.int64)
    source[nearest[labels > 0]] = np.flatnonzero(labels > 0)
    at = source[nearest[left]]
    like = (np.abs(grid.depth_m.ravel()[at] - grid.depth_m[left]) < LIKE_DEPTH_M) & (distance[left] <= GROW_STEPS)
    labels[left] = np.where(like, labels.ravel()[at], 0)
    return labels


def measure_borders(labels: LabelImage, number: int, grid: Grid, surface: Surface) -> Borders:
    """Collect the borders between patches, measured across and down."""
    keys, kinds, nearer = [], [], []
    for axis, jump in ((1, surface.jump_right), (0, surface.jump_down)):
        shift = (0, 1) if axis == 1 else (1, 0)
        height, width = labels.shape
        a = labels[: height - shift[0], : width - shift[1]]
        b = labels[shift[0] :, shift[1] :]
        v, u = np.nonzero((a != b) & (a > 0) & (b > 0))
        i, j = a[v, u], b[v, u]
        far_v0 = np.clip(v - shift[0] * (REACH_CELLS - 1), 0, height - 1)
        far_u0 = np.clip(u - shift[1] * (REACH_CELLS - 1), 0, width - 1)
        far_v1 = np.clip(v + shift[0] * REACH_CELLS, 0, height - 1)
        far_u1 = np.clip(u + shift[1] * REACH_CELLS, 0, width - 1)
        along = grid.points_m[far_v1, far_u1] - grid.points_m[far_v0, far_u0]
        turn = surface.normals[far_v1, far_u1] - surface.normals[far_v0, far_u0]
        length = np.linalg.norm(along, axis=1)
        bend = np.einsum("ij,ij->i", along, turn) / np.maximum(length, 1e-6)
        fold = np.maximum(surface.valley[v, u], surface.valley[v + shift[0], u + shift[1]])
        jumped = jump[v, u] > 0
        for step in (-1, 1):
            sv = np.clip(v + step * shift[0], 0, height - 1)
            su = np.clip(u + step * shift[1], 0, width - 1)
            jumped |= jump[sv, su] > 0
        across = np.abs(grid.depth_m[far_v1, far_u1] - grid.depth_m[far_v0, far_u0])
        jumped |= across > np.maximum(FAR_JUMP_M, FAR_JUMP_SHARE * grid.depth_m[v, u])
        valley = ~jumped & ((bend < -BORDER_VALLEY_RAD) | (fold > BORDER_VALLEY_RAD))
        kind = np.where(jumped, 2, np.where(valley, 1, 0))
        front = grid.depth_m[far_v0, far_u0] < grid.depth_m[far_v1, far_u1]
        swap = i > j
        low, high = np.where(swap, j, i), np.where(swap, i, j)
        keys.append(low.astype(np.int64) * (number + 1) + high)
        kinds.append(kind)
        nearer.append(np.where(swap, ~front, front) & jumped)
    key, kind, near = np.concatenate(keys), np.concatenate(kinds), np.concatenate(nearer)
    unique, row = np.unique(key, return_inverse=True)
    size = len(unique)
    return Borders(
        pairs=np.stack([unique // (number + 1), unique % (number + 1)], axis=1).astype(np.int32),
        joined=np.bincount(row, weights=kind == 0, minlength=size),
        valley=np.bincount(row, weights=kind == 1, minlength=size),
        jump=np.bincount(row, weights=kind == 2, minlength=size),
        first_nearer=np.bincount(row, weights=near, minlength=size),
    )


def measure_gaps(labels: LabelImage, grid: Grid) -> Borders:
    """Borders across a few cells without label, such as the blind band behind a rim; all of them count as jumps."""
    number = int(labels.max())
    keys, nearer = [], []
    for gap in range(2, MAX_GAP_CELLS + 2):
        for axis in (0, 1):
            moved = np.moveaxis(labels, axis, 0)
            depth = np.moveaxis(grid.depth_m, axis, 0)
            if moved.shape[0] <= gap:
                continue
            a, b = moved[:-gap], moved[gap:]
            between = np.zeros(a.shape, dtype=bool)
            for step in range(1, gap):
                between |= moved[step : step + a.shape[0]] > 0
            v, u = np.nonzero((a > 0) & (b > 0) & (a != b) & ~between)
            i, j = a[v, u], b[v, u]
            front = depth[v, u] < depth[v + gap, u]
            keys.append(np.minimum(i, j).astype(np.int64) * (number + 1) + np.maximum(i, j))
            nearer.append(np.where(i > j, ~front, front))
    key, near = np.concatenate(keys), np.concatenate(nearer)
    unique, row = np.unique(key, return_inverse=True)
    zero = np.zeros(len(unique))
    return Borders(
        pairs=np.stack([unique // (number + 1), unique % (number + 1)], axis=1).astype(np.int32),
        joined=zero,
        valley=zero,
        jump=np.bincount(row, minlength=len(unique)),
        first_nearer=np.bincount(row, weights=near, minlength=len(unique)),
    )


def concatenate_borders(first: Borders, second: Borders) -> Borders:
    """All rows of both; a pair may then have two."""
    return Borders(
        pairs=np.concatenate([first.pairs, second.pairs]),
        joined=np.concatenate([first.joined, second.joined]),
        valley=np.concatenate([first.valley, second.valley]),
        jump=np.concatenate([first.jump, second.jump]),
        first_nearer=np.concatenate([first.first_nearer, second.first_nearer]),
    )
