"""Simulated cameras on a RealSense's topics: colour, aligned depth, camera_info and the fixed camera's pose."""

from __future__ import annotations

import threading

import numpy as np
from cv_bridge import CvBridge
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from tf2_ros import StaticTransformBroadcaster

from molmo_ros.core.types import Frame
from molmo_ros.nodes import convert
from molmo_ros.nodes.qos import SENSOR
from molmo_ros.sim.simulation import Simulation

_PREFIX = {"front": "camera", "wrist": "wrist_camera"}


class CameraOutput:
    """Renders each camera at its rate and publishes it as realsense2_camera does (16UC1 millimetres, rgb8).

    Args:
        node: Node that publishes.
        values: The simulator's parameters.
    """

    def __init__(self, node: Node, values: dict[str, object]) -> None:
        self._node = node
        self._bridge = CvBridge()
        self._base_frame = str(values["base_frame"])
        self._periods = {
            "front": 1.0 / float(values["camera_rate_hz"]),
            "wrist": 1.0 / float(values["wrist_camera_rate_hz"]) if values["wrist_camera_rate_hz"] else None,
        }
        self._due = dict.fromkeys(self._periods, 0.0)
        self._pubs = {
            camera: (
                node.create_publisher(Image, f"{prefix}/color/image_raw", SENSOR),
                node.create_publisher(Image, f"{prefix}/aligned_depth_to_color/image_raw", SENSOR),
                node.create_publisher(CameraInfo, f"{prefix}/color/camera_info", SENSOR),
                node.create_publisher(CameraInfo, f"{prefix}/aligned_depth_to_color/camera_info", SENSOR),
            )
            for camera, prefix in _PREFIX.items()
        }
        self._static = StaticTransformBroadcaster(node)

    def run(self, simulation: Simulation, lock: threading.Lock, stop: threading.Event) -> None:
        """Draws and publishes until told to stop; the thread that calls it owns the drawing context."""
        self._announce(simulation)
        while not stop.is_set():
            camera = self._next(simulation.world.time_s)
            if camera is None or camera not in simulation.config.cameras:
                stop.wait(0.004)
                continue
            with lock:
                state = simulation.world.snapshot()
            self._publish(camera, simulation.world.render(camera, state))

    def _next(self, now_s: float) -> str | None:
        """The camera whose time has come, or None. A clock that was set back starts over."""
        for camera, period in self._periods.items():
            if period is None:
                continue
            if now_s < self._due[camera] - period:
                self._due[camera] = now_s
            if now_s < self._due[camera]:
                continue
            self._due[camera] = max(self._due[camera] + period, now_s)
            if camera == "front" or any(p.get_subscription_count() for p in self._pubs[camera]):
                return camera
        return None

    def _announce(self, simulation: Simulation) -> None:
        """Says once where the fixed cameras stand; those on a link come with the robot's description."""
        fixed = [
            convert.transform_msg(c.T_base_optical, self._base_frame, c.frame_id, 0)
            for c in simulation.config.cameras.values()
            if not c.link
        ]
        if fixed:
            self._static.sendTransform(fixed)

    def _publish(self, camera: str, frame: Frame) -> None:
        color, depth, info, depth_info = self._pubs[camera]
        head = convert.header(frame.frame_id, frame.stamp_ns)
        millimetres = np.nan_to_num(frame.depth_m * 1000.0, nan=0.0, posinf=0.0, neginf=0.0)
        image = self._bridge.cv2_to_imgmsg(
            np.clip(np.rint(millimetres), 0, 65535).astype(np.uint16), "16UC1", header=head
        )
        color.publish(self._bridge.cv2_to_imgmsg(frame.rgb, "rgb8", header=head))
        depth.publish(image)
        message = convert.camera_info_msg(frame.K, frame.width_px, frame.height_px, frame.frame_id, frame.stamp_ns)
        info.publish(message)
        depth_info.publish(message)
