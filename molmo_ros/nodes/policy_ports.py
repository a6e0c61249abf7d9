"""The policy strategy's ports on a ROS graph: chunks, execution state, progress and diagnostics."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode
from molmo_ros.nodes.qos import COMMAND, EVENT
from molmo_ros.nodes.task_ports import GraphPorts
from molmo_ros.task.policy import PolicyState
from molmo_ros.task.ports import Feedback
from molmo_ros_interfaces.msg import ActionChunk, ExecutionState, Progress

HOLD_S = 1.0
SHOWN = ("actions played [1/s]", "stale share of the time", "chunks accepted", "chunks refused")


class GraphPolicyPorts:
    """One goal at a time.

    Args:
        node: The task node.
        ports: Its ports; they know the goal and when it shall end.
    """

    def __init__(self, node: Node, ports: GraphPorts) -> None:
        self._ports = ports
        self._fault: tuple[ErrorCode, str] = (ErrorCode.NONE, "")
        self._execution: ExecutionState | None = None
        self._progress: Progress | None = None
        self._counts: dict[str, str] = {}
        self._instruction = ""
        group = ReentrantCallbackGroup()
        node.create_subscription(ActionChunk, "action_chunk", self._on_chunk, COMMAND, callback_group=group)
        node.create_subscription(ExecutionState, "execution_state", self._on_execution, COMMAND, callback_group=group)
        node.create_subscription(Progress, "progress", self._on_progress, EVENT, callback_group=group)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, EVENT, callback_group=group)

    def _on_chunk(self, message: ActionChunk) -> None:
        if message.goal_id == self._ports.goal_id:
            self._fault = _code(message.error_code), message.error_msg

    def _on_execution(self, message: ExecutionState) -> None:
        self._execution = message

    def _on_progress(self, message: Progress) -> None:
        if message.goal_id == self._ports.goal_id:
            self._progress = message

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            found = {value.key: value.value for value in status.values if value.key in SHOWN}
            if found:
                self._counts = found

    def begin_actions(self, instruction: str) -> None:
        """Asks for actions and progress."""
        self._fault, self._progress, self._counts = (ErrorCode.NONE, ""), None, {}
        self._instruction = instruction
        self._ports.ask_actions(instruction)

    def end_actions(self) -> None:
        """Tells them that it is over, and waits until the executor holds."""
        self._ports.end(self._instruction)
        end = time.monotonic() + HOLD_S
        while time.monotonic() < end:
            state = self._execution
            if state is None or state.mode != ExecutionState.MODE_CHUNK:
                return
            time.sleep(0.005)

    def policy_state(self) -> PolicyState:
        """How it stands: the executor's word first, the policy's where that says nothing."""
        state, progress = self._execution, self._progress
        owned = state is not None and state.mode == ExecutionState.MODE_CHUNK and state.goal_id == self._ports.goal_id
        code, message = ErrorCode.NONE, ""
        if state is not None and state.error_code:
            code, message = _code(state.error_code), state.error_msg
        if self._fault[0] is not ErrorCode.NONE and code in (ErrorCode.NONE, ErrorCode.CHUNK_STALE):
            code, message = self._fault
        nan = float("nan")
        return PolicyState(
            playing=owned and code is ErrorCode.NONE,
            code=code,
            message=message,
            progress=progress.progress if progress is not None else nan,
            success_probability=progress.success_probability if progress is not None else nan,
            counts=", ".join(f"{key}: {value}" for key, value in self._counts.items()),
        )

    def report(self, feedback: Feedback) -> None:
        """Passes it to the person."""
        self._ports.report(feedback)

    def check(self) -> None:
        """Raises when the goal shall end."""
        self._ports.check()


def _code(number: int) -> ErrorCode:
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.INTERNAL
