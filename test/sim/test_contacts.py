"""Touches that are faults are found and named; touches that belong to work are told apart."""

import pytest
from scripted_hand import pick

from molmo_ros.core import geometry as geo
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.scene import ObjectSpec, SceneSpec
from molmo_ros.sim.simulation import Simulation


@pytest.fixture
def simulation():
    spec = SceneSpec(objects=(ObjectSpec(kind="can", colour="red", name="can", xy_m=(0.5, 0.0)),))
    with Simulation(spec, 1, noise=False) as made:
        yield made


def _kinds(simulation):
    return {touch.kind for touch in simulation.world.contacts.touches.values()}


def test_nothing_touches_at_the_start(simulation):
    simulation.step(0.2)
    assert not simulation.world.contacts.touches


def test_a_grasp_is_not_a_fault(simulation):
    pick(SimRobot(simulation), "can", 0.075, 0.0)
    assert not _kinds(simulation) & {"arm_table", "arm_self", "finger_table"}


def test_an_elbow_on_the_table_is_an_arm_table_touch(simulation):
    simulation.world.place_robot([0.0, 1.75, 0.0, -0.4, 0.0, 2.0, 0.0], 0.08)
    simulation.step(0.05)
    touches = simulation.world.contacts.of_kind("arm_table")
    assert touches
    assert {"table"} <= {t.first for t in touches} | {t.second for t in touches}
    assert all(t.steps >= 1 for t in touches)


def test_a_hand_folded_into_the_base_is_a_self_touch(simulation):
    simulation.world.place_robot([0.0, -1.7, 0.0, -3.0, 0.0, 1.0, 0.0], 0.08)
    simulation.step(0.05)
    assert simulation.world.contacts.of_kind("arm_self")


def test_an_arm_in_an_object_is_told_apart_from_a_finger(simulation):
    world = simulation.world
    hand = world.link_pose("fr3_hand")
    world.place_object("can", geo.make_transform(None, hand[:3, 3] - (0.0, 0.0, 0.1)))
    simulation.step(0.02)
    assert "arm_object" in _kinds(simulation)


def test_clearing_forgets(simulation):
    simulation.world.place_robot([0.0, 1.75, 0.0, -0.4, 0.0, 2.0, 0.0], 0.08)
    simulation.step(0.05)
    simulation.world.contacts.clear()
    assert not simulation.world.contacts.touches


def test_neighbouring_links_do_not_count(simulation):
    # At "ready" with every joint moved a little, no pair of neighbours may be reported.
    world = simulation.world
    for joint in range(7):
        moved = world.robot.poses["ready"].copy()
        moved[joint] += 0.3
        world.place_robot(moved, 0.08)
        simulation.step(0.02)
    assert not world.contacts.of_kind("arm_self")
