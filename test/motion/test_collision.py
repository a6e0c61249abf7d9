"""The collision world finds contact where geometry says there is contact, and names the parts."""

import numpy as np
import pytest

from molmo_ros.core.geometry import make_transform
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import Box, CollisionWorld, densify

TABLE = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)


@pytest.fixture
def world(model, robot):
    return CollisionWorld.from_config(model, robot)


def box_at(point, size=0.05):
    return Box(T_base_box=make_transform(None, point), size_m=np.full(3, size))


def test_ready_is_free_even_on_a_table(world, ready):
    world.set_support(TABLE)
    assert not world.in_collision(ready)
    assert world.contact(ready) == ""


def test_folded_into_itself_is_contact(world):
    folded = np.array([0.0, 1.75, 0.0, -3.0, 0.0, 0.6, 0.0])
    assert world.in_collision(folded)
    assert "touches" in world.contact(folded)


def test_hand_below_the_table_is_contact(world, model, ready):
    world.set_support(TABLE)
    low = model.ik(make_transform(model.fk(ready)[:3, :3], (0.5, 0.0, -0.03)), ready)
    assert world.in_collision(low)
    assert "the support" in world.contact(low)


def test_fingers_may_come_close_to_the_table_at_a_small_margin(world, model, ready):
    # The finger boxes end 1.0 mm beyond the tool frame: 0.0584 + 0.04525 + 0.00925 - 0.1034.
    world.set_support(TABLE)
    pose = make_transform(model.fk(ready)[:3, :3], (0.5, 0.0, 0.0095 + 0.004))
    near = model.ik(pose, ready)
    assert not world.in_collision(near, margin_m=0.002)
    assert world.in_collision(near, margin_m=0.006)


@pytest.mark.parametrize(("gap_m", "touches"), [(-0.001, True), (0.001, False)])
def test_contact_starts_at_the_surface(world, model, ready, gap_m, touches):
    # The lowest point of the finger boxes lies 0.0545 m below the finger frame, which is 0.0584 m below the hand.
    tip_z = model.fk(ready, "fr3_hand")[2, 3] - 0.0584 - 0.0545
    top = Box(
        T_base_box=make_transform(None, (*model.fk(ready)[:2, 3], tip_z - gap_m - 0.05)),
        size_m=np.array([0.3, 0.3, 0.1]),
    )
    world.set_obstacles([top])
    assert world.in_collision(ready, margin_m=0.0) is touches


def test_margin_keeps_a_distance(world, model, ready):
    tool = model.fk(ready)[:3, 3]
    world.set_obstacles([box_at(tool - [0, 0, 0.05])])
    gap = world.clearance(ready).distance_m
    assert gap > 0
    assert not world.in_collision(ready, margin_m=gap - 0.001)
    assert world.in_collision(ready, margin_m=gap + 0.001)


def test_a_point_cloud_blocks_like_what_it_shows(world, model, ready):
    tool = model.fk(ready)[:3, 3]
    world.set_obstacles(points_base_m=np.vstack([tool + [0, 0, 0.06], [np.nan] * 3]))
    assert world.in_collision(ready)
    world.set_obstacles(points_base_m=np.array([tool - [0, 0, 0.1]]))
    assert not world.in_collision(ready)


def test_a_held_box_moves_with_the_tool(world, model, ready):
    world.set_support(TABLE)
    pose = make_transform(model.fk(ready)[:3, :3], (0.5, 0.0, 0.15))
    q = model.ik(pose, ready)
    assert not world.in_collision(q)
    world.attach(make_transform(None, (0.0, 0.0, 0.1)), np.array([0.04, 0.04, 0.2]))
    assert world.contact(q) == "the held object touches the support"
    world.detach()
    assert not world.in_collision(q)


def test_a_held_box_does_not_touch_the_hand_that_holds_it(world, ready):
    world.attach(make_transform(), np.array([0.05, 0.05, 0.08]))
    assert not world.in_collision(ready)


def test_clearance_names_the_nearest_things(world, model, ready):
    tool = model.fk(ready)[:3, 3]
    world.set_obstacles(
        [Box(T_base_box=make_transform(None, tool - [0, 0, 0.05]), size_m=np.full(3, 0.05), name="a cup")]
    )
    nearest = world.clearance(ready)
    assert "finger" in nearest.first + nearest.second
    assert "a cup" in (nearest.first, nearest.second)


def test_never_checked_links_never_touch(world, model, robot):
    # Franka's list says these pairs cannot meet within the limits; none may be reported.
    rng = np.random.default_rng(3)
    limits = model.limits
    for q in limits.lower + (limits.upper - limits.lower) * rng.uniform(size=(300, 7)):
        words = world.contact(q, margin_m=0.0).split(" touches ")
        assert frozenset(words) not in robot.never_checked


def test_densify_bounds_the_step_and_keeps_the_waypoints(ready):
    path = np.array([ready, ready + 0.5, ready - 0.2])
    rows = densify(path, 0.03)
    assert np.abs(np.diff(rows, axis=0)).max() <= 0.03 + 1e-12
    for waypoint in path:
        assert np.any(np.all(rows == waypoint, axis=1))


def test_coarse_shapes_miss_nothing(model, robot):
    fine = CollisionWorld.from_config(model, robot, margin_m=0.0)
    coarse = CollisionWorld.from_config(model, robot, margin_m=0.0, coarse=True)
    for world in (fine, coarse):
        world.set_support(TABLE)
    rng = np.random.default_rng(4)
    limits = model.limits
    found = 0
    for q in limits.lower + (limits.upper - limits.lower) * rng.uniform(size=(400, 7)):
        if fine.in_collision(q):
            found += 1
            assert coarse.in_collision(q)
    assert found > 10


def test_all_free_looks_at_every_row(world, model, ready):
    world.set_support(TABLE)
    low = model.ik(make_transform(model.fk(ready)[:3, :3], (0.5, 0.0, -0.03)), ready)
    assert world.all_free(np.array([ready, ready]))
    assert not world.all_free(np.array([ready, low, ready]))
