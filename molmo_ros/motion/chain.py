"""Kinematics of one serial chain for many configurations at once, in plain numpy.

Pinocchio is faster for one configuration; this is for hundreds: seeds of an inverse-kinematics solve, grasp candidates,
samples of a trajectory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def _align_z(axis: Array) -> Array:
    """A rotation that takes z to the unit vector axis."""
    z = axis / np.linalg.norm(axis)
    helper = np.eye(3)[int(np.argmin(np.abs(z)))]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


class SerialChain:
    """The joints between a base frame and a tool frame.

    Args:
        placements: (N + 1, 4, 4) fixed transforms: before each joint, and from the last joint to the tool.
        axes: (N, 3) joint axes in the frame after the fixed transform.
        prismatic: (N,) which joints slide.
    """

    def __init__(self, placements: Array, axes: Array, prismatic: npt.NDArray[np.bool_]) -> None:
        self.size = len(axes)
        self._prismatic = [bool(p) for p in prismatic]
        # Each joint's axis becomes z of its frame, so a rotation mixes two columns.
        fixed_R, fixed_p = [], []
        carry = np.eye(3)
        for i in range(self.size):
            align = _align_z(np.asarray(axes[i], dtype=np.float64))
            fixed_R.append(carry.T @ placements[i][:3, :3] @ align)
            fixed_p.append(carry.T @ placements[i][:3, 3])
            carry = align
        fixed_R.append(carry.T @ placements[-1][:3, :3])
        fixed_p.append(carry.T @ placements[-1][:3, 3])
        self._fixed_R = fixed_R
        self._fixed_p = fixed_p

    def forward(self, q: npt.NDArray[np.floating[Any]]) -> tuple[Array, Array, Array, Array]:
        """Tool rotation (B, 3, 3) and position (B, 3), joint axes (B, N, 3) and joint origins (B, N, 3), in the base.

        Args:
            q: (B, N) joint positions.
        """
        batch = len(q)
        cosine, sine = np.cos(q), np.sin(q)
        R = np.broadcast_to(np.eye(3), (batch, 3, 3))
        p = np.zeros((batch, 3))
        axes = np.empty((batch, self.size, 3))
        origins = np.empty((batch, self.size, 3))
        for i in range(self.size):
            p = p + R @ self._fixed_p[i]
            A = (R.reshape(-1, 3) @ self._fixed_R[i]).reshape(batch, 3, 3)
            axes[:, i] = A[:, :, 2]
            origins[:, i] = p
            if self._prismatic[i]:
                p = p + A[:, :, 2] * q[:, i, None]
                R = A
            else:
                c, s = cosine[:, i, None], sine[:, i, None]
                R = np.empty((batch, 3, 3))
                R[:, :, 0] = c * A[:, :, 0] + s * A[:, :, 1]
                R[:, :, 1] = c * A[:, :, 1] - s * A[:, :, 0]
                R[:, :, 2] = A[:, :, 2]
        p = p + R @ self._fixed_p[-1]
        R = (R.reshape(-1, 3) @ self._fixed_R[-1]).reshape(batch, 3, 3)
        return R, p, axes, origins

    def poses(self, q: npt.NDArray[np.floating[Any]]) -> Array:
        """Tool poses (B, 4, 4) in the base at (B, N) joint positions."""
        R, p, _, _ = self.forward(q)
        T = np.zeros((len(q), 4, 4))
        T[:, :3, :3] = R
        T[:, :3, 3] = p
        T[:, 3, 3] = 1.0
        return T

    def jacobian(self, p: Array, axes: Array, origins: Array) -> Array:
        """(B, 6, N) velocity (linear, then angular) of the tool point in the base, from `forward`'s answer."""
        J = np.empty((len(p), 6, self.size))
        linear = np.cross(axes, p[:, None, :] - origins)
        angular = axes.copy()
        for i, slides in enumerate(self._prismatic):
            if slides:
                linear[:, i] = axes[:, i]
                angular[:, i] = 0.0
        J[:, :3] = np.swapaxes(linear, 1, 2)
        J[:, 3:] = np.swapaxes(angular, 1, 2)
        return J


def rotation_vectors(R: Array) -> Array:
    """(..., 3) rotation vectors (axis times angle, angle <= pi) of (..., 3, 3) rotations."""
    w = 0.5 * np.stack([R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], axis=-1)
    sine = np.linalg.norm(w, axis=-1)
    cosine = 0.5 * (np.trace(R, axis1=-2, axis2=-1) - 1.0)
    angle = np.arctan2(sine, cosine)
    # Near pi the skew part vanishes; the largest column of the symmetric part still shows the axis.
    S = 0.5 * (R + np.swapaxes(R, -1, -2))
    k = np.argmax(np.diagonal(S, axis1=-2, axis2=-1), axis=-1)
    column = np.take_along_axis(S, k[..., None, None], axis=-1)[..., 0] - cosine[..., None] * np.eye(3)[k]
    norm = np.linalg.norm(column, axis=-1, keepdims=True)
    axis_pi = column / np.maximum(norm, 1e-12)
    axis_pi = axis_pi * np.where(np.sum(axis_pi * w, axis=-1, keepdims=True) < 0, -1.0, 1.0)
    scale = np.where(sine > 1e-9, angle / np.maximum(sine, 1e-12), 1.0)
    return np.asarray(np.where((cosine < -0.999)[..., None], axis_pi * angle[..., None], w * scale[..., None]))
