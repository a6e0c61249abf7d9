"""Where the camera is and how it projects, without listening to its images."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo
from tf2_ros import Buffer, TransformException, TransformListener

from molmo_ros.console.edit import CameraPose
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param
from molmo_ros.nodes.qos import SENSOR

PARAMS = (
    Param(name="base_frame", default="fr3_link0", doc="Frame in which everything is planned (REP 105)."),
    Param(name="camera", default="camera", doc="Name of the camera on whose image traces are drawn."),
    Param(
        name="support_height_m",
        default=0.0,
        doc="Height of the table; a dragged waypoint means the spot on the table below it [m].",
        low=-2.0,
        high=3.0,
    ),
)


class CameraView:
    """Listens to camera_info and tf until closed.

    Args:
        node: Node that listens.
        values: Values of PARAMS.
    """

    def __init__(self, node: Node, values: dict[str, object]) -> None:
        self._node = node
        self._base = str(values["base_frame"])
        self._info: CameraInfo | None = None
        self._buffer = Buffer(node=node)
        self._listener = TransformListener(self._buffer, node, spin_thread=False)
        self._subscription = node.create_subscription(
            CameraInfo, f"{values['camera']}/color/camera_info", self._on_info, SENSOR
        )

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def pose(self) -> CameraPose:
        """Calibration and newest pose.

        Raises:
            MolmoRosError: CAMERA_LOST, CAMERA_INFO_INVALID or TRANSFORM_MISSING in words.
        """
        info = self._info
        if info is None:
            raise MolmoRosError(ErrorCode.CAMERA_LOST, "No camera_info has come; is the camera's driver running?")
        try:
            found = self._buffer.lookup_transform(self._base, info.header.frame_id, Time())
        except TransformException as error:
            raise MolmoRosError(
                ErrorCode.TRANSFORM_MISSING,
                f"Nobody publishes the transform from {self._base} to {info.header.frame_id}.",
            ) from error
        return CameraPose(
            K=convert.camera_matrix(info),
            T_base_camera=convert.transform_matrix(found),
            width_px=info.width,
            height_px=info.height,
        )

    def close(self) -> None:
        """Listens no more."""
        self._node.destroy_subscription(self._subscription)
        self._listener.unregister()
