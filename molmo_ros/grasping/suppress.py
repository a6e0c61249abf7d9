"""Non-maximum suppression of parallel grasps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def suppress(T_base_tcp: npt.NDArray[np.float64], distance_m: float, angle_rad: float) -> npt.NDArray[np.int64]:
    """Indices of the grasps kept, greedy in the given order.

    A grasp falls when a kept one lies closer than distance_m and is turned by less than angle_rad, where the half
    turn of a parallel hand about its approach counts as no turn.

    Args:
        T_base_tcp: (K, 4, 4) grasps, best first.
        distance_m: Distance of tool origins [m].
        angle_rad: Rotation between them [rad].
    """
    count = len(T_base_tcp)
    alive = np.ones(count, dtype=bool)
    position = T_base_tcp[:, :3, 3]
    rotation = T_base_tcp[:, :3, :3]
    least = 1.0 + 2.0 * np.cos(angle_rad)
    kept = []
    for k in range(count):
        if not alive[k]:
            continue
        kept.append(k)
        near = np.linalg.norm(position - position[k], axis=1) < distance_m
        axes = np.einsum("nia,ia->na", rotation, rotation[k])
        trace = np.maximum(axes.sum(axis=1), axes[:, 2] - axes[:, 0] - axes[:, 1])
        alive &= ~(near & (trace > least))
    return np.array(kept, dtype=np.int64)
