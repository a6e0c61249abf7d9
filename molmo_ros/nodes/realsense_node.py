"""realsense_node: a RealSense's colour and aligned depth on realsense2_camera's topics, where that driver is not used."""

from __future__ import annotations

import threading

import numpy as np
from cv_bridge import CvBridge
from rclpy.node import Node
from rclpy.qos import qos_profile_system_default
from sensor_msgs.msg import CameraInfo, Image
from tf2_ros import StaticTransformBroadcaster

from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.robots.realsense import Calibration, Images, RealSenseCamera, RealSenseConfig, keep_reading

PARAMS = (
    Param(name="camera", default="camera", doc="Name of the camera: first part of its topics and of its frames."),
    Param(name="serial_no", default="", doc='Serial number, as text: "_0123"; empty for the first camera found.'),
    Param(name="width", default=640, doc="Width of both images [px].", low=160, high=1920),
    Param(name="height", default=480, doc="Height of both images [px].", low=120, high=1080),
    Param(name="rate_hz", default=30, doc="Images per second.", low=1, high=90),
    Param(
        name="filters",
        default="",
        doc="Depth filters, separated by commas: decimation, threshold, spatial, temporal, hole_filling.",
    ),
    Param(name="depth_max_m", default=4.0, doc="What the threshold filter keeps [m].", low=0.2, high=20.0),
    Param(name="publish_tf", default=True, doc="Say where the colour camera sits in the camera's own frame."),
)
# Optical axes (x right, y down, z forward) seen from a body's (x forward, y left, z up), REP 103.
R_BODY_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


class RealSenseNode(Node):
    """Publishes what one camera sees; looks for it again when it is lost."""

    def __init__(self) -> None:
        super().__init__("realsense_node")
        values = declare(self, PARAMS)
        name = str(values["camera"])
        self._name, self._frame_id = name, f"{name}_color_optical_frame"
        self._bridge = CvBridge()
        self._publish_tf = bool(values["publish_tf"])
        self._broadcaster = StaticTransformBroadcaster(self)
        self._health = Health(self, "realsense")
        self._calibration: Calibration | None = None
        config = RealSenseConfig(
            serial=str(values["serial_no"]),
            width=int(values["width"]),
            height=int(values["height"]),
            rate_hz=int(values["rate_hz"]),
            filters=tuple(f.strip() for f in str(values["filters"]).split(",") if f.strip()),
            depth_max_m=float(values["depth_max_m"]),
        )
        camera = RealSenseCamera(config)
        qos = qos_profile_system_default
        self._color = self.create_publisher(Image, f"{name}/color/image_raw", qos)
        self._info = self.create_publisher(CameraInfo, f"{name}/color/camera_info", qos)
        self._depth = self.create_publisher(Image, f"{name}/aligned_depth_to_color/image_raw", qos)
        self._depth_info = self.create_publisher(CameraInfo, f"{name}/aligned_depth_to_color/camera_info", qos)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=keep_reading,
            args=(camera,),
            kwargs={
                "opened": self._opened,
                "images": self._say,
                "fault": self._health.fault,
                "wait": self._stop.wait,
            },
            name="realsense",
            daemon=True,
        )
        self._thread.start()

    def _opened(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self.get_logger().info("the camera is open")
        if any(abs(c) > 1e-9 for c in calibration.coefficients):
            self.get_logger().warning(
                "the colour image is distorted and the stack reads it as it is; expect errors near the image's border"
            )
        if self._publish_tf:
            self._say_where(calibration)

    def _say_where(self, calibration: Calibration) -> None:
        """<camera>_link is the depth camera; the colour camera sits beside it."""
        turn = np.eye(4)
        turn[:3, :3] = R_BODY_OPTICAL
        T_link_color = turn @ calibration.T_depth_color @ np.linalg.inv(turn)
        self._broadcaster.sendTransform(
            [
                convert.transform_msg(T_link_color, f"{self._name}_link", f"{self._name}_color_frame", 0),
                convert.transform_msg(turn, f"{self._name}_color_frame", self._frame_id, 0),
            ]
        )

    def _say(self, images: Images) -> None:
        if self._calibration is None:
            return
        head = convert.header(self._frame_id, images.stamp_ns)
        height, width = images.depth_mm.shape
        info = convert.camera_info_msg(
            self._calibration.K,
            width,
            height,
            self._frame_id,
            images.stamp_ns,
            distortion=self._calibration.coefficients,
            model=self._calibration.model,
        )
        self._color.publish(self._bridge.cv2_to_imgmsg(images.rgb, "rgb8", header=head))
        self._depth.publish(self._bridge.cv2_to_imgmsg(images.depth_mm, "16UC1", header=head))
        self._info.publish(info)
        self._depth_info.publish(info)
        self._health.ok()

    def close(self) -> None:
        """Lets go of the camera."""
        self._stop.set()
        self._thread.join(3.0)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(RealSenseNode, args, threads=2))
