"""Object instances on ray-cast scenes: apart, touching, stacked, cut in two, hollow."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import Ball, Bowl, Box, Cylinder, World

from molmo_ros.perception import PerceptionConfig, perceive

CONFIG = PerceptionConfig()

APART = [
    Box((0.5, 0.15, 0.02), (0.04, 0.04, 0.04), 0.4, (200, 30, 30)),
    Cylinder((0.45, -0.1, 0.0), 0.03, 0.11, (40, 160, 50)),
    Ball((0.62, 0.02, 0.03), 0.03, (40, 70, 200)),
    Box((0.62, -0.22, 0.02), (0.15, 0.024, 0.024), 0.7, (220, 200, 40)),
]
TOUCHING = [
    Box((0.5, 0.0, 0.05), (0.06, 0.16, 0.10), 0.1, (190, 60, 50)),
    Box((0.60, 0.03, 0.03), (0.13, 0.09, 0.06), 0.5, (60, 90, 180)),
]
STACKED = [
    Box((0.5, 0.0, 0.03), (0.16, 0.22, 0.06), 0.2, (200, 180, 60)),
    Box((0.5, 0.0, 0.09), (0.09, 0.13, 0.06), 0.7, (230, 230, 225)),
]
CUT = [
    Box((0.42, 0.0, 0.05), (0.08, 0.28, 0.10), 0.0, (190, 60, 50)),
    Cylinder((0.58, 0.0, 0.0), 0.033, 0.2, (230, 180, 40)),
]
HOLLOW = [Bowl((0.5, 0.0, 0.0), 0.075)]
OBJECT_IN_VESSEL = [Bowl((0.5, 0.0, 0.0), 0.085, rgb=(40, 70, 200)), Ball((0.5, 0.0, 0.034), 0.028, (210, 40, 40))]


def overlaps(things, seed=0, **world):
    frame, label = World(things, **world).render(seed)
    scene = perceive(frame, CONFIG)
    known = np.isfinite(frame.depth_m)
    best = []
    for k in range(len(things)):
        truth = (label == k + 1) & known
        best.append(
            max(
                (np.count_nonzero(o.mask & truth) / np.count_nonzero((o.mask & known) | truth) for o in scene.objects),
                default=0.0,
            )
        )
    return scene, best


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "things", [APART, TOUCHING, STACKED, CUT, HOLLOW], ids=["apart", "touching", "stacked", "cut", "hollow"]
)
def test_every_thing_is_one_object(things, seed):
    scene, best = overlaps(things, seed)
    assert len(scene.objects) == len(things)
    assert min(best) > 0.6


def test_a_thing_in_a_vessel_is_its_own_object():
    scene, best = overlaps(OBJECT_IN_VESSEL)
    assert best[1] > 0.6
    assert scene.objects


def test_an_empty_table_has_no_objects():
    frame, _ = World([]).render()
    assert perceive(frame, CONFIG).objects == ()


def test_ids_are_places_in_the_scene_and_masks_do_not_overlap():
    scene, _ = overlaps(APART)
    assert [o.object_id for o in scene.objects] == list(range(len(scene.objects)))
    assert np.sum([o.mask for o in scene.objects], axis=0).max() == 1


def test_things_outside_the_workspace_are_left_out():
    frame, _ = World(APART).render()
    config = PerceptionConfig(workspace_min_m=(0.3, -0.3, -0.1), workspace_max_m=(0.8, 0.0, 0.5))
    scene = perceive(frame, config)
    assert all(o.center_base_m[1] < 0.01 for o in scene.objects)
    assert len(scene.objects) in {2, 3}


def test_ignored_pixels_are_no_part_of_the_scene():
    frame, label = World(APART).render()
    scene = perceive(frame, CONFIG, ignore=label == 2)
    assert len(scene.objects) == len(APART) - 1
    assert np.isnan(scene.points_base_m[label == 2]).all()


def test_what_floats_free_is_not_on_the_table():
    frame, _ = World([*APART, Box((0.45, 0.0, 0.4), (0.08, 0.2, 0.08))]).render()
    assert all(o.center_base_m[2] < 0.2 for o in perceive(frame, CONFIG).objects)


def test_the_same_frame_gives_the_same_scene():
    frame, _ = World(APART).render()
    first, second = perceive(frame, CONFIG), perceive(frame, CONFIG)
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first.objects, second.objects, strict=True))


def test_a_smaller_image_works_too():
    scene, best = overlaps(APART, size=(320, 240))
    assert len(scene.objects) == len(APART)
    assert min(best) > 0.5
