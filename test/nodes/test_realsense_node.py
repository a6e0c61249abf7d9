"""realsense_node says what realsense2_camera would, names a lost camera, and finds it again."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from molmo_ros.embedded import install

install()
sys.path.insert(0, str(Path(__file__).parents[1] / "robots"))

import rclpy  # noqa: E402
from cv_bridge import CvBridge  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from fake_realsense import HEIGHT, WIDTH, Bench, FakePipeline, fake_realsense  # noqa: E402
from message_filters import Subscriber, TimeSynchronizer  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from tf2_ros import Buffer, TransformListener  # noqa: E402

from molmo_ros.nodes import convert  # noqa: E402

TOPICS = (
    (Image, "color/image_raw"),
    (CameraInfo, "color/camera_info"),
    (Image, "aligned_depth_to_color/image_raw"),
    (CameraInfo, "aligned_depth_to_color/camera_info"),
)


class World:
    """The node and a listener in one process, in front of cameras made up."""

    def __init__(self, bench: Bench) -> None:
        from molmo_ros.nodes.realsense_node import RealSenseNode

        self.bench = bench
        parameters = ["camera:=wrist_camera", "serial_no:='_222'", "filters:='spatial, hole_filling'"]
        arguments = [part for p in parameters for part in ("-p", p)]
        rclpy.init(args=["test", "--ros-args", *arguments], domain_id=100 + os.getpid() % 100)
        self.client = rclpy.create_node("listener")
        self.sets: list[tuple[Any, ...]] = []
        self.faults: list[str] = []
        prefix = "wrist_camera"
        self.subscribers = [
            Subscriber(self.client, kind, f"{prefix}/{topic}", qos_profile=qos_profile_sensor_data)
            for kind, topic in TOPICS
        ]
        self.sync = TimeSynchronizer(self.subscribers, 10)
        self.sync.registerCallback(lambda *messages: self.sets.append(messages))
        self.client.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, 10)
        self.buffer = Buffer(node=self.client)
        self.listener = TransformListener(self.buffer, self.client, spin_thread=False)
        self.node = RealSenseNode()
        self.executor = MultiThreadedExecutor(num_threads=4)
        self.executor.add_node(self.node)
        self.executor.add_node(self.client)
        threading.Thread(target=self.executor.spin, daemon=True).start()

    def _diagnosed(self, message: DiagnosticArray) -> None:
        self.faults += [s.message for s in message.status if "realsense" in s.name]

    def until(self, ready: Callable[[], object]) -> None:
        end = time.monotonic() + 20.0
        while not ready():
            assert time.monotonic() < end, "it never came about"
            time.sleep(0.01)

    def close(self) -> None:
        self.executor.shutdown(timeout_sec=2.0)
        self.node.close()
        self.node.destroy_node()
        self.client.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    bench = Bench()
    module = fake_realsense(bench)

    class Paced(FakePipeline):
        """A camera of about 50 images per second."""

        def try_wait_for_frames(self, timeout_ms: int = 5000) -> Any:
            time.sleep(0.02)
            return super().try_wait_for_frames(timeout_ms)

    module.pipeline = lambda: Paced(bench)
    monkeypatch.setitem(sys.modules, "pyrealsense2", module)
    made = World(bench)
    yield made
    made.close()


def test_topics_calibration_frames_and_a_cable_pulled(world: World) -> None:
    world.until(lambda: len(world.sets) > 2)
    color, info, depth, depth_info = world.sets[-1]
    bridge = CvBridge()
    assert (color.encoding, depth.encoding) == ("rgb8", "16UC1")
    assert bridge.imgmsg_to_cv2(color).shape == (HEIGHT, WIDTH, 3)
    assert np.all(bridge.imgmsg_to_cv2(depth) == 1500)
    assert color.header.frame_id == depth.header.frame_id == info.header.frame_id == "wrist_camera_color_optical_frame"
    assert (info.width, info.height, info.distortion_model) == (WIDTH, HEIGHT, "plumb_bob")
    np.testing.assert_allclose(info.d, world.bench.coefficients)
    np.testing.assert_allclose(info.k, [30, 0, 16, 0, 31, 12, 0, 0, 1])
    np.testing.assert_allclose(depth_info.k, info.k)
    assert world.bench.running._serial == "222"  # type: ignore[union-attr]

    known = lambda: world.buffer.can_transform(  # noqa: E731
        "wrist_camera_link", "wrist_camera_color_optical_frame", rclpy.time.Time()
    )
    world.until(known)
    found = world.buffer.lookup_transform("wrist_camera_link", "wrist_camera_color_optical_frame", rclpy.time.Time())
    T = convert.transform_matrix(found)
    # 15 mm along the depth camera's optical x is 15 mm to the right, which is -y of the body.
    np.testing.assert_allclose(T[:3, 3], [0, -0.015, 0], atol=1e-9)
    np.testing.assert_allclose(T[:3, 2], [1, 0, 0], atol=1e-9)

    world.bench.serials = ["111"]
    world.until(lambda: any("CAMERA_LOST" in f for f in world.faults))
    before = len(world.sets)
    world.bench.serials = ["111", "222"]
    world.until(lambda: len(world.sets) > before + 2)
    world.faults.clear()
    world.until(lambda: "ok" in world.faults)
