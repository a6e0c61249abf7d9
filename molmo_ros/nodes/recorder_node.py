"""recorder_node: a rosbag2 (MCAP) and pictures for every goal."""

from __future__ import annotations

import shutil
import struct
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import rosbag2_py
from action_msgs.msg import GoalStatusArray
from cv_bridge import CvBridge
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Path as PathMsg
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import DECISION, EVENT, SENSOR
from molmo_ros.task import pictures
from molmo_ros_interfaces.msg import ActionChunk, ExecutionState, Goal, GraspArray, Progress, Thought, Trace

PARAMS = (
    Param(name="runs_dir", default="runs", doc="Folder that gets one folder per goal."),
    Param(name="camera", default="camera", doc="Camera to record."),
    Param(
        name="camera_rate_hz", default=5.0, doc="Largest rate at which images are recorded [Hz].", low=0.1, high=60.0
    ),
    Param(
        name="min_free_mb", default=200, doc="Free disk space below which nothing is recorded [MB].", low=1, high=10**7
    ),
    Param(name="tail_s", default=0.5, doc="How long recording goes on after a goal's end [s].", low=0.0, high=30.0),
)


class RecorderNode(Node):
    """Records decision topics and the camera from a goal's first question to its end."""

    def __init__(self) -> None:
        super().__init__("recorder_node")
        self._values = declare(self, PARAMS)
        self._health = Health(self, "recorder")
        self._lock = threading.RLock()
        self._writer: rosbag2_py.SequentialWriter | None = None
        self._folder: Path | None = None
        self._goal_id = ""
        self._latched: dict[str, bytes] = {}
        self._last_image = -1.0e9
        self._wanted: deque[tuple[int, int]] = deque(maxlen=10)
        self._depths: deque[tuple[tuple[int, int], str, bytes]] = deque(maxlen=4)
        self._newest: dict[str, bytes] = {}
        self._timer: threading.Timer | None = None
        self._bridge = CvBridge()
        self._said = self.create_publisher(String, "recording", DECISION)
        camera = self._values["camera"]
        topics = (
            ("goal", Goal, DECISION),
            ("grasps", GraspArray, DECISION),
            ("trace", Trace, DECISION),
            ("trace/path", PathMsg, DECISION),
            ("trace/image", Image, DECISION),
            ("thought", Thought, EVENT),
            ("action_chunk", ActionChunk, EVENT),
            ("progress", Progress, EVENT),
            ("execution_state", ExecutionState, EVENT),
            ("execute_instruction/_action/status", GoalStatusArray, DECISION),
            ("perception/objects", Detection3DArray, DECISION),
            ("joint_states", JointState, SENSOR),
            ("/tf", TFMessage, QoSProfile(depth=100)),
            ("/tf_static", TFMessage, DECISION),
            ("diagnostics", DiagnosticArray, EVENT),
            (f"{camera}/color/image_raw", Image, SENSOR),
            (f"{camera}/aligned_depth_to_color/image_raw", Image, SENSOR),
            (f"{camera}/color/camera_info", CameraInfo, SENSOR),
        )
        self._types = {}
        group = ReentrantCallbackGroup()
        for topic, kind, qos in topics:
            name = self.resolve_topic_name(topic)
            self._types[name] = _type_name(kind)
            keep = topic in ("/tf_static", f"{camera}/color/camera_info")
            self.create_subscription(
                kind,
                topic,
                lambda data, t=topic, n=name, k=keep: self._on(t, n, data, k),
                qos,
                callback_group=group,
                raw=True,
            )

    def _on(self, topic: str, name: str, data: bytes, keep: bool) -> None:
        if topic == "goal":
            self._on_goal(deserialize_message(data, Goal))
        if keep:
            self._latched[name] = data
        if topic == "trace/image":
            self._newest[topic] = data
        if topic.endswith("/color/image_raw"):
            self._newest[topic] = data
            if self._colour_due(data):
                self._write(name, data)
                self._write_depth(self._stamp(data))
        elif topic.endswith("/aligned_depth_to_color/image_raw"):
            with self._lock:
                self._depths.append((self._stamp(data), name, data))
            self._write_depth(self._stamp(data))
        else:
            self._write(name, data)

    @staticmethod
    def _stamp(data: bytes) -> tuple[int, int]:
        """Seconds and nanoseconds of a message that begins with a header, read from its CDR bytes."""
        return struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)

    def _colour_due(self, data: bytes) -> bool:
        """Whether enough time has passed since the last recorded image; then its depth is wanted, too."""
        seconds, nanoseconds = stamp = self._stamp(data)
        now = seconds + nanoseconds * 1e-9
        with self._lock:
            if 0 <= now - self._last_image < 0.95 / self._values["camera_rate_hz"]:
                return False
            self._last_image = now
            self._wanted.append(stamp)
        return True

    def _write_depth(self, stamp: tuple[int, int]) -> None:
        """Writes the depth that belongs to a recorded image, whichever of the two came first."""
        with self._lock:
            found = next((d for d in self._depths if d[0] == stamp), None)
            if found is None or stamp not in self._wanted:
                return
            self._wanted.remove(stamp)
        self._write(found[1], found[2])

    def _write(self, name: str, data: bytes) -> None:
        with self._lock:
            if self._writer is None:
                return
            try:
                self._writer.write(name, bytes(data), self.get_clock().now().nanoseconds)
            except Exception as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Recording never stops the robot: it ends, and says so once."""
        self._writer = None
        fault = MolmoRosError(ErrorCode.RECORDING_FAILED, f"Recording stopped: {error}; is the disk full?")
        self._health.fault(fault)
        self.get_logger().error(fault.message)

    def _on_goal(self, goal: Goal) -> None:
        with self._lock:
            if goal.active and goal.goal_id != self._goal_id:
                self._finish()
                self._begin(goal)
            elif not goal.active and goal.goal_id == self._goal_id and self._writer is not None and self._timer is None:
                self._timer = threading.Timer(self._values["tail_s"], self._finish)
                self._timer.daemon = True
                self._timer.start()

    def _begin(self, goal: Goal) -> None:
        self._goal_id = goal.goal_id
        self._newest.pop("trace/image", None)
        name = f"{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}-{goal.goal_id}"
        self._folder = (Path(self._values["runs_dir"]).expanduser() / name).absolute()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            free_mb = shutil.disk_usage(self._folder).free // 2**20
            if free_mb < self._values["min_free_mb"]:
                raise OSError(f"only {free_mb} MB are free in {self._folder}")
            writer = rosbag2_py.SequentialWriter()
            writer.open(
                rosbag2_py.StorageOptions(uri=str(self._folder / "bag"), storage_id="mcap"),
                rosbag2_py.ConverterOptions(input_serialization_format="cdr", output_serialization_format="cdr"),
            )
            for i, (topic, kind) in enumerate(self._types.items()):
                writer.create_topic(rosbag2_py.TopicMetadata(id=i, name=topic, type=kind, serialization_format="cdr"))
        except Exception as error:
            self._fail(error)
            return
        self._writer = writer
        self._health.ok()
        self._said.publish(String(data=str(self._folder / "bag")))
        for topic, data in self._latched.items():
            self._write(topic, data)
        self._picture("before")

    def _picture(self, name: str, topic: str = "") -> None:
        """The newest image of a topic, of the camera where none is named, as a PNG beside the bag."""
        data = self._newest.get(topic or f"{self._values['camera']}/color/image_raw")
        if data is None or self._folder is None:
            return
        try:
            rgb = self._bridge.imgmsg_to_cv2(deserialize_message(data, Image), desired_encoding="rgb8")
            pictures.save(self._folder / f"{name}.png", rgb)
        except (MolmoRosError, OSError) as error:
            self.get_logger().warning(f"no picture {name}: {error}")

    def _finish(self) -> None:
        with self._lock:
            self._timer = None
            writer, self._writer = self._writer, None
            if writer is None:
                return
            self._picture("after")
            if "trace/image" in self._newest:
                self._picture("plan", "trace/image")
            try:
                writer.close()
            except Exception as error:
                self._fail(error)
                return
            self.get_logger().info(f"recorded {self._folder}")

    def close(self) -> None:
        """Ends the bag cleanly."""
        self._finish()


def _type_name(kind: type) -> str:
    package, folder, *_ = kind.__module__.split(".")
    return f"{package}/{folder}/{kind.__name__}"


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(RecorderNode, args))
