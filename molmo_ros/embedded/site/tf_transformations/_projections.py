"""Projections onto a plane and onto the screen."""

from __future__ import annotations

import numpy as np

from ._vectors import EPS, ArrayLike, unit_vector

Projection = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None, bool]


def projection_matrix(
    point: ArrayLike,
    normal: ArrayLike,
    direction: ArrayLike | None = None,
    perspective: ArrayLike | None = None,
    pseudo: bool = False,
) -> np.ndarray:
    """Return the matrix that projects onto the plane through a point with a normal.

    Args:
        point: A point of the plane.
        normal: The plane's normal.
        direction: Project along this direction instead of along the normal.
        perspective: Project towards this point.
        pseudo: Keep relative depth in a projection towards a point.

    Returns:
        A 4x4 matrix.
    """
    n = unit_vector(normal[:3])
    offset = float(np.dot(np.asarray(point, dtype=np.float64)[:3], n))
    matrix = np.identity(4)
    if perspective is not None:
        eye = np.asarray(perspective, dtype=np.float64)[:3]
        target = eye + n if pseudo else eye
        matrix[:3, :3] *= np.dot(eye, n) - offset
        matrix[:3, :3] -= np.outer(target, n)
        matrix[:3, 3] = offset * target
        matrix[3, :3] = -n
        matrix[3, 3] = np.dot(eye, n)
        return matrix
    d = n if direction is None else np.asarray(direction, dtype=np.float64)[:3]
    along = np.dot(d, n)
    matrix[:3, :3] -= np.outer(d, n) / along
    matrix[:3, 3] = d * (offset / along)
    return matrix


def projection_from_matrix(matrix: ArrayLike, pseudo: bool = False) -> Projection:
    """Return what `projection_matrix` takes to make this matrix.

    Args:
        matrix: A projection as `projection_matrix` returns it.
        pseudo: Whether it keeps relative depth.

    Returns:
        Point of the plane (homogeneous), normal, direction, perspective point, pseudo.

    Raises:
        ValueError: It is no projection.
    """
    m = np.asarray(matrix, dtype=np.float64)
    linear, shift = m[:3, :3], m[:3, 3]
    if np.allclose(m[3, :3], 0.0):
        left, singular, right = np.linalg.svd(np.identity(3) - linear / m[3, 3])
        if singular[0] < EPS or singular[1] > 1e-6 * singular[0]:
            raise ValueError("this matrix is no projection")
        direction, normal = left[:, 0], right[0]
        offset = np.dot(shift / m[3, 3], direction) * np.dot(direction, normal)
        is_orthogonal = np.isclose(abs(np.dot(direction, normal)), 1.0, atol=1e-12)
        point = np.append(offset * normal, 1.0)
        return point, normal, None if is_orthogonal else direction, None, False
    normal = -m[3, :3]
    eye_offset = m[3, 3]
    plane_offset = (2.0 * eye_offset - linear.trace() - (1.0 if pseudo else 0.0)) / 3.0
    target = ((eye_offset - plane_offset) * np.identity(3) - linear) @ normal
    perspective = target - normal if pseudo else target
    return np.append(plane_offset * normal, 1.0), normal, None, perspective, pseudo


def clip_matrix(
    left: float,
    right: float,
    bottom: float,
    top: float,
    near: float,
    far: float,
    perspective: bool = False,
) -> np.ndarray:
    """Return the matrix from a viewing volume to the cube [-1, 1]^3.

    Args:
        left: Lower bound in x.
        right: Upper bound in x.
        bottom: Lower bound in y.
        top: Upper bound in y.
        near: Lower bound in z.
        far: Upper bound in z.
        perspective: The volume is a truncated pyramid seen from the origin, not a box.

    Returns:
        A 4x4 matrix.

    Raises:
        ValueError: The volume is empty.
    """
    if left >= right or bottom >= top or near >= far:
        raise ValueError("invalid frustrum")
    low, high = np.array([left, bottom, near]), np.array([right, top, far])
    size, total = high - low, high + low
    matrix = np.zeros((4, 4))
    if not perspective:
        matrix[[0, 1, 2], [0, 1, 2]] = 2.0 / size
        matrix[:3, 3] = -total / size
        matrix[3, 3] = 1.0
        return matrix
    if near <= EPS:
        raise ValueError("invalid frustrum: near <= 0")
    matrix[[0, 1], [0, 1]] = -2.0 * near / size[:2]
    matrix[:2, 2] = total[:2] / size[:2]
    matrix[2, 2] = -total[2] / size[2]
    matrix[2, 3] = 2.0 * near * far / size[2]
    matrix[3, 2] = -1.0
    return matrix
