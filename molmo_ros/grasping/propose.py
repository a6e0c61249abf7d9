"""From a scene to ranked grasps, every refused one with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.core.types import Grasp, GraspStatus
from molmo_ros.grasping.candidates import Candidates, concatenate, surface_of
from molmo_ros.grasping.contour import contour_candidates
from molmo_ros.grasping.conventions import flip
from molmo_ros.grasping.filters import Verdicts, judge, obstacle_points
from molmo_ros.grasping.hand import FRANKA_HAND, HandGeometry
from molmo_ros.grasping.pairs import half_candidates, pair_candidates, surface_samples
from molmo_ros.grasping.rim import rim_candidates
from molmo_ros.grasping.suppress import suppress

FEW = 8
FINGER_ROOM_M = 0.005

Reachability = Callable[[npt.NDArray[np.float64]], Sequence[tuple[bool, ErrorCode, str]]]
"""(K, 4, 4) tool poses in the base frame to one (reachable, code, sentence) each."""


@dataclass(frozen=True, kw_only=True)
class GraspConfig:
    """How candidates are made, judged and thinned; lengths in metres.

    Attributes:
        max_candidates: Candidates judged per call.
        max_per_object: Accepted grasps kept per object.
        max_accepted: Accepted grasps kept per call.
        max_rejected_per_object: Refused grasps reported per object.
        approach_m: Length of the straight way in, which must be free.
        voxel_m: Voxel of the cloud used for collisions.
        max_hits: Voxels that may lie inside the hand before it counts as a collision.
        min_between: Voxels the fingers must have between them.
        table_clearance_m: What must stay between hand and support.
        finger_clearance_m: Room wanted beside each finger when it comes down.
        nms_distance_m: Grasps closer than this, and turned by less than ``nms_angle_rad``, count as one.
        nms_angle_rad: See above; a half turn about the approach counts as none.
    """

    max_candidates: int = 1000
    max_per_object: int = 30
    max_accepted: int = 200
    max_rejected_per_object: int = 20
    approach_m: float = 0.10
    voxel_m: float = 0.004
    max_hits: int = 2
    min_between: int = 6
    table_clearance_m: float = 0.003
    finger_clearance_m: float = 0.002
    nms_distance_m: float = 0.015
    nms_angle_rad: float = 0.35


def propose_grasps(
    scene: Scene,
    object_ids: Iterable[int] | None = None,
    hand: HandGeometry = FRANKA_HAND,
    config: GraspConfig | None = None,
    reachable: Reachability | None = None,
) -> tuple[Grasp, ...]:
    """Grasps for objects of a scene.

    Args:
        scene: The perceived scene.
        object_ids: Objects to grasp; all by default.
        hand: The hand.
        config: Limits and counts.
        reachable: Judges poses the geometry allows; each grasp is tried as it is and turned half about its approach.

    Returns:
        Accepted grasps, best first, then refused ones with code and sentence. An object no family has a candidate
        for yields one refused grasp that says why.

    Raises:
        MolmoRosError: NO_GRASP when an object id is not in the scene.
    """
    settings = config or GraspConfig()
    items = _select(scene, object_ids)
    if not items:
        return ()
    limit = max(40, settings.max_candidates // len(items))
    grasps = filter_candidates([sample_candidates(item, scene, hand, limit) for item in items], scene, hand, settings)
    # What no grasp fits is refused for its width, whatever else its candidates met.
    taken = {grasp.object_id for grasp in grasps if grasp.status is GraspStatus.CANDIDATE}
    tried = {grasp.object_id for grasp in grasps}
    hopeless = [
        item for item in items if item.object_id not in tried or (item.object_id not in taken and _too_wide(item, hand))
    ]
    wide = {item.object_id for item in hopeless if _too_wide(item, hand)}
    grasps = [g for g in grasps if g.object_id not in wide or g.reason_code is ErrorCode.GRASP_TOO_WIDE]
    grasps = [_no_candidate(item, hand) for item in hopeless] + grasps
    passed = sorted((g for g in grasps if g.status is GraspStatus.CANDIDATE), key=lambda g: -g.quality)
    kept = passed[: settings.max_accepted]
    refused = [g for g in grasps if g.status is GraspStatus.REJECTED]
    if reachable is not None and kept:
        kept, unreachable = _reach(kept, reachable)
        refused = unreachable + refused
    accepted = [replace(g, status=GraspStatus.ACCEPTED, grasp_id=f"g{i}") for i, g in enumerate(kept)]
    return (*accepted, *(replace(g, grasp_id=f"g{i}") for i, g in enumerate(refused, start=len(kept))))


def _select(scene: Scene, object_ids: Iterable[int] | None) -> list[SceneObject]:
    if object_ids is None:
        return list(scene.objects)
    known = {item.object_id: item for item in scene.objects}
    chosen = []
    for object_id in object_ids:
        if object_id not in known:
            raise MolmoRosError(ErrorCode.NO_GRASP, f"there is no object {object_id} in this scene; look again first")
        chosen.append(known[object_id])
    return chosen


def filter_candidates(
    sampled: Sequence[Candidates], scene: Scene, hand: HandGeometry, config: GraspConfig
) -> list[Grasp]:
    """Judge candidates, one batch per object, and keep distinct ones: those that pass and those refused, with reasons."""
    items = {item.object_id: item for item in scene.objects}
    obstacles = obstacle_points(scene, config)
    grasps: list[Grasp] = []
    for candidates in sampled:
        if len(candidates):
            item = items[int(candidates.object_id[0])]
            verdicts = judge(candidates, item, scene, obstacles, hand, config)
            grasps += _report(candidates, verdicts, config)
    return grasps


def sample_candidates(item: SceneObject, scene: Scene, hand: HandGeometry, limit: int) -> Candidates:
    """Candidates of all families for one object, about ``limit`` of them."""
    if len(item.points_base_m) < 20:
        return concatenate([])
    surface = surface_of(item, scene.plane, scene.camera_base_m)
    contour = contour_candidates(surface, hand, int(0.55 * limit))
    points, normals = surface_samples(surface)
    pairs = pair_candidates(surface, points, normals, hand, int(0.3 * limit))
    found = [contour, pairs, rim_candidates(surface, hand)]
    if np.count_nonzero(contour.width_m <= hand.max_width_m) + len(pairs) < FEW:
        found.append(half_candidates(surface, points, normals, hand, int(0.3 * limit)))
    return concatenate(found)


def _report(candidates: Candidates, verdicts: Verdicts, config: GraspConfig) -> list[Grasp]:
    """Grasp objects of one item: the best distinct acceptable ones, and distinct refused ones per reason."""
    good = np.flatnonzero(verdicts.code == int(ErrorCode.NONE))
    order = good[np.argsort(-verdicts.quality[good], kind="stable")]
    kept = order[suppress(candidates.T_base_tcp[order], config.nms_distance_m, config.nms_angle_rad)]
    grasps = [_grasp(candidates, verdicts, int(k)) for k in kept[: config.max_per_object]]
    bad = np.flatnonzero(verdicts.code != int(ErrorCode.NONE))
    order = bad[np.argsort(-verdicts.quality[bad], kind="stable")][:200]
    distinct = order[suppress(candidates.T_base_tcp[order], config.nms_distance_m, config.nms_angle_rad)]
    return grasps + [_grasp(candidates, verdicts, int(k)) for k in distinct[: config.max_rejected_per_object]]


def _grasp(candidates: Candidates, verdicts: Verdicts, k: int) -> Grasp:
    code = ErrorCode(int(verdicts.code[k]))
    return Grasp(
        T_base_tcp=candidates.T_base_tcp[k],
        width_m=float(verdicts.width_m[k]),
        quality=float(verdicts.quality[k]),
        status=GraspStatus.CANDIDATE if code is ErrorCode.NONE else GraspStatus.REJECTED,
        reason_code=code,
        reason=verdicts.reason(k),
        object_id=int(candidates.object_id[k]),
        source=str(candidates.source[k]),
    )


def _too_wide(item: SceneObject, hand: HandGeometry) -> bool:
    return bool(min(item.size_m[:2]) > hand.max_width_m - FINGER_ROOM_M)


def _no_candidate(item: SceneObject, hand: HandGeometry) -> Grasp:
    T = item.T_base_box.copy()
    T[:3, 1], T[:3, 2] = -T[:3, 1], -T[:3, 2]
    width_m = float(min(item.size_m[:2]))
    if _too_wide(item, hand):
        code = ErrorCode.GRASP_TOO_WIDE
        reason = (
            f"the {item.shape} is {100 * width_m:.1f} cm wide where it is narrowest; "
            f"the {hand.name} opens {100 * hand.max_width_m:.1f} cm"
        )
    else:
        code = ErrorCode.NO_GRASP
        reason = f"too little of the {item.shape} is visible to find two opposite sides; move the camera or the object"
    return Grasp(
        T_base_tcp=T,
        width_m=width_m,
        quality=0.0,
        status=GraspStatus.REJECTED,
        reason_code=code,
        reason=reason,
        object_id=item.object_id,
        source="none",
    )


def _reach(grasps: list[Grasp], reachable: Reachability) -> tuple[list[Grasp], list[Grasp]]:
    """Ask for each grasp, then for the half turn of those that were refused."""
    first = reachable(np.stack([g.T_base_tcp for g in grasps]))
    again = [i for i, answer in enumerate(first) if not answer[0]]
    turned = {}
    if again:
        poses = flip(np.stack([grasps[i].T_base_tcp for i in again]))
        turned = {i: (poses[n], answer) for n, (i, answer) in enumerate(zip(again, reachable(poses), strict=True))}
    kept: list[Grasp] = []
    refused: list[Grasp] = []
    for i, (grasp, answer) in enumerate(zip(grasps, first, strict=True)):
        if answer[0]:
            kept.append(grasp)
        elif turned[i][1][0]:
            kept.append(replace(grasp, T_base_tcp=turned[i][0]))
        else:
            code = answer[1] if answer[1] is not ErrorCode.NONE else ErrorCode.GRASP_UNREACHABLE
            refused.append(grasp.rejected(code, answer[2] or "the arm cannot reach this grasp"))
    return kept, refused
