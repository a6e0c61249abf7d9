"""The MoveIt planner at moveit_py's boundary: states defined, one goal at a time, and no path taken on trust."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fake_moveit

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import make_transform, rotation_x
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import Box, CollisionWorld
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.moveit_planner import MoveItPlanner, load_moveit, moveit_config, support_box
from molmo_ros.motion.planner import Planner

DOWN = rotation_x(np.pi)


@pytest.fixture
def moveit():
    return fake_moveit.FakeMoveIt()


@pytest.fixture
def planner(model, robot, moveit, monkeypatch):
    fake_moveit.install(monkeypatch)
    world = CollisionWorld.from_config(model, robot)
    world.set_support(Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0))

    def write(scene, boxes, held):
        assert moveit.locked
        scene.objects, scene.held = list(boxes), held

    return MoveItPlanner(model, world, moveit=moveit, group="fr3_arm", write_scene=write)


def test_it_is_a_planner(planner):
    assert isinstance(planner, Planner)


def test_a_pose_is_reached_exactly(planner, model, ready):
    target = make_transform(DOWN, (0.5, 0.2, 0.3))
    path = planner.plan_free(ready, target)
    np.testing.assert_array_equal(path[0], ready)
    np.testing.assert_allclose(model.fk(path[-1]), target, atol=1e-5)


def test_the_scene_is_sent_before_each_plan(planner, moveit, model, ready):
    box = Box(T_base_box=make_transform(None, (0.5, -0.5, 0.2)), size_m=np.array([0.1, 0.1, 0.1]))
    planner.world.set_obstacles([box])
    planner.world.attach(make_transform(None, (0, 0, 0.02)), np.array([0.03, 0.03, 0.05]))
    planner.plan_free(ready, make_transform(DOWN, (0.5, 0.2, 0.3)))
    assert moveit.scene.objects[0] is box
    assert moveit.scene.objects[1].T_base_box[2, 3] == pytest.approx(-0.05)
    assert moveit.scene.held is not None
    planner.world.detach()
    planner.plan_free(ready, make_transform(DOWN, (0.5, 0.2, 0.3)))
    assert moveit.scene.held is None


def test_a_path_through_what_moveit_does_not_know_is_refused(planner, model, ready):
    goal = model.ik(make_transform(DOWN, (0.45, 0.3, 0.15)), ready)
    start = model.ik(make_transform(DOWN, (0.45, -0.3, 0.15)), ready)
    axis = np.linspace(-0.1, 0.1, 15)
    points = np.stack(np.meshgrid(0.45 + axis, 0.3 * axis, 0.15 + axis), axis=-1).reshape(-1, 3)
    planner.world.set_obstacles(points_base_m=points)
    with pytest.raises(PlanningError, match="does not know") as caught:
        planner.plan_free(start, goal)
    assert caught.value.code is ErrorCode.PLANNING_FAILED


def test_a_path_below_the_table_is_refused(planner, moveit, model, ready):
    moveit.via = ready + np.array([0, 1.9, 0, 0, 0, 0, 0])
    assert model.fk(moveit.via)[2, 3] < 0
    with pytest.raises(PlanningError):
        planner.plan_free(ready, ready + 0.1)


def test_another_goal_is_tried_and_the_time_is_shared(planner, moveit, ready):
    moveit.fails = 1
    path = planner.plan_free(ready, np.array([ready + 0.05, ready + 0.1]), time_limit_s=3.0)
    np.testing.assert_array_equal(path[-1], ready + 0.1)
    assert 3.0 >= moveit.asked[0] > moveit.asked[1]


def test_no_path_is_a_named_failure(planner, moveit, ready):
    moveit.fails = 99
    with pytest.raises(PlanningError, match="in the way") as caught:
        planner.plan_free(ready, ready + 0.1)
    assert caught.value.code is ErrorCode.PLANNING_FAILED


def test_goals_out_of_the_limits_never_reach_moveit(planner, moveit, ready):
    with pytest.raises(PlanningError) as caught:
        planner.plan_free(ready, ready + 9.0)
    assert caught.value.code is ErrorCode.TARGET_UNREACHABLE
    assert moveit.asked == []


def test_a_cancelled_plan_says_so(planner, ready):
    with pytest.raises(PlanningError) as caught:
        planner.plan_free(ready, ready + 0.1, cancelled=lambda: True)
    assert caught.value.code is ErrorCode.CANCELED


def test_straight_lines_stay_straight(planner, model, ready):
    start = model.ik(make_transform(DOWN, (0.5, 0.0, 0.3)), ready)
    path = planner.plan_linear(start, make_transform(DOWN, (0.5, 0.0, 0.15)))
    xy = np.array([model.fk(q)[:2, 3] for q in path])
    np.testing.assert_allclose(xy, [[0.5, 0.0]] * len(path), atol=1e-4)


def test_without_moveit_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "moveit", None)
    monkeypatch.setenv("ROS_DISTRO", "kilted")
    with pytest.raises(MolmoRosError, match="ros-kilted-moveit-py") as caught:
        load_moveit()
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING


def test_the_plate_lies_just_below_a_tilted_table():
    normal = np.array([0.0, 0.6, 0.8])
    box = support_box(Plane(normal=normal, offset_m=0.2))
    T = box.T_base_box
    np.testing.assert_allclose(T[:3, :3].T @ T[:3, :3], np.eye(3), atol=1e-12)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)
    top = T[:3, 3] + T[:3, 2] * 0.5 * box.size_m[2]
    assert normal @ top == pytest.approx(0.2)


def test_the_description_names_real_links_and_all_joints(robot, model):
    config = moveit_config(robot, model)
    root = ET.fromstring(config["robot_description_semantic"])
    links = {link.get("name") for link in ET.fromstring(robot.urdf_text).iter("link")}
    pairs = [(p.get("link1"), p.get("link2")) for p in root.iter("disable_collisions")]
    assert {name for pair in pairs for name in pair} <= links
    assert ("fr3_link3", "fr3_link4") in pairs
    assert len(set(map(frozenset, pairs))) == len(pairs)
    chain = next(root.iter("chain"))
    assert {chain.get("base_link"), chain.get("tip_link")} <= links
    assert {j.get("name") for j in root.iter("joint")} == set(model.names)
    assert set(config["robot_description_planning"]["joint_limits"]) == set(model.names)
    assert "plan_request_params" in config
