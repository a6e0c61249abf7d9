"""Transform stamped geometry messages, and register that with tf2's buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tf2_ros
from geometry_msgs.msg import (
    Point32,
    PointStamped,
    PolygonStamped,
    Pose,
    PoseStamped,
    PoseWithCovarianceStamped,
    Quaternion,
    TransformStamped,
    Vector3Stamped,
)


def to_msg_msg(msg: Any) -> Any:
    """Return a message as it is."""
    return msg


def from_msg_msg(msg: Any) -> Any:
    """Return a message as it is."""
    return msg


def rotation_matrix(q: Quaternion) -> np.ndarray:
    """Return the (3, 3) matrix of a quaternion of any length; the identity for a zero one."""
    x, y, z, w = q.x, q.y, q.z, q.w
    norm = x * x + y * y + z * z + w * w
    if norm < np.finfo(np.float64).eps:
        return np.eye(3)
    s = 2.0 / norm
    return np.array(
        [
            [1.0 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
            [s * (x * y + w * z), 1.0 - s * (x * x + z * z), s * (y * z - w * x)],
            [s * (x * z - w * y), s * (y * z + w * x), 1.0 - s * (x * x + y * y)],
        ]
    )


def _rotate_and_shift(transform: TransformStamped, xyz: Sequence[float]) -> list[float]:
    t = transform.transform.translation
    moved = rotation_matrix(transform.transform.rotation) @ np.asarray(xyz, dtype=float)
    return (moved + np.array([t.x, t.y, t.z])).tolist()


def _product(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the unit rotation that applies ``b`` and then ``a``, with w >= 0.

    A zero quaternion, which an unset message may hold, counts as no rotation.
    """
    a, b = (q if any((q.x, q.y, q.z, q.w)) else Quaternion(x=0.0, y=0.0, z=0.0, w=1.0) for q in (a, b))
    xyzw = np.array(
        [
            a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
            a.w * b.y + a.y * b.w + a.z * b.x - a.x * b.z,
            a.w * b.z + a.z * b.w + a.x * b.y - a.y * b.x,
            a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
        ]
    )
    norm = np.linalg.norm(xyzw)
    # Adding zero turns -0.0 into 0.0.
    x, y, z, w = (xyzw / (norm if xyzw[3] >= 0.0 else -norm) + 0.0).tolist()
    return Quaternion(x=x, y=y, z=z, w=w)


def transform_covariance(cov_in: Sequence[float], transform: TransformStamped) -> np.ndarray:
    """Rotate the 6x6 covariance (x, y, z, rotation about x, y, z) of a pose.

    Args:
        cov_in: 36 values, row by row.
        transform: Only its rotation matters.

    Returns:
        36 values, row by row.
    """
    rotation = np.kron(np.eye(2), rotation_matrix(transform.transform.rotation))
    covariance = np.asarray(cov_in, dtype=np.float64).reshape(6, 6)
    return (rotation @ covariance @ rotation.T).reshape(36)


def do_transform_point(point: PointStamped, transform: TransformStamped) -> PointStamped:
    """Return a point in the transform's parent frame."""
    p = point.point
    res = PointStamped()
    res.point.x, res.point.y, res.point.z = _rotate_and_shift(transform, (p.x, p.y, p.z))
    res.header = transform.header
    return res


def do_transform_vector3(vector3: Vector3Stamped, transform: TransformStamped) -> Vector3Stamped:
    """Return a free vector in the transform's parent frame: rotated, not shifted."""
    v = vector3.vector
    res = Vector3Stamped()
    rotated = rotation_matrix(transform.transform.rotation) @ np.array([v.x, v.y, v.z])
    res.vector.x, res.vector.y, res.vector.z = rotated.tolist()
    res.header = transform.header
    return res


def do_transform_pose(pose: Pose, transform: TransformStamped) -> Pose:
    """Return a pose in the transform's parent frame."""
    p = pose.position
    res = Pose()
    res.position.x, res.position.y, res.position.z = _rotate_and_shift(transform, (p.x, p.y, p.z))
    res.orientation = _product(transform.transform.rotation, pose.orientation)
    return res


def do_transform_pose_stamped(pose: PoseStamped, transform: TransformStamped) -> PoseStamped:
    """Return a stamped pose in the transform's parent frame."""
    res = PoseStamped()
    res.pose = do_transform_pose(pose.pose, transform)
    res.header = transform.header
    return res


def do_transform_pose_with_covariance_stamped(
    pose: PoseWithCovarianceStamped, transform: TransformStamped
) -> PoseWithCovarianceStamped:
    """Return a pose and its covariance in the transform's parent frame."""
    res = PoseWithCovarianceStamped()
    res.pose.pose = do_transform_pose(pose.pose.pose, transform)
    res.pose.covariance = transform_covariance(pose.pose.covariance, transform)
    res.header = transform.header
    return res


def do_transform_polygon_stamped(polygon: PolygonStamped, transform: TransformStamped) -> PolygonStamped:
    """Return a polygon in the transform's parent frame."""
    res = PolygonStamped()
    for corner in polygon.polygon.points:
        x, y, z = _rotate_and_shift(transform, (corner.x, corner.y, corner.z))
        res.polygon.points.append(Point32(x=x, y=y, z=z))
    res.header = transform.header
    return res


for _type in (Vector3Stamped, PoseStamped, PointStamped):
    tf2_ros.ConvertRegistration().add_to_msg(_type, to_msg_msg)
    tf2_ros.ConvertRegistration().add_from_msg(_type, from_msg_msg)

for _type, _function in (
    (PointStamped, do_transform_point),
    (Vector3Stamped, do_transform_vector3),
    (PoseStamped, do_transform_pose_stamped),
    (PoseWithCovarianceStamped, do_transform_pose_with_covariance_stamped),
    (PolygonStamped, do_transform_polygon_stamped),
):
    tf2_ros.TransformRegistration().add(_type, _function)
