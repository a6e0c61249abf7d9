"""Plans avoid what is in the way, end where they should, stop when told, and fail with a named reason."""

import numpy as np
import pytest

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import make_transform, rotation_x, rotation_z
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import Box, CollisionWorld
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.planner import OmplPlanner, Planner

DOWN = rotation_x(np.pi)


@pytest.fixture
def planner(model, robot):
    world = CollisionWorld.from_config(model, robot)
    world.set_support(Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0))
    return OmplPlanner(model, world)


@pytest.fixture
def wall(planner):
    planner.world.set_obstacles(
        [Box(T_base_box=make_transform(None, (0.5, 0.0, 0.2)), size_m=np.array([0.3, 0.05, 0.4]))]
    )
    return planner


def at(model, ready, x, y, z):
    return model.ik(make_transform(DOWN, (x, y, z)), ready)


def test_it_is_a_planner(planner):
    assert isinstance(planner, Planner)


def test_free_space_is_one_straight_joint_move(planner, model, ready):
    goal = at(model, ready, 0.5, 0.2, 0.3)
    np.testing.assert_array_equal(planner.plan_free(ready, goal), [ready, goal])


@pytest.mark.parametrize("seed", range(5))
def test_a_wall_is_avoided(wall, model, ready, seed):
    start = at(model, ready, 0.45, -0.3, 0.15)
    path = wall.plan_free(start, make_transform(DOWN, (0.45, 0.3, 0.15)), seed=seed)
    assert wall.world.first_contact(path, step=0.005, margin_m=0.0) == ""
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_allclose(model.fk(path[-1])[:3, 3], (0.45, 0.3, 0.15), atol=1e-5)
    assert np.all(model.limits.inside(path))


def test_same_seed_same_path(wall, model, ready):
    start, goal = at(model, ready, 0.45, -0.3, 0.15), at(model, ready, 0.45, 0.3, 0.15)
    np.testing.assert_array_equal(wall.plan_free(start, goal, seed=3), wall.plan_free(start, goal, seed=3))


def test_cancel_ends_the_search(wall, model, ready):
    start, goal = at(model, ready, 0.45, -0.3, 0.15), at(model, ready, 0.45, 0.3, 0.15)
    with pytest.raises(PlanningError) as caught:
        wall.plan_free(start, goal, cancelled=lambda: True)
    assert caught.value.code is ErrorCode.CANCELED


def test_deadline_ends_the_search(wall, model, ready):
    start, goal = at(model, ready, 0.45, -0.3, 0.15), at(model, ready, 0.45, 0.3, 0.15)
    with pytest.raises(PlanningError, match="no collision-free path") as caught:
        wall.plan_free(start, goal, time_limit_s=0.0)
    assert caught.value.code is ErrorCode.PLANNING_FAILED


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (make_transform(DOWN, (0.5, 0.0, -0.05)), ErrorCode.TARGET_BELOW_SUPPORT),
        (make_transform(DOWN, (1.5, 0.0, 0.3)), ErrorCode.TARGET_UNREACHABLE),
        (np.full((4, 4), np.nan), ErrorCode.TARGET_UNREACHABLE),
        (np.full(7, 9.0), ErrorCode.TARGET_UNREACHABLE),
        (np.full(7, np.nan), ErrorCode.TARGET_UNREACHABLE),
        (np.zeros(3), ErrorCode.TARGET_UNREACHABLE),
    ],
)
def test_bad_goals_have_a_code(planner, ready, target, code):
    with pytest.raises(PlanningError) as caught:
        planner.plan_free(ready, target)
    assert caught.value.code is code


def test_a_blocked_goal_says_what_touches(planner, ready):
    planner.world.set_obstacles(
        [Box(T_base_box=make_transform(None, (0.5, 0.0, 0.1)), size_m=np.full(3, 0.2), name="a crate")]
    )
    with pytest.raises(PlanningError, match="touches a crate") as caught:
        planner.plan_free(ready, make_transform(DOWN, (0.5, 0.0, 0.12)))
    assert caught.value.code is ErrorCode.GRASP_IN_COLLISION


def test_a_straight_line_is_straight(planner, model, ready):
    start = at(model, ready, 0.5, 0.1, 0.25)
    goal = make_transform(DOWN @ rotation_z(0.6), (0.55, -0.1, 0.05))
    path = planner.plan_linear(start, goal)
    tool = model.fk_batch(path)[:, :3, 3]
    a, b = tool[0], tool[-1]
    off = np.linalg.norm(np.cross(tool - a, (b - a) / np.linalg.norm(b - a)), axis=1)
    assert off.max() < 1e-4
    np.testing.assert_allclose(model.fk(path[-1]), goal, atol=2e-4)
    assert np.abs(np.diff(path, axis=0)).max() < 0.1


def test_a_line_beyond_reach_says_how_far_it_got(planner, model, ready):
    with pytest.raises(PlanningError, match="% of its way") as caught:
        planner.plan_linear(at(model, ready, 0.6, 0.0, 0.3), make_transform(DOWN, (1.2, 0.0, 0.3)))
    assert caught.value.code is ErrorCode.IK_FAILED


def test_a_line_through_a_wall_is_refused(wall, model, ready):
    with pytest.raises(PlanningError, match="blocked") as caught:
        wall.plan_linear(at(model, ready, 0.45, -0.3, 0.15), make_transform(DOWN, (0.45, 0.3, 0.15)))
    assert caught.value.code is ErrorCode.PLANNING_FAILED


def touching_table(planner, model, ready, depth_m):
    """A pose whose fingertips reach a little below the table: the finger boxes end 9.5 mm beyond the tool."""
    planner.world.set_support(None)
    q = at(model, ready, 0.5, 0.0, 0.0095 - depth_m)
    planner.world.set_support(Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0))
    return q


def test_grazing_contact_at_the_start_can_be_left(planner, model, ready):
    q = touching_table(planner, model, ready, 0.002)
    path = planner.plan_linear(q, make_transform(DOWN, (0.5, 0.0, 0.1)), margin_m=0.002)
    assert not planner.world.in_collision(path[-1])


def test_grazing_contact_may_not_get_deeper(planner, model, ready):
    q = touching_table(planner, model, ready, 0.002)
    with pytest.raises(PlanningError, match="blocked"):
        planner.plan_linear(q, make_transform(DOWN, (0.5, 0.0, 0.0)), margin_m=0.002)


def test_deep_contact_at_the_start_needs_a_person(planner, model, ready):
    q = touching_table(planner, model, ready, 0.02)
    with pytest.raises(PlanningError, match="starts in contact"):
        planner.plan_free(q, ready)
