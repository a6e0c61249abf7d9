"""Patches to objects: greedy contraction of a signed graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.perception.patches import Borders

VALLEY_WEIGHT = 1.5
JUMP_WEIGHT = 0.25


def border_weights(borders: Borders) -> npt.NDArray[np.float64]:
    """How strongly each border binds (> 0) or parts (< 0) its patches: cells of either kind.

    A jump alone says little: it parts objects, and an object from its own hidden parts.
    """
    return np.asarray(borders.joined - VALLEY_WEIGHT * borders.valley - JUMP_WEIGHT * borders.jump)


def contract(number: int, pairs: npt.NDArray[np.int32], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Greedy additive edge contraction: join the most strongly bound pair, add up its borders, repeat while any binds.

    Source: Keuper et al., "Efficient decomposition of image and mesh graphs by lifted multicuts", ICCV 2015, without
    lifted edges.

    Args:
        number: Nodes are 1..number.
        pairs: (B, 2) node pairs.
        weights: (B,) signed weights.

    Returns:
        (number + 1,) cluster of each node, 1..m; 0 for node 0.
    """
    neighbours: list[dict[int, float]] = [{} for _ in range(number + 1)]
    for (i, j), weight in zip(pairs.tolist(), weights.tolist(), strict=True):
        neighbours[i][j] = neighbours[i].get(j, 0.0) + weight
        neighbours[j][i] = neighbours[i][j]
    parent = np.arange(number + 1)
    while True:
        best, a, b = 0.0, 0, 0
        for i, around in enumerate(neighbours):
            for j, weight in around.items():
                if i < j and weight > best:
                    best, a, b = weight, i, j
        if best <= 0.0:
            break
        for j, weight in neighbours[b].items():
            del neighbours[j][b]
            if j != a:
                neighbours[a][j] = neighbours[a].get(j, 0.0) + weight
                neighbours[j][a] = neighbours[a][j]
        neighbours[b] = {}
        parent[parent == b] = a
    _, compact = np.unique(parent, return_inverse=True)
    return np.asarray(compact, dtype=np.int32)
