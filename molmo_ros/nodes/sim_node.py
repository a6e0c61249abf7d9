"""sim_node: a simulated FR3 that looks like a ros2_control robot and a RealSense."""

from __future__ import annotations

import json
import threading
import time

import rclpy
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState as JointStateMsg
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.camera_out import CameraOutput
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import COMMAND, EVENT
from molmo_ros.sim.referee import Referee
from molmo_ros.sim.simulation import CONTROL_PERIOD_S, Simulation
from molmo_ros_interfaces.srv import ResetScene

PARAMS = (
    Param(name="scene", default="demo", doc="Name of the scene to begin with."),
    Param(name="seed", default=0, doc="What the scene and the depth errors are drawn from.", low=0, high=2**31),
    Param(name="depth_noise", default=True, doc="Whether the depth cameras err as real ones do."),
    Param(name="real_time_factor", default=1.0, doc="Simulated seconds per second.", low=0.05, high=20.0),
    Param(
        name="camera_rate_hz",
        default=10.0,
        doc="Images per simulated second of the front camera [Hz].",
        low=0.5,
        high=60.0,
    ),
    Param(
        name="wrist_camera_rate_hz",
        default=2.0,
        doc="Images per simulated second of the wrist camera [Hz].",
        low=0.0,
        high=60.0,
    ),
    Param(name="base_frame", default="fr3_link0", doc="Frame the fixed camera is published in."),
    Param(name="arm_controller", default="fr3_arm_controller", doc="Name of the arm's trajectory controller."),
    Param(name="gripper", default="franka_gripper", doc="Name of the gripper; its action is <name>/gripper_action."),
    Param(name="publish_clock", default=True, doc="Whether this node is the source of /clock."),
)


class SimNode(Node):
    """The robot, its controllers and its cameras, stepped on one thread."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        values = declare(self, PARAMS)
        self._factor = values["real_time_factor"]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._values = values
        self._simulation: Simulation | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._reset_request: tuple[str, int] | None = None
        self._reset_done = threading.Condition(self._lock)
        self._health = Health(self, "simulation")
        self._states = self.create_publisher(JointStateMsg, "joint_states", 10)
        self._clock_pub = self.create_publisher(Clock, "/clock", COMMAND) if values["publish_clock"] else None
        self._cameras = CameraOutput(self, values)
        self._thread = threading.Thread(target=self._loop, name="simulation", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        self._drawing = threading.Thread(target=self._draw, name="cameras", daemon=True)
        self._drawing.start()
        group = ReentrantCallbackGroup()
        controller, gripper = values["arm_controller"], values["gripper"]
        self._arm_goal: object | None = None
        self._gripper_goal: object | None = None
        self._arm = ActionServer(
            self,
            FollowJointTrajectory,
            f"{controller}/follow_joint_trajectory",
            execute_callback=self._follow,
            goal_callback=self._accept_trajectory,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )
        self._gripper = ActionServer(
            self,
            GripperCommand,
            f"{gripper}/gripper_action",
            execute_callback=self._grip,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )
        self.create_subscription(
            JointTrajectoryMsg, f"{controller}/joint_trajectory", self._stream, EVENT, callback_group=group
        )
        self.create_service(ResetScene, "reset_scene", self._reset, callback_group=group)
        self.create_service(Trigger, "hold", self._hold, callback_group=group)
        self.create_service(Trigger, "judge", self._judge, callback_group=group)

    def _loop(self) -> None:
        try:
            self._simulation = Simulation(
                self._values["scene"], seed=self._values["seed"], noise=self._values["depth_noise"]
            )
        except BaseException as error:
            self._failure = error
            self._ready.set()
            return
        simulation = self._simulation
        self._referee = Referee(simulation)
        self._ready.set()
        next_step = time.monotonic()
        try:
            while not self._stop.is_set():
                with self._lock:
                    self._apply_reset(simulation)
                    simulation.step()
                    stamp, state = simulation.world.stamp_ns, simulation.joint_state()
                self._publish_state(stamp, state)
                next_step += CONTROL_PERIOD_S / self._factor
                left = next_step - time.monotonic()
                if left > 0:
                    self._stop.wait(left)
                elif left < -0.5:
                    next_step = time.monotonic()
        except Exception as error:
            self._ended("simulation", error)

    def _ended(self, part: str, error: Exception) -> None:
        """A thread's fault ends the node; one that only meets the shutdown under way is no fault."""
        if self._stop.is_set() or not rclpy.ok(context=self.context):
            return
        self.get_logger().fatal(f"the {part} ended: {type(error).__name__}: {error}")
        rclpy.try_shutdown(context=self.context)

    def _draw(self) -> None:
        try:
            self._cameras.run(self._simulation, self._lock, self._stop)
        except Exception as error:
            self._ended("cameras", error)
        finally:
            self._simulation.close()

    def _apply_reset(self, simulation: Simulation) -> None:
        if self._reset_request is None:
            return
        scene, seed = self._reset_request
        try:
            time_before = simulation.world.time_s
            self._referee.reset(scene, seed)
            simulation.world.data.time = time_before
            self._failure = None
        except MolmoRosError as error:
            self._failure = error
        self._reset_request = None
        self._reset_done.notify_all()

    def _publish_state(self, stamp: int, state: object) -> None:
        if self._clock_pub is not None:
            self._clock_pub.publish(Clock(clock=convert.time_msg(stamp)))
        self._states.publish(convert.joint_state_msg(state))

    def _accept_trajectory(self, goal: FollowJointTrajectory.Goal) -> GoalResponse:
        try:
            convert.trajectory_from(goal.trajectory)
        except MolmoRosError as error:
            self.get_logger().warning(f"trajectory rejected: {error.message}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _follow(self, handle: object) -> FollowJointTrajectory.Result:
        result = FollowJointTrajectory.Result()
        try:
            trajectory = convert.trajectory_from(handle.request.trajectory)
            with self._lock:
                self._arm_goal = handle
                self._simulation.start_trajectory(trajectory)
        except MolmoRosError as error:
            handle.abort()
            result.error_code = result.INVALID_JOINTS if error.code is ErrorCode.GATE_NAMES else result.INVALID_GOAL
            result.error_string = error.message
            return result
        while not self._stop.is_set() and rclpy.ok(context=self.context):
            with self._lock:
                replaced = self._arm_goal is not handle
                moving, outcome = self._simulation.is_moving, self._simulation.motion
                if handle.is_cancel_requested and not replaced:
                    self._simulation.hold()
            if replaced:
                handle.abort()
                result.error_code, result.error_string = result.INVALID_GOAL, "replaced by another command"
                return result
            if handle.is_cancel_requested:
                handle.canceled()
                result.error_string = "canceled; holding"
                return result
            if not moving:
                if outcome is not None and outcome.code is not ErrorCode.NONE:
                    handle.abort()
                    result.error_code, result.error_string = result.PATH_TOLERANCE_VIOLATED, outcome.message
                elif outcome is None:
                    handle.abort()
                    result.error_code, result.error_string = result.INVALID_GOAL, "stopped by a hold"
                else:
                    handle.succeed()
                    result.error_code = result.SUCCESSFUL
                return result
            time.sleep(0.002)
        handle.abort()
        return result

    def _grip(self, handle: object) -> GripperCommand.Result:
        command = handle.request.command
        result = GripperCommand.Result()
        effort = command.max_effort if command.max_effort > 0 else 40.0
        try:
            with self._lock:
                self._gripper_goal = handle
                self._simulation.command_gripper(2.0 * command.position, effort)
        except MolmoRosError as error:
            self.get_logger().warning(f"gripper command rejected: {error.message}")
            handle.abort()
            return result
        while not self._stop.is_set():
            with self._lock:
                replaced = self._gripper_goal is not handle
                state = self._simulation.gripper_state()
                if handle.is_cancel_requested and not replaced:
                    self._simulation.hold_gripper()
            if replaced or handle.is_cancel_requested or not state.moving:
                break
            time.sleep(0.002)
        result.position = state.width_m / 2
        result.effort = effort if state.stalled else 0.0
        result.stalled, result.reached_goal = state.stalled, not state.stalled
        if replaced:
            handle.abort()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.succeed()
        return result

    def _stream(self, message: JointTrajectoryMsg) -> None:
        """The controller's topic: one point is a target for now, none is a hold, several are a trajectory."""
        try:
            with self._lock:
                self._arm_goal = None
                if not message.points:
                    self._simulation.hold()
                elif len(message.points) == 1:
                    self._simulation.set_target(tuple(message.joint_names), list(message.points[0].positions))
                else:
                    self._simulation.start_trajectory(convert.trajectory_from(message))
        except MolmoRosError as error:
            self.get_logger().warning(f"joint_trajectory refused: {error.message}", throttle_duration_sec=1.0)

    def _hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._arm_goal = None
            self._simulation.hold()
        response.success = True
        return response

    def _reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        with self._reset_done:
            self._reset_request = (request.scene or self._values["scene"], int(request.seed))
            self._failure = None
            self._reset_done.wait_for(lambda: self._reset_request is None or self._stop.is_set(), timeout=30.0)
            self._arm_goal = None
            response.success = self._failure is None
            response.message = "" if self._failure is None else str(self._failure)
        return response

    def _judge(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """The verdict on the episode under way, as JSON."""
        try:
            with self._lock:
                verdict = self._referee.judge()
        except MolmoRosError as error:
            response.success, response.message = False, error.message
            return response
        response.success, response.message = bool(verdict["success"]), json.dumps(verdict, default=float)
        return response

    def close(self) -> None:
        """Ends the simulation thread."""
        self._stop.set()
        self._thread.join(timeout=5.0)
        self._drawing.join(timeout=5.0)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(SimNode, args, threads=6))
