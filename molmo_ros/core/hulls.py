"""Convex outlines seen from above, and the gaps between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def hull_order(points: Array) -> Array:
    """(M, 2) corners of the convex hull of (N, 2) points, anticlockwise (Andrew's monotone chain)."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]

    def half(sequence: Array) -> list[Array]:
        chain: list[Array] = []
        for p in sequence:
            while len(chain) > 1:
                a, b = chain[-1] - chain[-2], p - chain[-1]
                if a[0] * b[1] - a[1] * b[0] > 1e-15:
                    break
                chain.pop()
            chain.append(p)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def hull_gap_m(a: Array, b: Array) -> float:
    """Distance between the convex hulls of two sets of (N, 2) points [m]; 0 where they overlap."""
    return polygon_gap_m(hull_order(a), hull_order(b))


def polygon_gap_m(first: Array, second: Array) -> float:
    """Distance between two convex polygons given by their corners, anticlockwise [m]; 0 where they overlap."""
    for one, other in ((first, second), (second, first)):
        edges = np.roll(one, -1, axis=0) - one
        outward = np.column_stack([edges[:, 1], -edges[:, 0]])
        offsets = np.einsum("ij,ij->i", outward, one)
        if np.any((other @ outward.T - offsets).min(axis=0) > 0):
            break
    else:
        return 0.0
    return min(_points_to_edges_m(first, second), _points_to_edges_m(second, first))


def _points_to_edges_m(points: Array, polygon: Array) -> float:
    start = polygon
    edge = np.roll(polygon, -1, axis=0) - start
    length2 = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-18)
    offset = points[:, None, :] - start[None]
    t = np.clip(np.einsum("ijk,jk->ij", offset, edge) / length2, 0.0, 1.0)
    return float(np.linalg.norm(offset - t[..., None] * edge[None], axis=2).min())
