"""trace_editor_node as RViz sees it: ask once, drag, use the menu; every change arrives at edit_trace."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from molmo_ros.embedded import install

install()

import rclpy  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from tf2_ros import StaticTransformBroadcaster  # noqa: E402
from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerUpdate  # noqa: E402
from visualization_msgs.srv import GetInteractiveMarkers  # noqa: E402

from molmo_ros.core import geometry  # noqa: E402
from molmo_ros.core.errors import ErrorCode  # noqa: E402
from molmo_ros.core.types import Grasp, GraspStatus, Trace  # noqa: E402
from molmo_ros.nodes import convert  # noqa: E402
from molmo_ros.nodes.qos import DECISION, SENSOR  # noqa: E402
from molmo_ros.nodes.trace_editor_node import TraceEditorNode  # noqa: E402
from molmo_ros_interfaces.msg import Goal, GraspArray  # noqa: E402
from molmo_ros_interfaces.msg import Trace as TraceMsg  # noqa: E402
from molmo_ros_interfaces.srv import EditTrace, SelectGrasp  # noqa: E402

K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
T_BASE_CAMERA = geometry.look_at([0.45, 0.0, 1.2], [0.45, 0.0, 0.0], up=(1.0, 0.0, 0.0))
PATIENCE_S = 30.0


class World:
    """The editor, the task node it speaks to, and a viewer, in one process."""

    def __init__(self) -> None:
        rclpy.init(domain_id=1 + os.getpid() % 230)
        self.editor, self.node = TraceEditorNode(), rclpy.create_node("viewer")
        self.edits: list[EditTrace.Request] = []
        self.choices: list[SelectGrasp.Request] = []
        self.updates: list[InteractiveMarkerUpdate] = []
        self.refusal: tuple[ErrorCode, str] | None = None
        node = self.node
        node.create_service(EditTrace, "edit_trace", self._on_edit)
        node.create_service(SelectGrasp, "select_grasp", self._on_choice)
        node.create_subscription(InteractiveMarkerUpdate, "trace_editor/update", self.updates.append, 100)
        self.feedback = node.create_publisher(InteractiveMarkerFeedback, "trace_editor/feedback", 10)
        self.client = node.create_client(GetInteractiveMarkers, "trace_editor/get_interactive_markers")
        self.goals = node.create_publisher(Goal, "goal", DECISION)
        self.traces = node.create_publisher(TraceMsg, "trace", DECISION)
        self.grasps = node.create_publisher(GraspArray, "grasps", DECISION)
        self.infos = node.create_publisher(CameraInfo, "camera/color/camera_info", SENSOR)
        self.broadcaster = StaticTransformBroadcaster(node)
        self.broadcaster.sendTransform(convert.transform_msg(T_BASE_CAMERA, "fr3_link0", "optical", 0))
        node.create_timer(0.05, lambda: self.infos.publish(convert.camera_info_msg(K, 640, 480, "optical", 0)))
        self.executor = MultiThreadedExecutor(num_threads=4)
        for each in (self.editor, self.node):
            self.executor.add_node(each)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()
        self.until(self.client.service_is_ready, "the marker service")
        self.until(self._sees_camera, "the camera")

    def _sees_camera(self) -> bool:
        try:
            self.editor._camera.pose()
        except Exception:
            return False
        return True

    def _on_edit(self, request: EditTrace.Request, response: EditTrace.Response) -> EditTrace.Response:
        self.edits.append(request)
        response.accepted = self.refusal is None
        if self.refusal is not None:
            response.error_code, response.error_msg = int(self.refusal[0]), self.refusal[1]
        return response

    def _on_choice(self, request: SelectGrasp.Request, response: SelectGrasp.Response) -> SelectGrasp.Response:
        self.choices.append(request)
        response.accepted = True
        return response

    def until(self, ready: Callable[[], Any], what: str) -> Any:
        """Waits for something to be true."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            value = ready()
            if value:
                return value
            time.sleep(0.01)
        raise AssertionError(f"{what} did not happen")

    def markers(self) -> dict[str, Any]:
        """What a newly connected viewer is told."""
        future = self.client.call_async(GetInteractiveMarkers.Request())
        self.until(future.done, "the answer")
        return {m.name: m for m in future.result().markers}

    def waypoints(self) -> list[str]:
        """Names of the waypoint markers."""
        return sorted(name for name in self.markers() if name.startswith("waypoint"))

    def think(self, goal_id: str = "g1") -> None:
        """The graph draws a plan: a goal, two grasps, a lifted trace."""
        self.goals.publish(Goal(goal_id=goal_id, active=True))
        self.until(lambda: self.editor._plan.goal_id == goal_id, "the goal")
        T = geometry.make_transform(geometry.rotation_x(np.pi), [0.45, -0.15, 0.05])
        common = {"T_base_tcp": T, "width_m": 0.04, "quality": 0.8}
        grasps = [
            Grasp(grasp_id="a", status=GraspStatus.CHOSEN, **common),
            Grasp(grasp_id="b", status=GraspStatus.ACCEPTED, **common),
        ]
        self.grasps.publish(convert.grasp_array_msg(grasps, frame_id="fr3_link0", stamp=0, goal_id=goal_id))
        points = np.column_stack([np.full(24, 0.45), np.linspace(-0.15, 0.15, 24), np.full(24, 0.12)])
        uv = geometry.project(K, geometry.apply(geometry.invert(T_BASE_CAMERA), points * [1, 1, 0]))
        trace = Trace(uv=uv, width_px=640, height_px=480, points_base_m=points)
        self.traces.publish(convert.trace_msg(trace, frame_id="fr3_link0", goal_id=goal_id))
        self.until(lambda: len(self.markers()) == 10, "eight waypoints and two grasps")

    def drag(self, name: str, point: tuple[float, float, float]) -> None:
        """Drags a marker and lets go of it, as RViz does: pose updates, then mouse up."""
        for event in (InteractiveMarkerFeedback.POSE_UPDATE, InteractiveMarkerFeedback.MOUSE_UP):
            message = InteractiveMarkerFeedback(client_id="rviz", marker_name=name, event_type=event)
            message.pose.position = convert.point_msg(point)
            message.pose.orientation.w = 1.0
            self.feedback.publish(message)
            time.sleep(0.02)

    def menu(self, name: str, title: str) -> None:
        """Chooses an entry of a marker's menu."""
        entry = next(e for e in self.markers()[name].menu_entries if e.title == title)
        self.feedback.publish(
            InteractiveMarkerFeedback(
                client_id="rviz",
                marker_name=name,
                event_type=InteractiveMarkerFeedback.MENU_SELECT,
                menu_entry_id=entry.id,
            )
        )

    def close(self) -> None:
        """Ends everything."""
        self.executor.shutdown()
        self.thread.join(5.0)
        self.editor.close()
        for each in (self.editor, self.node):
            each.destroy_node()
        rclpy.shutdown()


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    """One world for the file."""
    world = World()
    try:
        yield world
    finally:
        world.close()


@pytest.fixture
def world(shared: World) -> World:
    """The same world with a fresh plan."""
    shared.goals.publish(Goal(goal_id="none", active=False))
    shared.until(lambda: not shared.markers(), "an empty scene")
    shared.edits.clear()
    shared.choices.clear()
    shared.refusal = None
    shared.think()
    return shared


def test_a_dragged_waypoint_is_sent_as_the_pixel_below_it(world: World) -> None:
    world.drag("waypoint 3", (0.55, -0.02, 0.2))
    request = world.until(lambda: world.edits and world.edits[0], "the edit")
    assert (request.goal_id, request.operation) == ("g1", EditTrace.Request.OPERATION_REPLACE)
    assert request.trace.author == TraceMsg.AUTHOR_PERSON
    assert request.trace.revision == 1
    # Pinhole, camera 1.2 m straight above (0.45, 0), image up along +x: 600 px * metres / 1.2 m from (320, 240).
    u, v = np.array(request.trace.uv).reshape(-1, 2)[3]
    assert (u, v) == pytest.approx((320 + 600 * 0.02 / 1.2, 240 - 600 * 0.10 / 1.2), abs=1e-6)
    assert len(request.trace.uv) == 16


def test_insert_delete_and_undo_by_menu(world: World) -> None:
    world.menu("waypoint 2", "Insert after")
    world.until(lambda: len(world.waypoints()) == 9, "a ninth waypoint")
    world.menu("waypoint 0", "Delete")
    world.until(lambda: len(world.waypoints()) == 8, "eight waypoints")
    world.menu("waypoint 1", "Undo")
    world.until(lambda: len(world.waypoints()) == 9, "nine waypoints again")
    world.until(lambda: len(world.edits) == 3, "three edits")
    assert [len(e.trace.uv) // 2 for e in world.edits] == [9, 8, 9]


@pytest.mark.parametrize(
    ("title", "operation"),
    [("Accept", EditTrace.Request.OPERATION_ACCEPT), ("Reject", EditTrace.Request.OPERATION_REJECT)],
)
def test_accept_and_reject_by_menu(world: World, title: str, operation: int) -> None:
    world.menu("waypoint 0", title)
    request = world.until(lambda: world.edits and world.edits[0], "the decision")
    assert (request.goal_id, request.operation) == ("g1", operation)


def test_another_grasp_is_chosen_by_menu(world: World) -> None:
    world.menu("grasp b", "Use this grasp")
    request = world.until(lambda: world.choices and world.choices[0], "the choice")
    assert (request.goal_id, request.grasp_id) == ("g1", "b")


def test_a_refused_edit_puts_the_marker_back(world: World) -> None:
    before = world.markers()["waypoint 3"].pose.position.x
    world.refusal = (ErrorCode.BUSY, "The plan is being carried out; stop it first, then edit.")
    world.drag("waypoint 3", (0.6, 0.0, 0.2))
    world.until(lambda: world.edits, "the edit")
    world.until(lambda: world.markers()["waypoint 3"].pose.position.x == pytest.approx(before), "the old place")


def test_a_drag_off_the_image_is_not_sent_and_put_back(world: World) -> None:
    before = world.markers()["waypoint 3"].pose.position.y
    world.drag("waypoint 3", (0.45, 3.0, 0.2))
    world.until(lambda: world.markers()["waypoint 3"].pose.position.y == pytest.approx(before), "the old place")
    assert world.edits == []


def test_a_drag_to_a_place_that_is_no_number_is_not_sent(world: World) -> None:
    world.drag("waypoint 3", (float("nan"), 0.0, 0.2))
    world.menu("waypoint 0", "Accept")
    world.until(lambda: world.edits, "the decision")
    assert [e.operation for e in world.edits] == [EditTrace.Request.OPERATION_ACCEPT]


def test_the_markers_go_with_the_goal(world: World) -> None:
    world.goals.publish(Goal(goal_id="g1", active=False))
    world.until(lambda: not world.markers(), "an empty scene")


def test_updates_are_numbered_without_gaps(world: World) -> None:
    numbers = [u.seq_num for u in world.updates]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
