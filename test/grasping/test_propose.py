"""Grasps proposed on ray-cast scenes: truth on simple bodies, reasons for what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import Ball, Bowl, Box, Cylinder, World

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import GraspStatus
from molmo_ros.grasping import FRANKA_HAND, GraspConfig, propose_grasps
from molmo_ros.perception import PerceptionConfig, perceive


def scene_of(*things, seed=0):
    frame, _ = World(list(things)).render(seed)
    return perceive(frame, PerceptionConfig())


def accepted(grasps):
    return [g for g in grasps if g.status is GraspStatus.ACCEPTED]


BOX = Box((0.5, 0.0, 0.05), (0.06, 0.10, 0.10), 0.5)


@pytest.fixture(scope="module")
def box_grasps():
    return propose_grasps(scene_of(BOX))


def test_a_box_is_taken_across_its_narrow_side(box_grasps):
    # Footprint 60 x 100 mm at yaw 0.5: the only faces a 80 mm hand spans are the 100 mm long ones.
    best = accepted(box_grasps)[0]
    assert best.width_m == pytest.approx(0.06, abs=0.006)
    closing = best.T_base_tcp[:3, 1]
    assert abs(closing @ (np.cos(0.5), np.sin(0.5), 0.0)) > np.cos(0.2)


def test_the_best_grasp_comes_from_above_through_the_middle(box_grasps):
    best = accepted(box_grasps)[0]
    assert best.T_base_tcp[2, 2] < -0.9
    np.testing.assert_allclose(best.T_base_tcp[:2, 3], (0.5, 0.0), atol=0.02)


def test_accepted_come_first_and_are_ranked(box_grasps):
    states = [g.status for g in box_grasps]
    assert states == sorted(states, key=lambda s: s is not GraspStatus.ACCEPTED)
    qualities = [g.quality for g in accepted(box_grasps)]
    assert qualities == sorted(qualities, reverse=True)
    assert len({g.grasp_id for g in box_grasps}) == len(box_grasps)


def test_every_refusal_has_a_code_and_a_sentence(box_grasps):
    refused = [g for g in box_grasps if g.status is GraspStatus.REJECTED]
    assert refused
    assert all(g.reason_code is not ErrorCode.NONE and len(g.reason) > 15 for g in refused)


def test_accepted_grasps_clear_the_table(box_grasps):
    for grasp in accepted(box_grasps):
        corners = FRANKA_HAND.corners() @ grasp.T_base_tcp[:3, :3].T + grasp.T_base_tcp[:3, 3]
        assert corners[:, 2].min() > 0.002


@pytest.mark.parametrize(
    "thing",
    [
        Cylinder((0.5, 0.0, 0.0), 0.03, 0.12),
        Ball((0.5, 0.0, 0.03), 0.03),
        Box((0.5, 0.0, 0.011), (0.16, 0.022, 0.022), 0.4),
        Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04), 0.2),
    ],
    ids=["cylinder", "ball", "stick", "cube"],
)
def test_everyday_bodies_get_centred_grasps(thing):
    best = accepted(propose_grasps(scene_of(thing)))[0]
    closing = best.T_base_tcp[:2, 1] / np.linalg.norm(best.T_base_tcp[:2, 1])
    # Off the middle along the closing axis, one finger would touch long before the other.
    assert abs((best.T_base_tcp[:2, 3] - (0.5, 0.0)) @ closing) < 0.012


def test_a_12_cm_cube_is_too_wide_and_says_how_wide():
    grasps = propose_grasps(scene_of(Box((0.5, 0.0, 0.06), (0.12, 0.12, 0.12), 0.3)))
    assert not accepted(grasps)
    assert {g.reason_code for g in grasps} == {ErrorCode.GRASP_TOO_WIDE}
    assert "12." in grasps[0].reason or "11." in grasps[0].reason
    assert "8.0 cm" in grasps[0].reason


def test_a_bowl_is_taken_by_its_rim():
    best = accepted(propose_grasps(scene_of(Bowl((0.5, 0.0, 0.0), 0.075))))[0]
    assert best.source == "rim"
    assert np.linalg.norm(best.T_base_tcp[:2, 3] - (0.5, 0.0)) == pytest.approx(0.073, abs=0.01)
    outward = (best.T_base_tcp[:2, 3] - (0.5, 0.0)) / 0.073
    assert abs(best.T_base_tcp[:2, 1] @ outward) > 0.9


def test_a_wall_beside_the_object_forbids_grasps_into_it():
    block = Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04))
    free = accepted(propose_grasps(scene_of(block), object_ids=None))
    scene = scene_of(block, Box((0.5, 0.06, 0.1), (0.2, 0.03, 0.2)))
    target = min(scene.objects, key=lambda o: float(np.prod(o.size_m)))
    grasps = propose_grasps(scene, [target.object_id])
    assert any(abs(g.T_base_tcp[1, 1]) > 0.9 for g in free)
    assert not any(abs(g.T_base_tcp[1, 1]) > 0.9 for g in accepted(grasps))
    assert any(g.reason_code is ErrorCode.GRASP_IN_COLLISION for g in grasps)


def test_only_the_named_objects_are_grasped():
    scene = scene_of(BOX, Ball((0.55, 0.25, 0.03), 0.03))
    assert {g.object_id for g in propose_grasps(scene, [1])} == {1}


def test_an_unknown_object_is_a_named_fault():
    with pytest.raises(MolmoRosError) as fault:
        propose_grasps(scene_of(BOX), [7])
    assert fault.value.code is ErrorCode.NO_GRASP


def test_no_objects_no_grasps():
    assert propose_grasps(scene_of()) == ()


def test_reach_is_asked_once_for_all_and_refusals_carry_its_reason(box_grasps):
    asked = []

    def nowhere(T):
        asked.append(len(T))
        return [(False, ErrorCode.GRASP_UNREACHABLE, "the arm is too short for this grasp")] * len(T)

    grasps = propose_grasps(scene_of(BOX), reachable=nowhere)
    assert not accepted(grasps)
    assert asked == [len(accepted(box_grasps))] * 2
    assert any(g.reason == "the arm is too short for this grasp" for g in grasps)


def test_a_grasp_that_is_only_reachable_turned_half_is_turned():
    def right_handed(T):
        return [(bool(t[1, 1] > 0), ErrorCode.IK_FAILED, "no") for t in T]

    kept = accepted(propose_grasps(scene_of(BOX), reachable=right_handed))
    assert kept
    assert all(g.T_base_tcp[1, 1] > 0 for g in kept)


def test_accepted_grasps_differ_from_each_other(box_grasps):
    kept = accepted(box_grasps)
    for i, a in enumerate(kept):
        for b in kept[i + 1 :]:
            near = np.linalg.norm(a.T_base_tcp[:3, 3] - b.T_base_tcp[:3, 3]) < 0.015
            turn = a.T_base_tcp[:3, :3].T @ b.T_base_tcp[:3, :3]
            trace = max(np.trace(turn), turn[2, 2] - turn[0, 0] - turn[1, 1])
            assert not (near and trace > 1 + 2 * np.cos(0.35))


def test_limits_hold():
    config = GraspConfig(max_per_object=3, max_rejected_per_object=2)
    grasps = propose_grasps(scene_of(BOX), config=config)
    assert len(accepted(grasps)) <= 3
    assert len(grasps) <= 5


def test_too_few_points_are_refused_in_words():
    scene = scene_of(BOX)
    thin = replace(
        scene.objects[0], points_base_m=scene.objects[0].points_base_m[:5], size_m=np.array([0.05, 0.04, 0.1])
    )
    grasps = propose_grasps(replace(scene, objects=(thin,)))
    assert [g.reason_code for g in grasps] == [ErrorCode.NO_GRASP]
