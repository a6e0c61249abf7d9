"""The last gate: every position command passes here before it reaches a driver.

A pure decision: the same command, measured state and memory give the same verdict. The memory of what was accepted
before is a value that the caller keeps; ``None`` means that the arm has just been armed and stands still.

Each command stands for one control period. Velocity, acceleration and jerk are the differences of consecutive accepted
commands over that period; a pause of more than `GAP_PERIODS` periods counts as standing still, because drivers hold
when no newer command comes. Commands may run ahead of the clock by `LEAD_PERIODS` periods at most.

What fails is refused with a code and a reason. Only a position within `CLIP_RAD` outside its range is changed, to the
end of the range: that is rounding. Bounds on derivatives carry a relative tolerance of `ROUNDING` for the same reason,
and speeds below `STILL` rad/s count as none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite, sqrt
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import Array
from molmo_ros.core.robot import JointState, JointTrajectory
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import Box, CollisionWorld
from molmo_ros.motion.description import RobotConfig
from molmo_ros.motion.limits import JointLimits
from molmo_ros.motion.model import RobotModel

CLIP_RAD = 1e-6
STILL = 1e-9
LONGEST_S = 300.0
BETWEEN = {ErrorCode.GATE_VELOCITY: 1.05, ErrorCode.GATE_ACCELERATION: 1.5}
ROUNDING = 1e-6
GAP_PERIODS = 2.5
LEAD_PERIODS = 2.0


class GateMemory(NamedTuple):
    """What was accepted last.

    Attributes:
        positions: N numbers [rad].
        velocities: N numbers [rad/s].
        accelerations: N numbers [rad/s^2].
        stamp_ns: When it was accepted [ns].
        lead_s: How far the commands run ahead of the clock [s].
    """

    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    accelerations: tuple[float, ...]
    stamp_ns: int
    lead_s: float


class GateVerdict(NamedTuple):
    """What became of a command.

    Attributes:
        code: NONE when it may go to the driver.
        reason: One sentence for any other code.
        positions: (N,) what to send, in the gate's joint order; None when refused.
        memory: The memory for the next command: unchanged after a refusal.
    """

    code: ErrorCode
    reason: str
    positions: Array | None
    memory: GateMemory | None

    @property
    def accepted(self) -> bool:
        """Whether the command may go to the driver."""
        return self.code is ErrorCode.NONE


@dataclass(frozen=True, kw_only=True, eq=False)
class GateConfig:
    """Bounds of the gate.

    Attributes:
        limits: Joint limits; the gate's joint order.
        period_s: Control period that each command stands for [s].
        step_rad: Largest distance of a command from the measured position of its joint [rad].
        start_rad: The same for the first command after arming [rad].
        rest_rad_s: Speed below which a joint counts as still; the first command after arming needs a still arm [rad/s].
        stale_after_s: Age at which a measurement is too old [s].
        workspace_lower_m: (3,) lowest tool position in the base frame [m].
        workspace_upper_m: (3,) highest tool position in the base frame [m].
        collision_margin_m: Distance at which things count as touching [m]; below 0, that much overlap is tolerated.
    """

    limits: JointLimits
    period_s: float = 0.01
    step_rad: float = 0.15
    start_rad: float = 0.02
    rest_rad_s: float = 0.1
    stale_after_s: float = 0.1
    workspace_lower_m: Array = field(default_factory=lambda: np.full(3, -np.inf))
    workspace_upper_m: Array = field(default_factory=lambda: np.full(3, np.inf))
    collision_margin_m: float = 0.0


class Gate:
    """Judges position commands. Its scratch memory is locked, so it may be asked from several threads.

    Args:
        model: The robot.
        config: The bounds.
        world: The robot's shapes, the support and keep-out boxes; the gate keeps it for itself.
    """

    def __init__(self, model: RobotModel, config: GateConfig, world: CollisionWorld) -> None:
        limits = config.limits
        self.model = model
        self.config = config
        self.world = world
        self.names = limits.names
        self._dt = config.period_s
        # One row of plain numbers per joint: for so few joints a loop is several times faster than array arithmetic.
        self._position = list(zip(limits.lower.tolist(), limits.upper.tolist(), strict=True))
        columns = (
            limits.velocity,
            limits.curve_a,
            limits.curve_b,
            limits.curve_upper,
            limits.curve_lower,
            limits.acceleration * (1.0 + ROUNDING),
            limits.jerk * (1.0 + ROUNDING),
        )
        self._rates = list(zip(*(column.tolist() for column in columns), strict=True))
        self._tolerance = limits.velocity_tolerance
        lower, upper = (np.asarray(x, dtype=np.float64) for x in (config.workspace_lower_m, config.workspace_upper_m))
        self._workspace = list(zip(lower.tolist(), upper.tolist(), strict=True))
        self._lock = Lock()
        self._rest = (0.0,) * len(self.names)
        self._stale_ns = int(config.stale_after_s * 1e9)
        self._gap_ns = int(GAP_PERIODS * config.period_s * 1e9)

    @classmethod
    def from_config(
        cls,
        model: RobotModel,
        robot: RobotConfig,
        *,
        support: Plane | None = None,
        keep_out: Sequence[Box] = (),
        period_s: float = 0.01,
        step_rad: float = 0.15,
        stale_after_s: float = 0.1,
        workspace_m: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        collision_margin_m: float = -0.003,
    ) -> Gate:
        """The gate of a described robot.

        Args:
            model: The robot's kinematics.
            robot: Its description.
            support: The table, solid below; None for none.
            keep_out: Boxes no part of the arm may enter.
            period_s: Control period [s].
            step_rad: Largest distance from the measured position [rad].
            stale_after_s: Age at which a measurement is too old [s].
            workspace_m: Lowest and highest tool position in the base frame [m]; the robot's own when None.
            collision_margin_m: The default tolerates 3 mm of overlap: a perceived table is not exact to the millimetre.
        """
        world = CollisionWorld.from_config(model, robot, margin_m=collision_margin_m, coarse=True)
        world.set_support(support)
        world.set_obstacles(keep_out)
        lower, upper = workspace_m or (robot.workspace_lower_m, robot.workspace_upper_m)
        config = GateConfig(
            limits=robot.limits,
            period_s=period_s,
            step_rad=step_rad,
            stale_after_s=stale_after_s,
            workspace_lower_m=np.asarray(lower, dtype=np.float64),
            workspace_upper_m=np.asarray(upper, dtype=np.float64),
            collision_margin_m=collision_margin_m,
        )
        return cls(model, config, world)

    def check(
        self,
        names: tuple[str, ...],
        positions: npt.ArrayLike,
        *,
        measured: JointState,
        now_ns: int,
        memory: GateMemory | None,
    ) -> GateVerdict:
        """Judges one command.

        Args:
            names: Joint names, one per position; every joint of the gate exactly once, in any order.
            positions: Commanded positions [rad].
            measured: The newest measurement.
            now_ns: The present time, on the clock of the measurement [ns].
            memory: The memory of the verdict before; None right after arming.
        """
        order = self._order_of(names)
        if isinstance(order, str):
            return GateVerdict(ErrorCode.GATE_NAMES, order, None, memory)
        try:
            q = np.asarray(positions)
        except (TypeError, ValueError, OverflowError):
            return GateVerdict(ErrorCode.GATE_NOT_FINITE, "the command is not made of numbers", None, memory)
        if q.dtype.kind not in "fiu":
            return GateVerdict(ErrorCode.GATE_NOT_FINITE, "the command is not made of real numbers", None, memory)
        if q.shape != (len(self.names),):
            reason = f"the command names {len(self.names)} joints but has values of shape {q.shape}"
            return GateVerdict(ErrorCode.GATE_NAMES, reason, None, memory)
        if order is not None:
            q = q[order]
        refusal, actual = self._measured(measured, now_ns)
        if actual is None:
            return GateVerdict(*refusal, None, memory)
        if memory is None and (reason := self._moved_at_start(measured)):
            return GateVerdict(ErrorCode.GATE_VELOCITY, reason, None, None)
        with self._lock:
            return self._judge(q.astype(np.float64).tolist(), actual, now_ns, memory)

    def check_trajectory(
        self, trajectory: JointTrajectory, *, measured: JointState, now_ns: int, memory: GateMemory | None
    ) -> GateVerdict:
        """Judges every sample of a trajectory, as if streamed at the control period from now on.

        The measured state bounds the first sample; the memory of the answer is that of the last one. So that nothing
        hides between the samples, the cubic pieces between the trajectory's own points are bounded as well, with the
        allowance `BETWEEN`.
        """
        if not isfinite(trajectory.duration_s) or not np.isfinite(trajectory.velocities).all():
            return GateVerdict(
                ErrorCode.GATE_NOT_FINITE, "the trajectory has a time or speed that is not finite", None, memory
            )
        if trajectory.duration_s > LONGEST_S:
            reason = (
                f"a trajectory of {trajectory.duration_s:.0f} s is longer than the {LONGEST_S:.0f} s that are judged"
            )
            return GateVerdict(ErrorCode.PAYLOAD_INVALID, reason, None, memory)
        verdict = self.check(trajectory.names, trajectory.positions[0], measured=measured, now_ns=now_ns, memory=memory)
        if not verdict.accepted:
            return verdict
        order = self._order_of(trajectory.names)
        hidden = self._between(trajectory, slice(None) if order is None else order)
        if hidden is not None:
            return GateVerdict(*hidden, None, memory)
        start_s = float(trajectory.times_s[0])
        period_ns = round(self._dt * 1e9)
        # One period beyond the end: a trajectory that ends in full flight is none.
        for k in range(1, int(np.ceil(trajectory.duration_s / self._dt - 1e-9)) + 2):
            sample = trajectory.sample(start_s + k * self._dt)[0]
            q = (sample if order is None else sample[order]).tolist()
            with self._lock:
                verdict = self._judge(q, q, now_ns + k * period_ns, verdict.memory)
            if not verdict.accepted:
                return verdict._replace(memory=memory)
        return verdict

    def _between(self, trajectory: JointTrajectory, order: Any) -> tuple[ErrorCode, str] | None:
        """Bounds of the cubic pieces between a trajectory's points: their extremes, not only their samples."""
        limits = self.config.limits
        q, v = trajectory.positions[:, order], trajectory.velocities[:, order]
        outside = np.flatnonzero(~limits.inside(q, -CLIP_RAD))
        if len(outside):
            return ErrorCode.GATE_POSITION, limits.violation(q[outside[0]]) or "the trajectory holds no position"
        if len(q) < 2:
            return None
        h = np.diff(trajectory.times_s)[:, None]
        chord = np.diff(q, axis=0) / h
        curve, bend = (3 * chord - 2 * v[:-1] - v[1:]) / h, (v[:-1] + v[1:] - 2 * chord) / h**2
        # Velocity v0 + 2 curve t + 3 bend t^2: extreme at the ends and where its slope, the acceleration, is zero.
        with np.errstate(divide="ignore", invalid="ignore"):
            at = np.clip(np.nan_to_num(-curve / (3 * bend)), 0.0, h)
        speed = np.maximum(np.abs(v[:-1] + at * (2 * curve + 3 * bend * at)), np.maximum(np.abs(v[:-1]), np.abs(v[1:])))
        hardest = np.maximum(np.abs(2 * curve), np.abs(2 * curve + 6 * bend * h))
        checks = (
            (ErrorCode.GATE_VELOCITY, speed, limits.velocity, "rad/s"),
            (ErrorCode.GATE_ACCELERATION, hardest, limits.acceleration, "rad/s^2"),
        )
        for code, values, bounds, unit in checks:
            allowed = bounds * BETWEEN[code]
            if not np.all(values <= allowed):
                i, j = np.unravel_index(int(np.argmax(values / allowed)), values.shape)
                reason = f"{self.names[j]} would reach {values[i, j]:.2f} {unit} between the points of the trajectory"
                return code, reason
        return None

    def _order_of(self, names: Any) -> Any:
        """Where each joint of the gate stands among the names: None for the same order, a sentence for a misfit."""
        try:
            given = names if isinstance(names, tuple) else tuple(names)
            if len(given) > 4 * len(self.names):
                return f"the command has {len(given)} joints, the arm {len(self.names)}"
            return _order(self.names, given)
        except TypeError:
            return "the command's joint names are no text"

    def _measured(self, measured: JointState, now_ns: int) -> tuple[tuple[ErrorCode, str], list[float] | None]:
        """The measured positions in the gate's order, or why they cannot be used."""
        age_ns = now_ns - measured.stamp_ns
        if age_ns > self._stale_ns:
            reason = f"the joint states are {age_ns / 1e9:.3f} s old; the arm is not moved without fresh ones"
            return (ErrorCode.GATE_STALE, reason), None
        if age_ns < -self._stale_ns:
            reason = f"the joint states are {-age_ns / 1e9:.3f} s in the future; did the clock jump?"
            return (ErrorCode.GATE_STALE, reason), None
        where = _select(self.names, measured.names)
        if isinstance(where, str):
            return (ErrorCode.GATE_STALE, where), None
        values = measured.positions.tolist()
        if len(values) != len(measured.names):
            return (ErrorCode.GATE_STALE, "the joint states have not one position for each name"), None
        actual = [values[i] for i in where]
        if not all(map(isfinite, actual)):
            return (ErrorCode.GATE_STALE, "the joint states hold a position that is not finite"), None
        return (ErrorCode.NONE, ""), actual

    def _moved_at_start(self, measured: JointState) -> str:
        """Why an arm that is about to start does not stand still; empty when it does, or when no speeds are measured."""
        speeds = measured.velocities.tolist()
        if len(speeds) != len(measured.names):
            return ""
        for i, where in zip(range(len(self.names)), _select(self.names, measured.names), strict=True):
            if not abs(speeds[where]) <= self.config.rest_rad_s:
                return f"{self.names[i]} still moves at {speeds[where]:.3f} rad/s; a motion starts from standstill"
        return ""

    def _judge(self, q: list[float], actual: list[float], now_ns: int, memory: GateMemory | None) -> GateVerdict:
        """Bounds for positions q in the gate's order."""
        step = self.config.start_rad if memory is None else self.config.step_rad
        for i, (x, (lower, upper)) in enumerate(zip(q, self._position, strict=True)):
            if lower <= x <= upper:
                continue
            if not isfinite(x):
                reason = f"{self.names[i]} was commanded to {x}, which is no position"
                return GateVerdict(ErrorCode.GATE_NOT_FINITE, reason, None, memory)
            if x < lower - CLIP_RAD or x > upper + CLIP_RAD:
                reason = f"{self.names[i]} was commanded to {x:.6g} rad, outside {lower:.4f}..{upper:.4f}"
                return GateVerdict(ErrorCode.GATE_POSITION, reason, None, memory)
            q[i] = min(max(x, lower), upper)
        for i, (x, here) in enumerate(zip(q, actual, strict=True)):
            if not -step <= x - here <= step:
                reason = f"{self.names[i]} was commanded {abs(x - here):.3f} rad from where it is, more than {step:.3f}"
                return GateVerdict(ErrorCode.GATE_STEP, reason, None, memory)
        if memory is None:
            after = GateMemory(tuple(q), self._rest, self._rest, now_ns, 0.0)
        else:
            refusal, moved = self._moving(q, now_ns, memory)
            if moved is None:
                return GateVerdict(*refusal, None, memory)
            after = moved
        out = np.array(q)
        touching = self.world.touching(out)
        if touching is not None:
            thing = touching[1] in self.world.things
            code = ErrorCode.GATE_SCENE_COLLISION if thing else ErrorCode.GATE_SELF_COLLISION
            return GateVerdict(code, f"{touching[0]} would touch {touching[1]}", None, memory)
        tool = self.model.tool_position()
        for x, (lower, upper) in zip(tool, self._workspace, strict=True):
            if not lower <= x <= upper:
                where = ", ".join(f"{value:.3f}" for value in tool)
                reason = f"the tool would leave the workspace at ({where}) m"
                return GateVerdict(ErrorCode.GATE_WORKSPACE, reason, None, memory)
        return GateVerdict(ErrorCode.NONE, "", out, after)

    def _moving(
        self, q: list[float], now_ns: int, memory: GateMemory
    ) -> tuple[tuple[ErrorCode, str], GateMemory | None]:
        """Velocity, acceleration, jerk and rate against the command before."""
        dt = self._dt
        elapsed_ns = now_ns - memory.stamp_ns
        if elapsed_ns < 0:
            return (ErrorCode.GATE_STALE, "the clock ran backwards since the command before"), None
        lead = max(0.0, memory.lead_s + dt - elapsed_ns * 1e-9)
        if lead > LEAD_PERIODS * dt:
            reason = f"commands come faster than every {dt:.3f} s, which would multiply every speed"
            return (ErrorCode.GATE_VELOCITY, reason), None
        resting = elapsed_ns > self._gap_ns
        before_v = self._rest if resting else memory.velocities
        before_a = self._rest if resting else memory.accelerations
        velocities, accelerations = [], []
        for i, (x, x0, v0, a0, row) in enumerate(
            zip(q, memory.positions, before_v, before_a, self._rates, strict=True)
        ):
            highest, curve_a, curve_b, curve_upper, curve_lower, most, jerk = row
            v = (x - x0) / dt
            # The position-dependent bound is tightest at the end of the step.
            room = curve_b * (curve_upper - x if v > 0.0 else curve_lower + x)
            curve = sqrt(room) - curve_a if room > 0.0 else 0.0
            bound = (curve if curve < highest else highest) - self._tolerance
            if abs(v) > (bound if bound > 0.0 else 0.0) * (1.0 + ROUNDING) + STILL:
                reason = (
                    f"{self.names[i]} would move at {abs(v):.3f} rad/s, more than {max(bound, 0.0):.3f} at {x:.3f} rad"
                )
                return (ErrorCode.GATE_VELOCITY, reason), None
            a = (v - v0) / dt
            if not -most <= a <= most:
                reason = f"{self.names[i]} would accelerate at {abs(a):.2f} rad/s^2, more than {most:.2f}"
                return (ErrorCode.GATE_ACCELERATION, reason), None
            if not -jerk <= (a - a0) / dt <= jerk:
                reason = f"{self.names[i]} would jerk at {abs(a - a0) / dt:.0f} rad/s^3, more than {jerk:.0f}"
                return (ErrorCode.GATE_JERK, reason), None
            velocities.append(v)
            accelerations.append(a)
        return (ErrorCode.NONE, ""), GateMemory(tuple(q), tuple(velocities), tuple(accelerations), now_ns, lead)


@lru_cache(maxsize=64)
def _order(wanted: tuple[str, ...], given: tuple[str, ...]) -> Any:
    """Where each wanted joint stands among the given ones; None for the same order; a sentence when they do not fit."""
    if wanted == given:
        return None
    texts = [str(name) for name in given]
    missing = [name for name in wanted if name not in texts]
    if missing:
        return f"the command lacks {', '.join(missing)}"
    if len(given) != len(wanted):
        return f"the command has {len(given)} joints, the arm {len(wanted)}, each exactly once"
    return np.array([texts.index(name) for name in wanted])


@lru_cache(maxsize=64)
def _select(wanted: tuple[str, ...], given: tuple[str, ...]) -> Any:
    """Where the wanted joints stand among the measured ones, or a sentence naming the missing."""
    missing = [name for name in wanted if name not in given]
    if missing:
        return f"the joint states lack {', '.join(missing)}"
    return tuple(given.index(name) for name in wanted)
