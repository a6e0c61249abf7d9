"""Grasps hold by friction alone: things are lifted, stay in the hand, and fall when it opens."""

import numpy as np
import pytest
from scripted_hand import pick

from molmo_ros.sim.objects import KINDS
from molmo_ros.sim.predicates import picked
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.scene import ObjectSpec, SceneSpec
from molmo_ros.sim.simulation import Simulation


def _alone(kind, seed=2):
    colour = (KINDS[kind].colours or ("red",))[0]
    spec = SceneSpec(objects=(ObjectSpec(kind=kind, colour=colour, name="it", xy_m=(0.5, 0.0)),))
    return Simulation(spec, seed, noise=False)


def _offset(kind, size_m):
    """Where to take things that are hollow in the middle, in the object's frame."""
    if kind == "ring":
        return 0.0, (size_m[1] - size_m[2]) / 2
    if kind == "l_block":
        return 0.0, -size_m[1] / 2 + 0.013
    if kind == "mug":
        return -size_m[0] / 2 + size_m[1] / 2, size_m[1] / 2 - 0.002
    return 0.0, 0.0


@pytest.mark.parametrize("kind", [k for k, entry in KINDS.items() if entry.pickable])
def test_every_pickable_kind_is_lifted_and_does_not_slip(kind):
    with _alone(kind) as simulation:
        robot, world = SimRobot(simulation), simulation.world
        start = world.object_poses()
        size = world.scene.objects["it"].model.size_m
        height = max(0.010, size[2] - 0.018)
        closed = pick(robot, "it", height, 0.0, _offset(kind, size))
        assert closed.gripper.stalled
        assert picked(world, "it", start).success
        before = np.linalg.inv(world.link_pose("fr3_hand_tcp")) @ world.object_state("it").T_base_object
        robot.wait(1.0)
        after = np.linalg.inv(world.link_pose("fr3_hand_tcp")) @ world.object_state("it").T_base_object
        assert np.linalg.norm(after[:3, 3] - before[:3, 3]) < 2e-3
        assert not world.contacts.of_kind("arm_table", "arm_self")


def test_what_is_held_falls_when_the_hand_opens():
    with _alone("block") as simulation:
        robot, world = SimRobot(simulation), simulation.world
        start = world.object_poses()
        pick(robot, "it", 0.015, 0.0)
        robot.move_gripper(0.08, 40.0, lambda: False)
        robot.wait(0.5)
        assert picked(world, "it", start).failed == "lifted"


def test_a_weak_grip_does_not_hold_a_heavy_thing():
    with _alone("can") as simulation:
        robot, world = SimRobot(simulation), simulation.world
        start = world.object_poses()
        world.model.body("object/it").mass[0] = 1.5
        pick(robot, "it", 0.07, 0.0, effort_n=4.0)
        # Two fingers of 4 N at a friction of 1.0 carry 0.8 kg at most.
        assert not picked(world, "it", start).success
