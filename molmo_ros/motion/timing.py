"""Gives a joint path time within velocity, acceleration and jerk limits.

A path is first traversed as a polyline, each piece at the highest speed its joints allow there. That motion is then
averaged over two sliding windows (a chain of two moving-average filters, as in Biagiotti and Melchiorri, "Trajectory
Planning for Automatic Machines and Robots", Springer 2008, section 4.5). Averaging cannot exceed a bound that already
holds for the velocity; the first window's length is chosen from the largest velocity change within it, which bounds the
acceleration, and the second from the largest acceleration change, which bounds the jerk. So the limits hold by
construction, corners are rounded, straight parts stay straight, and both ends are met exactly, at rest.

Motions from one state to another, such as stopping, are ruckig's (`molmo_ros.motion.stopping`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import Array
from molmo_ros.core.robot import JointTrajectory
from molmo_ros.motion.collision import densify
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.limits import JointLimits

PIECE = 0.08
STOP_TIME_S = 0.085
SHORTEST_JERK_WINDOW_S = 0.04
CORNER = 0.12
ROUNDS = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class _Motion:
    """A polyline traversed in time, averaged over two windows."""

    path: Array
    ends_s: Array  # (K,) times at the waypoints of the polyline, from 0
    window_1_s: float
    window_2_s: float

    @property
    def duration_s(self) -> float:
        return float(self.ends_s[-1]) + self.window_1_s + self.window_2_s

    def _integrals(self, t: Array) -> tuple[Array, Array, Array]:
        """Displacement from the start, and its first and second integral over time, at times t."""
        t0 = self.ends_s[:-1]
        h = np.diff(self.ends_s)
        v = np.diff(self.path, axis=0) / h[:, None]
        x0 = self.path[:-1] - self.path[0]
        i0 = np.vstack([np.zeros(x0.shape[1]), np.cumsum(h[:, None] * (x0 + 0.5 * h[:, None] * v), axis=0)])
        gain = h[:, None] * i0[:-1] + h[:, None] ** 2 * (0.5 * x0 + h[:, None] * v / 6)
        j0 = np.vstack([np.zeros(x0.shape[1]), np.cumsum(gain, axis=0)])
        k = np.clip(np.searchsorted(self.ends_s, t, side="right") - 1, 0, len(h) - 1)
        u = np.clip(t - t0[k], 0.0, h[k])[:, None]
        x = x0[k] + v[k] * u
        i = i0[k] + u * (x0[k] + 0.5 * u * v[k])
        j = j0[k] + u * (i0[k] + u * (0.5 * x0[k] + u * v[k] / 6))
        late = np.maximum(t - self.ends_s[-1], 0.0)[:, None]
        return x, i + late * x, j + late * (i + 0.5 * late * x)

    def sample(self, t: npt.NDArray[np.floating[Any]]) -> tuple[Array, Array, Array]:
        """Positions, velocities and accelerations (T, N) at times t (T,), exactly."""
        a, b = self.window_1_s, self.window_2_s
        stacked = np.concatenate([t, t - a, t - b, t - a - b]).astype(np.float64)
        x, i, j = (part.reshape(4, len(t), -1) for part in self._integrals(stacked))
        scale = 1.0 / (a * b)
        position, velocity, acceleration = ((s[0] - s[1] - s[2] + s[3]) * scale for s in (j, i, x))
        return self.path[0] + position, velocity, acceleration

    def stretched(self, factor: float) -> _Motion:
        """The same motion, slower by a factor."""
        return _Motion(
            path=self.path,
            ends_s=self.ends_s * factor,
            window_1_s=self.window_1_s * factor,
            window_2_s=self.window_2_s * factor,
        )


def _change(ends_s: Array, values: Array, window_s: float) -> Array:
    """(N,) largest change over the window of a piecewise constant signal that is 0 outside its pieces (K, N)."""
    padded = np.vstack([np.zeros(values.shape[1]), values, np.zeros(values.shape[1])])
    t = np.concatenate([ends_s, ends_s + window_s])
    now = padded[np.searchsorted(ends_s, t, side="right")]
    # Just before the breakpoint's delayed copy takes effect the older value still counts.
    before = padded[np.searchsorted(ends_s, t - window_s, side="left")]
    after = padded[np.searchsorted(ends_s, t - window_s, side="right")]
    earlier = padded[np.searchsorted(ends_s, t, side="left")]
    change = np.maximum(np.abs(now - before), np.abs(earlier - after))
    change = np.maximum(change, np.maximum(np.abs(now - after), np.abs(earlier - before)))
    return np.asarray(np.max(change, axis=0))


def _windows(path: Array, ends_s: Array, acceleration: Array, jerk: Array) -> tuple[float, float]:
    """The shortest windows, to a few percent, that keep acceleration and jerk within their bounds."""
    v = np.diff(path, axis=0) / np.diff(ends_s)[:, None]
    top = np.max(np.abs(v), axis=0)
    first = float(np.max(top / acceleration)) * 0.999 + 1e-4
    longest = float(np.max(2 * top / acceleration)) + 1e-4
    while first < longest and np.any(_change(ends_s, v, first) / first > acceleration):
        first *= 1.06
    first = min(first, longest)
    t = np.unique(np.concatenate([ends_s, ends_s + first]))
    middle = 0.5 * (t[1:] + t[:-1])
    padded = np.vstack([np.zeros(v.shape[1]), v, np.zeros(v.shape[1])])
    a = (padded[np.searchsorted(ends_s, middle)] - padded[np.searchsorted(ends_s, middle - first)]) / first
    peak = np.max(np.abs(a), axis=0)
    second = max(SHORTEST_JERK_WINDOW_S, float(np.max(peak / jerk)) * 0.999)
    longest = max(second, float(np.max(2 * peak / jerk)))
    while second < longest and np.any(_change(t, a, second) / second > jerk):
        second *= 1.06
    return first, min(second, longest)


def _piece_times(path: Array, limits: JointLimits, cap: Array, tcp_m: Array | None, tcp_speed: float) -> Array:
    """(K - 1,) shortest times of the pieces of a path [s]."""
    step = np.diff(path, axis=0)
    lowest, highest = limits.velocity_bounds(path)
    up = np.minimum(np.minimum(highest[:-1], highest[1:]), cap)
    down = np.minimum(np.minimum(-lowest[:-1], -lowest[1:]), cap)
    allowed = np.where(step > 0, up, down)
    stuck = (np.abs(step) > 1e-9) & (allowed < 1e-3)
    if np.any(stuck):
        joint = limits.names[int(np.argmax(np.any(stuck, axis=0)))]
        raise PlanningError(
            ErrorCode.TARGET_UNREACHABLE,
            f"{joint} may not move that close to the end of its range; choose another pose",
        )
    times = np.max(np.abs(step) / np.maximum(allowed, 1e-3), axis=1)
    if tcp_m is not None:
        times = np.maximum(times, np.linalg.norm(np.diff(tcp_m, axis=0), axis=1) / tcp_speed)
    return np.asarray(np.maximum(times, 1e-5))


def _plan(
    path: Array, limits: JointLimits, cap: Array, tcp: Callable[[Array], Array] | None, tcp_speed: float, dt_s: float
) -> _Motion:
    rows = densify(path, PIECE)
    times = _piece_times(rows, limits, cap, None if tcp is None else tcp(rows), tcp_speed)
    for attempt in range(ROUNDS):
        ends = np.concatenate([[0.0], np.cumsum(times)])
        first, second = _windows(rows, ends, limits.acceleration, limits.jerk)
        motion = _Motion(path=rows, ends_s=ends, window_1_s=first, window_2_s=second)
        t = np.arange(0.0, motion.duration_s, dt_s / 4)
        q, v, _ = motion.sample(t)
        excess = _excess(q, v, limits)
        worst = float(np.max(excess))
        if worst <= 1.0:
            return motion
        if attempt == ROUNDS - 1:
            break
        # Slow down the pieces that are under way while the velocity bound of the present position is exceeded.
        begin = np.searchsorted(t, ends[:-1])
        finish = np.searchsorted(t, ends[1:] + first + second, side="right")
        factor = np.array([np.max(excess[i:j], initial=1.0) for i, j in zip(begin, finish, strict=True)])
        times = times * np.where(factor > 1.0, factor * 1.01, 1.0)
    for _ in range(ROUNDS):
        motion = motion.stretched(worst * 1.01)
        q, v, _ = motion.sample(np.arange(0.0, motion.duration_s, dt_s / 4))
        worst = float(np.max(_excess(q, v, limits)))
        if worst <= 1.0:
            return motion
    raise PlanningError(
        ErrorCode.TARGET_UNREACHABLE, "the path runs too close to the end of a joint's range; choose another pose"
    )


def _excess(q: Array, v: Array, limits: JointLimits) -> Array:
    """(T,) largest ratio of velocity to its bound at each moment."""
    lowest, highest = limits.velocity_bounds(q)
    bound = np.where(v > 0, highest, -lowest)
    moving = np.abs(v) > 1e-6
    return np.asarray(np.max(np.where(moving, np.abs(v) / np.maximum(bound, 1e-6), 0.0), axis=1))


def corners(path: Array, angle: float = CORNER) -> list[int]:
    """Indices of the waypoints (K, N) where the direction turns by more than an angle [rad]."""
    step = np.diff(path, axis=0)
    unit = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    turn = np.arccos(np.clip(np.sum(unit[1:] * unit[:-1], axis=1), -1.0, 1.0))
    return [int(i) + 1 for i in np.flatnonzero(turn > angle)]


def time_parameterise(
    path: npt.NDArray[np.floating[Any]],
    limits: JointLimits,
    *,
    speed: float = 1.0,
    tcp: Callable[[Array], Array] | None = None,
    tcp_speed_m_s: float = np.inf,
    stop_time_s: float = STOP_TIME_S,
    dt_s: float = 0.01,
    free: Callable[[Array], bool] | None = None,
) -> JointTrajectory:
    """A trajectory along a path, from rest to rest, sampled every dt_s.

    Corners are rounded. Where that is not free, the motion stops at each corner and follows the path exactly.

    Args:
        path: (K, N) joint positions; column i belongs to ``limits.names[i]``.
        limits: Joint limits.
        speed: Share of the velocity, acceleration and jerk limits that may be used, 0..1.
        tcp: Tool positions (K, 3) [m] at joint positions (K, N), needed for tcp_speed_m_s.
        tcp_speed_m_s: Highest speed of the tool [m/s].
        stop_time_s: No joint is faster than what full braking stops in this time [s].
        dt_s: Time between samples [s].
        free: Says whether joint positions (T, N) are all free of contact.

    Raises:
        PlanningError: PLANNING_FAILED for a path that is empty or not finite, TARGET_UNREACHABLE where it leaves the
            limits.
    """
    rows = np.atleast_2d(np.asarray(path, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] != len(limits.names) or not len(rows) or not np.all(np.isfinite(rows)):
        raise PlanningError(
            ErrorCode.PLANNING_FAILED, f"a path needs finite rows of {len(limits.names)} joint positions"
        )
    if not 0.0 < speed <= 1.0:
        raise PlanningError(ErrorCode.PLANNING_FAILED, f"the speed is a share of 0..1, got {speed}")
    outside = [q for q in rows if not limits.inside(q, -1e-9)]
    if outside:
        raise PlanningError(ErrorCode.TARGET_UNREACHABLE, f"the path leaves the limits: {limits.violation(outside[0])}")
    keep = np.concatenate([[True], np.max(np.abs(np.diff(rows, axis=0)), axis=1) > 1e-7])
    last = rows[-1]
    rows = rows[keep]
    rows[-1] = last
    scaled = limits.scaled(velocity=speed, acceleration=speed, jerk=speed)
    braking = np.maximum(stop_time_s - limits.acceleration / limits.jerk, 0.2 * stop_time_s)
    cap = limits.acceleration * braking
    tool = tcp if np.isfinite(tcp_speed_m_s) else None
    if len(rows) == 1:
        zero = np.zeros_like(rows)
        return JointTrajectory(
            names=limits.names, times_s=np.zeros(1), positions=rows, velocities=zero, accelerations=zero
        )
    whole = _sampled([_plan(rows, scaled, cap, tool, tcp_speed_m_s, dt_s)], limits.names, dt_s)
    if free is None or free(whole.positions):
        return whole
    cuts = [0, *corners(rows), len(rows) - 1]
    parts = [
        _plan(rows[i : j + 1], scaled, cap, tool, tcp_speed_m_s, dt_s) for i, j in zip(cuts, cuts[1:], strict=False)
    ]
    return _sampled(parts, limits.names, dt_s)


def _sampled(motions: list[_Motion], names: tuple[str, ...], dt_s: float) -> JointTrajectory:
    """One trajectory of motions that each start and end at rest, with a sample at every multiple of dt_s."""
    positions: list[Array] = []
    velocities: list[Array] = []
    accelerations: list[Array] = []
    for motion in motions:
        count = int(np.ceil(motion.duration_s / dt_s - 1e-9))
        q, v, a = motion.sample(np.arange(count + 1) * dt_s)
        q[0], q[-1] = motion.path[0], motion.path[-1]
        for end in (0, -1):
            v[end] = 0.0
            a[end] = 0.0
        first = 1 if positions else 0
        positions.append(q[first:])
        velocities.append(v[first:])
        accelerations.append(a[first:])
    q = np.vstack(positions)
    return JointTrajectory(
        names=names,
        times_s=np.asarray(np.arange(len(q)) * dt_s, dtype=np.float64),
        positions=q,
        velocities=np.vstack(velocities),
        accelerations=np.vstack(accelerations),
    )
