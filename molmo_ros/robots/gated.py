"""A driver behind the last gate: nothing reaches the robot that the gate has not passed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult, RobotDriver
from molmo_ros.motion.gate import Gate, GateMemory


class GatedDriver:
    """Wraps a driver; refused commands never reach it and are counted.

    Args:
        driver: The robot.
        gate: The gate; it belongs to this driver from now on.
        now_ns: The clock of the driver's measurements [ns].
        gripper_max_width_m: Opening of the open gripper [m].
        gripper_max_effort_n: Largest force asked of the gripper [N].
    """

    def __init__(
        self,
        driver: RobotDriver,
        gate: Gate,
        now_ns: Callable[[], int],
        *,
        gripper_max_width_m: float = 0.08,
        gripper_max_effort_n: float = 140.0,
    ) -> None:
        self._driver, self._gate, self._now_ns = driver, gate, now_ns
        self._gripper_max_width_m, self._gripper_max_effort_n = gripper_max_width_m, gripper_max_effort_n
        self._memory: GateMemory | None = None
        self.accepted = 0
        self.refused = 0
        self.last_refusal: tuple[ErrorCode, str] = (ErrorCode.NONE, "")

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints it commands."""
        return self._gate.names

    def joint_state(self) -> JointState:
        """The newest measurement, all joints."""
        return self._driver.joint_state()

    def gripper_state(self) -> GripperState:
        """The newest gripper measurement."""
        return self._driver.gripper_state()

    def _refuse(self, code: ErrorCode, reason: str) -> MotionResult:
        self.refused += 1
        self.last_refusal = code, reason
        return MotionResult(code=code, message=f"The last gate refused the motion: {reason}.")

    def execute(self, trajectory: JointTrajectory, cancelled: Callable[[], bool]) -> MotionResult:
        """Follows a trajectory of which the gate has passed every sample."""
        try:
            measured = self._driver.joint_state()
        except MolmoRosError as error:
            return self._refuse(error.code, error.message)
        verdict = self._gate.check_trajectory(trajectory, measured=measured, now_ns=self._now_ns(), memory=None)
        if not verdict.accepted:
            return self._refuse(verdict.code, verdict.reason)
        self.accepted += 1
        self._memory = None
        return self._driver.execute(trajectory, cancelled)

    def now_ns(self) -> int:
        """The time on the clock of the measurements [ns]."""
        return self._now_ns()

    def stream(self, names: tuple[str, ...], positions: npt.NDArray[np.float64], at_ns: int | None = None) -> None:
        """Passes one target on.

        Args:
            names: Joint names.
            positions: (N,) targets [rad].
            at_ns: The time for which the target was computed, as `now_ns` gave it; the present one by default.

        Raises:
            MolmoRosError: The gate's code and reason; the driver holds then.
        """
        measured = self._driver.joint_state()
        now_ns = self._now_ns() if at_ns is None else at_ns
        verdict = self._gate.check(names, positions, measured=measured, now_ns=now_ns, memory=self._memory)
        if verdict.positions is None:
            self._refuse(verdict.code, verdict.reason)
            self.hold()
            raise MolmoRosError(verdict.code, f"The last gate refused the target: {verdict.reason}.")
        self._memory = verdict.memory
        self.accepted += 1
        self._driver.stream(self._gate.names, verdict.positions)

    def move_gripper(self, width_m: float, max_effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """Opens or closes, within what the gripper has."""
        if not np.isfinite(width_m) or not -1e-6 <= width_m <= self._gripper_max_width_m + 1e-6:
            return self._refuse(
                ErrorCode.GRIPPER_FAILED, f"the gripper opens 0 to {self._gripper_max_width_m:.3f} m, not {width_m}"
            )
        if not np.isfinite(max_effort_n) or not 0 < max_effort_n <= self._gripper_max_effort_n:
            return self._refuse(
                ErrorCode.GRIPPER_FAILED,
                f"the gripping force must lie in 0..{self._gripper_max_effort_n:.0f} N, not {max_effort_n}",
            )
        self.accepted += 1
        return self._driver.move_gripper(float(width_m), float(max_effort_n), cancelled)

    def hold(self) -> None:
        """Holds the measured position now."""
        self._memory = None
        self._driver.hold()
