"""trace_editor_node: RViz interactive markers that drag, insert, delete, undo, accept and reject a plan."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
from geometry_msgs.msg import Vector3
from interactive_markers import InteractiveMarkerServer, MenuHandler
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from visualization_msgs.msg import InteractiveMarker, InteractiveMarkerControl, InteractiveMarkerFeedback, Marker

from molmo_ros.console.edit import TraceEdit, Waypoint
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes import convert, markers
from molmo_ros.nodes.base import declare, exit_with, run
from molmo_ros.nodes.camera_view import PARAMS, CameraView
from molmo_ros.nodes.qos import DECISION
from molmo_ros_interfaces.msg import Goal, GraspArray, Trace
from molmo_ros_interfaces.msg import Grasp as GraspMsg
from molmo_ros_interfaces.srv import EditTrace, SelectGrasp

SERVER = "trace_editor"
MOST_GRASPS = 12
HANDLE_M = 0.03
# Quaternions that turn a control's x axis onto the base frame's z (move in the plane) axis; see InteractiveMarkerControl.
_UP = (0.0, 0.7071067811865476, 0.0, 0.7071067811865476)


class TraceEditorNode(Node):
    """Serves the markers of trace_editor; every change goes through edit_trace and select_grasp."""

    def __init__(self) -> None:
        super().__init__("trace_editor_node")
        self._values = declare(self, PARAMS)
        self._camera = CameraView(self, self._values)
        self._lock = threading.RLock()
        self._goal_id, self._edit, self._revision = "", None, 0
        self._grasps: tuple[GraspMsg, ...] = ()
        self._frame = str(self._values["base_frame"])
        self._stamp_ns = 0
        group = ReentrantCallbackGroup()
        self._server = InteractiveMarkerServer(self, SERVER)
        self._menu = self._make_menu()
        self._grasp_menu = MenuHandler()
        self._grasp_menu.insert("Use this grasp", callback=self._safely(self._choose))
        self._edits = self.create_client(EditTrace, "edit_trace", callback_group=group)
        self._selects = self.create_client(SelectGrasp, "select_grasp", callback_group=group)
        self.create_subscription(Trace, "trace", self._on_trace, DECISION, callback_group=group)
        self.create_subscription(GraspArray, "grasps", self._on_grasps, DECISION, callback_group=group)
        self.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=group)

    def _make_menu(self) -> MenuHandler:
        menu = MenuHandler()
        for title, action in (
            ("Insert after", lambda f: self._edit.insert_after(_index(f))),
            ("Delete", lambda f: self._edit.delete(_index(f))),
            ("Undo", lambda _: self._edit.undo()),
        ):
            menu.insert(title, callback=self._safely(partial(self._change, action)))
        menu.insert("Accept", callback=self._safely(lambda _: self._decide(EditTrace.Request.OPERATION_ACCEPT)))
        menu.insert("Reject", callback=self._safely(lambda _: self._decide(EditTrace.Request.OPERATION_REJECT)))
        return menu

    def _safely(self, action: Callable[[InteractiveMarkerFeedback], None]) -> Callable[[object], None]:
        def called(feedback: InteractiveMarkerFeedback) -> None:
            try:
                action(feedback)
            except MolmoRosError as error:
                self.get_logger().warning(f"refused: [{error.code.name}] {error.message}")
                self._draw()

        return called

    def _on_goal(self, message: Goal) -> None:
        if not message.active or message.goal_id != self._goal_id:
            with self._lock:
                self._goal_id, self._edit, self._grasps = message.goal_id if message.active else "", None, ()
            self._draw()

    def _on_grasps(self, message: GraspArray) -> None:
        wanted = (GraspMsg.STATUS_ACCEPTED, GraspMsg.STATUS_CHOSEN)
        with self._lock:
            self._frame = message.header.frame_id or self._frame
            self._grasps = tuple(g for g in message.grasps if g.status in wanted)[:MOST_GRASPS]
        self._draw()

    def _on_trace(self, message: Trace) -> None:
        if message.error_code:
            who = "the edited plan" if message.author == Trace.AUTHOR_PERSON else "the plan"
            self.get_logger().warning(f"{who} is refused: [{ErrorCode(message.error_code).name}] {message.error_msg}")
            return
        try:
            trace = convert.trace_from(message)
            with self._lock:
                person = message.author == Trace.AUTHOR_PERSON and message.goal_id == self._goal_id
                if person and self._edit is not None:
                    self._edit.renew(trace)
                else:
                    self._edit = TraceEdit(trace, float(self._values["support_height_m"]))
                self._goal_id, self._revision = message.goal_id, message.revision
                self._frame = message.header.frame_id or self._frame
                self._stamp_ns = convert.stamp_ns(message.header.stamp)
        except (MolmoRosError, ValueError) as error:
            self.get_logger().warning(f"a trace was not understood: {error}")
            return
        self._draw()

    def _draw(self) -> None:
        with self._lock:
            waypoints = self._edit.waypoints if self._edit is not None else ()
            self._server.clear()
            for i, waypoint in enumerate(waypoints):
                marker = self._waypoint(i, len(waypoints), waypoint.point_base_m)
                self._server.insert(marker, feedback_callback=self._safely(lambda _: None))
                self._server.setCallback(marker.name, self._safely(self._dragged), InteractiveMarkerFeedback.MOUSE_UP)
                self._menu.apply(self._server, marker.name)
            for grasp in self._grasps if waypoints else ():
                self._server.insert(self._grasp(grasp))
                self._grasp_menu.apply(self._server, f"grasp {grasp.id}")
            self._server.applyChanges()

    def _waypoint(self, index: int, count: int, point_base_m: np.ndarray) -> InteractiveMarker:
        marker = InteractiveMarker(name=f"waypoint {index}", description="" if index else "plan", scale=0.12)
        marker.header = convert.header(self._frame, 0)
        marker.pose.position = convert.point_msg(point_base_m)
        marker.pose.orientation.w = 1.0
        share = index / max(count - 1, 1)
        ball = Marker(type=Marker.SPHERE, scale=Vector3(x=HANDLE_M, y=HANDLE_M, z=HANDLE_M))
        ball.pose.orientation.w = 1.0
        ball.color.r, ball.color.g, ball.color.b, ball.color.a = share, 0.2, 1.0 - share, 1.0
        modes = InteractiveMarkerControl
        for name, mode, visible in (("slide", modes.MOVE_PLANE, [ball]), ("lift", modes.MOVE_AXIS, [])):
            control = InteractiveMarkerControl(name=name, interaction_mode=mode, always_visible=bool(visible))
            q = control.orientation
            q.x, q.y, q.z, q.w = _UP
            control.markers = visible
            marker.controls.append(control)
        return marker

    def _grasp(self, grasp: GraspMsg) -> InteractiveMarker:
        marker = InteractiveMarker(name=f"grasp {grasp.id}", description="", pose=grasp.pose_tcp, scale=0.1)
        marker.header = convert.header(self._frame, 0)
        chosen = grasp.status == GraspMsg.STATUS_CHOSEN
        bar = Marker(type=Marker.CUBE, scale=Vector3(x=0.01, y=0.082, z=0.01))
        bar.pose.orientation.w = 1.0
        bar.color = markers.GOLD if chosen else markers.GREEN
        control = InteractiveMarkerControl(
            name="choose", interaction_mode=InteractiveMarkerControl.MENU, always_visible=True, markers=[bar]
        )
        control.orientation.w = 1.0
        marker.controls.append(control)
        return marker

    def _dragged(self, feedback: InteractiveMarkerFeedback) -> None:
        self._change(lambda f: self._edit.move(_index(f), convert.point_array(f.pose.position)), feedback)

    def _change(self, action: Callable[[InteractiveMarkerFeedback], None], feedback: InteractiveMarkerFeedback) -> None:
        with self._lock:
            if self._edit is None:
                raise MolmoRosError(ErrorCode.EDIT_STALE, "This plan belongs to a goal that is over.")
            camera = self._camera.pose()
            before = self._edit.waypoints
            action(feedback)
            try:
                drawn = self._edit.drawn(camera, revision=self._revision + 1, stamp_ns=self._stamp_ns)
            except MolmoRosError:
                if self._edit.waypoints is not before:
                    self._edit.undo()
                raise
            request = EditTrace.Request(goal_id=self._goal_id, operation=EditTrace.Request.OPERATION_REPLACE)
            request.trace = convert.trace_msg(drawn, frame_id=self._frame, goal_id=self._goal_id)
        self._draw()
        self._ask(self._edits, request, "edit", lambda: self._restore(before))

    def _restore(self, waypoints: tuple[Waypoint, ...]) -> None:
        with self._lock:
            if self._edit is not None:
                self._edit.waypoints = waypoints
        self._draw()

    def _decide(self, operation: int) -> None:
        name = "accept" if operation == EditTrace.Request.OPERATION_ACCEPT else "reject"
        self._ask(self._edits, EditTrace.Request(goal_id=self._goal_id, operation=operation), name)

    def _choose(self, feedback: InteractiveMarkerFeedback) -> None:
        grasp_id = feedback.marker_name.removeprefix("grasp ")
        self._ask(self._selects, SelectGrasp.Request(goal_id=self._goal_id, grasp_id=grasp_id), "choice of grasp")

    def _ask(self, client: object, request: object, what: str, refused: Callable[[], None] = lambda: None) -> None:
        if not client.service_is_ready():
            raise MolmoRosError(ErrorCode.DRIVER_UNAVAILABLE, "Nobody takes edits; is task_node running?")

        def answered(future: object) -> None:
            answer = future.result()
            if answer.accepted:
                self.get_logger().info(f"{what}: taken")
            else:
                name = ErrorCode(answer.error_code).name
                self.get_logger().warning(f"{what} refused: [{name}] {answer.error_msg}")
                refused()

        client.call_async(request).add_done_callback(answered)

    def close(self) -> None:
        """Takes the markers away."""
        self._server.shutdown()


def _index(feedback: InteractiveMarkerFeedback) -> int:
    words = feedback.marker_name.split(" ")
    return int(words[1]) if len(words) == 2 and words[1].isdigit() else -1


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(TraceEditorNode, args))
