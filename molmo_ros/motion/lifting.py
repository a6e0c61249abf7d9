"""From a polyline drawn on an image to a path in space that a tool can follow.

Each pixel is looked up in the depth around it; what has no depth there is bridged along the line. The path then leaves
the start straight up, travels at a carry height that clears whatever it passes over, and comes straight down at the
end. Its points are where the lowest part of the tool or of the held thing goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import Array, apply, deproject
from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Frame, Trace
from molmo_ros.motion.errors import PlanningError

WAYPOINTS = 32
WINDOW_PX = 7
FEWEST_KNOWN = 5
SHORTEST_PX = 1.0
LOWEST_M, HIGHEST_M = -0.05, 0.8
LARGEST_JUMP_M = 0.35
TUBE_M = 0.06
MOST_POINTS = 1000
LIFT_SHARE = 0.13


def lift_trace(
    trace: Trace,
    scene: Scene,
    frame: Frame,
    *,
    start_base_m: npt.ArrayLike | None = None,
    end_base_m: npt.ArrayLike | None = None,
    waypoints: int = WAYPOINTS,
    clearance_m: float = 0.04,
    carry_height_m: float = 0.10,
    without: Iterable[int] = (),
) -> Trace:
    """The trace resampled to a number of waypoints, with a point in the base frame for each.

    Args:
        trace: Polyline on an image; other sizes than the frame's are scaled.
        scene: What was perceived in the frame: cloud, support, objects.
        frame: The frame that the trace is lifted with.
        start_base_m: (3,) where it starts, e.g. the grasp point; the surface under the first pixel when None.
        end_base_m: (3,) where it ends; the surface under the last pixel when None.
        waypoints: How many waypoints the answer has, at least 8.
        clearance_m: Distance kept above objects on the way [m].
        carry_height_m: Lowest height above the support on the way [m].
        without: Ids of objects that do not count as obstacles. The object at the start never does: it is carried.

    Returns:
        The same trace with ``uv`` (waypoints, 2) in the frame's pixels and ``points_base_m`` (waypoints, 3). The first
        and the last point are on the surface; the others keep their height.

    Raises:
        PlanningError: TRACE_INVALID for a trace without length, TRACE_NOT_LIFTED where depth is missing.
    """
    if waypoints < 8:
        raise PlanningError(ErrorCode.TRACE_INVALID, f"a lifted trace needs 8 waypoints or more, not {waypoints}")
    uv = trace.uv * [frame.width_px / trace.width_px, frame.height_px / trace.height_px]
    uv = np.minimum(uv, [frame.width_px - 1, frame.height_px - 1])
    count = max(2, round(LIFT_SHARE * waypoints))
    along = _resample(uv, waypoints - 2 * count)
    surface = _surface(along, scene, frame)
    if start_base_m is not None:
        surface[0] = _point(start_base_m, "start")
    if end_base_m is not None:
        surface[-1] = _point(end_base_m, "end")
    travel = _travel_heights(surface, scene, clearance_m, carry_height_m, set(without))
    normal = scene.plane.normal
    carried = surface + (travel - scene.plane.height_m(surface))[:, None] * normal
    share = (np.arange(count) / count)[:, None]
    up = surface[0] + share * (carried[0] - surface[0])
    down = surface[-1] + share[::-1] * (carried[-1] - surface[-1])
    points = np.vstack([up, carried, down])
    pixels = np.vstack([np.tile(along[:1], (count, 1)), along, np.tile(along[-1:], (count, 1))])
    return replace(trace, uv=pixels, width_px=frame.width_px, height_px=frame.height_px, points_base_m=points)


def _point(value: npt.ArrayLike, which: str) -> Array:
    point = np.asarray(value, dtype=np.float64)
    if point.shape != (3,) or not np.all(np.isfinite(point)):
        raise PlanningError(ErrorCode.TRACE_INVALID, f"the {which} of the trace is not a finite point")
    return point


def _resample(uv: Array, count: int) -> Array:
    """(count, 2) pixels at even distances along the polyline."""
    step = np.linalg.norm(np.diff(uv, axis=0), axis=1)
    uv = uv[np.concatenate([[True], step > 1e-9])]
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(uv, axis=0), axis=1))])
    if length[-1] < SHORTEST_PX:
        raise PlanningError(
            ErrorCode.TRACE_INVALID, f"the trace is only {length[-1]:.1f} px long; draw it from the thing to its place"
        )
    s = np.linspace(0.0, length[-1], count)
    return np.column_stack([np.interp(s, length, uv[:, 0]), np.interp(s, length, uv[:, 1])])


def _surface(uv: Array, scene: Scene, frame: Frame) -> Array:
    """(N, 3) surface points under pixels: the median depth of a window; missing ones bridged along the line."""
    cloud = scene.points_base_m
    height, width = cloud.shape[:2]
    if (width, height) != (frame.width_px, frame.height_px):
        raise PlanningError(
            ErrorCode.TRACE_NOT_LIFTED,
            f"the cloud is {width}x{height} but the image {frame.width_px}x{frame.height_px}",
        )
    offsets = np.arange(WINDOW_PX) - WINDOW_PX // 2
    v = np.round(uv[:, 1]).astype(int)[:, None, None] + offsets[:, None]
    u = np.round(uv[:, 0]).astype(int)[:, None, None] + offsets[None, :]
    window = cloud[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)].reshape(len(uv), -1, 3).astype(np.float64)
    depth = np.sort((window - frame.T_base_camera[:3, 3]) @ frame.T_base_camera[:3, 2], axis=1)  # NaN last
    counts = np.isfinite(depth).sum(axis=1)
    middle = depth[np.arange(len(uv)), np.maximum(counts - 1, 0) // 2]
    points = apply(frame.T_base_camera, deproject(frame.K, uv, middle))
    above = scene.plane.height_m(np.nan_to_num(points, nan=-1e3))
    good = (counts >= FEWEST_KNOWN) & (above >= LOWEST_M) & (above <= HIGHEST_M)
    good = _without_background(points, good)
    if good.sum() < 2:
        raise PlanningError(
            ErrorCode.TRACE_NOT_LIFTED, "there is no depth under the trace; draw it over the table or the things on it"
        )
    index = np.arange(len(uv))
    return np.column_stack([np.interp(index, index[good], points[good, k]) for k in range(3)])


def _without_background(points: Array, good: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Drops runs of points that jump far away from the line's main part: what is seen behind the table's edge."""
    index = np.flatnonzero(good)
    if len(index) < 2:
        return good
    jump = np.linalg.norm(np.diff(points[index], axis=0), axis=1)
    far = jump > LARGEST_JUMP_M * np.maximum(1, np.diff(index))
    label = np.concatenate([[0], np.cumsum(far)])
    runs = [index[label == k] for k in range(label[-1] + 1)]
    main = max(runs, key=len)
    centre = np.median(points[main], axis=0)
    reach = float(np.max(np.linalg.norm(points[main] - centre, axis=1))) + LARGEST_JUMP_M
    kept = np.zeros_like(good)
    for run in runs:
        if np.linalg.norm(np.median(points[run], axis=0) - centre) <= reach:
            kept[run] = True
    return kept


def _travel_heights(
    surface: Array, scene: Scene, clearance_m: float, carry_height_m: float, without: set[int]
) -> Array:
    """(N,) heights above the support at which each point is passed."""
    heights = np.full(len(surface), carry_height_m)
    axes = _in_plane(scene.plane.normal)
    start = surface[0]
    for item in scene.objects:
        if item.object_id in without or _holds(item.T_base_box, item.size_m, start):
            continue
        points = item.points_base_m[np.all(np.isfinite(item.points_base_m), axis=1)]
        points = points[:: max(1, len(points) // MOST_POINTS)]
        if not len(points):
            continue
        flat, at = points @ axes.T, surface @ axes.T
        near = np.min(flat, axis=0) - TUBE_M, np.max(flat, axis=0) + TUBE_M
        passed = np.flatnonzero(np.all((at >= near[0]) & (at <= near[1]), axis=1))
        if not len(passed):
            continue
        tall = scene.plane.height_m(points)
        squared = np.sum((at[passed, None, :] - flat[None, :, :]) ** 2, axis=2)
        under = np.where(squared <= TUBE_M**2, tall[None, :], -np.inf).max(axis=1)
        heights[passed] = np.maximum(heights[passed], under + clearance_m)
    # The largest of the neighbours, then their mean: smooth, and never below what is needed.
    reach = 2
    padded = np.pad(heights, 2 * reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    largest = windows.max(axis=1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(largest, 2 * reach + 1).mean(axis=1))


def _in_plane(normal: Array) -> Array:
    """(2, 3) unit vectors that span the plane."""
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(normal, first)])


def _holds(T_base_box: Array, size_m: Array, point: Array) -> bool:
    """Whether a point lies in a box, or within a centimetre of it."""
    local = T_base_box[:3, :3].T @ (point - T_base_box[:3, 3])
    return bool(np.all(np.abs(local) <= np.asarray(size_m) / 2 + 0.01))
