"""What one view tells of an object's body: a round or rectangular footprint, completed where it is hidden.

A camera sees the near half of a standing cylinder and, where the object narrows upwards, nothing of the far half. A
circle through the near outline gives the axis, and with it the hidden half.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SECTORS = 40
FACING = -0.15
TRIM_SHARE = 0.3
CELL_M = 0.004
BANDS = 6
MAX_RADIUS_M = 0.15
MIN_COVERAGE = 0.3
BETTER = 0.85
HANDLE_M = 0.009
SQUARE_FILL = 0.88


@dataclass(frozen=True, kw_only=True, eq=False)
class Solid:
    """Figures of one object's body in the support's frame; lengths in metres.

    Attributes:
        centre_m: (2,) axis or middle of the footprint.
        axes: (2, 2) rows are the directions of the longer and the shorter side.
        size_m: (2,) extents along those.
        tall_m: Height of its top above its foot.
        is_round: Whether a circle fits the near outline better than a rectangle.
        fill: Share of the footprint's rectangle that is covered.
        lid: Share of the middle of the footprint whose surface lies near the top: 1 closed, 0 open or absent.
        flat: Share of the seen footprint that is near the top: 1 for a block, small for a wedge.
        top_width: Width of the topmost part over the greatest, seen across the view.
        coverage: Share of the directions around the axis in which the outline lies on the circle.
        handle: Sectors of the outline that stand out from the circle.
        taper: Width of the narrower end over that of the wider one, along the longer side.
        bow_m: How far the middle line leaves the straight one between the ends.
        sphere_error: Root mean square distance from the best sphere over its radius; 1 where none fits.
        sphere_m: (2,) place of that sphere's centre along the support.
    """

    centre_m: Array
    axes: Array
    size_m: Array
    tall_m: float
    is_round: bool
    fill: float
    lid: float
    flat: float
    top_width: float
    coverage: float
    handle: int
    taper: float
    bow_m: float
    sphere_error: float
    sphere_m: Array


def quantiles(values: Array, *shares: float) -> Array:
    """Values below which the given shares of an array lie, the nearest entries; many times faster than percentile."""
    last = len(values) - 1
    places = [int(share * last + 0.5) for share in shares]
    return np.asarray(np.partition(values, places)[places], dtype=np.float64)


def fit_solid(xy_m: Array, height_m: Array, camera_xy_m: Array) -> Solid:
    """Measure the body of one object.

    Args:
        xy_m: (N, 2) visible points along the support.
        height_m: (N,) their heights above the support.
        camera_xy_m: (2,) the camera's place along the support.
    """
    rectangle = _rectangle(xy_m)
    centre, axes, size = rectangle
    bottom, top = quantiles(height_m, 0.01, 0.99)
    tall = float(max(top - (0.0 if bottom < 0.025 else bottom), 1e-3))
    view = centre - camera_xy_m
    view = view / max(float(np.linalg.norm(view)), 1e-9)
    circle = _circle(xy_m, centre, view, rectangle)
    handle, coverage = 0, 0.0
    if circle is not None and _square_top(xy_m[height_m > top - 0.25 * tall], float(circle[1])):
        circle = None
    if circle is not None:
        centre, radius, handle, coverage = circle
        size = np.array([2 * radius, 2 * radius])
    along = (xy_m - centre) @ axes.T
    cells, means = _cell_means(along, height_m)
    scaled = np.abs(cells) / (0.5 * np.maximum(size, 1e-3))
    middle = np.linalg.norm(scaled, axis=1) < 0.6 if circle is not None else scaled.max(axis=1) < 0.6
    possible = 0.6**2 * (np.pi / 4 if circle is not None else 1.0) * float(np.prod(size)) / CELL_M**2
    sphere_error, sphere_centre = _sphere(xy_m, height_m, tall)
    near_top = means > top - 0.4 * tall
    return Solid(
        centre_m=centre,
        axes=axes,
        size_m=size,
        tall_m=tall,
        is_round=circle is not None,
        fill=float(len(cells) * CELL_M**2 / max(float(np.prod(size)), 1e-9)),
        lid=float(np.count_nonzero(middle & near_top) / max(possible, 1.0)),
        flat=float(np.mean(means > top - max(0.15 * tall, 0.005))),
        top_width=_top_width(xy_m, height_m, view, tall, float(top)),
        coverage=coverage,
        handle=handle,
        taper=_taper(along, size),
        bow_m=_bow(along, size),
        sphere_error=sphere_error,
        sphere_m=sphere_centre,
    )


def _rectangle(xy_m: Array) -> tuple[Array, Array, Array]:
    """Centre, axes and size of the smallest rectangle around points, the outermost half percent left out."""
    middle = np.median(xy_m, axis=0)
    radius = np.linalg.norm(xy_m - middle, axis=1)
    kept = xy_m[radius <= quantiles(radius, 0.995)[0]] if len(xy_m) >= 50 else xy_m
    box = cv2.minAreaRect(kept.astype(np.float32))
    angle = np.radians(box[2])
    if box[1][1] > box[1][0]:
        angle += np.pi / 2
    c, s = np.cos(angle), np.sin(angle)
    axes = np.array([[c, s], [-s, c]])
    along = xy_m @ axes.T
    first, second = (quantiles(along[:, k], 0.005, 0.995) for k in range(2))
    low, high = np.array([first[0], second[0]]), np.array([first[1], second[1]])
    return axes.T @ (0.5 * (low + high)), axes, np.maximum(high - low, 1e-3)


def _circle(
    xy_m: Array, centre_m: Array, view: Array, rectangle: tuple[Array, Array, Array]
) -> tuple[Array, float, int, float] | None:
    """Centre, radius, sectors standing out of a circular outline, and its coverage; None where a rectangle fits better.

    The whole outline counts where it makes a circle, else its near half alone.
    """
    across = xy_m @ np.array([-view[1], view[0]])
    low, high = quantiles(across, 0.01, 0.99)
    # A circle's axis lies half its width behind its nearest point; sectors around there face the outline squarely.
    radius = 0.5 * float(high - low)
    nearest = float(quantiles(xy_m @ view, 0.01)[0])
    start = np.array([-view[1], view[0]]) * 0.5 * (low + high) + view * (nearest + radius)
    _, axes, size = rectangle
    if not 0.008 < radius < MAX_RADIUS_M or np.linalg.norm(start - centre_m) > 2 * radius or size[0] > 1.9 * size[1]:
        return None
    outline = _outline(xy_m, start)
    towards = (outline - start) / np.maximum(np.linalg.norm(outline - start, axis=1), 1e-9)[:, None]
    front = outline[towards @ view < -FACING]
    for part in (outline, front):
        if len(part) < SECTORS // 4:
            continue
        centre, fitted, error = _fit_circle(part)
        kept = len(error) - int(TRIM_SHARE * len(error))
        round_error = float(np.sqrt(np.mean(np.sort(error)[:kept] ** 2)))
        inside = np.abs((part - centre_m) @ axes.T)
        edge = np.sort(np.abs(0.5 * size - inside).min(axis=1))[:kept]
        box_error = float(np.sqrt(np.mean(edge**2)))
        if not 0.7 < 2 * fitted / float(high - low) < 1.3:
            continue
        if round_error < 0.05 * fitted + 0.0015 and round_error < BETTER * box_error:
            around = _outline(xy_m, centre)
            beyond = np.linalg.norm(around - centre, axis=1) - fitted
            coverage = float(np.count_nonzero(np.abs(beyond) < 0.12 * fitted + 0.002) / SECTORS)
            if coverage > MIN_COVERAGE:
                return centre, fitted, int(np.count_nonzero(beyond > max(HANDLE_M, 0.2 * fitted))), coverage
    return None


def _outline(xy_m: Array, start_m: Array) -> Array:
    """The outermost points of each sector around a start; the third from the outside, for a stray one is no outline."""
    offset = xy_m - start_m
    sector = ((np.arctan2(offset[:, 1], offset[:, 0]) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    order = np.lexsort((np.linalg.norm(offset, axis=1), sector))
    last = np.searchsorted(sector[order], np.arange(SECTORS), side="right") - 1
    seen = np.bincount(sector, minlength=SECTORS) >= 3
    return np.asarray(xy_m[order[np.maximum(last - 2, 0)]][seen])


def _fit_circle(points_m: Array) -> tuple[Array, float, Array]:
    """Centre, radius and (N,) errors of the algebraic least squares circle, its worst points left out twice."""
    kept = points_m
    centre, radius, error = points_m.mean(axis=0), 0.0, np.zeros(len(points_m))
    for _ in range(2):
        centre, radius = _least_squares_round(kept)
        error = np.abs(np.linalg.norm(points_m - centre, axis=1) - radius)
        kept = points_m[error <= quantiles(error, 1 - TRIM_SHARE)[0]]
    return centre, radius, error


def _least_squares_round(points_m: Array) -> tuple[Array, float]:
    """Centre and radius of the algebraic least squares circle or sphere through (N, 2) or (N, 3) points.

    Source: Kasa, "A circle fitting procedure and its error analysis", IEEE Trans. Instrum. Meas. 25, 1976.
    """
    middle = points_m.mean(axis=0)
    offset = points_m - middle
    square = np.einsum("ij,ij->i", offset, offset)
    moments = offset.T @ offset + 1e-12 * np.eye(offset.shape[1])
    centre = 0.5 * np.linalg.solve(moments, offset.T @ square)
    radius = float(np.sqrt(max(float(square.mean()) + float(centre @ centre), 1e-9)))
    return middle + centre, radius


def _square_top(xy_m: Array, radius_m: float) -> bool:
    """Whether the top face fills its rectangle as a square does, not as a disc does (pi / 4)."""
    if len(xy_m) < 30:
        return False
    hull = cv2.convexHull(xy_m.astype(np.float32))
    (_, (width, depth), _) = cv2.minAreaRect(hull)
    if min(width, depth) < radius_m:
        return False
    return bool(cv2.contourArea(hull) > SQUARE_FILL * width * depth)


def _sphere(xy_m: Array, height_m: Array, tall_m: float) -> tuple[float, Array]:
    """Misfit of the best sphere as a share of its radius, 1 where it is not as tall as the object, and its place."""
    points = np.column_stack([xy_m, height_m])
    centre, radius = _least_squares_round(points)
    if not 0.7 < 2 * radius / tall_m < 1.4:
        return 1.0, points[:, :2].mean(axis=0)
    error = np.abs(np.linalg.norm(points - centre, axis=1) - radius)
    error = error[error <= quantiles(error, 0.9)[0]]
    return float(min(1.0, np.sqrt(np.mean(error**2)) / radius)), centre[:2]


def _cell_means(along_m: Array, height_m: Array) -> tuple[Array, Array]:
    """(C, 2) middles of the occupied cells of a grid, and the (C,) mean height in each."""
    cell = np.floor(along_m / CELL_M).astype(np.int64)
    cell -= cell.min(axis=0)
    columns = int(cell[:, 1].max()) + 1
    key = cell[:, 0] * columns + cell[:, 1]
    count = np.bincount(key)
    taken = np.flatnonzero(count)
    total = np.bincount(key, height_m)
    middles = [np.bincount(key, along_m[:, k])[taken] / count[taken] for k in range(2)]
    return np.stack(middles, axis=1), total[taken] / count[taken]


def _top_width(xy_m: Array, height_m: Array, view: Array, tall_m: float, top_m: float) -> float:
    """Width of the topmost band over the greatest width of any band, across the view."""
    across = xy_m @ np.array([-view[1], view[0]])
    band = np.clip(((top_m - height_m) / max(tall_m, 1e-3) * BANDS).astype(int), 0, BANDS - 1)
    width = np.zeros(BANDS)
    for k in range(BANDS):
        inside = across[band == k]
        if len(inside) >= 5:
            low, high = quantiles(inside, 0.04, 0.96)
            width[k] = high - low
    return float(width[0] / max(width.max(), 1e-3))


def _taper(along_m: Array, size_m: Array) -> float:
    """Width of the narrower end third over that of the wider one."""
    ends = []
    for side in (-1.0, 1.0):
        part = along_m[side * along_m[:, 0] > 0.25 * size_m[0], 1]
        low, high = quantiles(part, 0.03, 0.97) if len(part) >= 8 else (0.0, 0.0)
        ends.append(high - low)
    return float(min(ends) / max(*ends, 1e-3))


def _bow(along_m: Array, size_m: Array) -> float:
    """Offset of the middle part's middle line from the ends'."""
    share = along_m[:, 0] / size_m[0]
    parts = [along_m[mask, 1] for mask in (share < -0.3, np.abs(share) < 0.12, share > 0.3)]
    if min(len(part) for part in parts) < 5:
        return 0.0
    first, middle, last = (float(quantiles(part, 0.5)[0]) for part in parts)
    return abs(middle - 0.5 * (first + last))
