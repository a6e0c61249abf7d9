"""Families P and H: opposite visible points, and half-visible bodies whose far side is taken from their extent.

P needs both contacts in view, which one camera grants on handles, necks, balls and tilted things but not on boxes; its
closing axis may point anywhere. H trusts one visible side and the measured extent behind it; it comes in where the
other families find too little, at half their score.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from molmo_ros.grasping.candidates import Array, Candidates, Surface, empty, from_poses, tool_poses
from molmo_ros.grasping.collision import voxelise
from molmo_ros.grasping.hand import HandGeometry

VOXEL_M = 0.004
MAX_SEEDS = 240
NEIGHBOURS = 14
MIN_WIDTH_M = 0.008
PAIR_FRICTION = 0.5
BEST_PER_SEED = 4
ROLLS = 12
LEAST_DOWN = 0.2
DEPTHS_M = (0.01, 0.0, -0.01)
HALF_TILTS_RAD = (0.0, 0.5, -0.5, 1.0, -1.0)
SLAB_M = 0.012


def surface_samples(surface: Surface) -> tuple[Array, Array]:
    """(M, 3) thinned points of a surface in the support's frame and their (M, 3) unit normals towards the camera."""
    points, _ = voxelise(surface.points_m, VOXEL_M)
    if len(points) < NEIGHBOURS + 1:
        return np.zeros((0, 3)), np.zeros((0, 3))
    cloud = points.astype(np.float64)
    seeds = cloud[:: -(-len(cloud) // MAX_SEEDS)]
    _, near = cKDTree(cloud).query(seeds, k=NEIGHBOURS)
    around = cloud[near] - cloud[near].mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum("mki,mkj->mij", around, around))
    normals = vectors[:, :, 0]
    towards = surface.camera_m - seeds
    flip = np.einsum("mi,mi->m", normals, towards) < 0
    normals[flip] *= -1
    return seeds, normals


def pair_candidates(surface: Surface, points: Array, normals: Array, hand: HandGeometry, limit: int) -> Candidates:
    """Antipodal pairs of visible points, with approaches all round their axis from above.

    Args:
        surface: The object.
        points: (M, 3) samples in the support's frame.
        normals: (M, 3) their normals.
        hand: The hand.
        limit: At most about this many candidates.
    """
    if len(points) < 2:
        return empty()
    # Opposite contacts have opposite normals, which leaves few of the many pairs.
    i, j = np.nonzero(np.triu(normals @ normals.T < -np.cos(2 * np.arctan(PAIR_FRICTION)), k=1))
    axis = points[j] - points[i]
    width = np.linalg.norm(axis, axis=1)
    fits = (width >= MIN_WIDTH_M) & (width <= hand.max_width_m - 0.005)
    i, j, width = i[fits], j[fits], width[fits]
    axis = axis[fits] / width[:, None]
    cosine = np.minimum(-np.einsum("kd,kd->k", normals[i], axis), np.einsum("kd,kd->k", normals[j], axis))
    least = float(np.cos(np.arctan(PAIR_FRICTION)))
    good = np.flatnonzero(cosine >= least)
    if len(good) == 0:
        return empty()
    good = good[np.argsort(-cosine[good], kind="stable")]
    rank = _rank_within(i[good])
    good = good[rank < BEST_PER_SEED][: max(1, limit // 8)]
    i, j, axis, width, cosine = i[good], j[good], axis[good], width[good], cosine[good]
    middle = 0.5 * (points[i] + points[j])
    quality = (0.4 + 0.6 * (cosine - least) / (1 - least)) * _near_centre(surface, middle)
    return _rolled(surface, middle, axis, width, quality, limit)


def half_candidates(surface: Surface, points: Array, normals: Array, hand: HandGeometry, limit: int) -> Candidates:
    """Grasps across a body of which one side is seen: closing along the visible normal, width from the extent."""
    upright = np.abs(normals[:, 2]) < 0.6
    seeds, closing = points[upright], normals[upright].copy()
    closing[:, 2] = 0.0
    length = np.linalg.norm(closing, axis=1)
    good = length > 0.5
    seeds, closing = seeds[good], closing[good] / length[good, None]
    step = max(1, len(seeds) * len(HALF_TILTS_RAD) // max(limit, 1))
    seeds, closing = seeds[::step], closing[::step]
    if len(seeds) == 0:
        return empty()
    offset = surface.points_m[None, :: max(1, len(surface.points_m) // 1500)] - seeds[:, None]
    along = np.einsum("mnd,md->mn", offset, closing)
    across = np.abs(np.einsum("mnd,md->mn", offset, np.cross(closing, (0.0, 0.0, 1.0))))
    slab = (across < SLAB_M) & (np.abs(offset[:, :, 2]) < SLAB_M)
    low = np.where(slab, along, np.inf).min(axis=1)
    high = np.where(slab, along, -np.inf).max(axis=1)
    width = high - low
    fits = np.isfinite(width) & (width >= MIN_WIDTH_M) & (width <= hand.max_width_m - 0.005)
    seeds, closing, low, high, width = seeds[fits], closing[fits], low[fits], high[fits], width[fits]
    if len(seeds) == 0:
        return empty()
    middle = seeds + closing * (0.5 * (low + high))[:, None]
    sideways = np.cross(closing, (0.0, 0.0, -1.0))
    poses, widths, qualities = [], [], []
    for tilt in HALF_TILTS_RAD:
        approach = np.array([0.0, 0.0, -np.cos(tilt)]) + np.sin(tilt) * sideways
        poses.append(surface.T_base_support @ tool_poses(middle, approach, closing))
        widths.append(width)
        qualities.append(0.5 * 0.6 * np.cos(0.5 * tilt) * _near_centre(surface, middle))
    return from_poses(
        np.concatenate(poses), np.concatenate(widths), np.concatenate(qualities), surface.item.object_id, "half"
    )


def _rolled(surface: Surface, middle: Array, axis: Array, width: Array, quality: Array, limit: int) -> Candidates:
    """Candidates with the approach turned about each closing axis; those that do not come from above are left out."""
    helper = np.where(np.abs(axis[:, 2:]) < 0.9, np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]))
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    poses, widths, qualities = [], [], []
    for angle in np.arange(ROLLS) * 2 * np.pi / ROLLS:
        approach = np.cos(angle) * first + np.sin(angle) * second
        down = approach[:, 2] < -LEAST_DOWN
        for depth_m in DEPTHS_M:
            centre = middle[down] + depth_m * approach[down]
            poses.append(surface.T_base_support @ tool_poses(centre, approach[down], axis[down]))
            widths.append(width[down])
            steep = 0.7 + 0.3 * -approach[down, 2]
            qualities.append(quality[down] * steep * (1.0 - 5.0 * abs(depth_m - 0.005)))
    every = from_poses(
        np.concatenate(poses), np.concatenate(widths), np.concatenate(qualities), surface.item.object_id, "antipodal"
    )
    return every.take(np.argsort(-every.quality, kind="stable")[:limit])


def _near_centre(surface: Surface, middle: Array) -> Array:
    """Preference for grasps near the middle of the body, where it does not turn in the hand."""
    box = surface.item.T_base_box[:3, 3]
    centre = (box - surface.T_base_support[:3, 3]) @ surface.T_base_support[:3, :3]
    return np.asarray(np.exp(-np.sum((middle[:, :2] - centre[:2]) ** 2, axis=1) / 0.06**2))


def _rank_within(group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many earlier entries have the same value, for each entry."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - first
    return rank
