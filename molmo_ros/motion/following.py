"""Follows a moving target within velocity, acceleration and jerk limits, one control period at a time (ruckig)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.motion.limits import JointLimits

Array = npt.NDArray[np.float64]

STOP_S = 0.07
"""From the highest streamed speed a joint comes to rest within this time [s]."""

ROOM = 0.98
"""Share of a limit that is used, so that rounding stays below the gate's bound."""


class Follower:
    """The commanded state of the arm: where it is bound to be, and how fast.

    The speed is bounded so that braking to rest takes `STOP_S` at most, and near the end of a joint's range by its
    position-dependent limit.

    Args:
        limits: Joint limits; the order of all arrays.
        period_s: Control period [s].
        brisk: Share of the acceleration and jerk limits used in following; braking uses all of them.
    """

    def __init__(self, limits: JointLimits, *, period_s: float = 0.01, brisk: float = 0.6) -> None:
        import ruckig

        self._limits, self._period_s, self._brisk = limits, period_s, brisk
        size = len(limits.names)
        self._otg = ruckig.Ruckig(size, period_s)
        self._input: Any = ruckig.InputParameter(size)
        self._output: Any = ruckig.OutputParameter(size)
        self._input.synchronization = ruckig.Synchronization.No
        self._position_interface = ruckig.ControlInterface.Position
        self._velocity_interface = ruckig.ControlInterface.Velocity
        self._good = (ruckig.Result.Working, ruckig.Result.Finished)
        self._top: Array = np.minimum(limits.velocity, limits.acceleration * STOP_S) * ROOM
        self._q: Array | None = None
        self._v: Array = np.zeros(size)
        self._a: Array = np.zeros(size)

    @property
    def moving(self) -> bool:
        """Whether it has not come to rest."""
        return self._q is not None and bool(np.any(np.abs(self._v) > 1e-6) or np.any(np.abs(self._a) > 1e-6))

    @property
    def active(self) -> bool:
        """Whether it has begun."""
        return self._q is not None

    def begin(self, q: npt.ArrayLike) -> None:
        """Begins at rest at a position."""
        self._q = np.array(q, dtype=np.float64)
        self._v, self._a = np.zeros_like(self._q), np.zeros_like(self._q)

    def end(self) -> None:
        """Forgets its state: somebody else moves or holds the arm now."""
        self._q = None

    def _bounds(self, q: Array, goal: Array) -> tuple[Array, Array]:
        lowest, highest = self._limits.velocity_bounds(np.array([q, goal, q + 0.03 * self._v]))
        return -np.max(lowest, axis=0) * ROOM, np.min(highest, axis=0) * ROOM

    def follow(self, goal: npt.ArrayLike, rate: npt.ArrayLike) -> Array:
        """The next position on the way to a target that moves at a rate.

        Raises:
            RuntimeError: When `begin` was not called, or the present state can not be left.
        """
        if self._q is None:
            message = "the follower has not begun"
            raise RuntimeError(message)
        goal, rate = np.asarray(goal, dtype=np.float64), np.asarray(rate, dtype=np.float64)
        down, up = self._bounds(self._q, goal)
        up, down = np.minimum(up, self._top), np.minimum(down, self._top)
        request = self._input
        request.control_interface = self._position_interface
        request.target_position = goal.tolist()
        request.target_velocity = np.clip(rate, -0.95 * down, 0.95 * up).tolist()
        request.max_velocity = np.maximum(up, 1e-3).tolist()
        request.min_velocity = (-np.maximum(down, 1e-3)).tolist()
        request.max_acceleration = (self._limits.acceleration * ROOM * self._brisk).tolist()
        request.max_jerk = (self._limits.jerk * ROOM * self._brisk).tolist()
        return self._step(request)

    def brake(self) -> Array:
        """The next position on the quickest way to rest.

        Raises:
            RuntimeError: When `begin` was not called.
        """
        if self._q is None:
            message = "the follower has not begun"
            raise RuntimeError(message)
        request = self._input
        request.control_interface = self._velocity_interface
        request.target_velocity = [0.0] * len(self._q)
        request.max_acceleration = (self._limits.acceleration * ROOM).tolist()
        request.max_jerk = (self._limits.jerk * ROOM).tolist()
        return self._step(request)

    def _step(self, request: Any) -> Array:
        if self._q is None:
            message = "the follower has not begun"
            raise RuntimeError(message)
        request.current_position = self._q.tolist()
        request.current_velocity = self._v.tolist()
        most = np.asarray(request.max_acceleration)
        request.current_acceleration = np.clip(self._a, -most, most).tolist()
        request.target_acceleration = [0.0] * len(self._q)
        self._otg.reset()
        result = self._otg.update(request, self._output)
        if result not in self._good:
            message = f"no motion leaves the present state ({result})"
            raise RuntimeError(message)
        self._q = np.array(self._output.new_position)
        self._v = np.array(self._output.new_velocity)
        self._a = np.array(self._output.new_acceleration)
        return self._q
