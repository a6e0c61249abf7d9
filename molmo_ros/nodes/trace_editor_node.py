"""trace_editor_node: RViz interactive markers that drag, insert, delete, undo, accept and reject a plan."""

from __future__ import annotations

import threading

import numpy as np
from geometry_msgs.msg import Vector3
from interactive_markers import InteractiveMarkerServer, MenuHandler
from rclpy.node import Node
from visualization_msgs.msg import InteractiveMarker, InteractiveMarkerControl, InteractiveMarkerFeedback, Marker

from molmo_ros.nodes import convert, markers
from molmo_ros.nodes.base import declare, exit_with, run
from molmo_ros.nodes.camera_view import PARAMS, CameraView
from molmo_ros.nodes.plan_editor import PlanEditor
from molmo_ros_interfaces.msg import Grasp as GraspMsg

SERVER = "trace_editor"
MOST_GRASPS = 12
HANDLE_M = 0.03
# Quaternion that turns a control's x axis onto z: MOVE_PLANE slides level, MOVE_AXIS lifts (InteractiveMarkerControl.msg).
_UP = (0.0, 0.7071067811865476, 0.0, 0.7071067811865476)


class TraceEditorNode(Node):
    """Serves the markers of trace_editor; every change goes through edit_trace and select_grasp."""

    def __init__(self) -> None:
        super().__init__("trace_editor_node")
        values = declare(self, PARAMS)
        self._lock = threading.RLock()
        self._server = InteractiveMarkerServer(self, SERVER)
        self._menu, self._grasp_menu = self._make_menu(), MenuHandler()
        self._grasp_menu.insert("Use this grasp", callback=self._choose)
        self._camera = CameraView(self, values)
        self._plan = PlanEditor(
            self,
            str(values["base_frame"]),
            float(values["support_height_m"]),
            self._camera.pose,
            self._draw,
            self._tell,
        )

    def _make_menu(self) -> MenuHandler:
        menu = MenuHandler()
        menu.insert("Insert after", callback=lambda f: self._plan.change(lambda e: e.insert_after(_index(f))))
        menu.insert("Delete", callback=lambda f: self._plan.change(lambda e: e.delete(_index(f))))
        menu.insert("Undo", callback=lambda _: self._plan.change(lambda e: e.undo()))
        menu.insert("Accept", callback=lambda _: self._plan.accept())
        menu.insert("Reject", callback=lambda _: self._plan.reject())
        return menu

    def _tell(self, words: str, refused: bool) -> None:
        # Two call sites: rclpy fixes a severity per line.
        if refused:
            self.get_logger().warning(words)
        else:
            self.get_logger().info(words)

    def _dragged(self, feedback: InteractiveMarkerFeedback) -> None:
        place = convert.point_array(feedback.pose.position)
        self._plan.change(lambda edit: edit.move(_index(feedback), place))

    def _choose(self, feedback: InteractiveMarkerFeedback) -> None:
        self._plan.choose(feedback.marker_name.removeprefix("grasp "))

    def _draw(self) -> None:
        with self._lock:
            waypoints = self._plan.waypoints
            self._server.clear()
            for i, waypoint in enumerate(waypoints):
                marker = self._waypoint(i, len(waypoints), waypoint.point_base_m)
                self._server.insert(marker)
                self._server.setCallback(marker.name, self._dragged, InteractiveMarkerFeedback.MOUSE_UP)
                self._menu.apply(self._server, marker.name)
            usable = [g for g in self._plan.grasps if g.status in (GraspMsg.STATUS_ACCEPTED, GraspMsg.STATUS_CHOSEN)]
            for grasp in usable[:MOST_GRASPS] if waypoints else ():
                self._server.insert(self._grasp(grasp))
                self._grasp_menu.apply(self._server, f"grasp {grasp.id}")
            self._server.applyChanges()

    def _waypoint(self, index: int, count: int, point_base_m: np.ndarray) -> InteractiveMarker:
        marker = InteractiveMarker(name=f"waypoint {index}", description="" if index else "plan", scale=0.12)
        marker.header = convert.header(self._plan.frame_id, 0)
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
        marker.header = convert.header(self._plan.frame_id, 0)
        bar = Marker(type=Marker.CUBE, scale=Vector3(x=0.01, y=0.082, z=0.01))
        bar.pose.orientation.w = 1.0
        bar.color = markers.GOLD if grasp.status == GraspMsg.STATUS_CHOSEN else markers.GREEN
        control = InteractiveMarkerControl(
            name="choose", interaction_mode=InteractiveMarkerControl.MENU, always_visible=True, markers=[bar]
        )
        control.orientation.w = 1.0
        marker.controls.append(control)
        return marker

    def close(self) -> None:
        """Takes the markers away."""
        self._server.shutdown()


def _index(feedback: InteractiveMarkerFeedback) -> int:
    words = feedback.marker_name.split(" ")
    return int(words[1]) if len(words) == 2 and words[1].isdigit() else -1


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(TraceEditorNode, args))
