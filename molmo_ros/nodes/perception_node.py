"""perception_node: RGB-D to a cloud in the base frame, objects and their markers."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Vector3
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2, PointField
from vision_msgs.msg import BoundingBox3D, Detection3D, Detection3DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import MarkerArray

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Frame
from molmo_ros.nodes import convert, markers
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import DECISION, SENSOR
from molmo_ros.nodes.rgbd import PARAMS as RGBD_PARAMS
from molmo_ros.nodes.rgbd import RgbdSource
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig

PARAMS = (
    *RGBD_PARAMS,
    Param(name="rate_hz", default=5.0, doc="How often the newest image is perceived [Hz].", low=0.1, high=60.0),
)


class PerceptionNode(Node):
    """Publishes perception/points, perception/objects and perception/markers."""

    def __init__(self) -> None:
        super().__init__("perception_node")
        values = declare(self, PARAMS)
        self._base_frame = values["base_frame"]
        self._config = PerceptionConfig()
        self._stamp = -1
        self._source = RgbdSource(self, values)
        self._points = self.create_publisher(PointCloud2, "perception/points", SENSOR)
        self._objects = self.create_publisher(Detection3DArray, "perception/objects", DECISION)
        self._markers = self.create_publisher(MarkerArray, "perception/markers", DECISION)
        self._health = Health(self, "perception")
        self.create_timer(1.0 / values["rate_hz"], self._tick, MutuallyExclusiveCallbackGroup())

    def _tick(self) -> None:
        try:
            frame = self._source.newer_than(self._stamp, 0.0)
        except MolmoRosError as error:
            if error.code is not ErrorCode.CAMERA_STALE or self._stamp < 0:
                self._health.fault(error)
            return
        self._stamp = frame.stamp_ns
        try:
            with self._health.timed("perceive"):
                scene = perceive(frame, self._config)
        except MolmoRosError as error:
            self._health.fault(error)
            return
        self._health.ok()
        self._publish(frame, scene)

    def _publish(self, frame: Frame, scene: Scene) -> None:
        self._objects.publish(objects_msg(scene, self._base_frame))
        self._markers.publish(markers.objects(scene, self._base_frame))
        if self._points.get_subscription_count():
            self._points.publish(cloud_msg(frame, scene, self._base_frame))


def cloud_msg(frame: Frame, scene: Scene, frame_id: str) -> PointCloud2:
    """The organised, coloured cloud (x, y, z, rgb) as sensor_msgs/PointCloud2."""
    height, width = frame.depth_m.shape
    points = np.empty((height, width, 4), dtype=np.float32)
    points[..., :3] = scene.points_base_m
    rgb = frame.rgb.astype(np.uint32)
    points[..., 3] = ((rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]).view(np.float32)
    message = PointCloud2(header=convert.header(frame_id, frame.stamp_ns), height=height, width=width)
    message.fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(("x", "y", "z", "rgb"))
    ]
    message.point_step, message.row_step, message.is_dense = 16, 16 * width, False
    message.data = points.tobytes()
    return message


def objects_msg(scene: Scene, frame_id: str) -> Detection3DArray:
    """The objects as vision_msgs/Detection3DArray; the class is "colour shape"."""
    out = Detection3DArray(header=convert.header(frame_id, scene.stamp_ns))
    for item in scene.objects:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = f"{item.colour} {item.shape}"
        result.hypothesis.score = float(item.confidence)
        result.pose.pose = convert.pose_msg(item.T_base_box)
        size = Vector3(x=float(item.size_m[0]), y=float(item.size_m[1]), z=float(item.size_m[2]))
        out.detections.append(
            Detection3D(
                header=out.header,
                id=str(item.object_id),
                results=[result],
                bbox=BoundingBox3D(center=convert.pose_msg(item.T_base_box), size=size),
            )
        )
    return out


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(PerceptionNode, args))
