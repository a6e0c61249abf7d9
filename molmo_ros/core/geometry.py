"""Rigid transforms and the pinhole camera.

``T_a_b`` is the (4, 4) pose of frame b in frame a: it maps b-coordinates to a-coordinates. Quaternions are
(x, y, z, w), as in ROS messages. Angles are radians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def is_transform(T: npt.NDArray[Any], tolerance: float = 1e-4) -> bool:
    """Whether T is a finite (4, 4) rigid transform: orthonormal rotation with determinant +1, last row 0 0 0 1."""
    if T.shape != (4, 4) or not np.all(np.isfinite(T)):
        return False
    R = T[:3, :3]
    return bool(
        np.abs(R @ R.T - np.eye(3)).max() <= tolerance
        and np.linalg.det(R) > 0
        and np.abs(T[3] - (0.0, 0.0, 0.0, 1.0)).max() <= tolerance
    )


def make_transform(R: npt.ArrayLike | None = None, t: npt.ArrayLike | None = None) -> Array:
    """A (4, 4) transform from a (3, 3) rotation and a (3,) translation [m]; identity parts where None."""
    T = np.eye(4)
    if R is not None:
        T[:3, :3] = R
    if t is not None:
        T[:3, 3] = t
    return T


def invert(T: npt.NDArray[np.float64]) -> Array:
    """The inverse of a rigid (..., 4, 4) transform."""
    R = np.swapaxes(T[..., :3, :3], -1, -2)
    out = np.zeros_like(T)
    out[..., :3, :3] = R
    out[..., :3, 3] = -(R @ T[..., :3, 3:])[..., 0]
    out[..., 3, 3] = 1.0
    return out


def apply(T: npt.NDArray[np.float64], points: npt.ArrayLike) -> Array:
    """Maps (..., 3) points through T."""
    p = np.asarray(points, dtype=np.float64)
    return np.asarray(p @ T[:3, :3].T + T[:3, 3])


def rotation_x(angle: float) -> Array:
    """(3, 3) rotation about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_y(angle: float) -> Array:
    """(3, 3) rotation about y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_z(angle: float) -> Array:
    """(3, 3) rotation about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rpy_to_rotation(roll: float, pitch: float, yaw: float) -> Array:
    """(3, 3) rotation of URDF's fixed-axis roll, pitch, yaw: Rz(yaw) Ry(pitch) Rx(roll)."""
    return rotation_z(yaw) @ rotation_y(pitch) @ rotation_x(roll)


def quaternion_to_rotation(q_xyzw: npt.ArrayLike) -> Array:
    """(3, 3) rotation of a quaternion (x, y, z, w).

    Raises:
        ValueError: When the quaternion has no direction.
    """
    q = np.asarray(q_xyzw, dtype=np.float64)
    n = float(np.linalg.norm(q))
    if not np.isfinite(n) or n < 1e-9:
        message = "a quaternion needs a finite, non-zero norm"
        raise ValueError(message)
    x, y, z, w = q / n
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_to_quaternion(R: npt.NDArray[np.float64]) -> Array:
    """Quaternion (x, y, z, w) with w >= 0 of a (3, 3) rotation (Shepperd's method)."""
    diagonal = np.array([R[0, 0], R[1, 1], R[2, 2], np.trace(R)])
    i = int(np.argmax(diagonal))
    q = np.empty(4)
    if i == 3:
        q[3] = 1.0 + diagonal[3]
        q[0] = R[2, 1] - R[1, 2]
        q[1] = R[0, 2] - R[2, 0]
        q[2] = R[1, 0] - R[0, 1]
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        q[i] = 1.0 + R[i, i] - R[j, j] - R[k, k]
        q[j] = R[j, i] + R[i, j]
        q[k] = R[k, i] + R[i, k]
        q[3] = R[k, j] - R[j, k]
    q /= np.linalg.norm(q)
    return -q if q[3] < 0 else q


def rotation_angle(R: npt.NDArray[np.float64]) -> float:
    """Angle of a (3, 3) rotation, 0..pi."""
    sine = 0.5 * np.linalg.norm([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    cosine = 0.5 * (np.trace(R) - 1.0)
    return float(np.arctan2(sine, cosine))


def look_at(eye_m: npt.ArrayLike, target_m: npt.ArrayLike, up: npt.ArrayLike = (0.0, 0.0, 1.0)) -> Array:
    """Pose of an optical frame (x right, y down, z forward) at eye_m that looks at target_m."""
    eye = np.asarray(eye_m, dtype=np.float64)
    z = np.asarray(target_m, dtype=np.float64) - eye
    z = z / np.linalg.norm(z)
    x = np.cross(z, np.asarray(up, dtype=np.float64))
    x = x / np.linalg.norm(x)
    return make_transform(np.column_stack([x, np.cross(z, x), z]), eye)


def project(K: npt.NDArray[np.float64], points_camera_m: npt.ArrayLike) -> Array:
    """Pixels (..., 2) of (..., 3) points in the optical frame [m]; NaN for points not in front of the camera."""
    p = np.asarray(points_camera_m, dtype=np.float64)
    z = p[..., 2:3]
    with np.errstate(divide="ignore", invalid="ignore"):
        uvw = p @ K.T
        return np.where(z > 0, uvw[..., :2] / uvw[..., 2:3], np.nan)


def deproject(K: npt.NDArray[np.float64], uv_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Array:
    """Points (..., 3) in the optical frame [m] of pixels (..., 2) at depths (...) [m]; pixel centres are integers."""
    uv = np.asarray(uv_px, dtype=np.float64)
    z = np.asarray(depth_m, dtype=np.float64)
    x = (uv[..., 0] - K[0, 2]) / K[0, 0] * z
    y = (uv[..., 1] - K[1, 2]) / K[1, 1] * z
    return np.stack([x, y, z], axis=-1)
