"""The simulated robot as a `RobotDriver`: blocking calls that advance simulation time themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult
from molmo_ros.sim.simulation import CONTROL_PERIOD_S, Simulation

_HOLD_S = 0.1


class SimRobot:
    """Drives a simulation from within its process; no wall clock is involved.

    Args:
        simulation: The simulation it steps.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the arm joints."""
        return self.simulation.arm_joint_names

    def joint_state(self) -> JointState:
        """The newest measurement, all joints."""
        return self.simulation.joint_state()

    def gripper_state(self) -> GripperState:
        """The newest gripper measurement."""
        return self.simulation.gripper_state()

    def execute(self, trajectory: JointTrajectory, cancelled: Callable[[], bool]) -> MotionResult:
        """Follows a trajectory to its end; cancelled is asked every 10 ms of simulation time."""
        try:
            self.simulation.start_trajectory(trajectory)
        except MolmoRosError as error:
            return MotionResult(code=error.code, message=error.message, gripper=self.gripper_state())
        while self.simulation.is_moving:
            if cancelled():
                self.hold()
                self.wait(_HOLD_S)
                return MotionResult(
                    code=ErrorCode.CANCELED, message="the motion was cancelled", gripper=self.gripper_state()
                )
            self.simulation.step()
        result = self.simulation.motion or MotionResult()
        return MotionResult(code=result.code, message=result.message, gripper=self.gripper_state())

    def stream(self, names: tuple[str, ...], positions: npt.NDArray[np.float64]) -> None:
        """Sets one position target and lets one control period pass."""
        self.simulation.set_target(names, positions)
        self.simulation.step(CONTROL_PERIOD_S)

    def move_gripper(self, width_m: float, max_effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """Opens or closes until the width is reached or something is held."""
        try:
            self.simulation.command_gripper(width_m, max_effort_n)
        except MolmoRosError as error:
            return MotionResult(code=error.code, message=error.message, gripper=self.gripper_state())
        while self.simulation.gripper_state().moving:
            if cancelled():
                self.simulation.hold_gripper()
                return MotionResult(
                    code=ErrorCode.CANCELED, message="the gripper motion was cancelled", gripper=self.gripper_state()
                )
            self.simulation.step()
        return MotionResult(gripper=self.gripper_state())

    def hold(self) -> None:
        """Holds the measured position now."""
        self.simulation.hold()

    def wait(self, duration_s: float) -> None:
        """Lets simulation time pass."""
        for _ in range(round(duration_s / CONTROL_PERIOD_S)):
            self.simulation.step()
