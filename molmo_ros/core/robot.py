"""What every robot driver takes and gives: measured states, trajectories, gripper commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError


@dataclass(frozen=True, kw_only=True, eq=False)
class JointState:
    """Measured joints, by name.

    Attributes:
        names: Joint names.
        positions: (N,) rad or m.
        velocities: (N,) rad/s or m/s.
        efforts: (N,) Nm or N.
        stamp_ns: Time of measurement [ns].
    """

    names: tuple[str, ...]
    positions: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]
    efforts: npt.NDArray[np.float64]
    stamp_ns: int

    def select(self, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """Positions of the named joints, in that order.

        Raises:
            MolmoRosError: JOINT_STATES_INVALID when one is missing.
        """
        index = {name: i for i, name in enumerate(self.names)}
        missing = [name for name in names if name not in index]
        if missing:
            raise MolmoRosError(
                ErrorCode.JOINT_STATES_INVALID, f"joint_states lacks {', '.join(missing)}; is this the right robot?"
            )
        return self.positions[[index[name] for name in names]]


@dataclass(frozen=True, kw_only=True, eq=False)
class JointTrajectory:
    """A timed path in joint space.

    Attributes:
        names: Joint names, one per column.
        times_s: (T,) strictly increasing, starting at 0 [s].
        positions: (T, N) rad or m.
        velocities: (T, N) per second.
        accelerations: (T, N) per second squared.
    """

    names: tuple[str, ...]
    times_s: npt.NDArray[np.float64]
    positions: npt.NDArray[np.float64]
    velocities: npt.NDArray[np.float64]
    accelerations: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.times_s), len(self.names))
        for array in (self.positions, self.velocities, self.accelerations):
            if array.shape != shape:
                raise MolmoRosError(
                    ErrorCode.GATE_NAMES, f"a trajectory of shape {shape} was given {array.shape} values"
                )
        if len(self.times_s) < 1 or np.any(np.diff(self.times_s) <= 0):
            raise MolmoRosError(ErrorCode.TRACE_INVALID, "a trajectory's times must increase")

    @property
    def duration_s(self) -> float:
        """Time from first to last point [s]."""
        return float(self.times_s[-1] - self.times_s[0])

    def sample(self, t_s: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Position, velocity and acceleration at a time from the start, cubic Hermite between points."""
        t = float(np.clip(t_s, self.times_s[0], self.times_s[-1]))
        i = int(np.clip(np.searchsorted(self.times_s, t, side="right") - 1, 0, max(len(self.times_s) - 2, 0)))
        if len(self.times_s) == 1:
            return self.positions[0], self.velocities[0], self.accelerations[0]
        h = float(self.times_s[i + 1] - self.times_s[i])
        s = (t - float(self.times_s[i])) / h
        p0, p1, v0, v1 = self.positions[i], self.positions[i + 1], self.velocities[i] * h, self.velocities[i + 1] * h
        d = p1 - p0
        a2, a3 = 3 * d - 2 * v0 - v1, -2 * d + v0 + v1
        position = p0 + s * (v0 + s * (a2 + s * a3))
        velocity = (v0 + s * (2 * a2 + 3 * s * a3)) / h
        acceleration = (2 * a2 + 6 * s * a3) / (h * h)
        return position, velocity, acceleration


@dataclass(frozen=True, kw_only=True)
class GripperState:
    """Measured gripper.

    Attributes:
        width_m: Opening between the fingers [m].
        stalled: Whether it stopped on something before reaching the commanded width.
        moving: Whether it is under way.
    """

    width_m: float
    stalled: bool = False
    moving: bool = False


@dataclass(frozen=True, kw_only=True)
class MotionResult:
    """How one motion ended.

    Attributes:
        code: NONE when it reached its end.
        message: One sentence for any other code.
        gripper: The gripper at the end.
    """

    code: ErrorCode = ErrorCode.NONE
    message: str = ""
    gripper: GripperState | None = None


@runtime_checkable
class RobotDriver(Protocol):
    """A robot behind the last gate. Blocking calls; ``cancelled`` is polled at least every 10 ms."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the arm joints it commands."""
        ...

    def joint_state(self) -> JointState:
        """The newest measurement, all joints."""
        ...

    def gripper_state(self) -> GripperState:
        """The newest gripper measurement."""
        ...

    def execute(self, trajectory: JointTrajectory, cancelled: Callable[[], bool]) -> MotionResult:
        """Follows a trajectory; when cancelled it holds still within 100 ms and says CANCELED."""
        ...

    def stream(self, names: tuple[str, ...], positions: npt.NDArray[np.float64]) -> None:
        """Sets one position target; the driver holds when no newer one comes."""
        ...

    def move_gripper(self, width_m: float, max_effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """Opens or closes until the width is reached or something is held."""
        ...

    def hold(self) -> None:
        """Holds the measured position now."""
        ...
