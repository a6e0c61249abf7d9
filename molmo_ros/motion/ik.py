"""Inverse kinematics: damped least squares from well-chosen starts, for one pose, many poses or a path of poses.

The damping follows Sugihara, "Solvability-Unconcerned Inverse Kinematics by the Levenberg-Marquardt Method" (IEEE T-RO
27(5), 2011): it is proportional to the squared error, so far-off or singular targets stay bounded and the last steps
converge quadratically. Joints at a limit that would leave it are held (gradient projection). Starts come from a table
of random configurations whose tool poses are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.motion.chain import Array, SerialChain, rotation_vectors

TABLE_SIZE = 4096
STARTS = 12
ROTATION_LENGTH_M = 0.25  # a radian of rotation error weighs as much as this distance when starts are compared


@dataclass(frozen=True, kw_only=True, eq=False)
class IKBatch:
    """Answers of a batch solve.

    Attributes:
        q: (M, N) best joint positions found [rad].
        ok: (M,) whether they reach the pose within the tolerances.
        position_error_m: (M,) distance that is left [m].
        rotation_error: (M,) angle that is left [rad].
    """

    q: Array
    ok: npt.NDArray[np.bool_]
    position_error_m: Array
    rotation_error: Array


class IKSolver:
    """Inverse kinematics of a serial chain.

    Args:
        chain: The chain, base to tool.
        lower: (N,) lowest positions.
        upper: (N,) highest positions.
        position_tolerance_m: Accepted distance [m].
        rotation_tolerance: Accepted angle [rad].
        seed: Seed of the table of starts; the same seed gives the same answers.
    """

    def __init__(
        self,
        chain: SerialChain,
        lower: Array,
        upper: Array,
        *,
        position_tolerance_m: float = 1e-5,
        rotation_tolerance: float = 1e-4,
        seed: int = 0,
    ) -> None:
        self.chain = chain
        self.position_tolerance_m = position_tolerance_m
        self.rotation_tolerance = rotation_tolerance
        self._lower = np.asarray(lower, dtype=np.float64)
        self._upper = np.asarray(upper, dtype=np.float64)
        rng = np.random.default_rng(seed)
        span = self._upper - self._lower
        self._table = self._lower + span * rng.uniform(0.05, 0.95, (TABLE_SIZE, chain.size))
        self._table_R, self._table_p, _, _ = chain.forward(self._table)

    def starts(self, T: Array, seed: Array, count: int) -> Array:
        """(count, N) configurations whose tool is near one pose T; those near the seed first among equals."""
        trace = np.einsum("bij,ij->b", self._table_R, T[:3, :3])
        angle = np.arccos(np.clip(0.5 * (trace - 1.0), -1.0, 1.0))
        distance = np.linalg.norm(self._table_p - T[:3, 3], axis=1) + ROTATION_LENGTH_M * angle
        near = np.max(np.abs(self._table - seed), axis=1)
        half = count // 2
        first = np.argpartition(distance + 0.1 * near, half)[:half]
        second = np.argpartition(distance, count - half)[: count - half]
        return np.asarray(self._table[np.concatenate([first, second])])

    def descend(self, T: Array, q: Array, *, margin: float, steps: int = 40) -> IKBatch:
        """Damped least squares for every pose T (M, 4, 4) from its own start q (M, N)."""
        lower, upper = self._lower + margin, self._upper - margin
        q = np.clip(q, lower, upper)
        count = len(q)
        position_error = np.full(count, np.inf)
        rotation_error = np.full(count, np.inf)
        active = np.arange(count)
        for _ in range(steps):
            x = q[active]
            R, p, axes, origins = self.chain.forward(x)
            goal = T[active]
            error = np.concatenate(
                [goal[:, :3, 3] - p, rotation_vectors(goal[:, :3, :3] @ np.swapaxes(R, 1, 2))], axis=1
            )
            position_error[active] = np.linalg.norm(error[:, :3], axis=1)
            rotation_error[active] = np.linalg.norm(error[:, 3:], axis=1)
            left = (position_error[active] > self.position_tolerance_m) | (
                rotation_error[active] > self.rotation_tolerance
            )
            if not np.any(left):
                break
            active, x, error = active[left], x[left], error[left]
            J = self.chain.jacobian(p[left], axes[left], origins[left])
            slope = np.einsum("bij,bi->bj", J, error)
            held = ((x <= lower) & (slope < 0)) | ((x >= upper) & (slope > 0))
            J = np.where(held[:, None, :], 0.0, J)
            A = J @ np.swapaxes(J, 1, 2)
            damping = 0.1 * np.einsum("bi,bi->b", error, error) + 1e-7
            A[:, range(6), range(6)] += damping[:, None]
            step = np.einsum("bij,bi->bj", J, np.linalg.solve(A, error[:, :, None])[:, :, 0])
            largest = np.max(np.abs(step), axis=1, keepdims=True)
            step *= np.minimum(1.0, 0.6 / np.maximum(largest, 1e-12))
            q[active] = np.clip(x + step, lower, upper)
        ok = (position_error <= self.position_tolerance_m) & (rotation_error <= self.rotation_tolerance)
        return IKBatch(q=q, ok=ok, position_error_m=position_error, rotation_error=rotation_error)

    def solve_many(
        self, T: npt.NDArray[np.floating[Any]], seed: npt.NDArray[np.floating[Any]], *, margin: float, rounds: int = 4
    ) -> IKBatch:
        """One answer for each pose T (M, 4, 4): first from the seed, then, where that fails, from the table."""
        poses = np.asarray(T, dtype=np.float64)
        count = len(poses)
        q = np.broadcast_to(np.asarray(seed, dtype=np.float64), (count, self.chain.size)).copy()
        best = self.descend(poses, q, margin=margin, steps=20)
        q, ok = best.q, best.ok.copy()
        position, rotation = best.position_error_m.copy(), best.rotation_error.copy()
        open_ = np.flatnonzero(~ok)
        if len(open_):
            starts = np.stack([self.starts(poses[i], np.broadcast_to(seed, q.shape)[i], rounds) for i in open_])
            for k in range(rounds):
                rest = np.flatnonzero(~ok[open_])
                if not len(rest):
                    break
                index = open_[rest]
                attempt = self.descend(poses[index], starts[rest, k], margin=margin, steps=25)
                better = attempt.ok | (
                    attempt.position_error_m + attempt.rotation_error < position[index] + rotation[index]
                )
                chosen = index[better]
                q[chosen], ok[chosen] = attempt.q[better], attempt.ok[better]
                position[chosen], rotation[chosen] = attempt.position_error_m[better], attempt.rotation_error[better]
        return IKBatch(q=q, ok=ok, position_error_m=position, rotation_error=rotation)
