"""The support plane: near a known height when the camera's pose is known, else the dominant plane of the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import invert
from molmo_ros.core.scene import Plane
from molmo_ros.core.types import Frame
from molmo_ros.perception.cloud import check_depth, make_cloud
from molmo_ros.perception.config import PerceptionConfig

STRIDE_PX = 6
HYPOTHESES = 96
VOTERS = 2000
MIN_INLIER_SHARE = 0.03
MIN_INLIERS = 60
HEIGHT_BIN_M = 0.002
SEED = 20240229

Points = npt.NDArray[np.float64]


def depth_noise_m(depth_m: Points, config: PerceptionConfig) -> Points:
    """Expected depth noise (one sigma) [m]: a constant plus a square law, as triangulating cameras show."""
    return config.noise_floor_m + config.noise_slope * depth_m * depth_m


def find_support(cloud: npt.NDArray[np.float32], camera_m: npt.ArrayLike, config: PerceptionConfig) -> Plane:
    """Fit the support plane of an organised cloud.

    Args:
        cloud: (H, W, 3) points in the base frame [m], NaN where unknown.
        camera_m: (3,) position of the camera in the base frame [m].
        config: Where to look and what noise to expect.

    Returns:
        The plane; its normal points to the camera's side.

    Raises:
        MolmoRosError: NO_SUPPORT_PLANE when nothing flat enough is in view.
    """
    sample = cloud[STRIDE_PX // 2 :: STRIDE_PX, STRIDE_PX // 2 :: STRIDE_PX].reshape(-1, 3)
    points = sample[~np.isnan(sample[:, 2])].astype(np.float64)
    camera = np.asarray(camera_m, dtype=np.float64)
    if len(points) < MIN_INLIERS:
        raise MolmoRosError(ErrorCode.NO_SUPPORT_PLANE, "too little depth is known to find the table")
    tolerance = 3.0 * depth_noise_m(np.linalg.norm(points - camera, axis=1), config)
    if config.support_height_m is None:
        normal, offset_m = _dominant(points, tolerance, camera)
    else:
        normal, offset_m = _near_height(points, tolerance, config)
    for share in (2.0, 1.0, 0.8):
        inlier = np.abs(points @ normal - offset_m) < share * tolerance
        if np.count_nonzero(inlier) >= MIN_INLIERS:
            normal, offset_m = _fit(points[inlier], tolerance[inlier], normal)
    inlier = np.abs(points @ normal - offset_m) < tolerance
    count = int(np.count_nonzero(inlier))
    if count < max(MIN_INLIERS, MIN_INLIER_SHARE * len(points)):
        raise MolmoRosError(
            ErrorCode.NO_SUPPORT_PLANE,
            "no flat support is in view; point the camera at the table"
            if config.support_height_m is None
            else f"no table is in view near {config.support_height_m:.3f} m; check its height and the camera pose",
        )
    if config.support_height_m is not None and np.arccos(np.clip(normal[2], -1, 1)) > config.support_tilt_rad:
        raise MolmoRosError(
            ErrorCode.NO_SUPPORT_PLANE,
            f"the table leans by {np.degrees(np.arccos(np.clip(normal[2], -1, 1))):.1f} degrees in the base frame; "
            "check the camera pose",
        )
    if camera @ normal < offset_m:
        normal, offset_m = -normal, -offset_m
    return Plane(normal=normal, offset_m=float(offset_m), inlier_ratio=count / len(points))


def level_frame(frame: Frame, config: PerceptionConfig) -> Frame:
    """The same frame with a base frame made from its dominant plane, for cameras whose pose nobody measured.

    The origin is the foot of the camera on the plane, z its normal, x the viewing direction along the plane.

    Raises:
        MolmoRosError: DEPTH_INVALID, DEPTH_UNITS or NO_SUPPORT_PLANE.
    """
    check_depth(frame.depth_m)
    optical = replace(frame, T_base_camera=np.eye(4))
    free = replace(config, support_height_m=None)
    plane = find_support(make_cloud(optical, config.max_depth_m), np.zeros(3), free)
    z = plane.normal
    forward = np.array([0.0, 0.0, 1.0]) - z[2] * z
    if np.linalg.norm(forward) < 0.05:
        forward = np.array([0.0, -1.0, 0.0]) + z[1] * z
    x = forward / np.linalg.norm(forward)
    T_camera_base = np.eye(4)
    T_camera_base[:3, :3] = np.column_stack([x, np.cross(z, x), z])
    T_camera_base[:3, 3] = plane.offset_m * z
    return replace(frame, T_base_camera=invert(T_camera_base))


def _near_height(points: Points, tolerance: Points, config: PerceptionConfig) -> tuple[Points, float]:
    """The most populated height within the prior's tolerance, as a level plane."""
    height = config.support_height_m or 0.0
    reach = config.support_tolerance_m
    z = points[:, 2] - height
    near = np.abs(z) <= reach
    bins = max(3, int(np.ceil(2 * reach / HEIGHT_BIN_M)))
    counts, edges = np.histogram(z[near], bins=bins, range=(-reach, reach))
    smooth = np.convolve(counts, np.ones(3), mode="same")
    peak = int(np.argmax(smooth))
    middle = 0.5 * (edges[peak] + edges[peak + 1])
    close = near & (np.abs(z - middle) < np.maximum(tolerance, 1.5 * HEIGHT_BIN_M))
    offset = float(np.median(z[close])) if np.any(close) else float(middle)
    return np.array([0.0, 0.0, 1.0]), height + offset


def _dominant(points: Points, tolerance: Points, camera: Points) -> tuple[Points, float]:
    """The plane through three points that the most points agree with."""
    rng = np.random.default_rng(SEED)
    triples = points[rng.integers(0, len(points), size=(HYPOTHESES, 3))]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    length = np.linalg.norm(normals, axis=1)
    good = length > 1e-4
    if not np.any(good):
        raise MolmoRosError(ErrorCode.NO_SUPPORT_PLANE, "no flat support is in view; point the camera at the table")
    normals = normals[good] / length[good, None]
    offsets = np.einsum("ij,ij->i", normals, triples[good, 0])
    flip = normals @ camera < offsets
    normals[flip] *= -1
    offsets[flip] *= -1
    step = max(1, len(points) // VOTERS)
    points, tolerance = points[::step], tolerance[::step]
    distance = np.abs(points.astype(np.float32) @ normals.T.astype(np.float32) - offsets.astype(np.float32))
    votes = np.count_nonzero(distance < tolerance.astype(np.float32)[:, None], axis=0)
    best = int(np.argmax(votes))
    return normals[best], float(offsets[best])


def _fit(points: Points, tolerance: Points, towards: Points) -> tuple[Points, float]:
    """Weighted total least squares plane; the normal keeps the side of ``towards``."""
    weight = 1.0 / tolerance**2
    middle = np.average(points, axis=0, weights=weight)
    centred = points - middle
    _, vectors = np.linalg.eigh((centred * weight[:, None]).T @ centred)
    normal = vectors[:, 0]
    if normal @ towards < 0:
        normal = -normal
    return normal, float(normal @ middle)
