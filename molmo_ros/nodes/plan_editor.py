"""One goal's plan as a person edits it: follows goal, trace and grasps, speaks to edit_trace and select_grasp."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.console.edit import CameraPose, TraceEdit, Waypoint
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Trace
from molmo_ros.nodes import convert
from molmo_ros.nodes.qos import DECISION
from molmo_ros_interfaces.msg import Goal, GraspArray
from molmo_ros_interfaces.msg import Grasp as GraspMsg
from molmo_ros_interfaces.msg import Trace as TraceMsg
from molmo_ros_interfaces.srv import EditTrace, SelectGrasp


class PlanEditor:
    """The plan of the goal under way.

    Args:
        node: Node that listens and asks.
        base_frame: Frame of the plan until a message names another.
        support_height_m: Height of the table [m].
        camera: Where the camera is now; may raise MolmoRosError.
        changed: Called when plan or grasps have changed.
        told: Called with a sentence, and whether it is a refusal.
    """

    def __init__(
        self,
        node: Node,
        base_frame: str,
        support_height_m: float,
        camera: Callable[[], CameraPose],
        changed: Callable[[], None],
        told: Callable[[str, bool], None],
    ) -> None:
        self._support_height_m, self._camera = support_height_m, camera
        self._changed, self._told = changed, told
        self._lock = threading.RLock()
        self._edit: TraceEdit | None = None
        self._revision, self._stamp_ns = 0, 0
        self.frame_id = base_frame
        self.goal_id = ""
        self.trace: Trace | None = None
        self.grasps: tuple[GraspMsg, ...] = ()
        group = ReentrantCallbackGroup()
        self._edits = node.create_client(EditTrace, "edit_trace", callback_group=group)
        self._selects = node.create_client(SelectGrasp, "select_grasp", callback_group=group)
        node.create_subscription(TraceMsg, "trace", self._on_trace, DECISION, callback_group=group)
        node.create_subscription(GraspArray, "grasps", self._on_grasps, DECISION, callback_group=group)
        node.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=group)

    @property
    def waypoints(self) -> tuple[Waypoint, ...]:
        """The handles, none without a plan."""
        with self._lock:
            return self._edit.waypoints if self._edit is not None else ()

    def _on_goal(self, message: Goal) -> None:
        with self._lock:
            if message.active and message.goal_id == self.goal_id:
                return
            self.goal_id = message.goal_id if message.active else ""
            self._edit, self.trace, self.grasps = None, None, ()
        self._changed()

    def _on_grasps(self, message: GraspArray) -> None:
        with self._lock:
            self.frame_id = message.header.frame_id or self.frame_id
            self.grasps = tuple(message.grasps)
        self._changed()

    def _on_trace(self, message: TraceMsg) -> None:
        if message.error_code:
            who = "the edited plan" if message.author == TraceMsg.AUTHOR_PERSON else "the plan"
            self._told(f"{who} is refused: [{code_name(message.error_code)}] {message.error_msg}", True)
            return
        try:
            trace = convert.trace_from(message)
            with self._lock:
                person = message.author == TraceMsg.AUTHOR_PERSON and message.goal_id == self.goal_id
                if person and self._edit is not None:
                    self._edit.renew(trace)
                else:
                    self._edit = TraceEdit(trace, self._support_height_m)
                self.trace, self.goal_id, self._revision = trace, message.goal_id, message.revision
                self.frame_id = message.header.frame_id or self.frame_id
                self._stamp_ns = convert.stamp_ns(message.header.stamp)
        except MolmoRosError as error:
            self._told(f"a trace was not understood: [{error.code.name}] {error.message}", True)
            return
        self._changed()

    def change(self, action: Callable[[TraceEdit], None]) -> None:
        """Applies an edit, draws it on the image and sends it; it is taken back when anyone refuses it."""
        with self._lock:
            edit = self._edit
            try:
                if edit is None:
                    raise MolmoRosError(ErrorCode.EDIT_STALE, "There is no plan to edit; its goal is over.")
                before, past = edit.waypoints, edit.past
                camera = self._camera()
                action(edit)
                try:
                    drawn = edit.drawn(camera, revision=self._revision + 1, stamp_ns=self._stamp_ns)
                except MolmoRosError:
                    edit.waypoints, edit.past = before, past
                    raise
            except MolmoRosError as error:
                self._told(f"edit refused: [{error.code.name}] {error.message}", True)
                self._changed()
                return
            request = EditTrace.Request(goal_id=self.goal_id, operation=EditTrace.Request.OPERATION_REPLACE)
            request.trace = convert.trace_msg(drawn, frame_id=self.frame_id, goal_id=self.goal_id)

        def take_back() -> None:
            with self._lock:
                edit.waypoints, edit.past = before, past
            self._changed()

        self._changed()
        self._ask(self._edits, request, "edit", take_back)

    def accept(self) -> None:
        """The plan is good."""
        self._decide(EditTrace.Request.OPERATION_ACCEPT, "acceptance")

    def reject(self) -> None:
        """The plan is not."""
        self._decide(EditTrace.Request.OPERATION_REJECT, "rejection")

    def _decide(self, operation: int, what: str) -> None:
        self._ask(self._edits, EditTrace.Request(goal_id=self.goal_id, operation=operation), what)

    def choose(self, grasp_id: str) -> None:
        """Another grasp."""
        self._ask(self._selects, SelectGrasp.Request(goal_id=self.goal_id, grasp_id=grasp_id), "choice of grasp")

    def _ask(self, client: object, request: object, what: str, refused: Callable[[], None] = lambda: None) -> None:
        if not client.service_is_ready():
            self._told(f"{what} refused: nobody takes it; is task_node running?", True)
            refused()
            return

        def answered(future: object) -> None:
            answer = future.result()
            if answer.accepted:
                self._told(f"{what} taken", False)
            else:
                self._told(f"{what} refused: [{code_name(answer.error_code)}] {answer.error_msg}", True)
                refused()

        client.call_async(request).add_done_callback(answered)


def code_name(code: int) -> str:
    """Name of an error code that came in a message."""
    return ErrorCode(code).name if code in ErrorCode._value2member_map_ else str(code)
