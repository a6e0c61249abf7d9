"""Matrices from scale, shear, angles and shift, from crystal cells, and between point sets."""

from __future__ import annotations

import math

import numpy as np

from ._euler import euler_from_matrix, euler_matrix
from ._quaternions import quaternion_matrix, quaternion_of_rotation
from ._vectors import ArrayLike


def _factors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split the linear part into rotation, scale (3) and shear (xy, xz, yz): R diag(z) S."""
    rotation, upper = np.linalg.qr(matrix[:3, :3])
    scale = np.diag(upper).copy()
    signs = np.where(scale < 0.0, -1.0, 1.0)
    if np.linalg.det(rotation * signs) < 0.0:
        signs[0] = -signs[0]
    if np.any(scale == 0.0):
        raise ValueError("matrix is singular")
    shear = (upper / scale[:, None])[[0, 0, 1], [1, 2, 2]]
    return rotation * signs, scale * signs, shear


def decompose_matrix(
    matrix: ArrayLike,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float], np.ndarray, None]:
    """Return scale, shear (xy, xz, yz), static Euler angles, shift and perspective (None).

    Raises:
        ValueError: The matrix is singular.
    """
    m = np.asarray(matrix, dtype=np.float64)
    rotation, scale, shear = _factors(m)
    return scale, shear, euler_from_matrix(rotation), m[:3, 3].copy(), None


def compose_matrix(
    scale: ArrayLike | None = None,
    shear: ArrayLike | None = None,
    angles: ArrayLike | None = None,
    translate: ArrayLike | None = None,
    perspective: ArrayLike | None = None,
) -> np.ndarray:
    """Return the matrix of shear, then scale, then rotation, then shift.

    Args:
        scale: Three factors.
        shear: Shear of x by y, x by z and y by z.
        angles: Static Euler angles (rad) about x, y and z.
        translate: The shift.
        perspective: Accepted for the sake of `decompose_matrix` and ignored.

    Returns:
        A 4x4 matrix.
    """
    matrix = np.identity(4) if angles is None else euler_matrix(*angles)
    if scale is not None:
        matrix[:3, :3] *= np.asarray(scale, dtype=np.float64)
    if shear is not None:
        sheared = np.identity(3)
        sheared[[0, 0, 1], [1, 2, 2]] = shear
        matrix[:3, :3] = matrix[:3, :3] @ sheared
    if translate is not None:
        matrix[:3, 3] = translate
    return matrix


def quaternion_from_matrix(matrix: ArrayLike) -> tuple[float, float, float, float]:
    """Return the rotation (x, y, z, w) of a matrix, without its scale and shear."""
    return quaternion_of_rotation(_factors(np.asarray(matrix, dtype=np.float64))[0])


def orthogonalization_matrix(lengths: ArrayLike, angles: ArrayLike) -> np.ndarray:
    """Return the matrix from a crystal cell's coordinates to Cartesian ones.

    Args:
        lengths: The cell's edges a, b and c.
        angles: The angles alpha, beta and gamma between them (degrees).

    Returns:
        A 4x4 matrix.
    """
    a, b, c = lengths
    alpha, beta, gamma = np.radians(angles)
    mixed = (math.cos(alpha) * math.cos(beta) - math.cos(gamma)) / (math.sin(alpha) * math.sin(beta))
    matrix = np.identity(4)
    matrix[:3, 0] = (
        a * math.sin(beta) * math.sqrt(1.0 - mixed * mixed),
        -a * math.sin(beta) * mixed,
        a * math.cos(beta),
    )
    matrix[1:3, 1] = b * math.sin(alpha), b * math.cos(alpha)
    matrix[2, 2] = c
    return matrix


def superimposition_matrix(v0: ArrayLike, v1: ArrayLike, scaling: bool = False, usesvd: bool = True) -> np.ndarray:
    """Return the rigid transformation that brings points closest to other points.

    Args:
        v0: (3, N) or (4, N) points, N >= 3.
        v1: Where they shall be.
        scaling: Whether it may scale uniformly.
        usesvd: Find the rotation by Kabsch's method, else by Horn's quaternions.

    Returns:
        A 4x4 matrix.

    Raises:
        ValueError: The point sets do not match or are too small.
    """
    source = np.asarray(v0, dtype=np.float64)[:3]
    target = np.asarray(v1, dtype=np.float64)[:3]
    if source.shape != target.shape or source.shape[1] < 3:
        raise ValueError("Vector sets are of wrong shape or type.")
    source_mean, target_mean = source.mean(axis=1), target.mean(axis=1)
    source = source - source_mean[:, None]
    target = target - target_mean[:, None]
    covariance = target @ source.T
    matrix = np.identity(4)
    if usesvd:
        left, _, right = np.linalg.svd(covariance)
        left[:, 2] *= np.sign(np.linalg.det(left @ right)) or 1.0
        matrix[:3, :3] = left @ right
    else:
        matrix = quaternion_matrix(quaternion_of_rotation(covariance))
    if scaling:
        matrix[:3, :3] *= math.sqrt(np.sum(target**2) / np.sum(source**2))
    matrix[:3, 3] = target_mean - matrix[:3, :3] @ source_mean
    return matrix
