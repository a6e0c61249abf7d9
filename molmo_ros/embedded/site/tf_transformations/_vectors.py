"""Norms, unit vectors and small matrix helpers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

ArrayLike = Sequence[float] | np.ndarray
EPS = np.finfo(float).eps * 4.0


def vector_norm(data: ArrayLike, axis: int | None = None, out: np.ndarray | None = None) -> Any:
    """Return the Euclidean norm of an array, along an axis or of all of it."""
    norm = np.sqrt(np.sum(np.square(np.asarray(data, dtype=np.float64)), axis=axis))
    if out is None:
        return norm
    out[...] = norm
    return None


def unit_vector(data: ArrayLike, axis: int | None = None, out: np.ndarray | None = None) -> Any:
    """Return an array divided by its norm, along an axis or of all of it."""
    values = np.array(data, dtype=np.float64)
    norm = np.sqrt(np.sum(np.square(values), axis=axis, keepdims=axis is not None))
    if out is None:
        return values / norm
    out[...] = values / norm
    return None


def random_vector(size: int | tuple[int, ...]) -> np.ndarray:
    """Return uniform random values in [0, 1)."""
    return np.random.random(size)  # noqa: NPY002 - follows numpy's global seed, as it always did


def inverse_matrix(matrix: ArrayLike) -> np.ndarray:
    """Return the inverse of a square matrix."""
    return np.linalg.inv(matrix)


def concatenate_matrices(*matrices: ArrayLike) -> np.ndarray:
    """Return the product of 4x4 matrices; the last one applies first."""
    return reduce(np.dot, matrices, np.identity(4))


def is_same_transform(matrix0: ArrayLike, matrix1: ArrayLike) -> bool:
    """Tell whether two homogeneous matrices do the same, whatever their scale."""
    first, second = (np.array(m, dtype=np.float64) for m in (matrix0, matrix1))
    return bool(np.allclose(first / first[3, 3], second / second[3, 3]))
