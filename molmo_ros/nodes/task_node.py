"""task_node: the ExecuteInstruction action; one goal at a time, a newer goal supersedes the older."""

from __future__ import annotations

import threading
import time

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.description import load_robot
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.moveit_scene import planner_factory
from molmo_ros.nodes.policy_ports import GraphPolicyPorts
from molmo_ros.nodes.rgbd import PARAMS as RGBD_PARAMS
from molmo_ros.nodes.task_ports import GraphPorts
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.task.arm import ArmMotions
from molmo_ros.task.machine import Outcome, TaskConfig, TaskMachine
from molmo_ros.task.policy import PolicyConfig, PolicyRun
from molmo_ros.task.ports import Feedback
from molmo_ros.task.thinking import CachedPerception
from molmo_ros_interfaces.action import ExecuteInstruction

PARAMS = (
    *RGBD_PARAMS,
    Param(name="robot", default="fr3", doc="Robot to plan for, by its file in config/robots."),
    Param(name="strategy", default="trace", doc="Strategy of goals that name none.", choices=("trace", "policy")),
    Param(
        name="policy_patience_s",
        default=10.0,
        doc="How long the robot may hold for want of a policy's action before the goal fails [s].",
        low=0.5,
        high=600.0,
    ),
    Param(
        name="planner",
        default="ompl",
        doc="What searches free-space paths: the built-in one, or MoveIt through moveit_py where it is installed.",
        choices=("ompl", "moveit"),
    ),
    Param(name="speed", default=0.5, doc="Share of the joint limits used in free space.", low=0.01, high=1.0),
    Param(name="near_speed", default=0.3, doc="The same near objects.", low=0.01, high=1.0),
    Param(name="time_limit_s", default=180.0, doc="Time limit of goals that give none [s].", low=1.0, high=86400.0),
    Param(
        name="confirm_time_limit_s",
        default=120.0,
        doc="How long a person may think about a plan [s].",
        low=1.0,
        high=86400.0,
    ),
    Param(
        name="joint_states_max_age_s",
        default=0.2,
        doc="Oldest joint_states that may be planned from [s].",
        low=0.01,
        high=5.0,
    ),
    Param(name="max_attempts", default=3, doc="Tries of a task before giving up.", low=1, high=10),
    Param(name="model_deadline_s", default=30.0, doc="How long a model may think [s].", low=0.1, high=600.0),
    Param(name="open_vocabulary", default=False, doc="Whether the models ground words outside the built-in grammar."),
)
MAX_INSTRUCTION = 4096


class TaskNode(Node):
    """Serves execute_instruction."""

    def __init__(self) -> None:
        super().__init__("task_node")
        self._values = declare(self, PARAMS)
        config = PerceptionConfig()
        self._ports = GraphPorts(self, self._values, CachedPerception(lambda f: perceive(f, config)), self.get_name())
        robot = load_robot(self._values["robot"])
        self._arm = ArmMotions(
            robot,
            speed=self._values["speed"],
            near_speed=self._values["near_speed"],
            planner=planner_factory(self._values["planner"], robot),
        )
        self._health = Health(self, "task")
        self._turn = threading.Lock()
        self._newest = 0
        self._count = threading.Lock()
        self._machine = TaskMachine(
            self._ports,
            self._arm,
            TaskConfig(
                max_attempts=self._values["max_attempts"],
                answer_deadline_s=self._values["model_deadline_s"],
                open_vocabulary=self._values["open_vocabulary"],
            ),
        )
        self._policy = PolicyRun(
            GraphPolicyPorts(self, self._ports), PolicyConfig(patience_s=self._values["policy_patience_s"])
        )
        self._server = ActionServer(
            self,
            ExecuteInstruction,
            "execute_instruction",
            execute_callback=self._execute,
            goal_callback=lambda _: GoalResponse.ACCEPT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        self.get_logger().info("ready: send a sentence to execute_instruction")

    def _execute(self, handle: object) -> ExecuteInstruction.Result:
        with self._count:
            self._newest += 1
            turn = self._newest
        request = handle.request
        limit = request.time_limit_s if request.time_limit_s > 0 else self._values["time_limit_s"]
        started = time.monotonic()

        def ending() -> MolmoRosError | None:
            if handle.is_cancel_requested:
                return MolmoRosError(ErrorCode.CANCELED, "The goal was cancelled; the robot holds still.")
            if turn != self._newest:
                return MolmoRosError(ErrorCode.SUPERSEDED, "A newer goal took over; the robot holds still.")
            if time.monotonic() - started > limit:
                return MolmoRosError(ErrorCode.TIME_LIMIT, f"The goal took longer than its limit of {limit:.0f} s.")
            return None

        with self._turn:
            goal_id = bytes(handle.goal_id.uuid).hex()
            try:
                self._check_request(request, ending)
                self._ports.begin(goal_id, ending, lambda f: self._feedback(handle, f))
                if (request.strategy or self._values["strategy"]) == "policy":
                    outcome = self._policy.run(request.instruction)
                else:
                    outcome = self._machine.run(goal_id, request.instruction, confirm=request.confirm)
            except MolmoRosError as error:
                cause = "refused" if error.code is not ErrorCode.SUPERSEDED else "superseded"
                cause = "canceled" if error.code is ErrorCode.CANCELED else cause
                outcome = Outcome(code=error.code, message=error.message, stop_cause=cause, progress=0.0)
            except Exception as error:
                self.get_logger().error(f"unexpected: {type(error).__name__}: {error}")
                outcome = Outcome(
                    code=ErrorCode.INTERNAL,
                    message=f"An unexpected fault inside the task: {type(error).__name__}: {error}",
                    stop_cause="failed",
                    progress=0.0,
                )
            self._ports.end(request.instruction)
            return self._finish(handle, outcome, goal_id)

    def _check_request(self, request: ExecuteInstruction.Goal, ending: object) -> None:
        error = ending()
        if error is not None:
            raise error
        if request.strategy not in ("", "trace", "policy"):
            raise MolmoRosError(
                ErrorCode.STRATEGY_UNKNOWN,
                f'There is no strategy "{request.strategy[:40]}" here; use "trace", "policy" or leave it empty.',
            )

    def _finish(self, handle: object, outcome: Outcome, goal_id: str) -> ExecuteInstruction.Result:
        result = ExecuteInstruction.Result(
            error_code=int(outcome.code),
            error_msg=outcome.message if outcome.code is not ErrorCode.NONE else "",
            stop_cause=outcome.stop_cause,
            progress=float(outcome.progress),
            bag_uri=self._ports.recording if goal_id in self._ports.recording else "",
        )
        if outcome.code is ErrorCode.NONE:
            self.get_logger().info(outcome.message)
        else:
            self.get_logger().warning(f"{outcome.stop_cause}: {outcome.message}")
        if outcome.code is ErrorCode.NONE:
            handle.succeed()
        elif outcome.code is ErrorCode.CANCELED and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return result

    def _feedback(self, handle: object, feedback: Feedback) -> None:
        message = ExecuteInstruction.Feedback(
            stage=feedback.stage, message=feedback.message, progress=float(feedback.progress)
        )
        if self._ports.thought is not None:
            message.thought = self._ports.thought
        if feedback.trace is not None:
            message.trace = convert.trace_msg(feedback.trace, frame_id=self._values["base_frame"], goal_id="")
        if feedback.grasp is not None:
            message.grasp = convert.grasp_msg(feedback.grasp)
        handle.publish_feedback(message)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(TaskNode, args, threads=8))
