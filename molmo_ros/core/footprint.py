"""Upright boxes seen from above: corners, gaps, overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def corners_m(T_base_box: npt.NDArray[np.float64], size_m: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(4, 2) counter-clockwise footprint corners of an upright box [m]."""
    half = np.asarray(size_m[:2]) / 2
    local = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * half
    return np.asarray(local @ T_base_box[:2, :2].T + T_base_box[:2, 3])


def _segment_distance(p: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    edge = b - a
    t = np.clip(((p - a) @ edge) / max(float(edge @ edge), 1e-12), 0.0, 1.0)
    return float(np.linalg.norm(p - a - t * edge))


def _contains(corners: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> bool:
    following = np.roll(corners, -1, axis=0)
    cross = (following[:, 0] - corners[:, 0]) * (p[1] - corners[:, 1]) - (following[:, 1] - corners[:, 1]) * (
        p[0] - corners[:, 0]
    )
    return bool(np.all(cross >= 0) or np.all(cross <= 0))


def _separated(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    """Whether an edge normal of either quadrilateral separates the two (separating axis theorem)."""
    for quad in (a, b):
        for edge in np.roll(quad, -1, axis=0) - quad:
            axis = np.array([-edge[1], edge[0]])
            pa, pb = a @ axis, b @ axis
            if pa.max() < pb.min() or pb.max() < pa.min():
                return True
    return False


def footprint_gap_m(
    T_base_a: npt.NDArray[np.float64],
    size_a_m: npt.NDArray[np.float64],
    T_base_b: npt.NDArray[np.float64],
    size_b_m: npt.NDArray[np.float64],
) -> float:
    """Horizontal distance between two upright boxes [m]; 0 where they overlap."""
    a, b = corners_m(T_base_a, size_a_m), corners_m(T_base_b, size_b_m)
    if not _separated(a, b) or _contains(a, b[0]) or _contains(b, a[0]):
        return 0.0
    return min(
        _segment_distance(p, quad[i], quad[(i + 1) % 4]) for ps, quad in ((a, b), (b, a)) for p in ps for i in range(4)
    )
