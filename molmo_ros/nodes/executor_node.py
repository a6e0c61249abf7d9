"""executor_node: the ExecuteMotion action, the last gate, the latched stop; the only node that commands the driver."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import MotionResult
from molmo_ros.core.scene import Plane
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.gate import Gate
from molmo_ros.motion.model import RobotModel
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.chunk_stream import PARAMS as CHUNK_PARAMS
from molmo_ros.nodes.chunk_stream import ChunkStream
from molmo_ros.nodes.controller_driver import PARAMS as DRIVER_PARAMS
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import COMMAND
from molmo_ros.nodes.vendor_driver import PARAMS as VENDOR_PARAMS
from molmo_ros.nodes.vendor_driver import make_driver
from molmo_ros.robots.gated import GatedDriver
from molmo_ros_interfaces.action import ExecuteMotion
from molmo_ros_interfaces.msg import ExecutionState

PARAMS = (
    *VENDOR_PARAMS,
    *DRIVER_PARAMS,
    *CHUNK_PARAMS,
    Param(name="robot", default="fr3", doc="Robot whose limits hold, by its file in config/robots."),
    Param(name="base_frame", default="fr3_link0", doc="Frame of the state's header."),
    Param(
        name="support_height_m",
        default=0.0,
        doc="Height of the table; nothing may go below it [m].",
        low=-2.0,
        high=3.0,
    ),
    Param(
        name="step_rad",
        default=0.15,
        doc="Largest distance of a target from the measured joint [rad].",
        low=0.01,
        high=0.5,
    ),
    Param(name="arm_at_start", default=False, doc="Arms once the robot is healthy; for simulation only."),
)


class ExecutorNode(Node):
    """Serves execute_motion, arm, stop and release_stop; says execution_state."""

    def __init__(self) -> None:
        super().__init__("executor_node")
        values = declare(self, PARAMS)
        robot = load_robot(values["robot"])
        model = RobotModel.from_config(robot)
        self._base_frame = values["base_frame"]
        self._auto_arm = values["arm_at_start"]
        self._names = robot.limits.names
        self._armed, self._stopped = False, False
        driver = make_driver(self, values, robot, lambda: self._armed)
        support = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=values["support_height_m"])
        gate = Gate.from_config(model, robot, support=support, step_rad=values["step_rad"])
        self._driver = GatedDriver(driver, gate, self._measured_clock, gripper_max_width_m=robot.gripper_width_m)
        self._raw = driver
        self._health = Health(self, "executor")
        self._lock = threading.Lock()
        self._owner: object | None = None
        self._commander, self._goal_id = "", ""
        self._mode, self._fraction = ExecutionState.MODE_HOLD, 0.0
        self._problem: tuple[ErrorCode, str] = (
            ErrorCode.NOT_ARMED,
            "The robot is not armed yet; call the arm service.",
        )
        group = ReentrantCallbackGroup()
        self._states = self.create_publisher(ExecutionState, "execution_state", COMMAND)
        self.create_subscription(Bool, "estop", self._on_estop, COMMAND, callback_group=group)
        self.create_service(Trigger, "arm", self._arm, callback_group=group)
        self.create_service(Trigger, "stop", self._stop, callback_group=group)
        self.create_service(Trigger, "release_stop", self._release, callback_group=group)
        self._server = ActionServer(
            self,
            ExecuteMotion,
            "execute_motion",
            execute_callback=self._execute,
            goal_callback=lambda _: GoalResponse.ACCEPT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )
        self._chunks = ChunkStream(
            self,
            values,
            robot,
            self._driver,
            self._health,
            claim=self._claim_for_chunks,
            release=self._release_from_chunks,
            allowed=lambda: self._armed and not self._stopped,
        )
        self.create_timer(0.1, self._tick, group)

    def _measured_clock(self) -> int:
        """The time of the newest measurement plus its age: the gate's clock, whatever clock the driver stamps with."""
        return self._raw.joint_state().stamp_ns

    def _tick(self) -> None:
        if self._auto_arm and not self._armed and not self._stopped:
            self._try_arm()
            self._auto_arm = not self._armed
        self._say()

    def _try_arm(self) -> tuple[bool, str]:
        if self._stopped:
            return False, "The stop is latched; release it first."
        try:
            self._raw.joint_state()
        except MolmoRosError as error:
            self._problem = error.code, error.message
            return False, error.message
        with self._lock:
            self._armed = True
            self._problem = ErrorCode.NONE, ""
        self.get_logger().info("armed")
        return True, "armed"

    def _arm(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._try_arm()
        self._say()
        return response

    def _latch(self) -> None:
        with self._lock:
            self._stopped, self._armed, self._auto_arm = True, False, False
            self._mode = ExecutionState.MODE_STOPPED
            self._problem = ErrorCode.STOPPED, "The stop was pressed; release it and re-arm the robot."
        self._driver.hold()
        self.get_logger().warning("stop latched: the robot holds")
        self._say()

    def _stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._latch()
        response.success, response.message = True, "stopped; it stays so until released and re-armed"
        return response

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            self._latch()
        else:
            self._let_go()

    def _release(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._let_go()
        response.success, response.message = True, "released; the robot stays unarmed until armed"
        return response

    def _let_go(self) -> None:
        """Releasing a stop never resumes motion and never arms."""
        with self._lock:
            if self._stopped:
                self._stopped, self._mode = False, ExecutionState.MODE_HOLD
                self._problem = ErrorCode.NOT_ARMED, "The robot is not armed; call the arm service."
        self._say()

    def _claim_for_chunks(self, commander: str, goal_id: str) -> MolmoRosError | None:
        refusal = self._take_robot(self._chunks, commander, goal_id)
        if refusal is not None:
            return MolmoRosError(refusal.code, refusal.message)
        self._mode = ExecutionState.MODE_CHUNK
        self._say()
        return None

    def _release_from_chunks(self) -> None:
        with self._lock:
            self._owner, self._commander = None, ""
            self._mode = ExecutionState.MODE_STOPPED if self._stopped else ExecutionState.MODE_HOLD
        self._say()

    def _claim(self, handle: object) -> MotionResult | None:
        request = handle.request
        return self._take_robot(handle, request.commander, request.goal_id)

    def _take_robot(self, owner: object, commander: str, goal_id: str) -> MotionResult | None:
        """Takes ownership of the robot for one motion, or says why not."""
        with self._lock:
            if self._stopped:
                return MotionResult(code=ErrorCode.STOPPED, message=self._problem[1])
            if not self._armed:
                return MotionResult(code=ErrorCode.NOT_ARMED, message=self._problem[1] or "The robot is not armed.")
            if self._owner is not None:
                return MotionResult(
                    code=ErrorCode.COMMANDER_CONFLICT,
                    message=f'"{self._commander}" is moving the robot; wait or cancel.',
                )
            self._owner, self._commander, self._goal_id = owner, commander, goal_id
        return None

    def _execute(self, handle: object) -> ExecuteMotion.Result:
        refusal = self._claim(handle)
        if refusal is not None:
            return self._finish(handle, refusal)
        try:
            outcome = self._run(handle)
        except Exception as error:
            self._driver.hold()
            self.get_logger().error(f"unexpected: {type(error).__name__}: {error}")
            outcome = MotionResult(code=ErrorCode.INTERNAL, message=f"An unexpected fault in the executor: {error}")
        finally:
            with self._lock:
                self._owner, self._commander = None, ""
                self._mode = ExecutionState.MODE_STOPPED if self._stopped else ExecutionState.MODE_HOLD
                self._fraction = 0.0
        if outcome.code is not ErrorCode.NONE:
            self._say()
        return self._finish(handle, outcome)

    def _run(self, handle: object) -> MotionResult:
        request = handle.request
        started = time.monotonic()

        def cancelled() -> bool:
            return handle.is_cancel_requested or self._stopped

        outcome = MotionResult()
        if request.trajectory.points:
            try:
                trajectory = convert.trajectory_from(request.trajectory)
            except MolmoRosError as error:
                return MotionResult(code=error.code, message=error.message)
            self._mode = ExecutionState.MODE_TRAJECTORY
            with self._health.timed("trajectory"):
                outcome = self._driver.execute(trajectory, cancelled)
            self._fraction = min(1.0, (time.monotonic() - started) / max(trajectory.duration_s, 1e-3))
        if outcome.code is ErrorCode.NONE and not math.isnan(request.gripper_width_m):
            self._mode = ExecutionState.MODE_GRIPPER
            outcome = self._driver.move_gripper(
                request.gripper_width_m, request.gripper_max_effort_n or 40.0, cancelled
            )
            stalled = outcome.gripper is not None and outcome.gripper.stalled
            if outcome.code is ErrorCode.NONE and stalled and not request.expect_contact:
                return MotionResult(
                    code=ErrorCode.GRIPPER_FAILED,
                    message="The gripper met something on its way.",
                    gripper=outcome.gripper,
                )
        if self._stopped:
            return MotionResult(code=ErrorCode.STOPPED, message="The stop was pressed; the robot holds.")
        return outcome

    def _finish(self, handle: object, outcome: MotionResult) -> ExecuteMotion.Result:
        result = ExecuteMotion.Result(error_code=int(outcome.code), error_msg=outcome.message)
        gripper = outcome.gripper or self._driver.gripper_state()
        result.gripper_width_m, result.gripper_stalled = float(gripper.width_m), gripper.stalled
        try:
            state = self._raw.joint_state()
            result.joint_names = list(self._names)
            result.positions = [float(p) for p in state.select(self._names)]
        except MolmoRosError as error:
            self._health.fault(error)
        if outcome.code is ErrorCode.NONE:
            handle.succeed()
        elif outcome.code is ErrorCode.CANCELED and handle.is_cancel_requested:
            handle.canceled()
        else:
            self.get_logger().warning(f"motion ended: [{outcome.code.name}] {outcome.message}")
            handle.abort()
        return result

    def close(self) -> None:
        """Ends the streaming of actions and lets go of the robot."""
        self._chunks.close()
        close = getattr(self._raw, "close", None)
        if close is not None:
            close()

    def _say(self) -> None:
        problem = self._problem
        if problem[0] is ErrorCode.NONE and self._mode == ExecutionState.MODE_CHUNK:
            problem = self._chunks.problem
        message = ExecutionState(
            mode=self._mode,
            armed=self._armed,
            stop_latched=self._stopped,
            commander=self._commander,
            goal_id=self._goal_id,
            fraction=self._fraction,
            gate_accepted=self._driver.accepted,
            gate_refused=self._driver.refused,
            error_code=int(problem[0]),
            error_msg=problem[1],
        )
        message.header = convert.header(self._base_frame, self.get_clock().now().nanoseconds)
        try:
            state = self._raw.joint_state()
            message.joint_names = list(self._names)
            message.positions_measured = [float(p) for p in state.select(self._names)]
            self._health.ok()
        except MolmoRosError as error:
            self._health.fault(error)
        message.gripper_width_m = float(self._driver.gripper_state().width_m)
        self._states.publish(message)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(ExecutorNode, args, threads=6))
