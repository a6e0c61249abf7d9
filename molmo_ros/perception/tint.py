"""What colour adds to shape: parts of one plain colour, and the bottoms of plates and trays.

Thin vessels show as pieces of rim around a bottom a few millimetres above the support, too low to tell from it by
depth. Where that bottom has the colour of the rim and not of the support, it joins the pieces and belongs to them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.perception.facets import Facets
from molmo_ros.perception.merge import Clusters, Union, stands_on
from molmo_ros.perception.patches import Borders, LabelImage
from molmo_ros.perception.surface import Grid

UNLIKE_SUPPORT = 6.0
LIKE_RIM = 9.0
LIKE_SHARE = 0.6
LIGHTNESS_WEIGHT = 0.15
DARK_LEVEL = 12.0
OPPONENT = np.array([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0], [1.0, 1.0, 1.0]])
MIN_BOTTOM_CELLS = 25
MIN_CONTACT_CELLS = 5
MIN_ENCLOSED = 0.55
LEVEL_M = 0.008
PLAIN_SPREAD = 4.5
PLAIN_SHARE = 0.06
LIKE_PART = 8.0
UNLIKE_PART = 14.0
COLOUR_STEP = 12.0
PLAIN_CELLS = 0.75
STACK_OVERLAP_M = 0.015
STACK_RISE_M = 0.024
STACK_SHARE = 0.2
STACK_WIDTH = 0.7
PART_SHARE = 0.4
MIN_TOUCH_CELLS = 3

FloatImage = npt.NDArray[np.float32]


def support_colour(rgb: npt.NDArray[np.uint8], height_m: FloatImage) -> npt.NDArray[np.float32]:
    """(3,) median tint of the support: pixels within 5 mm of it, every eighth row and column."""
    sample = rgb[::8, ::8]
    with np.errstate(invalid="ignore"):
        on = np.abs(height_m[::8, ::8]) < 0.005
    pixels = sample[on] if np.any(on) else sample.reshape(-1, 3)
    return np.asarray(np.median(tint(pixels[None])[0], axis=0), dtype=np.float32)


def tint(rgb: npt.NDArray[np.uint8]) -> FloatImage:
    """(h, w, 3) tints: two chromaticities, which shading leaves alone, and a little of the lightness, all in per cent."""
    values = np.ascontiguousarray(rgb).astype(np.float32)
    opposed = cv2.transform(values, OPPONENT)
    scale = 100.0 / (opposed[..., 2] + 3.0 * DARK_LEVEL)
    opposed[..., 0] *= scale
    opposed[..., 1] *= scale
    opposed[..., 2] *= np.float32(100.0 * LIGHTNESS_WEIGHT / (3 * 255))
    return np.asarray(opposed, dtype=np.float32)


def colour_edges(tints: FloatImage) -> npt.NDArray[np.bool_]:
    """(h, w) cells where the chromaticity steps from one colour to another."""
    smooth = cv2.blur(tints[..., :2], (2, 2))
    edge = np.zeros(tints.shape[:2], dtype=bool)
    for axis in (0, 1):
        low = smooth[2:] if axis == 0 else smooth[:, 2:]
        high = smooth[:-2] if axis == 0 else smooth[:, :-2]
        step = np.abs(low - high).max(axis=2) > COLOUR_STEP
        if axis == 0:
            edge[1:-1] |= step
        else:
            edge[:, 1:-1] |= step
    return edge


def merge_alike(labels: LabelImage, borders: Borders, facets: Facets, tints: FloatImage) -> Clusters:
    """Join touching clusters of one plain colour where one is a mere part, or both are equally high.

    Valleys part objects, but a bent or notched thing has valleys of its own. Printed things have no plain colour and
    are left to the folds alone.

    Args:
        labels: (h, w) cluster of each cell.
        borders: Borders of the clusters.
        facets: Figures of the clusters.
        tints: (h, w, 3) tints from :func:`tint`.
    """
    size = len(facets.cells)
    mean, plain = _tints(labels, tints, size)
    union = Union(size - 1)
    for row, (i, j) in enumerate(borders.pairs.tolist()):
        if not (plain[i] and plain[j]) or borders.joined[row] + borders.valley[row] < MIN_TOUCH_CELLS:
            continue
        small, large = sorted((facets.cells[i], facets.cells[j]))
        part = small < PART_SHARE * large
        level = abs(facets.top_m[i] - facets.top_m[j]) < LEVEL_M
        if (part or level) and np.linalg.norm(mean[i] - mean[j]) < LIKE_PART:
            union.join(i, j)
    return union.table()


class Likeness:
    """Whether labels may be of one colour: false only for two plain colours that differ clearly.

    Args:
        labels: (h, w) labels.
        number: The greatest label.
        tints: (h, w, 3) tints from :func:`tint`.
    """

    def __init__(self, labels: LabelImage, number: int, tints: FloatImage) -> None:
        self._mean, self.plain = _tints(labels, tints, number + 1)

    def __call__(self, i: int, j: int) -> bool:
        """Whether labels i and j may be of one colour."""
        if not (self.plain[i] and self.plain[j]):
            return True
        return bool(np.linalg.norm(self._mean[i, :2] - self._mean[j, :2]) < UNLIKE_PART)

    def same(self, i: int, j: int) -> bool:
        """Whether labels i and j are of one plain colour."""
        return bool(self.plain[i] and self.plain[j] and np.linalg.norm(self._mean[i] - self._mean[j]) < LIKE_PART)


def merge_necks(clusters: Clusters, borders: Borders, facets: Facets, likeness: Likeness) -> Clusters:
    """Join a small part to the narrow thing it stands on where both are of one plain colour at their border.

    Args:
        clusters: (n + 1,) cluster of each patch.
        borders: Borders of the patches.
        facets: Figures of the clusters.
        likeness: Colours of the patches.

    Returns:
        New label of each cluster.
    """
    union = Union(len(facets.cells) - 1)
    for row, (p, q) in enumerate(borders.pairs.tolist()):
        i, j = int(clusters[p]), int(clusters[q])
        if i == j or borders.joined[row] + borders.valley[row] < MIN_TOUCH_CELLS or not likeness.same(p, q):
            continue
        small, host = (i, j) if facets.cells[i] < facets.cells[j] else (j, i)
        if facets.cells[small] < PART_SHARE * facets.cells[host] and stands_on(facets, small, host):
            union.join(i, j)
    return union.table()


def split_stacks(clusters: Clusters, facets: Facets, likeness: Likeness) -> Clusters:
    """Part clusters of two plain colours, one above the other: things stacked so flush that nothing folds between them.

    Args:
        clusters: (n + 1,) cluster of each patch.
        facets: Figures of the patches.
        likeness: Colours of the patches.
    """
    parted = clusters.copy()
    for cluster in range(1, int(clusters.max()) + 1):
        members = np.flatnonzero(clusters == cluster)
        members = members[facets.cells[members] >= MIN_TOUCH_CELLS]
        plain = members[likeness.plain[members]]
        if len(plain) < 2 or facets.cells[plain].sum() < PLAIN_CELLS * facets.cells[members].sum():
            continue
        first = plain[int(np.argmax(facets.cells[plain]))]
        same = np.array([likeness(int(first), int(k)) for k in plain])
        if np.all(same):
            continue
        second = plain[~same][int(np.argmax(facets.cells[plain[~same]]))]
        group = plain[[likeness(int(second), int(k)) for k in plain]]
        high, low = (
            (group, plain[same]) if _height(facets, group) > _height(facets, plain[same]) else (plain[same], group)
        )
        share = facets.cells[group].sum() / facets.cells[plain].sum()
        apart = facets.bottom_m[high].min() > facets.top_m[low].max() - STACK_OVERLAP_M
        rise = facets.top_m[high].max() - facets.top_m[low].max()
        if apart and rise > STACK_RISE_M and share > STACK_SHARE and _as_wide(facets, high, low):
            parted[high] = parted.max() + 1
    return parted


def _height(facets: Facets, group: npt.NDArray[np.int64]) -> float:
    return float(np.average(facets.top_m[group], weights=facets.cells[group]))


def _as_wide(facets: Facets, high: npt.NDArray[np.int64], low: npt.NDArray[np.int64]) -> bool:
    """Whether the upper group is no mere cap of the lower one."""
    width = [facets.span_u[g, 1].max() - facets.span_u[g, 0].min() for g in (high, low)]
    return bool(width[0] > STACK_WIDTH * width[1])


def _tints(labels: LabelImage, tints: FloatImage, size: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(size, 3) mean tint of each label, and whether it is of one plain colour."""
    flat = labels.ravel()
    divisor = np.maximum(np.bincount(flat, minlength=size), 1)[:, None]
    pixels = tints.reshape(-1, 3)
    mean = np.stack([np.bincount(flat, pixels[:, k], size) for k in range(3)], axis=1) / divisor
    square = np.stack([np.bincount(flat, pixels[:, k] ** 2, size) for k in range(3)], axis=1) / divisor
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))[:, :2].max(axis=1)
    return mean, spread < PLAIN_SPREAD + PLAIN_SHARE * np.linalg.norm(mean[:, :2], axis=1)


def join_bottoms(
    labels: LabelImage,
    number: int,
    grid: Grid,
    tints: FloatImage,
    support: npt.NDArray[np.float32],
    height_m: FloatImage,
) -> tuple[Clusters, LabelImage]:
    """Join the rim pieces around each bottom, and give the bottom to them.

    Args:
        labels: (h, w) cluster of each cell.
        number: The greatest cluster.
        grid: What is known.
        tints: (h, w, 3) tints from :func:`tint`.
        support: (3,) colour of the support.
        height_m: (h, w) height above the support [m].

    Returns:
        (n + 1,) new label of each cluster, and (h, w) new labels of the bottoms' cells, 0 elsewhere.
    """
    union = Union(number)
    given = np.zeros(labels.shape, np.int32)
    offset = tints - support
    unlike = cv2.transform(cv2.multiply(offset, offset), np.ones((1, 3))) > UNLIKE_SUPPORT**2
    low = (labels == 0) & grid.known & (np.abs(height_m) < LEVEL_M) & unlike
    low_cells = cv2.morphologyEx(low.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    count, regions, stats, _ = cv2.connectedComponentsWithStats(low_cells, connectivity=4)
    hosts: list[tuple[int, int]] = []
    for region in range(1, count):
        if stats[region, cv2.CC_STAT_AREA] < MIN_BOTTOM_CELLS:
            continue
        x, y, w, h = stats[region, :4].tolist()
        area = np.s_[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3]
        inner = (regions[area] == region).astype(np.uint8)
        near = labels[area][cv2.dilate(inner, np.ones((7, 7), np.uint8)) > 0]
        around, contact = np.unique(near[near > 0], return_counts=True)
        colour = np.median(tints[area][inner > 0], axis=0)
        rim = [
            int(k)
            for k, cells in zip(around, contact, strict=True)
            if cells >= MIN_CONTACT_CELLS and _share_like(tints[labels == k], colour) > LIKE_SHARE
        ]
        if not rim or not _encloses(np.isin(labels, rim), regions == region):
            continue
        for other in rim[1:]:
            union.join(rim[0], other)
        hosts.append((region, rim[0]))
    table = union.table()
    for region, host in hosts:
        given[regions == region] = table[host]
    return table, given


def _share_like(tints: FloatImage, colour: npt.NDArray[np.float32]) -> float:
    """Share of (N, 3) tints that are like a colour."""
    return float(np.mean(np.linalg.norm(tints - colour, axis=1) < LIKE_RIM))


def _encloses(rim: npt.NDArray[np.bool_], inner: npt.NDArray[np.bool_]) -> bool:
    """Whether most of a region lies in the convex hull of a rim."""
    points = cv2.findNonZero(rim.astype(np.uint8))
    hull = np.zeros(rim.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return float(np.mean(hull[inner])) > MIN_ENCLOSED
