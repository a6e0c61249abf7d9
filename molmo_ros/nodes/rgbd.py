"""A camera's colour, depth, calibration and pose as one Frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cv_bridge import CvBridge
from message_filters import ApproximateTimeSynchronizer, Subscriber
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from tf2_ros import Buffer, TransformException, TransformListener

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param
from molmo_ros.nodes.qos import SENSOR

PARAMS = (
    Param(name="base_frame", default="fr3_link0", doc="Frame in which everything is planned (REP 105)."),
    Param(name="camera", default="camera", doc="Name of the RGB-D camera; its topics are camera/color/image_raw, ..."),
    Param(
        name="camera_max_age_s", default=1.0, doc="Oldest image that may still be acted upon [s].", low=0.05, high=60.0
    ),
    Param(name="camera_sync_slop_s", default=0.02, doc="Largest time between colour and depth [s].", low=0.0, high=0.5),
)


class RgbdSource:
    """The newest synchronised RGB-D images of one camera, with their pose at the image's own time.

    Args:
        node: Node that listens.
        values: Values of PARAMS.
        on_frame: Called in the callback thread for each new pair, without conversion.
    """

    def __init__(self, node: Node, values: dict[str, object], on_frame: Callable[[], None] | None = None) -> None:
        self._node = node
        self._base = str(values["base_frame"])
        self._max_age_s = float(values["camera_max_age_s"])
        self._bridge = CvBridge()
        self._condition = threading.Condition()
        self._newest: tuple[Image, Image, CameraInfo] | None = None
        self._received = 0.0
        self._on_frame = on_frame
        self.buffer = Buffer(node=node)
        self._listener = TransformListener(self.buffer, node, spin_thread=False)
        prefix = str(values["camera"])
        self._subscribers = [
            Subscriber(node, kind, f"{prefix}/{topic}", qos_profile=SENSOR)
            for kind, topic in (
                (Image, "color/image_raw"),
                (Image, "aligned_depth_to_color/image_raw"),
                (CameraInfo, "color/camera_info"),
            )
        ]
        self._sync = ApproximateTimeSynchronizer(self._subscribers, 10, float(values["camera_sync_slop_s"]))
        self._sync.registerCallback(self._callback)

    def _callback(self, color: Image, depth: Image, info: CameraInfo) -> None:
        with self._condition:
            self._newest = (color, depth, info)
            self._received = time.monotonic()
            self._condition.notify_all()
        if self._on_frame is not None:
            self._on_frame()

    def latest(self, cancelled: Callable[[], bool] | None = None) -> Frame:
        """The newest frame.

        Raises:
            MolmoRosError: CAMERA_LOST, CAMERA_STALE, TRANSFORM_MISSING, TRANSFORM_STALE or what the images are faulty of.
        """
        return self.newer_than(-1, self._max_age_s, cancelled)

    def newer_than(self, stamp_ns: int, timeout_s: float, cancelled: Callable[[], bool] | None = None) -> Frame:
        """The newest frame stamped after a time, waiting for it.

        Raises:
            MolmoRosError: As ``latest``; CANCELED when given up.
        """
        end = time.monotonic() + timeout_s
        with self._condition:
            while self._newest is None or convert.stamp_ns(self._newest[0].header.stamp) <= stamp_ns:
                left = end - time.monotonic()
                if left <= 0:
                    if self._newest is None:
                        raise MolmoRosError(
                            ErrorCode.CAMERA_LOST, "No image has come from the camera; is its driver running?"
                        )
                    raise MolmoRosError(
                        ErrorCode.CAMERA_STALE, "The camera sends no new images; check its cable and driver."
                    )
                if cancelled is not None and cancelled():
                    raise MolmoRosError(ErrorCode.CANCELED, "Called off while waiting for an image.")
                self._condition.wait(min(left, 0.02))
            color, depth, info = self._newest
            age = time.monotonic() - self._received
        if age > self._max_age_s:
            raise MolmoRosError(
                ErrorCode.CAMERA_STALE, f"The newest image is {age:.1f} s old; check the camera's cable and driver."
            )
        return convert.frame_from(
            self._bridge, color, depth, info, self.pose_of(color.header.frame_id, color.header.stamp)
        )

    def pose_of(self, frame_id: str, stamp: object) -> object:
        """(4, 4) pose of a frame in the base frame at a time.

        Raises:
            MolmoRosError: TRANSFORM_MISSING when nobody says where it is, TRANSFORM_STALE when not for that time.
        """
        when = Time.from_msg(stamp)
        try:
            found = self.buffer.lookup_transform(self._base, frame_id, when, timeout=Duration(seconds=0.3))
        except TransformException as error:
            if self.buffer.can_transform(self._base, frame_id, Time()):
                raise MolmoRosError(
                    ErrorCode.TRANSFORM_STALE,
                    f"The transform from {self._base} to {frame_id} is not known for the time of the image: {error}",
                ) from error
            raise MolmoRosError(
                ErrorCode.TRANSFORM_MISSING,
                f"Nobody publishes the transform from {self._base} to {frame_id}; calibrate and publish the camera pose.",
            ) from error
        return convert.transform_matrix(found)
