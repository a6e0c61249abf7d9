"""GraspMolmo's rule from a predicted pixel to a grasp, and the guards it lacks.

Each candidate stands for one cloud point: of the points between its open fingers, the one nearest to the palm's side of
that space; of the whole cloud, where no point lies between them. The candidate whose point projects closest to the
predicted pixel wins. Source: abhaybd/GraspMolmo, ``graspmolmo/inference/utils.py`` (MIT); like there, boxes and
distances are judged in float32, bounds inclusive, and ties go to the lowest index.

Grasps here are GraspMolmo's: camera frame, origin at the hand's base, +z approach, +x closing; see
:mod:`molmo_ros.grasping.conventions` for the way to ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError

BOX_LOWER_M = np.array([-0.041, -0.005, 0.066], dtype=np.float32)
BOX_UPPER_M = np.array([0.041, 0.005, 0.112], dtype=np.float32)
REFERENCE_Z_M = np.float32(0.066)

_SLACK_M = np.float32(1e-3)
_CHUNK_VALUES = 4_000_000

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """What the rule made of K candidates.

    Attributes:
        index: The chosen candidate.
        points_camera_m: (K, 3) the cloud point each candidate stands for.
        pixels: (K, 2) where those project [px].
        distances_px: (K,) their distances from the predicted pixel.
        points_in_box: (K,) points between the fingers; 0 where the whole cloud was taken.
    """

    index: int
    points_camera_m: Float32Array
    pixels: npt.NDArray[np.float64]
    distances_px: npt.NDArray[np.float64]
    points_in_box: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MatchGuards:
    """What a match must satisfy before a robot acts on it.

    Attributes:
        max_distance_share: Greatest distance from the predicted pixel, as a share of the image diagonal.
        min_margin_px: Lead over the next candidate below which the choice is called uncertain.
        prefer_filled: Whether candidates with points between their fingers go before those without.
    """

    max_distance_share: float = 0.05
    min_margin_px: float = 2.0
    prefer_filled: bool = True


@dataclass(frozen=True, kw_only=True)
class GuardedMatch:
    """A match that passed, or the reason it did not.

    Attributes:
        index: The chosen candidate; None when refused.
        code: NONE, NO_GRASP or PAYLOAD_INVALID.
        reason: One sentence for any other code than NONE.
        distance_px: Distance of the chosen candidate's point from the predicted pixel.
        margin_px: Lead over the next candidate with another point; infinite when there is none.
        empty_box: Whether nothing lies between the chosen candidate's fingers.
        uncertain: Whether the margin is below the guard's.
    """

    index: int | None
    code: ErrorCode = ErrorCode.NONE
    reason: str = ""
    distance_px: float = float("nan")
    margin_px: float = float("inf")
    empty_box: bool = False
    uncertain: bool = False


def depth_to_cloud(depth_m: npt.NDArray[Any], K: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Points of a depth image as GraspMolmo makes them: zero depth dropped, row by row, pixel centres at integers.

    Args:
        depth_m: (H, W) depth along the optical axis [m].
        K: (3, 3) intrinsics [px].

    Returns:
        (N, 3) points in the optical frame, in depth's type.
    """
    v, u = np.nonzero(depth_m)
    z = depth_m[v, u].astype(np.float64)
    rays = np.linalg.inv(np.asarray(K, dtype=np.float64)) @ np.stack([u, v, np.ones(len(u))]).astype(np.float64)
    return np.asarray((rays * z).T, dtype=depth_m.dtype)


def grasp_points(
    cloud_camera_m: npt.NDArray[Any], T_camera_hand: npt.NDArray[Any]
) -> tuple[Float32Array, npt.NDArray[np.int64]]:
    """The cloud point each candidate stands for.

    Args:
        cloud_camera_m: (N, 3) points in the optical frame [m].
        T_camera_hand: (K, 4, 4) hand-base, x-closing grasps in the same frame.

    Returns:
        (K, 3) points and (K,) numbers of points between the fingers.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for other shapes, NO_GRASP for no points or no candidates.
    """
    cloud = np.ascontiguousarray(cloud_camera_m, dtype=np.float32)
    grasps = np.ascontiguousarray(T_camera_hand, dtype=np.float32)
    if cloud.ndim != 2 or cloud.shape[1] != 3 or grasps.ndim != 3 or grasps.shape[1:] != (4, 4):
        raise MolmoRosError(
            ErrorCode.PAYLOAD_INVALID, f"a cloud is (N, 3) and grasps are (K, 4, 4), got {cloud.shape}, {grasps.shape}"
        )
    if len(cloud) == 0 or len(grasps) == 0:
        what = "points" if len(cloud) == 0 else "candidates"
        raise MolmoRosError(ErrorCode.NO_GRASP, f"there are no {what} to match the predicted pixel with")
    chosen = np.empty((len(grasps), 3), dtype=np.float32)
    inside = np.zeros(len(grasps), dtype=np.int64)
    chunk = max(1, _CHUNK_VALUES // len(cloud))
    for start in range(0, len(grasps), chunk):
        part = grasps[start : start + chunk]
        for k, near in enumerate(_near_box(cloud, part)):
            chosen[start + k], inside[start + k] = _nearest(cloud, near, part[k])
    return chosen, inside


def match(
    cloud_camera_m: npt.NDArray[Any],
    T_camera_hand: npt.NDArray[Any],
    K: npt.NDArray[Any],
    pixel: npt.ArrayLike,
) -> Match:
    """GraspMolmo's choice for a predicted pixel.

    Args:
        cloud_camera_m: (N, 3) points in the optical frame [m].
        T_camera_hand: (K, 4, 4) hand-base, x-closing grasps in the same frame.
        K: (3, 3) intrinsics [px].
        pixel: (2,) predicted (u, v) [px].

    Raises:
        MolmoRosError: PAYLOAD_INVALID or NO_GRASP, as :func:`grasp_points`.
    """
    points, inside = grasp_points(cloud_camera_m, T_camera_hand)
    with np.errstate(divide="ignore", invalid="ignore"):
        projected = points.astype(np.float64) @ np.asarray(K, dtype=np.float64).T
        pixels = projected[:, :2] / projected[:, 2:]
    distances = np.linalg.norm(pixels - np.asarray(pixel, dtype=np.float64), axis=1)
    index = int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))
    return Match(index=index, points_camera_m=points, pixels=pixels, distances_px=distances, points_in_box=inside)


def guarded_match(
    cloud_camera_m: npt.NDArray[Any],
    T_camera_hand: npt.NDArray[Any],
    K: npt.NDArray[Any],
    pixel: npt.ArrayLike,
    size_px: tuple[int, int],
    guards: MatchGuards | None = None,
) -> GuardedMatch:
    """GraspMolmo's choice where it can be trusted, else the reason it cannot.

    Non-finite points are left out. Candidates whose point lies behind the camera or off the image cannot win.

    Args:
        cloud_camera_m: (N, 3) points in the optical frame [m].
        T_camera_hand: (K, 4, 4) hand-base, x-closing grasps in the same frame.
        K: (3, 3) intrinsics [px].
        pixel: (2,) predicted (u, v) [px].
        size_px: (width, height) of the image.
        guards: Limits.
    """
    limits = guards or MatchGuards()
    width, height = size_px
    target = np.asarray(pixel, dtype=np.float64)
    if not np.all(np.isfinite(target)) or not (0 <= target[0] < width and 0 <= target[1] < height):
        return GuardedMatch(index=None, code=ErrorCode.PAYLOAD_INVALID, reason="the model's point lies off the image")
    cloud = np.asarray(cloud_camera_m)
    cloud = cloud[np.all(np.isfinite(cloud), axis=1)]
    try:
        found = match(cloud, T_camera_hand, K, target)
    except MolmoRosError as error:
        return GuardedMatch(index=None, code=error.code, reason=error.message)
    usable = np.isfinite(found.distances_px) & (found.points_camera_m[:, 2] > 0)
    usable &= np.all((found.pixels >= 0) & (found.pixels < (width, height)), axis=1)
    if limits.prefer_filled and np.any(usable & (found.points_in_box > 0)):
        usable &= found.points_in_box > 0
    if not np.any(usable):
        return GuardedMatch(index=None, code=ErrorCode.NO_GRASP, reason="no candidate touches anything the camera sees")
    distances = np.where(usable, found.distances_px, np.inf)
    index = int(np.argmin(distances))
    distance = float(distances[index])
    others = np.any(found.points_camera_m != found.points_camera_m[index], axis=1)
    margin = float(np.min(distances[others], initial=np.inf) - distance)
    limit = limits.max_distance_share * float(np.hypot(width, height))
    refused = distance > limit
    return GuardedMatch(
        index=None if refused else index,
        code=ErrorCode.NO_GRASP if refused else ErrorCode.NONE,
        reason=f"the closest candidate is {distance:.0f} px from the model's point, more than {limit:.0f} px; ask again"
        if refused
        else "",
        distance_px=distance,
        margin_px=margin,
        empty_box=bool(found.points_in_box[index] == 0),
        uncertain=margin < limits.min_margin_px,
    )


def _near_box(cloud: Float32Array, grasps: Float32Array) -> list[npt.NDArray[np.int64]]:
    """For each grasp the indices of points in its box or within a millimetre of it, found with three products."""
    keep = np.ones((len(grasps), len(cloud)), dtype=bool)
    for axis in (1, 0, 2):
        column = grasps[:, :3, axis]
        value = column @ cloud.T - np.einsum("ki,ki->k", column, grasps[:, :3, 3])[:, None]
        keep &= value >= BOX_LOWER_M[axis] - _SLACK_M
        keep &= value <= BOX_UPPER_M[axis] + _SLACK_M
    return [np.flatnonzero(row) for row in keep]


def _nearest(cloud: Float32Array, near: npt.NDArray[np.int64], grasp: Float32Array) -> tuple[Float32Array, int]:
    """The point a grasp stands for, and how many lie in its box."""
    rotation, origin = grasp[:3, :3], grasp[:3, 3]
    reference = origin + REFERENCE_Z_M * rotation[:, 2]
    points = cloud[near]
    local = (points - origin) @ rotation
    inside = points[np.all((local >= BOX_LOWER_M) & (local <= BOX_UPPER_M), axis=1)]
    pool = inside if len(inside) else cloud
    return pool[int(np.argmin(np.linalg.norm(pool - reference, axis=1)))], len(inside)
