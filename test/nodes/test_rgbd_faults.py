"""A camera that lies or falls silent is named in one sentence, before anything is planned from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import molmo_ros.nodes  # noqa: F401 - makes rclpy importable where ROS 2 is not

import rclpy  # isort: skip
from cv_bridge import CvBridge
from rclpy.executors import MultiThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes import convert
from molmo_ros.nodes.qos import SENSOR
from molmo_ros.nodes.rgbd import PARAMS, RgbdSource
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig

H, W = 48, 64
K = np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
POSE = geometry.look_at([1.0, 0.0, 0.8], [0.5, 0.0, 0.0])
STAMP = 5_000_000_000


class Rig:
    """A camera to misuse and a source that listens to it."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=1 + os.getpid() % 230)
        self.camera = rclpy.create_node("camera", context=self.context)
        self.listener = rclpy.create_node("listener", context=self.context)
        values = {p.name: p.default for p in PARAMS} | {"base_frame": "base", "camera_max_age_s": 0.6}
        self.source = RgbdSource(self.listener, values)
        self.bridge = CvBridge()
        self.pubs = [
            self.camera.create_publisher(kind, f"camera/{topic}", SENSOR)
            for kind, topic in (
                (Image, "color/image_raw"),
                (Image, "aligned_depth_to_color/image_raw"),
                (CameraInfo, "color/camera_info"),
            )
        ]
        self.executor = MultiThreadedExecutor(num_threads=3, context=self.context)
        self.executor.add_node(self.listener)
        self.executor.add_node(self.camera)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def announce(self, stamp: int | None = None) -> None:
        """Says where the camera is: for good, or for one moment."""
        broadcaster = StaticTransformBroadcaster if stamp is None else TransformBroadcaster
        self.broadcaster = broadcaster(self.camera)
        self.broadcaster.sendTransform(convert.transform_msg(POSE, "base", "optical", stamp or 0))

    def show(
        self, depth: np.ndarray, encoding: str = "16UC1", info_size: tuple[int, int] = (W, H), k: np.ndarray = K
    ) -> None:
        """Publishes one RGB-D pair until it has arrived."""
        head = convert.header("optical", STAMP)
        rgb = np.full((H, W, 3), 90, np.uint8)
        color = self.bridge.cv2_to_imgmsg(rgb, "rgb8", header=head)
        deep = self.bridge.cv2_to_imgmsg(depth, encoding, header=head)
        info = convert.camera_info_msg(k, *info_size, "optical", STAMP)
        while self.source._newest is None:
            for publisher, message in zip(self.pubs, (color, deep, info), strict=True):
                publisher.publish(message)
            threading.Event().wait(0.02)

    def close(self) -> None:
        self.executor.shutdown()
        self.thread.join(5.0)
        for node in (self.camera, self.listener):
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    try:
        yield made
    finally:
        made.close()


def plane_mm() -> np.ndarray:
    return np.full((H, W), 900, np.uint16)


def fault(rig: Rig) -> MolmoRosError:
    with pytest.raises(MolmoRosError) as caught:
        perceive(rig.source.latest(), PerceptionConfig())
    assert "\n" not in caught.value.message
    return caught.value


def test_a_silent_camera_is_lost(rig: Rig) -> None:
    assert fault(rig).code is ErrorCode.CAMERA_LOST


def test_a_camera_without_a_pose_is_not_assumed_to_be_at_the_base(rig: Rig) -> None:
    rig.show(plane_mm())
    error = fault(rig)
    assert error.code is ErrorCode.TRANSFORM_MISSING
    assert "base" in error.message
    assert "optical" in error.message


def test_a_pose_for_another_time_is_stale(rig: Rig) -> None:
    rig.announce(stamp=1_000_000_000)
    rig.show(plane_mm())
    rig.listener.get_clock()
    while not rig.source.buffer.can_transform("base", "optical", rclpy.time.Time()):
        rig.broadcaster.sendTransform(convert.transform_msg(POSE, "base", "optical", 1_000_000_000))
        threading.Event().wait(0.02)
    assert fault(rig).code is ErrorCode.TRANSFORM_STALE


def test_camera_info_of_another_size_is_refused(rig: Rig) -> None:
    rig.announce()
    rig.show(plane_mm(), info_size=(1280, 720))
    assert fault(rig).code is ErrorCode.CAMERA_INFO_INVALID


def test_an_uncalibrated_camera_is_refused(rig: Rig) -> None:
    rig.announce()
    rig.show(plane_mm(), k=np.zeros((3, 3)))
    assert fault(rig).code is ErrorCode.CAMERA_INFO_INVALID


@pytest.mark.parametrize(
    ("depth", "encoding", "code"),
    [
        (np.zeros((H, W), np.uint16), "16UC1", ErrorCode.DEPTH_INVALID),
        (np.full((H, W), np.nan, np.float32), "32FC1", ErrorCode.DEPTH_INVALID),
        (np.full((H, W), np.inf, np.float32), "32FC1", ErrorCode.DEPTH_INVALID),
        (np.full((H, W), 900.0, np.float32), "32FC1", ErrorCode.DEPTH_UNITS),
        (np.full((H, W), 90, np.uint8), "mono8", ErrorCode.DEPTH_UNITS),
    ],
    ids=["zeros", "nan", "infinite", "millimetres as metres", "no depth at all"],
)
def test_depth_that_can_not_be_true_is_refused(rig: Rig, depth: np.ndarray, encoding: str, code: ErrorCode) -> None:
    rig.announce()
    rig.show(depth, encoding)
    assert fault(rig).code is code


def test_a_frozen_camera_is_stale(rig: Rig) -> None:
    rig.announce()
    rig.show(plane_mm())
    with pytest.raises(MolmoRosError) as caught:
        rig.source.newer_than(STAMP, 0.1)
    assert caught.value.code is ErrorCode.CAMERA_STALE


def test_millimetres_and_metres_give_the_same_frame(rig: Rig) -> None:
    rig.announce()
    rig.show(plane_mm())
    frame = rig.source.latest()
    assert np.allclose(frame.depth_m, 0.9)
    assert np.allclose(frame.T_base_camera, POSE)
