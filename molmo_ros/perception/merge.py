"""Clusters that are one object although no surface joins them: insides of vessels, parts behind others, fragments."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.perception.cluster import border_weights
from molmo_ros.perception.facets import Facets, Planes
from molmo_ros.perception.patches import Borders, LabelImage, concatenate_borders
from molmo_ros.perception.surface import Grid

HOLLOW_RAD = 0.045
SHORT_CONTACT = 0.2
UNLIKE_WEIGHT = 0.7
RIM_TOLERANCE_M = 0.02
RIM_SHARE = 0.6
SPAN_SHARE = 0.55
NO_TOP = 0.55
FLAT_RAD = -0.1
HOLE_SHARE = 0.12
RIM_REACH_CELLS = 3
MIN_HOLE_CELLS = 30
MIN_HOLE_KNOWN = 0.5
RIM_CELLS = 4
NEAR_CELLS = 4
NEAR_DEPTH_M = 0.03
HIDDEN_FOOT_M = 0.02
INSIDE_SHARE = 0.6
COPLANAR_RAD = 0.17
COPLANAR_M = 0.010
MIN_FACET_CELLS = 20
FLAT_RESIDUAL_M = 0.006
FRAGMENT_SHARE = 0.15
HANGING_M = 0.03
SKIRT_M = 0.02
SKIRT_SHARE = 0.06
CARRY_CELLS = 3
CAP_WIDTH_M = 0.04
LID_WIDTH_M = 0.09
LID_SHARE = 0.7
LID_RISE_M = 0.022
THIN_LID_M = 0.02
NECK_SLENDER = 1.15
NECK_SHARE = 0.33
NECK_WIDTH = 0.7
CAP_SHARE = 0.65
BRIDGE_SAMPLES = 24
IN_FRONT_M = 0.01

Array = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.int32]


def lift_borders(borders: Borders, patches: Planes, alike: Callable[[int, int], bool]) -> Array:
    """Border weights with three corrections.

    A valley between two patches of one plane is noise and binds. A contact of a few cells between large patches binds
    nothing: faces of one object share an edge about as long as they are wide. Two plain colours bind weakly.

    Args:
        borders: Borders of the patches.
        patches: Planes of the patches.
        alike: Whether two patches may be of one colour.
    """
    weights = border_weights(borders)
    size = np.sqrt(np.minimum(patches.cells[borders.pairs[:, 0]], patches.cells[borders.pairs[:, 1]]))
    weights[(weights > 0) & (borders.joined < SHORT_CONTACT * size)] = 0.0
    for row, (i, j) in enumerate(borders.pairs.tolist()):
        if not alike(i, j):
            weights[row] -= UNLIKE_WEIGHT * borders.joined[row]
        elif borders.valley[row] and _coplanar(patches, i, j, COPLANAR_M):
            weights[row] = borders.joined[row] + borders.valley[row] - 0.25 * borders.jump[row]
    return weights


def cluster_borders(borders: Borders, clusters: Clusters) -> Borders:
    """The borders of clusters, summed over their patches."""
    a, b = clusters[borders.pairs[:, 0]], clusters[borders.pairs[:, 1]]
    apart = a != b
    swap = a > b
    nearer = np.where(swap, borders.jump - borders.first_nearer, borders.first_nearer)
    low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
    size = int(clusters.max()) + 1
    unique, row = np.unique(low.astype(np.int64) * size + high, return_inverse=True)
    count = len(unique)
    return Borders(
        pairs=np.stack([unique // size, unique % size], axis=1).astype(np.int32),
        joined=np.bincount(row, borders.joined[apart], count),
        valley=np.bincount(row, borders.valley[apart], count),
        jump=np.bincount(row, borders.jump[apart], count),
        first_nearer=np.bincount(row, nearer[apart], count),
    )


class Union:
    """Disjoint sets of clusters 0..n."""

    def __init__(self, number: int) -> None:
        self.parent = list(range(number + 1))

    def find(self, i: int) -> int:
        """The representative of i's set."""
        while self.parent[i] != i:
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make the sets of i and j one."""
        a, b = self.find(i), self.find(j)
        self.parent[max(a, b)] = min(a, b)

    def table(self) -> Clusters:
        """(n + 1,) compact new label of each cluster; 0 stays 0."""
        roots = np.array([self.find(i) for i in range(len(self.parent))])
        _, compact = np.unique(roots, return_inverse=True)
        return np.asarray(compact, dtype=np.int32)


def merge_insides(borders: Borders, facets: Facets) -> Clusters:
    """Join the inside of a vessel to its outside.

    No convex object looks concave, so a cluster that does is the inside of something; its outside is the neighbour
    that shares the longest border, reaches about as high and spans it: a thing that lies in the vessel does not.
    """
    number = len(facets.cells) - 1
    hollow = (facets.hollow_rad > HOLLOW_RAD) | _behind_rim(borders, facets)
    inside = Union(number)
    for i, j in borders.pairs.tolist():
        if hollow[i] and hollow[j]:
            inside.join(i, j)
    top: dict[int, float] = {}
    span: dict[int, tuple[int, int]] = {}
    for i in range(1, number + 1):
        if hollow[i]:
            root = inside.find(i)
            top[root] = max(top.get(root, 0.0), float(facets.top_m[i]))
            low, high = span.get(root, (int(facets.span_u[i, 0]), int(facets.span_u[i, 1])))
            span[root] = min(low, int(facets.span_u[i, 0])), max(high, int(facets.span_u[i, 1]))
    length: dict[tuple[int, int], float] = {}
    for row, (i, j) in enumerate(borders.pairs.tolist()):
        nearer = float(borders.first_nearer[row])
        for a, b, b_nearer in ((i, j, float(borders.jump[row]) - nearer), (j, i, nearer)):
            if hollow[a] and not hollow[b]:
                # The rim hides part of the inside, so over a jump the outside is the nearer one.
                key = (inside.find(a), b)
                cells = float(borders.joined[row] + borders.valley[row]) + b_nearer
                length[key] = length.get(key, 0.0) + cells
    for root, highest in top.items():
        low, high = span[root]
        outer = [
            (cells, b)
            for (a, b), cells in length.items()
            if a == root
            and RIM_SHARE * highest < facets.top_m[b] < highest + RIM_TOLERANCE_M
            and min(high, facets.span_u[b, 1]) - max(low, facets.span_u[b, 0]) > SPAN_SHARE * (high - low)
        ]
        if outer:
            inside.join(root, max(outer)[1])
    return inside.table()


def merge_rims(labels: LabelImage, facets: Facets, grid: Grid, alike: Callable[[int, int], bool]) -> Clusters:
    """Join the pieces of a rim around something low: plates, trays and bowls whose bottom is all but the support.

    A piece of rim borders both the bottom and what lies around the vessel; a thing in the vessel borders the bottom
    alone.

    Args:
        labels: (h, w) cluster of each cell.
        facets: Figures of the clusters.
        grid: What is known.
        alike: Whether two clusters may be of one colour.
    """
    union = Union(len(facets.cells) - 1)
    closed = cv2.morphologyEx((labels > 0).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, holes, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    height, width = labels.shape
    reach = 2 * RIM_REACH_CELLS + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    x, y, w, h = (stats[:, k] for k in range(4))
    open_ended = (x == 0) | (y == 0) | (x + w == width) | (y + h == height)
    open_ended[0] = False
    around_all = cv2.dilate(open_ended[holes].astype(np.uint8), kernel) > 0
    for hole in np.flatnonzero(~open_ended[1:] & (stats[1:, cv2.CC_STAT_AREA] >= MIN_HOLE_CELLS)) + 1:
        r = RIM_REACH_CELLS
        area = np.s_[max(0, y[hole] - r) : y[hole] + h[hole] + r, max(0, x[hole] - r) : x[hole] + w[hole] + r]
        inner = (holes[area] == hole).astype(np.uint8)
        if np.mean(grid.known[area][inner > 0]) < MIN_HOLE_KNOWN:
            continue
        ring = labels[area][(cv2.dilate(inner, kernel) > 0) & (inner == 0)]
        near, cells = np.unique(ring[ring > 0], return_counts=True)
        outer = np.array([np.count_nonzero(around_all & (labels == k)) >= CARRY_CELLS for k in near], dtype=bool)
        near, cells = near[outer], cells[outer]
        # A gap between solid things is small beside them; the bottom of a plate is not beside its rim.
        if len(near) < 2 or stats[hole, cv2.CC_STAT_AREA] < HOLE_SHARE * facets.cells[near].sum():
            continue
        top = _weighted_median(facets.top_m[near], cells)
        rim = [int(k) for k in near if facets.top_m[k] < top + RIM_TOLERANCE_M and facets.bottom_m[k] < top]
        host = max(rim, key=lambda k: int(cells[near == k][0]), default=0)
        for other in rim:
            if alike(host, other):
                union.join(host, other)
    return union.table()


def _weighted_median(values: Array, weights: npt.NDArray[np.int64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _behind_rim(borders: Borders, facets: Facets) -> npt.NDArray[np.bool_]:
    """Clusters seen over the rim of a neighbour, as high as it, without a top face: the far wall of a cup.

    Seen from above, whatever stands behind a thing and shows over it shows its own top; the far wall of a cup has none.
    """
    found = np.zeros(len(facets.cells), dtype=bool)
    for row, (i, j) in enumerate(borders.pairs.tolist()):
        if borders.jump[row] < 0.5 * (borders.jump[row] + borders.joined[row] + borders.valley[row]):
            continue
        back, front = (j, i) if borders.first_nearer[row] > 0.5 * borders.jump[row] else (i, j)
        found[back] |= (
            facets.hollow_rad[back] > FLAT_RAD
            and facets.centre_v[back] < facets.centre_v[front]
            and facets.facing_up[back] < NO_TOP
            and facets.span_u[back, 0] >= facets.span_u[front, 0] - RIM_CELLS
            and facets.span_u[back, 1] <= facets.span_u[front, 1] + RIM_CELLS
            and abs(facets.top_m[back] - facets.top_m[front]) < RIM_TOLERANCE_M
            and facets.bottom_m[back] > HIDDEN_FOOT_M
            and facets.cells[back] < INSIDE_SHARE * facets.cells[front]
        )
    return found


def merge_behind(labels: LabelImage, clusters: Clusters, patches: Planes, grid: Grid) -> Clusters:
    """Join clusters that show one plane on both sides of something in front of it.

    Args:
        labels: (h, w) cluster of each cell.
        clusters: (n + 1,) cluster of each patch.
        patches: Figures of the patches.
        grid: Depths.
    """
    number = int(clusters.max())
    joined = Union(number)
    flat = [
        p
        for p in range(1, len(patches.cells))
        if patches.cells[p] >= MIN_FACET_CELLS and patches.residual_m[p] < FLAT_RESIDUAL_M
    ]
    for n, a in enumerate(flat):
        for b in flat[n + 1 :]:
            i, j = int(clusters[a]), int(clusters[b])
            if joined.find(i) == joined.find(j) or not _coplanar(patches, a, b, COPLANAR_M):
                continue
            if _bridged(labels, i, j, patches, a, b, grid):
                joined.join(i, j)
    return joined.table()


def near_borders(labels: LabelImage, borders: Borders, grid: Grid) -> Borders:
    """The borders, and where a cluster has none, the nearest cluster within a few cells and of like depth as one."""
    lonely = set(range(1, int(labels.max()) + 1)) - set(borders.pairs.ravel().tolist())
    pairs, cells = [], []
    for small in sorted(lonely):
        x, y, w, h = cv2.boundingRect((labels == small).astype(np.uint8))
        area = np.s_[max(0, y - NEAR_CELLS) : y + h + NEAR_CELLS, max(0, x - NEAR_CELLS) : x + w + NEAR_CELLS]
        own = labels[area] == small
        near = cv2.dilate(own.astype(np.uint8), np.ones((2 * NEAR_CELLS + 1,) * 2, np.uint8)) > 0
        depth = float(np.median(grid.depth_m[area][own]))
        near &= ~own & (labels[area] > 0) & (np.abs(grid.depth_m[area] - depth) < NEAR_DEPTH_M)
        others, count = np.unique(labels[area][near], return_counts=True)
        for other, n in zip(others.tolist(), count.tolist(), strict=True):
            pairs.append((min(small, other), max(small, other)))
            cells.append(float(n))
    if not pairs:
        return borders
    zero = np.zeros(len(pairs))
    near_pairs = Borders(
        pairs=np.array(pairs, dtype=np.int32), joined=zero, valley=np.array(cells), jump=zero, first_nearer=zero
    )
    return concatenate_borders(borders, near_pairs)


def merge_fragments(borders: Borders, facets: Facets, min_area_m2: float) -> Clusters:
    """Join small clusters that lie flush on, or hang at, a much larger neighbour.

    Args:
        borders: Borders of the clusters.
        facets: Figures of the clusters.
        min_area_m2: Area in the image below which a cluster is a fragment whatever it looks like.
    """
    number = len(facets.cells) - 1
    union = Union(number)
    for small in sorted(range(1, number + 1), key=lambda k: int(facets.cells[k])):
        best, host = 0.0, 0
        for row, (i, j) in enumerate(borders.pairs.tolist()):
            if small not in {i, j}:
                continue
            other = j if i == small else i
            cells = float(borders.joined[row] + borders.valley[row])
            if cells > best and facets.cells[other] > facets.cells[small]:
                best, host = cells, other
        if not host:
            continue
        tiny = facets.area_m2[small] < min_area_m2
        much_smaller = facets.cells[small] < FRAGMENT_SHARE * facets.cells[host]
        hangs = facets.bottom_m[small] > HANGING_M and facets.top_m[small] < facets.top_m[host] + 0.01
        skirt = facets.top_m[small] < SKIRT_M and facets.cells[small] < SKIRT_SHARE * facets.cells[host]
        if tiny or skirt or (much_smaller and hangs):
            union.join(small, host)
    for i, j in borders.pairs.tolist():
        upper, lower = (i, j) if facets.top_m[i] > facets.top_m[j] else (j, i)
        if _is_cap(facets, upper, lower):
            union.join(upper, lower)
    return union.table()


def are_carried(borders: Borders, number: int) -> npt.NDArray[np.bool_]:
    """(number + 1,) whether a cluster touches another one, or goes on behind one that lies in front of it."""
    carried = np.zeros(number + 1, dtype=bool)
    for row, (i, j) in enumerate(borders.pairs.tolist()):
        touching = borders.joined[row] + borders.valley[row] >= CARRY_CELLS
        carried[i] |= touching or borders.jump[row] - borders.first_nearer[row] >= CARRY_CELLS
        carried[j] |= touching or borders.first_nearer[row] >= CARRY_CELLS
    return carried


def stands_on(facets: Facets, small: int, host: int) -> bool:
    """Whether a cluster lies centred above a narrow host and does not reach beyond it."""
    width = facets.width_m[host]
    offset = float(np.linalg.norm(facets.centre_m[small, :2] - facets.centre_m[host, :2]))
    return bool(
        facets.bottom_m[small] > HANGING_M
        and width < LID_WIDTH_M
        and facets.width_m[small] < 1.1 * width
        and offset < 0.5 * width
        and facets.top_m[small] > facets.top_m[host]
    )


def _is_cap(facets: Facets, upper: int, lower: int) -> bool:
    """Whether a cluster is the cap, neck or lid of what it stands on: narrow, or hardly rising above it."""
    if not stands_on(facets, upper, lower):
        return False
    share = facets.cells[upper] / facets.cells[lower]
    rise = facets.top_m[upper] - facets.top_m[lower]
    narrow = facets.width_m[upper] < min(CAP_WIDTH_M, CAP_SHARE * facets.width_m[lower])
    cap = narrow and share < LID_SHARE and facets.bottom_m[upper] > facets.bottom_m[lower] + HANGING_M
    slender = facets.bottom_m[upper] > NECK_SLENDER * facets.width_m[lower]
    neck = slender and share < NECK_SHARE and facets.width_m[upper] < NECK_WIDTH * facets.width_m[lower]
    return bool(cap or neck or rise < (LID_RISE_M if share < LID_SHARE else THIN_LID_M))


def _coplanar(patches: Planes, a: int, b: int, tolerance_m: float) -> bool:
    """Whether two patches are flat and lie in one plane."""
    if min(patches.cells[a], patches.cells[b]) < MIN_FACET_CELLS:
        return False
    if max(patches.residual_m[a], patches.residual_m[b]) > FLAT_RESIDUAL_M:
        return False
    if patches.normal[a] @ patches.normal[b] < np.cos(COPLANAR_RAD):
        return False
    between = patches.centre_m[b] - patches.centre_m[a]
    off = max(abs(float(patches.normal[a] @ between)), abs(float(patches.normal[b] @ between)))
    return off < tolerance_m


def _bridged(labels: LabelImage, i: int, j: int, patches: Planes, a: int, b: int, grid: Grid) -> bool:
    """Whether all that is seen between two patches of a plane lies in front of the plane, or is unknown."""
    t = np.linspace(0.0, 1.0, BRIDGE_SAMPLES)[:, None]
    uv = np.rint(patches.centre_uv[a] * (1 - t) + patches.centre_uv[b] * t).astype(np.int64)
    v = np.clip(uv[:, 1], 0, labels.shape[0] - 1)
    u = np.clip(uv[:, 0], 0, labels.shape[1] - 1)
    seen = labels[v, u]
    own = (seen == i) | (seen == j)
    unknown = ~grid.known[v, u]
    share = patches.cells[a] / (patches.cells[a] + patches.cells[b])
    normal = share * patches.normal[a] + (1 - share) * patches.normal[b]
    middle = share * patches.centre_m[a] + (1 - share) * patches.centre_m[b]
    in_front = (grid.points_m[v, u].astype(np.float64) - middle) @ normal > IN_FRONT_M
    cover = ~own & (unknown | in_front)
    return bool(np.all(own | cover) and np.any(cover & (seen > 0)))
