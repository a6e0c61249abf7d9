"""The state machine's ports on a ROS graph: questions over topics, motions over the executor's action."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import String

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, MotionResult
from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Frame, Grasp, Trace
from molmo_ros.nodes import convert
from molmo_ros.nodes.qos import COMMAND, DECISION, SENSOR
from molmo_ros.nodes.rgbd import RgbdSource
from molmo_ros.task.ports import Decision, Feedback, GraspAnswer, Motion, Question, TraceAnswer
from molmo_ros_interfaces.action import ExecuteMotion
from molmo_ros_interfaces.msg import ExecutionState, Goal, GraspArray
from molmo_ros_interfaces.msg import Thought as ThoughtMsg
from molmo_ros_interfaces.msg import Trace as TraceMsg
from molmo_ros_interfaces.srv import EditTrace, SelectGrasp

POLL_S = 0.002


class GraphPorts:
    """Ports over topics, services and the ExecuteMotion action. One goal at a time.

    Args:
        node: The task node.
        values: Its parameters.
        perceive: Frame to scene.
        commander: Name under which the executor is commanded.
    """

    def __init__(
        self, node: Node, values: dict[str, object], perceive: Callable[[Frame], Scene], commander: str
    ) -> None:
        self._node, self._values, self._perceive, self._commander = node, values, perceive, commander
        self._source = RgbdSource(node, values)
        self._condition = threading.Condition()
        self._joints: tuple[JointStateMsg, float] | None = None
        self._execution: ExecutionState | None = None
        self._grasps: GraspArray | None = None
        self._trace: TraceMsg | None = None
        self.thought: ThoughtMsg | None = None
        self.recording = ""
        self._decision: Decision | None = None
        self._waiting_for_person = False
        self._ending: Callable[[], MolmoRosError | None] = lambda: None
        self._feedback: Callable[[Feedback], None] = lambda _: None
        self._goal_id = ""
        self._sent: tuple[str, ...] = ()
        group = ReentrantCallbackGroup()
        self._goals = node.create_publisher(Goal, "goal", DECISION)
        node.create_subscription(JointStateMsg, "joint_states", self._on_joints, SENSOR, callback_group=group)
        node.create_subscription(ExecutionState, "execution_state", self._on_execution, COMMAND, callback_group=group)
        node.create_subscription(GraspArray, "grasps", self._on_grasps, DECISION, callback_group=group)
        node.create_subscription(TraceMsg, "trace", self._on_trace, DECISION, callback_group=group)
        node.create_subscription(ThoughtMsg, "thought", self._on_thought, 10, callback_group=group)
        node.create_subscription(String, "recording", self._on_recording, DECISION, callback_group=group)
        self._edits = node.create_publisher(TraceMsg, "trace/edited", COMMAND)
        node.create_service(EditTrace, "edit_trace", self._on_edit, callback_group=group)
        node.create_service(SelectGrasp, "select_grasp", self._on_select, callback_group=group)
        self._motion = ActionClient(node, ExecuteMotion, "execute_motion", callback_group=group)

    def begin(
        self, goal_id: str, ending: Callable[[], MolmoRosError | None], feedback: Callable[[Feedback], None]
    ) -> None:
        """A goal begins: who ends it, and who hears of it."""
        with self._condition:
            self._goal_id, self._ending, self._feedback = goal_id, ending, feedback
            self._grasps = self._trace = self.thought = None
            self._decision, self._waiting_for_person = None, False

    def end(self, instruction: str) -> None:
        """The goal is over: the models need not think about it any more."""
        self._goals.publish(self._goal_message(instruction, "", "end", (), active=False))

    def _on_joints(self, message: JointStateMsg) -> None:
        with self._condition:
            self._joints = (message, time.monotonic())
            self._condition.notify_all()

    def _on_execution(self, message: ExecutionState) -> None:
        self._execution = message

    def _on_grasps(self, message: GraspArray) -> None:
        with self._condition:
            self._grasps = message
            self._condition.notify_all()

    def _on_trace(self, message: TraceMsg) -> None:
        with self._condition:
            self._trace = message
            self._condition.notify_all()

    def _on_thought(self, message: ThoughtMsg) -> None:
        self.thought = message

    def _on_recording(self, message: String) -> None:
        self.recording = message.data

    def _on_edit(self, request: EditTrace.Request, response: EditTrace.Response) -> EditTrace.Response:
        response.accepted = False
        if request.goal_id != self._goal_id:
            response.error_code, response.error_msg = int(ErrorCode.EDIT_STALE), "This goal is over."
        elif request.operation == EditTrace.Request.OPERATION_REPLACE:
            request.trace.goal_id = request.goal_id
            try:
                convert.trace_from(request.trace)
            except MolmoRosError as error:
                response.error_code, response.error_msg = int(ErrorCode.EDIT_INVALID), error.message
                return response
            if not self._waiting_for_person:
                response.error_code = int(ErrorCode.BUSY)
                response.error_msg = "The plan is being carried out; stop it first, then edit."
                return response
            self._edits.publish(request.trace)
            response.accepted = True
        elif not self._waiting_for_person:
            response.error_code, response.error_msg = int(ErrorCode.EDIT_STALE), "Nobody is waiting for a decision now."
        else:
            accepted = request.operation == EditTrace.Request.OPERATION_ACCEPT
            with self._condition:
                self._decision = Decision(
                    accepted=accepted, message="" if accepted else "The plan was rejected by a person."
                )
                self._condition.notify_all()
            response.accepted = True
        return response

    def _on_select(self, request: SelectGrasp.Request, response: SelectGrasp.Response) -> SelectGrasp.Response:
        known = self._grasps is not None and any(g.id == request.grasp_id for g in self._grasps.grasps)
        if request.goal_id != self._goal_id or not self._waiting_for_person:
            response.error_code, response.error_msg = int(ErrorCode.EDIT_STALE), "Nobody is waiting for a decision now."
        elif not known:
            response.error_code, response.error_msg = (
                int(ErrorCode.EDIT_INVALID),
                f"There is no grasp {request.grasp_id}.",
            )
        else:
            self._chosen_grasp = request.grasp_id
            response.accepted = True
        return response

    def check(self) -> None:
        """Raises when the goal shall end."""
        error = self._ending()
        if error is not None:
            raise error

    def _over(self) -> bool:
        return self._ending() is not None

    def joint_state(self) -> JointState:
        """The newest joints, at most as old as allowed."""
        limit = float(self._values["joint_states_max_age_s"])
        end = time.monotonic() + 1.0
        with self._condition:
            while self._joints is None or time.monotonic() - self._joints[1] > limit:
                if time.monotonic() > end:
                    raise MolmoRosError(
                        ErrorCode.JOINT_STATES_LOST, "joint_states has stopped coming; is the robot driver running?"
                    )
                self._condition.wait(0.02)
            message = self._joints[0]
        return convert.joint_state_from(message)

    def gripper_state(self) -> GripperState:
        """The gripper as the executor measures it."""
        end = time.monotonic() + 1.0
        while self._execution is None:
            if time.monotonic() > end:
                raise MolmoRosError(
                    ErrorCode.DRIVER_UNAVAILABLE, "The executor says nothing; is executor_node running?"
                )
            time.sleep(POLL_S)
        return GripperState(width_m=self._execution.gripper_width_m)

    def look(self) -> tuple[Frame, Scene]:
        """A frame taken from now on."""
        since = self._node.get_clock().now().nanoseconds
        try:
            frame = self._source.newer_than(since, float(self._values["camera_max_age_s"]) + 2.0, self._over)
        except MolmoRosError as error:
            if error.code is ErrorCode.CANCELED:
                self.check()
            raise
        self._look_stamp = frame.stamp_ns
        return frame, self._perceive(frame)

    def _goal_message(
        self, instruction: str, prompt: str, stage: str, wants: tuple[str, ...], *, active: bool = True
    ) -> Goal:
        goal = Goal(goal_id=self._goal_id, instruction=instruction, stage=stage, prompt=prompt, active=active)
        goal.header.frame_id = str(self._values["base_frame"])
        goal.header.stamp = convert.time_msg(getattr(self, "_look_stamp", 0))
        goal.wants = list(wants)
        nan = math.nan
        goal.grasp_point_base = convert.point_msg((nan, nan, nan))
        goal.place_point_base = convert.point_msg((nan, nan, nan))
        return goal

    @property
    def goal_id(self) -> str:
        """The goal that runs."""
        return self._goal_id

    def ask_actions(self, instruction: str) -> None:
        """Asks the policy for actions, and whoever can for progress, until `end`."""
        self._look_stamp = self._node.get_clock().now().nanoseconds
        wants = (Goal.WANT_ACTIONS, Goal.WANT_PROGRESS)
        self._goals.publish(self._goal_message(instruction, instruction, "policy", wants))

    def _ask(self, question: Question, want: str) -> None:
        goal = self._goal_message(question.instruction, question.prompt, question.stage, (want,))
        goal.relation, goal.deadline_s = question.relation, question.deadline_s
        if question.grasp_point_base_m is not None:
            goal.grasp_point_base = convert.point_msg(question.grasp_point_base_m)
        if question.held_size_m is not None:
            goal.held_size.x, goal.held_size.y, goal.held_size.z = (float(v) for v in question.held_size_m)
        self._goals.publish(goal)

    def _await(self, ready: Callable[[], bool], deadline_s: float, who: str) -> None:
        end = time.monotonic() + deadline_s + 1.0
        with self._condition:
            while not ready():
                self.check()
                if time.monotonic() > end:
                    raise MolmoRosError(ErrorCode.MODEL_TIMEOUT, f"{who} gave no answer within {deadline_s:.0f} s.")
                self._condition.wait(0.02)

    def ask_grasps(self, question: Question) -> GraspAnswer:
        """Asks the grasp node."""
        self._grasps = None
        self._ask(question, Goal.WANT_GRASPS)
        self._await(
            lambda: self._grasps is not None and self._grasps.goal_id == self._goal_id,
            question.deadline_s,
            "grasp_node",
        )
        message = self._grasps
        return GraspAnswer(
            grasps=tuple(convert.grasp_from(g) for g in message.grasps),
            code=ErrorCode(message.error_code),
            message=message.error_msg,
        )

    def ask_trace(self, question: Question) -> TraceAnswer:
        """Asks the trace node."""
        self._trace = None
        self._ask(question, Goal.WANT_TRACE)
        self._await(
            lambda: self._trace is not None and self._trace.goal_id == self._goal_id, question.deadline_s, "trace_node"
        )
        return self._trace_answer(self._trace)

    @staticmethod
    def _trace_answer(message: TraceMsg) -> TraceAnswer:
        code = ErrorCode(message.error_code)
        return TraceAnswer(
            trace=convert.trace_from(message) if code is ErrorCode.NONE else None, code=code, message=message.error_msg
        )

    def confirm(self, trace: Trace | None, grasps: tuple[Grasp, ...]) -> Decision:
        """Waits for accept, edit or reject."""
        del grasps
        limit = float(self._values["confirm_time_limit_s"])
        self._chosen_grasp, self._decision, self._waiting_for_person = "", None, True
        end = time.monotonic() + limit
        try:
            with self._condition:
                while self._decision is None:
                    self.check()
                    if time.monotonic() > end:
                        raise MolmoRosError(ErrorCode.NOT_CONFIRMED, f"Nobody accepted the plan within {limit:.0f} s.")
                    self._condition.wait(0.02)
                decision = self._decision
        finally:
            self._waiting_for_person = False
        newest = self._trace
        edited = trace
        if newest is not None and newest.goal_id == self._goal_id and newest.author == TraceMsg.AUTHOR_PERSON:
            answer = self._trace_answer(newest)
            if answer.trace is None and decision.accepted:
                raise MolmoRosError(answer.code, answer.message)
            edited = answer.trace or trace
        return Decision(accepted=decision.accepted, trace=edited, grasp_id=self._chosen_grasp, message=decision.message)

    def report(self, feedback: Feedback) -> None:
        """Passes it to the person."""
        self._feedback(feedback)

    def move(self, motion: Motion) -> MotionResult:
        """One ExecuteMotion goal, cancelled at once when the goal shall end."""
        if not self._motion.wait_for_server(timeout_sec=5.0):
            raise MolmoRosError(
                ErrorCode.DRIVER_UNAVAILABLE, "There is no execute_motion action; is executor_node running?"
            )
        request = ExecuteMotion.Goal(goal_id=self._goal_id, commander=self._commander)
        if motion.trajectory is not None:
            request.trajectory = convert.trajectory_msg(motion.trajectory)
        request.gripper_width_m = math.nan if motion.gripper_width_m is None else float(motion.gripper_width_m)
        request.gripper_max_effort_n = float(motion.gripper_max_effort_n)
        request.expect_contact = motion.expect_contact
        request.allowed_contacts = list(motion.allowed_contacts)
        handle = self._resolve(self._motion.send_goal_async(request), 5.0, "executor_node did not answer")
        if not handle.accepted:
            raise MolmoRosError(ErrorCode.NOT_ARMED, self._refusal())
        outcome = handle.get_result_async()
        cancelling = False
        while not outcome.done():
            if not cancelling and self._over():
                cancelling = True
                handle.cancel_goal_async()
            time.sleep(POLL_S)
        self.check()
        result = outcome.result().result
        return MotionResult(
            code=ErrorCode(result.error_code),
            message=result.error_msg,
            gripper=GripperState(width_m=result.gripper_width_m, stalled=result.gripper_stalled),
        )

    def _refusal(self) -> str:
        state = self._execution
        if state is not None and state.stop_latched:
            return "The stop is latched; release it and re-arm the robot."
        if state is not None and not state.armed:
            return state.error_msg or "The robot is not armed; call the arm service."
        return "The executor refused the motion; it is busy or commanded by somebody else."

    @staticmethod
    def _resolve(future: object, timeout_s: float, problem: str) -> object:
        end = time.monotonic() + timeout_s
        while not future.done():
            if time.monotonic() > end:
                raise MolmoRosError(ErrorCode.DRIVER_UNAVAILABLE, f"{problem} within {timeout_s:.0f} s.")
            time.sleep(0.002)
        return future.result()
