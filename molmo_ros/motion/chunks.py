"""Plays action chunks: by time and by name, smoothly across their seams, and not at all once they are stale.

Row ``i`` of a chunk says where the robot shall be ``(i + 1) dt`` after the observation it answers, as the policies were
trained: the first action is carried out during the first step. What lies in the past when a chunk arrives is dropped by
its time; the rest takes over from the running chunk over a short blend. Between rows the path is a cubic with
Catmull-Rom slopes. Nothing here knows a clock or a robot: times come in, targets go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core.columns import BASE_COLUMNS, GRIPPER_COLUMN
from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.types import ActionChunk, ActionKind

Array = npt.NDArray[np.float64]

ARM_STEP_RAD = 0.2
BASE_STEP_M = 0.05
BASE_STEP_RAD = 0.1
"""Largest steps between rows. The arm's is MolmoBot's (one factor for all joints); the base has none upstream."""


@dataclass(frozen=True, kw_only=True)
class ChunkRules:
    """How chunks are played.

    Attributes:
        names: Joints that are driven.
        lower: Lowest position of each [rad].
        upper: Highest position of each [rad].
        step_rad: Largest step between rows; a larger one is shortened, all joints by one factor [rad].
        first_rad: Largest distance of a chunk's first played target from the measured joints [rad].
        blend_s: Time over which a new chunk takes over [s].
        max_rows: Rows after which a chunk is stale, whatever its length.
        gripper_open_m: Opening of the open gripper [m].
        gripper_rows: Rows in a row that must agree before the gripper moves.
    """

    names: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    step_rad: float = ARM_STEP_RAD
    first_rad: float = 0.35
    blend_s: float = 0.1
    max_rows: int = 16
    gripper_open_m: float = 0.08
    gripper_rows: int = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Where the robot shall be now.

    Attributes:
        positions: (N,) joints in the rules' order [rad], or None: hold.
        velocities: (N,) their rates [rad/s].
        base_step: (3,) the base's step over one row in the odometry frame [m, m, rad], or None.
        base_dt_s: Time that step takes [s].
        code: Why it holds; NONE while a chunk plays.
        message: The same in a sentence.
    """

    positions: Array | None
    velocities: Array | None = None
    base_step: Array | None = None
    base_dt_s: float = 0.0
    code: ErrorCode = ErrorCode.NONE
    message: str = ""


@dataclass(kw_only=True)
class ChunkCounts:
    """What became of the chunks and ticks of one goal.

    Attributes:
        accepted: Chunks taken.
        refused: Chunks refused.
        rows_played: Rows whose moment was played.
        rows_dropped: Rows that had passed when their chunk came.
        rows_shortened: Rows whose step was too long.
        ticks: Control periods asked for a target.
        stale_ticks: Those without one, after the first chunk had been taken.
        playing_s: Time since the first chunk was taken [s].
        latency_s: Observation to acceptance, of each chunk [s].
    """

    accepted: int = 0
    refused: int = 0
    rows_played: int = 0
    rows_dropped: int = 0
    rows_shortened: int = 0
    ticks: int = 0
    stale_ticks: int = 0
    playing_s: float = 0.0
    latency_s: list[float] = field(default_factory=list)

    @property
    def effective_rate_hz(self) -> float:
        """Rows played per second since the first chunk."""
        return self.rows_played / self.playing_s if self.playing_s > 0 else 0.0

    @property
    def stale_ratio(self) -> float:
        """Share of control periods in which the robot held for want of a fresh action."""
        return self.stale_ticks / self.ticks if self.ticks else 0.0

    def sentence(self) -> str:
        """The counts for a person."""
        p50 = sorted(self.latency_s)[len(self.latency_s) // 2] if self.latency_s else float("nan")
        return (
            f"{self.accepted} chunks played, {self.refused} refused; {self.effective_rate_hz:.1f} actions/s, "
            f"held without a fresh action {100 * self.stale_ratio:.0f} % of the time, answers after {p50:.2f} s"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Curve:
    """Rows as a path in time: cubic pieces, constant outside."""

    times_s: Array
    points: Array
    slopes: Array

    @classmethod
    def through(cls, times_s: Array, points: Array) -> _Curve:
        slopes = np.zeros_like(points)
        if len(points) > 2:
            slopes[1:-1] = (points[2:] - points[:-2]) / (times_s[2:] - times_s[:-2])[:, None]
            # A turning point stays one: no overshoot between rows.
            before, after = points[1:-1] - points[:-2], points[2:] - points[1:-1]
            slopes[1:-1][before * after <= 0] = 0.0
        if len(points) > 1:
            slopes[0] = (points[1] - points[0]) / (times_s[1] - times_s[0])
        return cls(times_s=times_s, points=points, slopes=slopes)

    def at(self, t_s: float) -> tuple[Array, Array]:
        if t_s <= self.times_s[0]:
            return self.points[0], np.zeros_like(self.points[0])
        if t_s >= self.times_s[-1]:
            return self.points[-1], np.zeros_like(self.points[-1])
        i = int(np.searchsorted(self.times_s, t_s, side="right")) - 1
        h = float(self.times_s[i + 1] - self.times_s[i])
        s = (t_s - float(self.times_s[i])) / h
        v0, v1 = self.slopes[i] * h, self.slopes[i + 1] * h
        d = self.points[i + 1] - self.points[i]
        a2, a3 = 3 * d - 2 * v0 - v1, -2 * d + v0 + v1
        return self.points[i] + s * (v0 + s * (a2 + s * a3)), (v0 + s * (2 * a2 + 3 * s * a3)) / h


@dataclass(frozen=True, kw_only=True, eq=False)
class _Playing:
    """The chunk in force."""

    chunk: ActionChunk
    curve: _Curve | None  # times from the observation
    end_s: float
    from_ns: int
    before: tuple[Array, Array] | None  # where the joints were bound to be when it took over
    old: _Playing | None  # what it blends from

    def since_s(self, now_ns: int) -> float:
        return (now_ns - self.chunk.observation_stamp_ns) * 1e-9


def body_step(step_odom: npt.ArrayLike, yaw_rad: float) -> Array:
    """A base step in the odometry frame as the same step in the body frame of a base turned by ``yaw_rad``.

    MolmoBot's base actions are differences of the holonomic joints, whose frame does not turn with the robot.
    """
    x, y, turn = (float(v) for v in np.asarray(step_odom))
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([c * x + s * y, -s * x + c * y, turn])


def shorten_base(step: npt.ArrayLike) -> Array:
    """A base step no longer than allowed, its direction kept."""
    out = np.array(step, dtype=np.float64)
    length = float(np.hypot(out[0], out[1]))
    factor = min(1.0, BASE_STEP_M / length if length > 0 else 1.0, BASE_STEP_RAD / abs(out[2]) if out[2] else 1.0)
    return np.asarray(out * factor, dtype=np.float64)


class ChunkPlayer:
    """Plays the chunks of one goal. Not safe for use from two threads at once.

    Args:
        rules: How.
    """

    def __init__(self, rules: ChunkRules) -> None:
        self.rules = rules
        self.counts = ChunkCounts()
        self._playing: _Playing | None = None
        self._fault: tuple[ErrorCode, str] | None = None
        self._started_ns: int | None = None
        self._last_row: tuple[int, int] = (-1, -1)
        self._newest_ns = -(2**63)
        self._widths: dict[str, list[bool]] = {}
        self._closed: dict[str, bool] = {}

    def fault(self, code: ErrorCode, message: str) -> None:
        """The policy is lost: hold from now on, until a newer chunk comes."""
        self._playing, self._fault = None, (code, message)

    def offer(self, chunk: ActionChunk, now_ns: int, measured: Mapping[str, float]) -> tuple[ErrorCode, str]:
        """Takes a chunk, or says why not.

        Args:
            chunk: The chunk.
            now_ns: The present time, on the clock of the observation [ns].
            measured: Measured joints by name [rad].

        Returns:
            NONE and "", or the code and the sentence of the refusal; what played before goes on then.
        """
        code, message = self._take(chunk, now_ns, measured)
        if code is ErrorCode.NONE:
            self.counts.accepted += 1
            self.counts.latency_s.append((now_ns - chunk.observation_stamp_ns) * 1e-9)
            self._started_ns = self._started_ns if self._started_ns is not None else now_ns
            self._fault = None
        else:
            self.counts.refused += 1
        return code, message

    def _take(self, chunk: ActionChunk, now_ns: int, measured: Mapping[str, float]) -> tuple[ErrorCode, str]:
        rules = self.rules
        problem = self._columns_problem(chunk)
        if problem is not None:
            return problem
        if chunk.observation_stamp_ns <= self._newest_ns:
            return ErrorCode.CHUNK_STALE, f"chunk {chunk.sequence} answers an older observation than the one that plays"
        passed_s = (now_ns - chunk.observation_stamp_ns) * 1e-9
        if passed_s < -0.1:
            return ErrorCode.CLOCK_JUMPED, f"the chunk's observation lies {-passed_s:.2f} s in the future"
        rows = min(chunk.horizon, rules.max_rows)
        end_s = rows * chunk.dt_s
        dropped = min(rows, max(0, int(np.floor(passed_s / chunk.dt_s + 1e-9))))
        self.counts.rows_dropped += dropped
        if dropped >= rows:
            return ErrorCode.CHUNK_STALE, f"the chunk is {passed_s:.2f} s old, its last action was for {end_s:.2f} s"
        curve, before = None, None
        if any(name in rules.names for name in chunk.names):
            bound = self._bound(now_ns, measured)
            if bound is None:
                return ErrorCode.JOINT_STATES_INVALID, "the joint states lack a driven joint"
            curve, problem = self._curve(chunk, rows, passed_s, bound[0], measured)
            if curve is None:
                return problem or (ErrorCode.INTERNAL, "the chunk has no path")
            before = bound
        old = self._playing
        if old is not None:
            old = replace(old, old=None)  # only one seam at a time
        self._newest_ns = chunk.observation_stamp_ns
        self._playing = _Playing(chunk=chunk, curve=curve, end_s=end_s, from_ns=now_ns, before=before, old=old)
        return ErrorCode.NONE, ""

    def _columns_problem(self, chunk: ActionChunk) -> tuple[ErrorCode, str] | None:
        rules = self.rules
        if chunk.kind is ActionKind.EE_DELTA:
            return ErrorCode.NOT_SUPPORTED, "chunks of end-effector steps are not played; use a policy of joint actions"
        known = set(rules.names) | set(BASE_COLUMNS)
        odd = [n for n in chunk.names if n not in known and not n.endswith(GRIPPER_COLUMN)]
        if odd:
            return ErrorCode.GATE_NAMES, f"the chunk drives {', '.join(odd)}, which this robot has not"
        driven = [n for n in rules.names if n in chunk.names]
        if driven and len(driven) != len(rules.names):
            missing = ", ".join(n for n in rules.names if n not in chunk.names)
            return ErrorCode.GATE_NAMES, f"the chunk drives only some joints; it lacks {missing}"
        return None

    def _bound(self, now_ns: int, measured: Mapping[str, float]) -> tuple[Array, Array] | None:
        """Where the joints are bound to be now: on the running path, else where they are."""
        target = self._path(now_ns)
        if target is not None:
            return target
        if any(name not in measured for name in self.rules.names):
            return None
        here = np.array([measured[name] for name in self.rules.names])
        return here, np.zeros_like(here)

    def _curve(
        self, chunk: ActionChunk, rows: int, passed_s: float, bound: Array, measured: Mapping[str, float]
    ) -> tuple[_Curve | None, tuple[ErrorCode, str] | None]:
        rules = self.rules
        columns = [chunk.names.index(name) for name in rules.names]
        values = chunk.values[:rows, columns]
        times: Array = np.asarray((np.arange(rows) + 1) * chunk.dt_s, dtype=np.float64)
        if chunk.kind is ActionKind.JOINT_DELTA:
            # Steps count from where the joints are bound to be; of the step under way only the rest is left.
            share = np.clip((times - passed_s) / chunk.dt_s, 0.0, 1.0)[:, None]
            values = bound + np.cumsum(values * share, axis=0)
            first = int(np.argmax(share > 0))
            times, values = np.append(passed_s, times[first:]), np.vstack([bound, values[first:]])
        values = self._shortened(values)
        outside = np.flatnonzero(np.any((values < rules.lower) | (values > rules.upper), axis=1) & (times > passed_s))
        if len(outside):
            row = values[outside[0]]
            over = np.maximum(np.asarray(rules.lower) - row, row - np.asarray(rules.upper))
            i = int(np.argmax(over))
            return None, (
                ErrorCode.GATE_POSITION,
                f"the chunk leads {rules.names[i]} to {row[i]:.3f} rad, "
                f"outside {rules.lower[i]:.3f}..{rules.upper[i]:.3f}",
            )
        curve = _Curve.through(times, values)
        first_target = curve.at(max(passed_s, float(times[0])))[0]
        here = np.array([measured.get(name, np.nan) for name in rules.names])
        gap = np.abs(first_target - here)
        if not np.all(gap <= rules.first_rad):
            i = int(np.argmax(np.nan_to_num(gap, nan=np.inf)))
            return None, (
                ErrorCode.GATE_STEP,
                f"the chunk begins {gap[i]:.2f} rad from where {rules.names[i]} is, more than {rules.first_rad:.2f}",
            )
        return curve, None

    def _shortened(self, values: Array) -> Array:
        out = np.array(values)
        for i in range(1, len(out)):
            step = out[i] - out[i - 1]
            largest = float(np.max(np.abs(step)))
            if largest > self.rules.step_rad:
                out[i] = out[i - 1] + step * (self.rules.step_rad / largest)
                self.counts.rows_shortened += 1
        return out

    def _path(self, now_ns: int, playing: _Playing | None = None) -> tuple[Array, Array] | None:
        """Position and rate on the running path, or None when there is none for this moment."""
        at = playing if playing is not None else self._playing
        if at is None or at.curve is None or at.since_s(now_ns) > at.end_s:
            return None
        position, rate = at.curve.at(at.since_s(now_ns))
        into_s = (now_ns - at.from_ns) * 1e-9
        if at.before is None or into_s >= self.rules.blend_s or self.rules.blend_s <= 0:
            return position, rate
        x = max(into_s, 0.0) / self.rules.blend_s
        weight, slope = x * x * (3 - 2 * x), 6 * x * (1 - x) / self.rules.blend_s
        leaving = self._path(now_ns, at.old) if at.old is not None else None
        if leaving is None:
            leaving = at.before[0], np.zeros_like(at.before[0])
        return (
            (1 - weight) * leaving[0] + weight * position,
            (1 - weight) * leaving[1] + weight * rate + slope * (position - leaving[0]),
        )

    def target(self, now_ns: int) -> Target:
        """Where the robot shall be now; to be asked once per control period."""
        counts, playing = self.counts, self._playing
        if self._started_ns is not None:
            counts.ticks += 1
            counts.playing_s = max(0.0, (now_ns - self._started_ns) * 1e-9)
        if playing is None:
            counts.stale_ticks += self._started_ns is not None
            code, message = self._fault or (ErrorCode.CHUNK_STALE, "no action has come yet")
            return Target(positions=None, code=code, message=message)
        since_s = playing.since_s(now_ns)
        if since_s > playing.end_s:
            counts.stale_ticks += 1
            return Target(
                positions=None,
                code=ErrorCode.CHUNK_STALE,
                message=f"the newest actions ended {since_s - playing.end_s:.2f} s ago; the robot holds",
            )
        row = min(int(since_s / playing.chunk.dt_s), playing.chunk.horizon - 1) if since_s >= 0 else 0
        if (playing.chunk.sequence, row) != self._last_row:
            self._last_row = (playing.chunk.sequence, row)
            counts.rows_played += 1
            self._watch_grippers(playing.chunk, row)
        path = self._path(now_ns)
        return Target(
            positions=None if path is None else path[0],
            velocities=None if path is None else path[1],
            base_step=self._base(playing.chunk, row),
            base_dt_s=playing.chunk.dt_s,
        )

    @staticmethod
    def _base(chunk: ActionChunk, row: int) -> Array | None:
        if not any(name in chunk.names for name in BASE_COLUMNS):
            return None
        step = [chunk.values[row, chunk.names.index(n)] if n in chunk.names else 0.0 for n in BASE_COLUMNS]
        return shorten_base(step)

    def _watch_grippers(self, chunk: ActionChunk, row: int) -> None:
        for column, name in enumerate(chunk.names):
            if name.endswith(GRIPPER_COLUMN):
                seen = self._widths.setdefault(name, [])
                seen.append(bool(chunk.values[row, column] < self.rules.gripper_open_m / 2))
                del seen[: -self.rules.gripper_rows]
                if len(seen) == self.rules.gripper_rows and len(set(seen)) == 1:
                    self._closed[name] = seen[0]

    @property
    def closed(self) -> Mapping[str, bool]:
        """Per gripper column whether it shall be closed; absent until enough rows agreed."""
        return dict(self._closed)


@dataclass(kw_only=True)
class RequestClock:
    """When to ask a policy for its next chunk, so that the answer comes while the running one still plays.

    Attributes:
        execute_s: How long a chunk is meant to be played before the next takes over [s].
        horizon_s: How far its actions reach [s].
        margin_s: How much earlier than needed the answer shall come [s].
        latency_s: How long answers took lately [s].
    """

    execute_s: float
    horizon_s: float
    margin_s: float = 0.05
    latency_s: float = 0.0
    _asked_ns: int | None = None

    def asked(self, observation_ns: int) -> None:
        """A question about an observation goes out."""
        self._asked_ns = observation_ns

    def answered(self, took_s: float) -> None:
        """Its answer came. Slower answers count at once, faster ones by and by."""
        self.latency_s = took_s if took_s > self.latency_s else 0.8 * self.latency_s + 0.2 * took_s

    def due(self, now_ns: int) -> bool:
        """Whether to ask now: a chunk's length after the last question, earlier where the answer would be too late."""
        if self._asked_ns is None:
            return True
        latest_s = self.horizon_s - self.latency_s - self.margin_s
        if now_ns < self._asked_ns - 1_000_000_000:
            return True  # the clock was set back
        return (now_ns - self._asked_ns) * 1e-9 >= min(self.execute_s, latest_s)

    def forget(self) -> None:
        """Ask at once next time, as at the start of a goal."""
        self._asked_ns = None
