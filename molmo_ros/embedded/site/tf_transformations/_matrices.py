"""Elementary 4x4 transformations and what they were made from."""

from __future__ import annotations

import math

import numpy as np

from ._quaternions import quaternion_matrix, quaternion_of_rotation
from ._vectors import EPS, ArrayLike, unit_vector


def _array(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _homogeneous(point: np.ndarray) -> np.ndarray:
    return np.append(point, 1.0)


def identity_matrix() -> np.ndarray:
    """Return the 4x4 identity."""
    return np.identity(4)


def translation_matrix(direction: ArrayLike) -> np.ndarray:
    """Return the matrix that shifts by a vector."""
    matrix = np.identity(4)
    matrix[:3, 3] = direction[:3]
    return matrix


def translation_from_matrix(matrix: ArrayLike) -> np.ndarray:
    """Return the shift of a matrix."""
    return _array(matrix)[:3, 3].copy()


def reflection_matrix(point: ArrayLike, normal: ArrayLike) -> np.ndarray:
    """Return the matrix that mirrors at the plane through a point with a normal."""
    n = unit_vector(normal[:3])
    matrix = np.identity(4)
    matrix[:3, :3] -= 2.0 * np.outer(n, n)
    matrix[:3, 3] = 2.0 * np.dot(_array(point)[:3], n) * n
    return matrix


def reflection_from_matrix(matrix: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return a (homogeneous) point of the mirror plane and its normal.

    Raises:
        ValueError: It is no reflection.
    """
    m = _array(matrix)
    projector = (np.identity(3) - m[:3, :3]) / 2.0
    if not (np.allclose(projector @ projector, projector) and np.isclose(projector.trace(), 1.0)):
        raise ValueError("this matrix is no reflection")
    normal = unit_vector(projector[:, np.argmax(np.diag(projector))])
    return _homogeneous(m[:3, 3] / 2.0), normal


def rotation_matrix(angle: float, direction: ArrayLike, point: ArrayLike | None = None) -> np.ndarray:
    """Return the matrix that rotates by an angle (rad) about an axis, through a point if given."""
    axis = unit_vector(direction[:3]) * math.sin(angle / 2.0)
    matrix = quaternion_matrix((*axis, math.cos(angle / 2.0)))
    if point is not None:
        p = _array(point)[:3]
        matrix[:3, 3] = p - matrix[:3, :3] @ p
    return matrix


def rotation_from_matrix(matrix: ArrayLike) -> tuple[float, np.ndarray, np.ndarray]:
    """Return angle (rad, 0..pi), axis and a (homogeneous) point on the axis.

    Raises:
        ValueError: It is no rotation.
    """
    m = _array(matrix)
    rotation = m[:3, :3]
    if not (np.allclose(rotation @ rotation.T, np.identity(3)) and np.linalg.det(rotation) > 0.0):
        raise ValueError("this matrix is no rotation")
    x, y, z, w = quaternion_of_rotation(rotation)
    sine = math.sqrt(x * x + y * y + z * z)
    axis = np.array((x, y, z)) / sine if sine > EPS else np.array((0.0, 0.0, 1.0))
    shift = m[:3, 3] - np.dot(m[:3, 3], axis) * axis
    # The point of the axis nearest to the origin solves (I - R) p = shift.
    point = (shift + np.cross(axis, shift) * w / sine) / 2.0 if sine > 1e-12 else np.zeros(3)
    return 2.0 * math.atan2(sine, w), axis, _homogeneous(point)


def scale_matrix(factor: float, origin: ArrayLike | None = None, direction: ArrayLike | None = None) -> np.ndarray:
    """Return the matrix that scales about an origin, in one direction if given."""
    stretched = np.identity(3)
    if direction is not None:
        d = unit_vector(direction[:3])
        stretched = np.outer(d, d)
    matrix = np.identity(4)
    matrix[:3, :3] += (factor - 1.0) * stretched
    if origin is not None:
        matrix[:3, 3] = (1.0 - factor) * stretched @ _array(origin)[:3]
    if direction is None:
        matrix[[0, 1, 2], [0, 1, 2]] = factor
    return matrix


def scale_from_matrix(matrix: ArrayLike) -> tuple[float, np.ndarray, np.ndarray | None]:
    """Return factor, a (homogeneous) fixed point and the direction (``None``: uniform)."""
    m = _array(matrix)
    stretch = m[:3, :3] - np.identity(3)
    if np.allclose(stretch, stretch[0, 0] * np.identity(3)):
        factor, direction = float(m[0, 0]), None
    else:
        direction = unit_vector(stretch[:, np.argmax(np.abs(np.diag(stretch)))])
        factor = float(stretch.trace()) + 1.0
    origin = np.zeros(3) if abs(factor - 1.0) < EPS else m[:3, 3] / (1.0 - factor)
    return factor, _homogeneous(origin), direction


def shear_matrix(angle: float, direction: ArrayLike, point: ArrayLike, normal: ArrayLike) -> np.ndarray:
    """Return the matrix that shears by an angle (rad) along a direction within a plane.

    Raises:
        ValueError: The direction is not within the plane.
    """
    n, d = unit_vector(normal[:3]), unit_vector(direction[:3])
    if abs(np.dot(n, d)) > 1e-5:
        raise ValueError("direction and normal vectors not orthogonal")
    matrix = np.identity(4)
    matrix[:3, :3] += math.tan(angle) * np.outer(d, n)
    matrix[:3, 3] = -math.tan(angle) * np.dot(_array(point)[:3], n) * d
    return matrix


def shear_from_matrix(
    matrix: ArrayLike,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return angle (rad), direction, a (homogeneous) point of the plane and its normal.

    Raises:
        ValueError: It is no shear.
    """
    m = _array(matrix)
    left, singular, right = np.linalg.svd(m[:3, :3] - np.identity(3))
    if singular[0] < EPS or singular[1] > 1e-6 * max(1.0, singular[0]):
        raise ValueError("this matrix is no shear")
    direction, normal = left[:, 0], right[0]
    point = -np.dot(m[:3, 3], direction) / singular[0] * normal
    return math.atan(singular[0]), direction, _homogeneous(point), normal
