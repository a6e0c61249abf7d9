"""Depth image to an organised cloud in the base frame, and the checks that a depth image is one.

All work is three multiply-adds per pixel against a ray table that depends on the camera alone, so the table is
kept for the last few cameras.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame

FloatImage = npt.NDArray[np.float32]

MIN_KNOWN_SHARE = 0.02
FAR_MEDIAN_M = 20.0
NEAR_MEDIAN_M = 0.02


@lru_cache(maxsize=16)
def _rays(height: int, width: int, K: bytes, R: bytes) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Directions of all pixels in the base frame at unit depth: three (H, W) images. Pixel centres are integers."""
    intrinsics = np.frombuffer(K).reshape(3, 3)
    rotation = np.frombuffer(R).reshape(3, 3)
    x = (np.arange(width) - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (np.arange(height) - intrinsics[1, 2]) / intrinsics[1, 1]
    rays = tuple((row[0] * x[None, :] + row[1] * y[:, None] + row[2]).astype(np.float32) for row in rotation)
    for ray in rays:
        ray.flags.writeable = False
    return rays[0], rays[1], rays[2]


def check_depth(depth_m: FloatImage) -> None:
    """Refuse depth that is empty or in the wrong unit, judged on every eighth pixel.

    Args:
        depth_m: (H, W) depth [m]; zero, negative, NaN or infinite where unknown.

    Raises:
        MolmoRosError: DEPTH_INVALID when next to nothing is known, DEPTH_UNITS when it cannot be metres.
    """
    sample = depth_m[::8, ::8]
    known = sample[np.isfinite(sample) & (sample > 0)]
    if known.size == 0 or known.size < MIN_KNOWN_SHARE * sample.size:
        raise MolmoRosError(
            ErrorCode.DEPTH_INVALID,
            f"only {100 * known.size / max(sample.size, 1):.0f} % of the depth image is known; "
            "is the depth camera covered, too close, or switched off?",
        )
    median_m = float(np.median(known))
    if median_m > FAR_MEDIAN_M:
        raise MolmoRosError(
            ErrorCode.DEPTH_UNITS,
            f"the middle depth is {median_m:.0f} m, so this depth is probably in millimetres; "
            "publish 16UC1 for millimetres or divide by 1000",
        )
    if median_m < NEAR_MEDIAN_M:
        raise MolmoRosError(
            ErrorCode.DEPTH_UNITS,
            f"the middle depth is {1000 * median_m:.2f} mm, so this depth is probably scaled twice; "
            "publish 32FC1 in metres",
        )


def make_cloud(frame: Frame, max_depth_m: float = np.inf) -> FloatImage:
    """The organised cloud of a frame in its base frame.

    Args:
        frame: RGB-D image with calibration.
        max_depth_m: Readings beyond this are dropped.

    Returns:
        (H, W, 3) float32 [m]; NaN where depth is unknown.
    """
    T = frame.T_base_camera
    rays = _rays(frame.height_px, frame.width_px, frame.K.tobytes(), np.ascontiguousarray(T[:3, :3]).tobytes())
    with np.errstate(invalid="ignore"):
        unknown = ~((frame.depth_m > 0) & (frame.depth_m <= min(max_depth_m, float(np.finfo(np.float32).max))))
    depth_m = frame.depth_m.copy()
    depth_m[unknown] = np.nan
    channels = [cv2.multiply(depth_m, ray) + np.float32(T[i, 3]) for i, ray in enumerate(rays)]
    return np.asarray(cv2.merge(channels), dtype=np.float32)
