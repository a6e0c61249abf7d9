"""Quaternions in the order (x, y, z, w)."""

from __future__ import annotations

import math

import numpy as np

from ._vectors import EPS, ArrayLike, unit_vector

Quaternion = tuple[float, float, float, float]


def multiply(first: ArrayLike, second: ArrayLike) -> Quaternion:
    """Return the product: the rotation that applies ``second`` and then ``first``."""
    ax, ay, az, aw = first
    bx, by, bz, bw = second
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def quaternion_multiply(quaternion1: ArrayLike, quaternion0: ArrayLike) -> Quaternion:
    """Return the product: the rotation that applies ``quaternion0`` and then ``quaternion1``."""
    return multiply(quaternion1, quaternion0)


def quaternion_about_axis(angle: float, axis: ArrayLike) -> Quaternion:
    """Return the rotation by an angle (rad) about an axis of any length."""
    x, y, z = (unit_vector(axis[:3]) * math.sin(angle / 2.0)).tolist()
    return (x, y, z, math.cos(angle / 2.0))


def quaternion_matrix(quaternion: ArrayLike) -> np.ndarray:
    """Return the 4x4 rotation matrix of a quaternion of any length."""
    x, y, z, w = (float(v) for v in quaternion)
    norm = x * x + y * y + z * z + w * w
    matrix = np.identity(4)
    if norm < EPS:
        return matrix
    s = 2.0 / norm
    matrix[:3, :3] = (
        (1.0 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)),
        (s * (x * y + w * z), 1.0 - s * (x * x + z * z), s * (y * z - w * x)),
        (s * (x * z - w * y), s * (y * z + w * x), 1.0 - s * (x * x + y * y)),
    )
    return matrix


def quaternion_of_rotation(rotation: np.ndarray) -> Quaternion:
    """Return the quaternion with w >= 0 that fits a 3x3 rotation matrix best.

    Bar-Itzhack's method (Journal of Guidance, Control and Dynamics 23(6), 2000): the dominant
    eigenvector of a symmetric matrix, which also forgives a matrix that is slightly off.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx - yy - zz, xy + yx, xz + zx, zy - yz],
            [xy + yx, yy - xx - zz, yz + zy, xz - zx],
            [xz + zx, yz + zy, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    dominant = np.linalg.eigh(symmetric)[1][:, -1]
    x, y, z, w = (dominant if dominant[3] >= 0.0 else -dominant).tolist()
    return (x, y, z, w)


def quaternion_conjugate(quaternion: ArrayLike) -> np.ndarray:
    """Return the conjugate."""
    x, y, z, w = quaternion
    return np.array((-x, -y, -z, w), dtype=np.float64)


def quaternion_inverse(quaternion: ArrayLike) -> np.ndarray:
    """Return the inverse, also of a quaternion that has no unit length."""
    return quaternion_conjugate(quaternion) / np.dot(quaternion, quaternion)


def quaternion_slerp(
    quat0: ArrayLike,
    quat1: ArrayLike,
    fraction: float,
    spin: int = 0,
    shortestpath: bool = True,
) -> np.ndarray:
    """Interpolate between two rotations at constant angular speed.

    Args:
        quat0: The rotation at fraction 0.
        quat1: The rotation at fraction 1.
        fraction: Where between them, 0..1.
        spin: Additional half turns on the way.
        shortestpath: Whether to take the shorter of the two arcs.

    Returns:
        A unit quaternion.
    """
    start, end = unit_vector(quat0[:4]), unit_vector(quat1[:4])
    if fraction == 0.0:
        return start
    if fraction == 1.0:
        return end
    cosine = float(np.dot(start, end))
    if abs(abs(cosine) - 1.0) < EPS:
        return start
    if shortestpath and cosine < 0.0:
        cosine, end = -cosine, -end
    angle = math.acos(cosine) + spin * math.pi
    if abs(angle) < EPS:
        return start
    weights = math.sin((1.0 - fraction) * angle), math.sin(fraction * angle)
    return (weights[0] * start + weights[1] * end) / math.sin(angle)


def random_quaternion(rand: ArrayLike | None = None) -> np.ndarray:
    """Return a uniformly distributed rotation (Shoemake, Graphics Gems III).

    Args:
        rand: Three independent values in [0, 1) to make it from.
    """
    u, v, w = np.random.rand(3) if rand is None else rand  # noqa: NPY002 - numpy's global seed
    a, b = math.sqrt(1.0 - u), math.sqrt(u)
    t, s = 2.0 * math.pi * v, 2.0 * math.pi * w
    return np.array((math.sin(t) * a, math.cos(t) * a, math.sin(s) * b, math.cos(s) * b))


def random_rotation_matrix(rand: ArrayLike | None = None) -> np.ndarray:
    """Return a uniformly distributed 4x4 rotation matrix (argument as `random_quaternion`)."""
    return quaternion_matrix(random_quaternion(rand))
