"""GraspMolmo's rule: the golden scenes, the fact sheet's vectors, and the guards around it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.grasping.matching import depth_to_cloud, grasp_points, guarded_match, match

GOLDEN = Path(os.environ.get("MOLMO_ROS_GOLDEN") or Path(__file__).parents[1] / "data" / "golden") / "graspmolmo"

# Worked example: intrinsics, cloud and three grasps whose points and distances follow by hand from the rule.
K = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
CLOUD = np.array(
    [(0, 0, 0.50), (0.03, 0, 0.49), (0, 0.02, 0.49), (0.10, 0.002, 0.53), (0.11, 0, 0.51), (-0.2, 0.05, 0.60)]
)


def pose(t, columns=((1, 0, 0), (0, 1, 0), (0, 0, 1))):
    T = np.eye(4)
    T[:3, :3] = np.array(columns, float).T
    T[:3, 3] = t
    return T


GRASPS = np.stack(
    [
        pose((0, 0, 0.42)),
        pose((0.02, 0, 0.52), ((0, 0, 1), (0, -1, 0), (1, 0, 0))),
        pose((-0.30, 0.05, 0.42)),
    ]
)


@pytest.fixture(scope="module")
def golden():
    load_file = pytest.importorskip("safetensors.numpy", reason="reads safetensors").load_file
    return json.loads((GOLDEN / "cases.json").read_text()), load_file(GOLDEN / "vectors.safetensors")


def test_golden_scenes_choose_the_same_grasp(golden):
    document, tensors = golden
    assert document["cases"]
    for case in document["cases"]:
        name = f"case.{case['id']}"
        found = match(tensors[f"{name}.cloud"], tensors[f"{name}.grasps"], tensors[f"{name}.K"], case["pixel"])
        assert found.index == case["index"], name


def test_golden_scenes_give_the_same_points_and_pixels(golden):
    document, tensors = golden
    for case in document["cases"]:
        name = f"case.{case['id']}"
        found = match(tensors[f"{name}.cloud"], tensors[f"{name}.grasps"], tensors[f"{name}.K"], case["pixel"])
        np.testing.assert_array_equal(
            found.points_camera_m, tensors[f"{name}.grasp_points"].astype(np.float32), err_msg=name
        )
        np.testing.assert_allclose(found.pixels, tensors[f"{name}.pixels"], atol=1e-3, rtol=1e-6, err_msg=name)
        if not case["borderline_box"]:
            np.testing.assert_array_equal(found.points_in_box, tensors[f"{name}.points_in_box"], err_msg=name)


def test_golden_depth_images_give_the_same_clouds(golden):
    _, tensors = golden
    names = sorted({key.rsplit(".", 1)[0] for key in tensors if key.startswith("depth.")})
    assert names
    for name in names:
        cloud = depth_to_cloud(tensors[f"{name}.depth"], tensors[f"{name}.K"])
        np.testing.assert_allclose(cloud, tensors[f"{name}.cloud"], atol=1e-6, err_msg=name)


def test_points_are_the_first_surface_behind_the_palm():
    points, inside = grasp_points(CLOUD, GRASPS)
    np.testing.assert_allclose(points, [(0, 0, 0.50), (0.10, 0.002, 0.53), (-0.2, 0.05, 0.60)], atol=1e-6)
    assert list(inside > 0) == [True, True, False]


def test_points_project_to_the_worked_pixels():
    found = match(CLOUD, GRASPS, K, (320, 240))
    np.testing.assert_allclose(found.pixels, [(320, 240), (433.2075, 242.2642), (120, 290)], atol=1e-3)


@pytest.mark.parametrize(
    ("percent", "index", "distance"), [((50, 50), 0, 0.0), ((70, 50), 1, 14.965), ((20, 60), 2, 8.246)]
)
def test_worked_pixels_choose_their_grasp(percent, index, distance):
    found = match(CLOUD, GRASPS, K, (6.4 * percent[0], 4.8 * percent[1]))
    assert found.index == index
    assert found.distances_px[index] == pytest.approx(distance, abs=1e-3)


def test_ties_go_to_the_lowest_index():
    assert match(CLOUD, np.stack([GRASPS[1], GRASPS[0], GRASPS[0]]), K, (320, 240)).index == 1


@pytest.mark.parametrize(("cloud", "grasps"), [(np.zeros((0, 3)), GRASPS), (CLOUD, np.zeros((0, 4, 4)))])
def test_nothing_to_match_is_a_named_fault(cloud, grasps):
    with pytest.raises(MolmoRosError) as fault:
        match(cloud, grasps, K, (320, 240))
    assert fault.value.code is ErrorCode.NO_GRASP


def test_wrong_shapes_are_a_named_fault():
    with pytest.raises(MolmoRosError) as fault:
        match(CLOUD, GRASPS[0], K, (320, 240))
    assert fault.value.code is ErrorCode.PAYLOAD_INVALID


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 400))
def test_the_fast_search_agrees_with_the_rule_written_out(seed, count):
    rng = np.random.default_rng(seed)
    cloud = (rng.normal(0, 0.05, (count, 3)) + (0, 0, 0.6)).astype(np.float32)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    grasp = np.eye(4, dtype=np.float32)
    grasp[:3, :3] = rotation * np.sign(np.linalg.det(rotation))
    grasp[:3, 3] = (0, 0, 0.6) - 0.089 * grasp[:3, 2] + rng.normal(0, 0.01, 3)
    local = (cloud - grasp[:3, 3]) @ grasp[:3, :3]
    inside = np.all((local >= np.float32((-0.041, -0.005, 0.066))) & (local <= np.float32((0.041, 0.005, 0.112))), 1)
    reference = grasp[:3, 3] + np.float32(0.066) * grasp[:3, 2]
    pool = cloud[inside] if inside.any() else cloud
    expected = pool[np.argmin(np.linalg.norm(pool - reference, axis=1))]
    points, counted = grasp_points(cloud, grasp[None])
    np.testing.assert_array_equal(points[0], expected)
    assert counted[0] == inside.sum()


def test_guards_pass_a_clear_choice():
    found = guarded_match(CLOUD, GRASPS, K, (320, 240), (640, 480))
    assert found.index == 0
    assert found.code is ErrorCode.NONE
    assert not found.empty_box


def test_guards_leave_out_points_that_are_not_numbers():
    cloud = np.concatenate([CLOUD, np.full((3, 3), np.nan)])
    assert guarded_match(cloud, GRASPS, K, (320, 240), (640, 480)).index == 0


def test_guards_refuse_a_far_choice():
    found = guarded_match(CLOUD, GRASPS, K, (320, 400), (640, 480))
    assert found.index is None
    assert found.code is ErrorCode.NO_GRASP
    assert "px" in found.reason


def test_guards_refuse_a_pixel_off_the_image():
    assert guarded_match(CLOUD, GRASPS, K, (700, 10), (640, 480)).code is ErrorCode.PAYLOAD_INVALID


def test_guards_prefer_a_filled_hand_to_an_empty_one():
    found = guarded_match(CLOUD, np.stack([GRASPS[2], GRASPS[0]]), K, (318, 240), (640, 480))
    assert found.index == 1
    assert not found.empty_box


def test_guards_mark_a_close_call():
    # Two points 14.4 px apart, one per grasp (0.012 m * 600 / 0.5 m), and a prediction between them.
    cloud = np.array([(0, 0, 0.50), (0, 0.012, 0.50)])
    grasps = np.stack([GRASPS[0], pose((0, 0.012, 0.42))])
    found = guarded_match(cloud, grasps, K, (320, 247), (640, 480))
    assert found.index == 0
    assert found.margin_px == pytest.approx(0.4, abs=1e-3)
    assert found.uncertain


def test_guards_refuse_what_lies_behind_the_camera():
    found = guarded_match(-CLOUD, GRASPS, K, (320, 240), (640, 480))
    assert found.index is None
    assert found.code is ErrorCode.NO_GRASP
