"""Transform point clouds, and register that with tf2's buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf2_ros
from geometry_msgs.msg import Transform, TransformStamped
from numpy.lib.recfunctions import structured_to_unstructured, unstructured_to_structured
from sensor_msgs.msg import PointCloud2
from sensor_msgs_py.point_cloud2 import create_cloud, read_points
from std_msgs.msg import Header
from tf2_geometry_msgs.tf2_geometry_msgs import rotation_matrix


def to_msg_msg(msg: Any) -> Any:
    """Return a message as it is."""
    return msg


def from_msg_msg(msg: Any) -> Any:
    """Return a message as it is."""
    return msg


def transform_points(point_cloud: np.ndarray, transform: Transform) -> np.ndarray:
    """Transform an (N, 3) array of points (m)."""
    t = transform.translation
    return point_cloud @ rotation_matrix(transform.rotation).T + np.array([t.x, t.y, t.z])


def do_transform_cloud(cloud: PointCloud2, transform: Transform | TransformStamped) -> PointCloud2:
    """Transform x, y and z of a cloud; other fields stay as they are.

    Args:
        cloud: A cloud with fields x, y and z.
        transform: A stamped transform also renames the frame of the cloud.

    Returns:
        A new cloud.
    """
    header = Header(stamp=cloud.header.stamp, frame_id=cloud.header.frame_id)
    if isinstance(transform, TransformStamped):
        header.frame_id = transform.header.frame_id
        transform = transform.transform
    names = {field.name for field in cloud.fields}
    if not names >= set("xyz"):
        raise AssertionError("Point cloud needs the fields x, y, and z for the transformation")
    points = read_points(cloud)
    xyz = transform_points(structured_to_unstructured(points[["x", "y", "z"]]), transform)
    moved = points.copy()
    moved[["x", "y", "z"]] = unstructured_to_structured(xyz)
    return create_cloud(header, cloud.fields, moved, cloud.point_step)


tf2_ros.ConvertRegistration().add_to_msg(PointCloud2, to_msg_msg)
tf2_ros.ConvertRegistration().add_from_msg(PointCloud2, from_msg_msg)
tf2_ros.TransformRegistration().add(PointCloud2, do_transform_cloud)
