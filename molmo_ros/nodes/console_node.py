"""console_node: the browser page; goals, edits, confirm, stop. It listens to the heavy topics only while a page is open."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from cv_bridge import CvBridge
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState, PointCloud2
from sensor_msgs_py import point_cloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection3DArray

from molmo_ros.console.edit import CameraPose
from molmo_ros.console.panel import Commands
from molmo_ros.console.server import is_loopback, open_server
from molmo_ros.console.view import ConsoleView
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.camera_view import PARAMS as CAMERA_PARAMS
from molmo_ros.nodes.camera_view import CameraView
from molmo_ros.nodes.plan_editor import PlanEditor, code_name
from molmo_ros.nodes.qos import COMMAND, DECISION, EVENT, SENSOR
from molmo_ros_interfaces.action import ExecuteInstruction
from molmo_ros_interfaces.msg import ExecutionState, Goal, Thought

PARAMS = (
    *CAMERA_PARAMS,
    Param(name="host", default="127.0.0.1", doc="Address to listen on; only this machine reaches the default."),
    Param(name="port", default=8080, doc="Port to listen on.", low=1, high=65535),
    Param(name="runs_dir", default="runs", doc="Folder of recorded runs to list."),
    Param(name="rate_hz", default=10.0, doc="Rate at which an open page is renewed [Hz].", low=0.5, high=30.0),
    Param(name="image_rate_hz", default=4.0, doc="Rate of camera images on the page [Hz].", low=0.1, high=30.0),
    Param(name="most_cloud_points", default=30000, doc="Points of the cloud on the page.", low=100, high=300000),
)
MODES = {
    ExecutionState.MODE_HOLD: "holding",
    ExecutionState.MODE_TRAJECTORY: "moving",
    ExecutionState.MODE_CHUNK: "following a policy",
    ExecutionState.MODE_GRIPPER: "moving the gripper",
    ExecutionState.MODE_STOPPED: "stopped",
}
MOST_RUNS = 15


class ConsoleNode(Node):
    """Serves the page and passes on what its viewers ask for."""

    def __init__(self) -> None:
        super().__init__("console_node")
        self._values = declare(self, PARAMS)
        host, port = str(self._values["host"]), int(self._values["port"])
        if not is_loopback(host):
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID,
                f"The console listens on this machine only, not on {host}; reach it through an SSH tunnel.",
            )
        self._lock = threading.RLock()
        self._bridge = CvBridge()
        self._camera: CameraView | None = None
        self._heavy: list[object] = []
        self._newest: dict[str, object] = {}
        self._waiting, self._words = False, ""
        self._turns = 0
        self._stage = ""
        group = ReentrantCallbackGroup()
        self._action = ActionClient(self, ExecuteInstruction, "execute_instruction", callback_group=group)
        self._triggers = {
            name: self.create_client(Trigger, name, callback_group=group) for name in ("stop", "release_stop", "arm")
        }
        self._plan = PlanEditor(
            self,
            str(self._values["base_frame"]),
            float(self._values["support_height_m"]),
            self._camera_pose,
            self._draw_plan,
            self._tell,
        )
        commands = Commands(
            send=self._send,
            confirm=self._plan.accept,
            reject=self._plan.reject,
            stop=lambda: self._trigger("stop"),
            release=lambda: self._trigger("release_stop"),
            arm=lambda: self._trigger("arm"),
            drag=lambda i, place: self._plan.change(lambda e: e.move(i, place)),
            insert=lambda i: self._plan.change(lambda e: e.insert_after(i)),
            delete=lambda i: self._plan.change(lambda e: e.delete(i)),
            undo=lambda: self._plan.change(lambda e: e.undo()),
        )
        self._view = ConsoleView(open_server(host, port), commands)
        self.create_subscription(String, "robot_description", self._on_robot, DECISION, callback_group=group)
        self.create_subscription(ExecutionState, "execution_state", self._keep("state"), COMMAND, callback_group=group)
        self.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=group)
        self.create_subscription(Thought, "thought", self._on_thought, EVENT, callback_group=group)
        self.create_subscription(String, "recording", lambda _: self._list_runs(), DECISION, callback_group=group)
        self.create_timer(1.0 / self._values["rate_hz"], self._renew)
        self.get_logger().info(f"the console is at http://{host}:{port}")

    def _keep(self, name: str) -> object:
        return lambda message: self._newest.__setitem__(name, message)

    def _listen(self, wanted: bool) -> None:
        """Begins or ends listening to what only an open page needs."""
        if wanted and not self._heavy:
            camera = self._values["camera"]
            self._camera = CameraView(self, self._values)
            self._heavy = [
                self.create_subscription(kind, topic, self._keep(name), qos)
                for name, kind, topic, qos in (
                    ("joints", JointState, "joint_states", SENSOR),
                    ("image", Image, f"{camera}/color/image_raw", SENSOR),
                    ("cloud", PointCloud2, "perception/points", SENSOR),
                    ("objects", Detection3DArray, "perception/objects", DECISION),
                )
            ]
            self._list_runs()
        elif not wanted and self._heavy:
            for subscription in self._heavy:
                self.destroy_subscription(subscription)
            self._heavy = []
            if self._camera is not None:
                self._camera.close()
                self._camera = None

    def _renew(self) -> None:
        self._listen(self._view.viewers > 0)
        state = self._newest.pop("state", None)
        if state is not None:
            words = f"[{code_name(state.error_code)}] {state.error_msg}" if state.error_code else ""
            self._view.panel.robot(
                armed=state.armed, stopped=state.stop_latched, words=words, mode=MODES.get(state.mode, "")
            )
        if not self._heavy:
            return
        joints = self._newest.pop("joints", None)
        if joints is not None:
            self._view.scene.joints(dict(zip(joints.name, joints.position, strict=False)))
        self._turns += 1
        every = max(1, round(self._values["rate_hz"] / self._values["image_rate_hz"]))
        image = self._newest.pop("image", None) if self._turns % every == 0 else None
        if image is not None:
            self._view.image(self._bridge.imgmsg_to_cv2(image, desired_encoding="rgb8"), self._camera_or_none())
        cloud = self._newest.pop("cloud", None)
        if cloud is not None:
            self._view.scene.cloud(*cloud_of(cloud, self._values["most_cloud_points"]))
        objects = self._newest.pop("objects", None)
        if objects is not None:
            self._view.scene.objects([boxed(d) for d in objects.detections])

    def _camera_pose(self) -> CameraPose:
        if self._camera is None:
            raise MolmoRosError(ErrorCode.CAMERA_LOST, "The console does not see the camera yet; try again.")
        return self._camera.pose()

    def _camera_or_none(self) -> CameraPose | None:
        try:
            return self._camera_pose()
        except MolmoRosError:
            return None

    def _on_robot(self, message: String) -> None:
        try:
            self._view.scene.robot(message.data)
        except MolmoRosError as error:
            self.get_logger().warning(f"[{error.code.name}] {error.message}")

    def _on_goal(self, message: Goal) -> None:
        if message.active:
            self._view.panel.stage(message.stage, message.instruction, None)

    def _on_thought(self, message: Thought) -> None:
        seconds = dict(zip(message.phases, message.phase_seconds, strict=False))
        rows = [
            ("model", f"{message.backend} {message.model_id} {message.revision}".strip()),
            ("latency", f"{1e3 * sum(seconds.values()):.0f} ms"),
            *((name, f"{1e3 * value:.0f} ms") for name, value in seconds.items()),
            ("prompt", message.prompt),
            ("answer", message.raw_text),
        ]
        if message.error_code:
            rows.append(("fault", f"[{code_name(message.error_code)}] {message.error_msg}"))
        self._view.panel.thought(rows)

    def _list_runs(self) -> None:
        folder = Path(str(self._values["runs_dir"]))
        found = [p.parent for p in folder.glob("*/bag")] if folder.is_dir() else []
        self._view.panel.runs([p.name for p in sorted(found, reverse=True)][:MOST_RUNS])

    def _draw_plan(self) -> None:
        with self._lock:
            grasps = []
            for message in self._plan.grasps:
                try:
                    grasps.append(convert.grasp_from(message))
                except MolmoRosError as error:
                    self.get_logger().warning(f"[{error.code.name}] {error.message}")
            self._view.grasps(grasps)
            self._view.plan(self._plan.trace, self._plan.waypoints, waiting=self._waiting, words=self._words)

    def _tell(self, words: str, refused: bool) -> None:
        # Two call sites: rclpy fixes a severity per line.
        if refused:
            self.get_logger().warning(words)
        else:
            self.get_logger().info(words)
        self._words = words
        self._draw_plan()

    def _send(self, sentence: str, confirm: bool) -> None:
        panel = self._view.panel
        panel.begin()
        if not self._action.server_is_ready():
            panel.outcome(good=False, words="Nobody takes instructions; is task_node running?")
            return
        goal = ExecuteInstruction.Goal(instruction=sentence, confirm=confirm)
        sent = self._action.send_goal_async(goal, feedback_callback=lambda m: self._on_feedback(m.feedback))
        sent.add_done_callback(self._accepted)

    def _accepted(self, future: object) -> None:
        handle = future.result()
        if not handle.accepted:
            self._view.panel.outcome(good=False, words="The instruction was not accepted.")
            return
        handle.get_result_async().add_done_callback(self._ended)

    def _on_feedback(self, feedback: ExecuteInstruction.Feedback) -> None:
        self._view.panel.stage(feedback.stage, feedback.message, float(feedback.progress))
        waiting = feedback.stage == "confirm"
        if waiting != self._waiting:
            self._waiting, self._words = waiting, ""
            self._draw_plan()

    def _ended(self, future: object) -> None:
        result = future.result().result
        self._waiting, self._words = False, ""
        self._draw_plan()
        if result.error_code:
            words = f"{result.stop_cause}: [{code_name(result.error_code)}] {result.error_msg}"
            self._view.panel.outcome(good=False, words=words)
        else:
            self._view.panel.outcome(good=True, words="Done.")

    def _trigger(self, name: str) -> None:
        client = self._triggers[name]
        if not client.service_is_ready():
            self._view.panel.robot(
                armed=False, stopped=False, words=f"nobody answers {name}; is executor_node running?", mode=""
            )
            return
        client.call_async(Trigger.Request()).add_done_callback(
            lambda future: self.get_logger().info(f"{name}: {future.result().message}")
        )

    def close(self) -> None:
        """Closes the page."""
        self._view.close()


def cloud_of(message: PointCloud2, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) points and colours of a cloud with packed rgb, thinned."""
    cloud = point_cloud2.read_points(message, field_names=("x", "y", "z", "rgb"), skip_nans=True)
    cloud = cloud[:: max(1, -(-len(cloud) // most))]
    points = np.column_stack([cloud["x"], cloud["y"], cloud["z"]]).astype(np.float32)
    packed = np.ascontiguousarray(cloud["rgb"]).view(np.uint32)
    rgb = np.column_stack([(packed >> shift) & 255 for shift in (16, 8, 0)]).astype(np.uint8)
    return points, rgb


def boxed(detection: object) -> tuple[str, np.ndarray, np.ndarray]:
    """Words, pose and size of a detection."""
    words = detection.results[0].hypothesis.class_id if detection.results else detection.id
    size = detection.bbox.size
    return words, convert.pose_matrix(detection.bbox.center), np.array([size.x, size.y, size.z])


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(ConsoleNode, args))
