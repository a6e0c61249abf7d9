"""The checks a candidate must pass, and the sentence for each that it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.grasping.candidates import Array, Candidates
from molmo_ros.grasping.collision import count_contacts, voxelise
from molmo_ros.grasping.hand import HandGeometry

if TYPE_CHECKING:
    from molmo_ros.grasping.propose import GraspConfig

SURROUND_M = 0.16
ABOVE_M = 0.008
FULL_GRIP_POINTS = 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdicts:
    """What became of K candidates.

    Attributes:
        code: (K,) ErrorCode numbers; NONE for those that passed.
        detail: (K,) the figure a reason speaks of [m or points].
        quality: (K,) quality after the checks, 0..1.
        width_m: (K,) distance between the contacts as the points between the fingers show it.
        stage: (K,) index of the check that refused it.
        hand: The hand, for sentences.
        shape: The object's shape word, for sentences.
    """

    code: npt.NDArray[np.int64]
    detail: Array
    quality: Array
    width_m: Array
    stage: npt.NDArray[np.int64]
    hand: HandGeometry
    shape: str

    def reason(self, k: int) -> str:
        """Why candidate k was refused, in one sentence; empty when it passed."""
        value = float(self.detail[k])
        opens = f"the {self.hand.name} opens {100 * self.hand.max_width_m:.1f} cm"
        sentences = (
            "",
            f"the {self.shape} is {100 * value:.1f} cm wide there; {opens}",
            f"the hand would come {1000 * max(-value, 0):.0f} mm into the table"
            if value < 0
            else f"the hand would come within {1000 * value:.0f} mm of the table",
            f"fingers or palm would be inside something: {value:.0f} measured points lie there",
            f"the way in is blocked: {value:.0f} measured points lie on it",
            f"too little of the {self.shape} would be between the fingers: {value:.0f} measured points",
        )
        return sentences[int(self.stage[k])]


def judge(
    candidates: Candidates,
    item: SceneObject,
    scene: Scene,
    obstacles: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]],
    hand: HandGeometry,
    config: GraspConfig,
) -> Verdicts:
    """Check every candidate of one object against width, table, cloud, way in and grip.

    Args:
        candidates: The candidates.
        item: The object to grasp.
        scene: The scene it stands in.
        obstacles: What :func:`obstacle_points` found in it.
        hand: The hand.
        config: Limits.
    """
    count = len(candidates)
    points, owner = obstacles
    low = item.points_base_m.min(axis=0) - SURROUND_M
    high = item.points_base_m.max(axis=0) + SURROUND_M
    near = np.all((points > low) & (points < high), axis=1)
    contacts = count_contacts(
        candidates.T_base_tcp, points[near], owner[near] == item.object_id, scene.plane, hand, config.approach_m
    )
    extent = contacts.extent_m[:, 1] - contacts.extent_m[:, 0]
    width = np.where(np.isnan(extent), candidates.width_m, np.maximum(candidates.width_m, extent))
    room = hand.max_width_m - 2 * config.finger_clearance_m
    checks = (
        (ErrorCode.GRASP_TOO_WIDE, width > room, width),
        (ErrorCode.GRASP_IN_COLLISION, contacts.lowest_m < config.table_clearance_m - 1e-9, contacts.lowest_m),
        (ErrorCode.GRASP_IN_COLLISION, contacts.in_hand > config.max_hits, contacts.in_hand),
        (ErrorCode.GRASP_IN_COLLISION, contacts.in_way > config.max_hits, contacts.in_way),
        (ErrorCode.NO_GRASP, contacts.between < config.min_between, contacts.between),
    )
    code = np.zeros(count, dtype=np.int64)
    stage = np.zeros(count, dtype=np.int64)
    detail = np.zeros(count)
    for number, (name, failed, value) in enumerate(checks, start=1):
        fresh = failed & (stage == 0)
        code[fresh], stage[fresh], detail[fresh] = int(name), number, np.asarray(value)[fresh]
    touched = (contacts.in_hand + contacts.in_way) / (config.max_hits + 1.0)
    quality = (
        candidates.quality * np.minimum(1.0, contacts.between / FULL_GRIP_POINTS) * (1.0 - 0.3 * touched.clip(0, 1))
    )
    return Verdicts(
        code=code,
        detail=detail,
        quality=np.clip(quality, 0.0, 1.0),
        width_m=np.where(code == int(ErrorCode.GRASP_TOO_WIDE), width, np.minimum(width, hand.max_width_m)),
        stage=stage,
        hand=hand,
        shape=item.shape,
    )


def obstacle_points(scene: Scene, config: GraspConfig) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """What the hand could meet: voxelised points above the support, and the object each belongs to.

    Points within a few pixels of an object that belong to no other one are its own: depth is smeared at edges.

    Returns:
        (N, 3) points in the base frame [m] and (N,) object ids, -1 for none.
    """
    cloud = scene.points_base_m[::2, ::2]
    owner = np.full(cloud.shape[:2], -1, np.int64)
    rim = np.ones((5, 5), np.uint8)
    for item in scene.objects:
        grown = cv2.dilate(item.mask[::2, ::2].astype(np.uint8), rim) > 0
        owner[grown & (owner < 0)] = item.object_id
    for item in scene.objects:
        owner[item.mask[::2, ::2]] = item.object_id
    with np.errstate(invalid="ignore"):
        above = scene.plane.height_m(cloud) > ABOVE_M
    loose = np.where(owner[above] >= 0, owner[above], len(scene.objects))
    points, first = voxelise(cloud[above], config.voxel_m)
    ids = loose[first]
    return points, np.where(ids == len(scene.objects), -1, ids)
