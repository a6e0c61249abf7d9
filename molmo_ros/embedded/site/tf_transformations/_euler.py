"""Euler angles in all 24 conventions.

An axis sequence is a string of four letters: ``s`` for rotations about the static axes or ``r``
for rotations about the rotating ones, then the axes in the order of the angles. The tuples are
(first axis, parity, repetition, frame).
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from ._quaternions import multiply, quaternion_matrix
from ._vectors import EPS, ArrayLike

Axes = str | tuple[int, int, int, int]


def _encode(name: str) -> tuple[int, int, int, int]:
    letters = name[1:] if name[0] == "s" else name[:0:-1]
    first, second, third = ("xyz".index(letter) for letter in letters)
    return (first, int(second != (first + 1) % 3), int(third == first), int(name[0] == "r"))


AXES2TUPLE = {
    name: _encode(name)
    for name in (f + a + b + c for f, a, b, c in product("sr", "xyz", "xyz", "xyz") if b not in {a, c})
}
TUPLE2AXES = {value: key for key, value in AXES2TUPLE.items()}


def _rotating_axes(axes: Axes) -> tuple[list[int], bool]:
    """Return the axes in the order of rotating rotations, and whether that reversed them."""
    if isinstance(axes, str):
        name = axes.lower()
        if name not in AXES2TUPLE:
            raise KeyError(axes)
    else:
        name = TUPLE2AXES[tuple(axes)]
    order = ["xyz".index(letter) for letter in name[1:]]
    return (order[::-1], True) if name[0] == "s" else (order, False)


def _about(axis: int, angle: float) -> np.ndarray:
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.identity(3)
    matrix[i, i] = matrix[j, j] = math.cos(angle)
    matrix[j, i] = math.sin(angle)
    matrix[i, j] = -matrix[j, i]
    return matrix


def euler_matrix(ai: float, aj: float, ak: float, axes: Axes = "sxyz") -> np.ndarray:
    """Return the 4x4 rotation matrix of three angles (rad)."""
    order, is_reversed = _rotating_axes(axes)
    angles = (ak, aj, ai) if is_reversed else (ai, aj, ak)
    matrix = np.identity(4)
    first, second, third = (_about(axis, angle) for axis, angle in zip(order, angles, strict=True))
    matrix[:3, :3] = first @ second @ third
    return matrix


def euler_from_matrix(matrix: ArrayLike, axes: Axes = "sxyz") -> tuple[float, float, float]:
    """Return the angles (rad) of a rotation matrix.

    Of the two solutions it is the one with the middle angle in [-pi/2, pi/2] for three different
    axes, in [0, pi] for a repeated axis and even parity, in [-pi, 0] for odd parity. At the
    singularity the last of the angles about static axes (the first about rotating ones) is 0.
    """
    (a, b, c), is_reversed = _rotating_axes(axes)
    m = np.asarray(matrix, dtype=np.float64)[:3, :3]
    sign = 1.0 if b == (a + 1) % 3 else -1.0
    if a == c:
        d = 3 - a - b
        sine = math.hypot(m[a, b], m[a, d])
        second = math.atan2(sign * sine, m[a, a])
        if sine > EPS:
            first = math.atan2(sign * m[b, a], -m[d, a])
            third = math.atan2(sign * m[a, b], m[a, d])
        else:
            first, third = 0.0, math.atan2(-sign * m[b, d], m[b, b])
    else:
        cosine = math.hypot(m[a, a], m[a, b])
        second = math.atan2(sign * m[a, c], cosine)
        if cosine > EPS:
            first = math.atan2(-sign * m[b, c], m[c, c])
            third = math.atan2(-sign * m[a, b], m[a, a])
        else:
            first, third = 0.0, math.atan2(sign * m[b, a], m[b, b])
    return (third, second, first) if is_reversed else (first, second, third)


def euler_from_quaternion(quaternion: ArrayLike, axes: Axes = "sxyz") -> tuple[float, float, float]:
    """Return the angles (rad) of a quaternion (x, y, z, w)."""
    return euler_from_matrix(quaternion_matrix(quaternion), axes)


def quaternion_from_euler(ai: float, aj: float, ak: float, axes: Axes = "sxyz") -> tuple[float, float, float, float]:
    """Return the quaternion (x, y, z, w) of three angles (rad)."""
    order, is_reversed = _rotating_axes(axes)
    angles = (ak, aj, ai) if is_reversed else (ai, aj, ak)
    result = (0.0, 0.0, 0.0, 1.0)
    for axis, angle in zip(order, angles, strict=True):
        part = [0.0, 0.0, 0.0, math.cos(angle / 2.0)]
        part[axis] = math.sin(angle / 2.0)
        result = multiply(result, part)
    return result
