"""Instances above the support: surface patches, joined into objects."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane
from molmo_ros.core.types import Frame
from molmo_ros.perception.cluster import contract
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.perception.facets import Facets, Survey
from molmo_ros.perception.merge import (
    are_carried,
    cluster_borders,
    lift_borders,
    merge_behind,
    merge_fragments,
    merge_insides,
    merge_rims,
    near_borders,
)
from molmo_ros.perception.patches import LabelImage, concatenate_borders, find_patches, measure_borders, measure_gaps
from molmo_ros.perception.surface import Grid, make_grid, measure_surface
from molmo_ros.perception.tint import (
    Likeness,
    colour_edges,
    join_bottoms,
    merge_alike,
    merge_necks,
    split_stacks,
    support_colour,
    tint,
)

SMOOTH_PX = 5
CLIP_M = 0.03
TOP_FLOORS = 1.5
STRIP_CELLS = 1.8


def foreground(
    cloud: npt.NDArray[np.float32], frame: Frame, plane: Plane, config: PerceptionConfig
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pixels above the support, and the height of every pixel above it [m].

    A pixel counts when the mean height around it is above the floor, so that the floor can lie lower than single
    readings allow, and its own height is not at odds with that.
    """
    a, b, c = (float(v) for v in plane.normal)
    height = cv2.transform(cloud, np.array([[a, b, c, -plane.offset_m]]))
    known = (~np.isnan(height)).astype(np.float32)
    clipped = cv2.min(cv2.patchNaNs(height.copy(), 0.0), CLIP_M)
    window = (SMOOTH_PX, SMOOTH_PX)
    total = cv2.boxFilter(clipped, -1, window, normalize=False)
    count = cv2.boxFilter(known, -1, window, normalize=False)
    floor = floor_m(frame.depth_m, config)
    with np.errstate(invalid="ignore"):
        mask = ((total > floor * count) & (height > 0.6 * floor)).astype(np.uint8)
    if config.workspace_min_m is not None and config.workspace_max_m is not None:
        mask &= cv2.inRange(cloud, config.workspace_min_m, config.workspace_max_m) & 1
    return mask, height


def floor_m(depth_m: npt.NDArray[np.float32], config: PerceptionConfig) -> npt.NDArray[np.float32]:
    """Height above which a smoothed reading is not the support [m]."""
    floor = np.float32(config.noise_slope) * depth_m * depth_m + np.float32(config.min_height_m)
    return np.asarray(floor, dtype=np.float32)


def label_instances(
    cloud: npt.NDArray[np.float32], frame: Frame, plane: Plane, config: PerceptionConfig
) -> tuple[LabelImage, int]:
    """Label the instances 1..n, largest first; 0 is everything else.

    Returns:
        (H, W) int32 labels and n.
    """
    mask, height = foreground(cloud, frame, plane, config)
    grid = make_grid(frame.depth_m, mask, cloud, config)
    labels = np.zeros(mask.shape, np.int32)
    if grid is None:
        return labels, 0
    stride, (x0, y0) = grid.stride_px, grid.origin_px
    rows, columns = grid.depth_m.shape
    area = np.s_[y0 : y0 + rows * stride, x0 : x0 + columns * stride]
    coarse_height = np.ascontiguousarray(height[area][::stride, ::stride])
    tints = tint(frame.rgb[area][::stride, ::stride])
    coarse, bottoms = _label_grid(grid, coarse_height, (tints, support_colour(frame.rgb, height)), frame, plane, config)
    labels[area] = np.where(mask[area] > 0, _finer(coarse, stride), _finer(bottoms, stride))
    return labels, int(coarse.max())


def _finer(labels: LabelImage, stride: int) -> LabelImage:
    fine = cv2.resize(labels.astype(np.int16), None, fx=stride, fy=stride, interpolation=cv2.INTER_NEAREST)
    return np.asarray(fine, dtype=np.int32)


def _label_grid(
    grid: Grid,
    height_m: npt.NDArray[np.float32],
    colours: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    frame: Frame,
    plane: Plane,
    config: PerceptionConfig,
) -> tuple[LabelImage, LabelImage]:
    """Labels of the cells above the support, and of the bottoms that depth alone cannot tell from it."""
    surface = measure_surface(grid, frame.K, frame.T_base_camera[:3, :3], config)
    patch_labels, cores, number = find_patches(grid, surface, colour_edges(colours[0]))
    borders = measure_borders(patch_labels, number, grid, surface)
    survey = Survey(grid, surface, height_m, plane.normal, float(frame.K[0, 0]))
    planes = survey.planes(cores, number)
    likeness = Likeness(cores, number, colours[0])
    clusters = contract(number, borders.pairs, lift_borders(borders, planes, likeness))
    labels = clusters[patch_labels]
    clusters = merge_alike(labels, cluster_borders(borders, clusters), survey.measure(labels), colours[0])[clusters]
    labels = clusters[patch_labels]
    clusters = merge_necks(clusters, borders, survey.measure(labels), likeness)[clusters]
    labels = clusters[patch_labels]
    across = concatenate_borders(cluster_borders(borders, clusters), measure_gaps(labels, grid))
    clusters = merge_insides(across, survey.measure(labels))[clusters]
    labels = clusters[patch_labels]
    alike = Likeness(labels, int(labels.max()), colours[0])
    clusters = merge_rims(labels, survey.measure(labels), grid, alike)[clusters]
    clusters = merge_behind(clusters[patch_labels], clusters, planes, grid)[clusters]
    labels = clusters[patch_labels]
    facets = survey.measure(labels)
    close = near_borders(labels, cluster_borders(borders, clusters), grid)
    clusters = merge_fragments(close, facets, config.min_object_area_m2)[clusters]
    clusters = split_stacks(clusters, survey.measure(patch_labels), likeness)
    labels = clusters[patch_labels]
    table, bottoms = join_bottoms(labels, len(np.unique(labels)) - 1, grid, *colours, height_m)
    labels = np.asarray(table[labels], dtype=np.int32)
    floor = float(np.median(floor_m(grid.depth_m[labels > 0], config))) if np.any(labels) else 0.0
    carried = are_carried(cluster_borders(borders, table[clusters]), int(labels.max()))
    kept = _keep_objects(labels, survey.measure(labels), carried, TOP_FLOORS * floor, config)
    return kept[labels], kept[bottoms]


def _keep_objects(
    labels: LabelImage,
    facets: Facets,
    carried: npt.NDArray[np.bool_],
    min_top_m: float,
    config: PerceptionConfig,
) -> LabelImage:
    """(n + 1,) new label of each cluster, largest first; 0 for noise, strips of smeared depth and what floats."""
    cells = np.bincount(labels.ravel(), minlength=len(facets.cells))
    keep = [
        k
        for k in range(1, len(cells))
        if cells[k] >= config.min_object_px / 4
        and facets.top_m[k] >= min_top_m
        and facets.width_m[k] <= config.max_object_m
        and facets.area_m2[k] >= config.min_object_area_m2
        and (facets.bottom_m[k] <= config.max_float_m or carried[k])
        and not _is_strip(labels == k)
    ]
    table = np.zeros(len(cells), np.int32)
    for new, old in enumerate(sorted(keep, key=lambda k: -int(cells[k])), start=1):
        table[old] = new
    return table


def _is_strip(member: npt.NDArray[np.bool_]) -> bool:
    """Whether a segment is nowhere wider than a few cells: smeared depth along an edge, not a thing."""
    x, y, w, h = cv2.boundingRect(member.astype(np.uint8))
    inside = cv2.copyMakeBorder(member[y : y + h, x : x + w].astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return bool(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max() <= STRIP_CELLS)
