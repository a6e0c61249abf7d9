"""The robot's side of the two-machine test: joints, a camera and a goal go out, actions come in and are played."""

from __future__ import annotations

import sys
import time

from molmo_ros.embedded import install

install()

import numpy as np  # noqa: E402
import rclpy  # noqa: E402
from rclpy.executors import ExternalShutdownException  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402

from molmo_ros.core.errors import ErrorCode  # noqa: E402
from molmo_ros.motion.chunks import ChunkPlayer, ChunkRules  # noqa: E402
from molmo_ros.nodes import convert  # noqa: E402
from molmo_ros.nodes.qos import COMMAND, DECISION, SENSOR  # noqa: E402
from molmo_ros_interfaces.msg import ActionChunk, Goal  # noqa: E402

NAMES = tuple(f"fr3_joint{i}" for i in range(1, 8))
Q = np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785])
K = np.array([[200.0, 0.0, 160.0], [0.0, 200.0, 90.0], [0.0, 0.0, 1.0]])


class Robot(Node):
    """Says on stdout when it begins to play, and when it holds and why."""

    def __init__(self) -> None:
        super().__init__("robot")
        self._joints = self.create_publisher(JointState, "joint_states", SENSOR)
        self._images = self.create_publisher(Image, "exo_camera_1/color/image_raw", SENSOR)
        self._infos = self.create_publisher(CameraInfo, "exo_camera_1/color/camera_info", SENSOR)
        self._goals = self.create_publisher(Goal, "goal", DECISION)
        self.create_subscription(ActionChunk, "action_chunk", self._on_chunk, COMMAND)
        rules = ChunkRules(names=NAMES, lower=(-3.1,) * 7, upper=(4.5,) * 7)
        self._player = ChunkPlayer(rules)
        self._image = np.random.default_rng(0).integers(0, 255, (180, 320, 3), dtype=np.uint8)
        self._said = ""
        goal = Goal(goal_id="g", instruction="turn", stage="policy", active=True, wants=[Goal.WANT_ACTIONS])
        self._goals.publish(goal)
        self.create_timer(0.02, self._tick)
        self.create_timer(0.1, self._look)

    def _stamp(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _tick(self) -> None:
        now = self._stamp()
        message = JointState(name=[*NAMES, "fr3_finger_joint1", "fr3_finger_joint2"], position=[*Q, 0.04, 0.04])
        message.header.stamp = convert.time_msg(now)
        self._joints.publish(message)
        target = self._player.target(now)
        state = "playing" if target.code is ErrorCode.NONE else f"hold {target.code.name}"
        if state != self._said:
            self._said = state
            sys.stdout.write(f"{state}\n")
            sys.stdout.flush()

    def _look(self) -> None:
        header = convert.header("camera", self._stamp())
        image = Image(header=header, height=180, width=320, encoding="rgb8", step=960, data=self._image.tobytes())
        self._images.publish(image)
        self._infos.publish(convert.camera_info_msg(K, 320, 180, "camera", self._stamp()))

    def _on_chunk(self, message: ActionChunk) -> None:
        if message.error_code:
            self._player.fault(ErrorCode(message.error_code), message.error_msg)
            return
        self._player.offer(convert.chunk_from(message), self._stamp(), dict(zip(NAMES, Q.tolist(), strict=True)))


rclpy.init()
try:
    rclpy.spin(Robot())
except (KeyboardInterrupt, ExternalShutdownException):
    time.sleep(0)
