"""A ros2_control robot as a driver: FollowJointTrajectory, joint_trajectory streaming, GripperCommand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from trajectory_msgs.msg import JointTrajectoryPoint

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param
from molmo_ros.nodes.qos import COMMAND, SENSOR

PARAMS = (
    Param(name="arm_controller", default="fr3_arm_controller", doc="Name of the arm's trajectory controller."),
    Param(name="gripper", default="franka_gripper", doc="Name of the gripper; its action is <name>/gripper_action."),
    Param(
        name="joint_states_max_age_s",
        default=0.1,
        doc="Age at which joint_states count as lost [s].",
        low=0.01,
        high=5.0,
    ),
    Param(
        name="tracking_limit_rad",
        default=0.2,
        doc="Distance from the path at which the arm has met something [rad].",
        low=0.01,
        high=1.0,
    ),
)
POLL_S = 0.002
SETTLE_S = 1.0
STILL_RAD_S = 0.005


class ControllerDriver:
    """Drives a robot through its controllers.

    Args:
        node: Node that talks to them.
        values: Values of PARAMS.
        joint_names: Arm joints.
        gripper_joints: Finger joints; the opening is their sum.
    """

    def __init__(
        self, node: Node, values: dict[str, object], joint_names: tuple[str, ...], gripper_joints: tuple[str, ...]
    ) -> None:
        self._node = node
        self._names, self._fingers = joint_names, gripper_joints
        self._max_age_s = float(values["joint_states_max_age_s"])
        self._tracking_rad = float(values["tracking_limit_rad"])
        self._lock = threading.Lock()
        self._state: tuple[JointState, float] | None = None
        self._fault: MolmoRosError | None = None
        self._gripper = GripperState(width_m=0.0)
        self._active: object | None = None
        group = ReentrantCallbackGroup()
        controller, gripper = values["arm_controller"], values["gripper"]
        node.create_subscription(JointStateMsg, "joint_states", self._on_joints, SENSOR, callback_group=group)
        self._arm = ActionClient(
            node, FollowJointTrajectory, f"{controller}/follow_joint_trajectory", callback_group=group
        )
        self._hand = ActionClient(node, GripperCommand, f"{gripper}/gripper_action", callback_group=group)
        self._topic = node.create_publisher(JointTrajectoryMsg, f"{controller}/joint_trajectory", COMMAND)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the arm joints."""
        return self._names

    def _on_joints(self, message: JointStateMsg) -> None:
        try:
            state = convert.joint_state_from(message)
            state.select(self._names)
        except MolmoRosError as error:
            self._fault = error
            return
        with self._lock:
            if self._state is not None and state.stamp_ns <= self._state[0].stamp_ns:
                return
            self._state, self._fault = (state, time.monotonic()), None
            if all(f in state.names for f in self._fingers):
                width = float(np.sum(state.select(self._fingers)))
                self._gripper = GripperState(width_m=width, stalled=self._gripper.stalled)

    def joint_state(self) -> JointState:
        """The newest measurement.

        Raises:
            MolmoRosError: JOINT_STATES_LOST when none came lately, JOINT_STATES_INVALID when they can not be used.
        """
        with self._lock:
            newest = self._state
        if newest is not None and time.monotonic() - newest[1] <= self._max_age_s:
            return newest[0]
        if self._fault is not None:
            raise self._fault
        raise MolmoRosError(
            ErrorCode.JOINT_STATES_LOST, "joint_states has stopped coming; is the robot driver running?"
        )

    def gripper_state(self) -> GripperState:
        """The newest gripper measurement."""
        return self._gripper

    def execute(self, trajectory: JointTrajectory, cancelled: Callable[[], bool]) -> MotionResult:
        """Sends the trajectory and watches it; a lost measurement or a large error ends in a hold."""
        if not self._arm.wait_for_server(timeout_sec=2.0):
            return MotionResult(
                code=ErrorCode.DRIVER_UNAVAILABLE, message="The arm's trajectory controller is not there."
            )
        goal = FollowJointTrajectory.Goal(trajectory=convert.trajectory_msg(trajectory))
        sent = self._arm.send_goal_async(goal)
        if not _wait(sent.done, 2.0):
            return MotionResult(code=ErrorCode.DRIVER_UNAVAILABLE, message="The trajectory controller does not answer.")
        handle = sent.result()
        if not handle.accepted:
            return MotionResult(
                code=ErrorCode.DRIVER_REJECTED, message="The trajectory controller rejected the trajectory."
            )
        self._active = handle
        outcome = handle.get_result_async()
        reached_s = 0.0
        fault: MolmoRosError | None = None
        while not outcome.done():
            if fault is None and cancelled():
                fault = MolmoRosError(ErrorCode.CANCELED, "The motion was cancelled; the arm holds.")
                handle.cancel_goal_async()
            if fault is None:
                try:
                    reached_s = self._reached(trajectory, self.joint_state(), reached_s)
                except MolmoRosError as error:
                    fault = error
                    handle.cancel_goal_async()
            time.sleep(POLL_S)
        self._active = None
        self._settle()
        if fault is not None:
            return MotionResult(code=fault.code, message=fault.message, gripper=self._gripper)
        result = outcome.result().result
        if result.error_code != FollowJointTrajectory.Result.SUCCESSFUL:
            code = (
                ErrorCode.TRACKING_ERROR
                if result.error_code == FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
                else ErrorCode.DRIVER_REJECTED
            )
            return MotionResult(code=code, message=result.error_string or "The controller gave up the trajectory.")
        return MotionResult(gripper=self._gripper)

    def _reached(self, trajectory: JointTrajectory, state: JointState, before_s: float) -> float:
        """The moment of the trajectory nearest to the measured position, looked for from the last one on.

        Only the distance from the path counts: when the controller began is not known to the millisecond.

        Raises:
            MolmoRosError: TRACKING_ERROR when the arm is nowhere near the path.
        """
        measured = state.select(trajectory.names)
        times = np.clip(before_s + np.linspace(-0.1, 1.0, 23), 0.0, trajectory.duration_s)
        errors = [float(np.max(np.abs(trajectory.sample(float(t))[0] - measured))) for t in times]
        nearest = int(np.argmin(errors))
        if errors[nearest] > self._tracking_rad:
            raise MolmoRosError(
                ErrorCode.TRACKING_ERROR,
                f"The arm is {errors[nearest]:.2f} rad off its path; it has met something and holds.",
            )
        return float(times[nearest])

    def _settle(self) -> None:
        """Waits until the arm stands still; a moment at most."""
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            with self._lock:
                newest = self._state
            if newest is None:
                return
            index = [newest[0].names.index(n) for n in self._names]
            if float(np.max(np.abs(newest[0].velocities[index]))) < STILL_RAD_S:
                return
            time.sleep(POLL_S)

    def stream(self, names: tuple[str, ...], positions: np.ndarray) -> None:
        """One position target for the next control period."""
        point = JointTrajectoryPoint(
            positions=[float(p) for p in positions], time_from_start=convert.duration_msg(0.01)
        )
        self._topic.publish(JointTrajectoryMsg(joint_names=list(names), points=[point]))

    def move_gripper(self, width_m: float, max_effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """One GripperCommand; franka_gripper's position is per finger, half the width."""
        if not self._hand.wait_for_server(timeout_sec=2.0):
            return MotionResult(code=ErrorCode.DRIVER_UNAVAILABLE, message="The gripper's action is not there.")
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = width_m / 2, max_effort_n
        sent = self._hand.send_goal_async(goal)
        if not _wait(sent.done, 2.0) or not sent.result().accepted:
            return MotionResult(code=ErrorCode.GRIPPER_FAILED, message="The gripper did not accept the command.")
        handle = sent.result()
        outcome = handle.get_result_async()
        asked = False
        end = time.monotonic() + 15.0
        while not outcome.done():
            if not asked and cancelled():
                asked = True
                handle.cancel_goal_async()
            if time.monotonic() > end:
                return MotionResult(code=ErrorCode.GRIPPER_FAILED, message="The gripper did not finish within 15 s.")
            time.sleep(POLL_S)
        result = outcome.result().result
        self._gripper = GripperState(width_m=2 * result.position, stalled=result.stalled)
        if asked:
            return MotionResult(
                code=ErrorCode.CANCELED, message="The gripper motion was cancelled.", gripper=self._gripper
            )
        if not result.stalled and not result.reached_goal:
            return MotionResult(code=ErrorCode.GRIPPER_FAILED, message="The gripper gave up.", gripper=self._gripper)
        return MotionResult(gripper=self._gripper)

    def hold(self) -> None:
        """Cancels what is under way; an empty trajectory tells the controller to hold."""
        active = self._active
        if active is not None:
            active.cancel_goal_async()
        self._topic.publish(JointTrajectoryMsg(joint_names=list(self._names)))


def _wait(ready: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True
