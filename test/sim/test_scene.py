"""Scenes: the same for the same seed, free of overlaps, inside the workspace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.hulls import hull_gap_m, hull_order
from molmo_ros.sim.config import load_world_config
from molmo_ros.sim.scene import DEMO, ObjectSpec, SceneSpec, build_scene

CONFIG = load_world_config()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_things_keep_their_distance_and_stay_in_the_workspace(seed):
    scene = build_scene(DEMO, seed, CONFIG)
    placed = list(scene.objects.values())
    for i, a in enumerate(placed):
        for b in placed[:i]:
            assert hull_gap_m(a.outline_m, b.outline_m) >= DEMO.clearance_m - 1e-9
        assert CONFIG.workspace_x_m[0] <= a.xy_m[0] <= CONFIG.workspace_x_m[1]
        assert CONFIG.workspace_y_m[0] <= a.xy_m[1] <= CONFIG.workspace_y_m[1]


def test_a_seed_gives_the_same_scene_every_time():
    first, second = build_scene(DEMO, 9, CONFIG), build_scene(DEMO, 9, CONFIG)
    assert first.table_rgb == second.table_rgb
    for name, placed in first.objects.items():
        assert np.array_equal(placed.xy_m, second.objects[name].xy_m)
        assert placed.yaw_rad == second.objects[name].yaw_rad
        assert placed.model.size_m == second.objects[name].model.size_m


def test_another_seed_gives_another_scene():
    first, second = build_scene(DEMO, 1, CONFIG), build_scene(DEMO, 2, CONFIG)
    assert not np.allclose(first.objects["red_block"].xy_m, second.objects["red_block"].xy_m)


def test_too_many_things_are_refused():
    crowd = SceneSpec(objects=tuple(ObjectSpec(kind="bowl", colour="red") for _ in range(20)))
    with pytest.raises(MolmoRosError, match="do not fit") as caught:
        build_scene(crowd, 0, CONFIG)
    assert caught.value.code is ErrorCode.CONFIG_INVALID


points = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=4, max_size=12)


@given(cloud=points, shift=st.floats(2.5, 9.0))
@settings(max_examples=80, deadline=None)
def test_the_gap_of_two_clouds_side_by_side_lies_between_its_bounds(cloud, shift):
    a = np.array(cloud) + np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.3], *([[0.0, 0.0]] * (len(cloud) - 3))])
    b = a + (shift, 0.0)
    gap = hull_gap_m(a, b)
    assert gap <= shift + 1e-9
    assert gap >= shift - np.ptp(a[:, 0]) - 1e-9
    assert gap == pytest.approx(hull_gap_m(b, a))


def test_a_small_hull_inside_a_large_one_has_no_gap():
    large = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    assert hull_gap_m(large, large * 0.2 + 0.4) == 0.0
    assert len(hull_order(np.concatenate([large, large * 0.2 + 0.4]))) == 4
