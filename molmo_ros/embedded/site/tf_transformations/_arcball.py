"""A virtual trackball."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ._composition import quaternion_from_matrix
from ._quaternions import multiply, quaternion_matrix, quaternion_slerp
from ._vectors import EPS, ArrayLike, unit_vector


def arcball_map_to_sphere(point: ArrayLike, center: ArrayLike, radius: float) -> np.ndarray:
    """Return the point of the unit sphere under a window coordinate (y pointing down)."""
    x = (point[0] - center[0]) / radius
    y = (center[1] - point[1]) / radius
    distance2 = x * x + y * y
    if distance2 > 1.0:
        return np.array((x, y, 0.0)) / math.sqrt(distance2)
    return np.array((x, y, math.sqrt(1.0 - distance2)))


def arcball_constrain_to_axis(point: ArrayLike, axis: ArrayLike) -> np.ndarray:
    """Return the point of the sphere nearest to a point on the great circle about an axis."""
    a = np.asarray(axis, dtype=np.float64)
    on_plane = np.asarray(point, dtype=np.float64) - a * np.dot(a, point)
    norm = np.linalg.norm(on_plane)
    if norm > EPS:
        return on_plane / (-norm if on_plane[2] < 0.0 else norm)
    if a[2] == 1.0:
        return np.array((1.0, 0.0, 0.0))
    return unit_vector((-a[1], a[0], 0.0))


def arcball_nearest_axis(point: ArrayLike, axes: Sequence[ArrayLike]) -> ArrayLike:
    """Return the axis whose great circle is nearest to a point."""
    return max(axes, key=lambda axis: np.dot(arcball_constrain_to_axis(point, axis), point))


class Arcball:
    """Turns the drag of a mouse into a rotation.

    Args:
        initial: Quaternion (x, y, z, w) or 4x4 matrix to begin with.
    """

    def __init__(self, initial: ArrayLike | None = None) -> None:
        self._axes: list[np.ndarray] | None = None
        self._axis: ArrayLike | None = None
        self._center = np.zeros(2)
        self._radius = 1.0
        self._start = np.array((0.0, 0.0, 1.0))
        self._is_constrained = False
        self._at_down = np.array((0.0, 0.0, 0.0, 1.0))
        if initial is not None:
            values = np.asarray(initial, dtype=np.float64)
            if values.shape == (4, 4):
                self._at_down = np.array(quaternion_from_matrix(values))
            elif values.shape == (4,):
                self._at_down = unit_vector(values)
            else:
                raise ValueError("initial not a quaternion or matrix.")
        self._now = self._before = self._at_down

    def place(self, center: ArrayLike, radius: float) -> None:
        """Put the ball at window coordinates."""
        self._radius = float(radius)
        self._center = np.array(center[:2], dtype=np.float64)

    def setaxes(self, *axes: ArrayLike) -> None:
        """Set the axes that a constrained drag may turn about; none to clear them."""
        self._axes = [unit_vector(axis) for axis in axes] or None

    def setconstrain(self, constrain: bool) -> None:
        """Turn the constraint to the axes on or off."""
        self._is_constrained = bool(constrain)

    def getconstrain(self) -> bool:
        """Tell whether drags are constrained to the axes."""
        return self._is_constrained

    def down(self, point: ArrayLike) -> None:
        """Begin a drag at window coordinates."""
        self._start = arcball_map_to_sphere(point, self._center, self._radius)
        self._at_down = self._before = self._now
        self._axis = None
        if self._is_constrained and self._axes is not None:
            self._axis = arcball_nearest_axis(self._start, self._axes)
            self._start = arcball_constrain_to_axis(self._start, self._axis)

    def drag(self, point: ArrayLike) -> None:
        """Continue a drag to window coordinates."""
        here = arcball_map_to_sphere(point, self._center, self._radius)
        if self._axis is not None:
            here = arcball_constrain_to_axis(here, self._axis)
        self._before = self._now
        turn = np.cross(self._start, here)
        if np.dot(turn, turn) < EPS:
            self._now = self._at_down
        else:
            step = (*turn, float(np.dot(self._start, here)))
            self._now = np.array(multiply(step, self._at_down))

    def next(self, acceleration: float = 0.0) -> None:
        """Keep turning in the direction of the last drag."""
        further = quaternion_slerp(self._before, self._now, 2.0 + acceleration, 0, False)
        self._before, self._now = self._now, further

    def matrix(self) -> np.ndarray:
        """Return the 4x4 rotation."""
        return quaternion_matrix(self._now)
