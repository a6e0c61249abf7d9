"""The simulated controllers: small tracking error, prompt holds, honest stalls, faults instead of surprises."""

import numpy as np
import pytest
from scripted_hand import DOWN, go, smooth, solve_ik

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointTrajectory, RobotDriver
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.simulation import Simulation


@pytest.fixture
def robot():
    simulation = Simulation("empty", noise=False)
    yield SimRobot(simulation)
    simulation.close()


def _swing(robot, duration_s=1.5):
    q0 = robot.simulation.world.arm_positions
    return smooth(robot.joint_names, q0, q0 + np.array([0.8, 0.5, -0.4, -0.3, 0.5, 0.4, -0.9]), duration_s)


def test_it_is_a_robot_driver(robot):
    assert isinstance(robot, RobotDriver)


def test_tool_pose_at_ready_is_that_of_the_fact_sheet(robot):
    # franka_description 1.0.1 kinematics, evaluated at "ready".
    tcp = robot.simulation.world.link_pose("fr3_hand_tcp")
    assert tcp[:3, 3] == pytest.approx([0.306891, 0.0, 0.486882], abs=2e-4)
    assert tcp[:3, :3] == pytest.approx(DOWN, abs=1e-3)


def test_a_fast_swing_is_tracked_within_a_few_milliradians(robot):
    trajectory = _swing(robot)
    world = robot.simulation.world
    start = world.time_s
    errors = []

    def watch():
        wanted, _, _ = trajectory.sample(world.time_s - start)
        errors.append(np.abs(wanted - world.arm_positions).max())
        return False

    result = robot.execute(trajectory, watch)
    assert result.code is ErrorCode.NONE
    assert max(errors) < 0.005
    assert world.arm_positions == pytest.approx(trajectory.positions[-1], abs=0.002)


def test_cancel_holds_within_a_tenth_of_a_second(robot):
    world = robot.simulation.world
    result = robot.execute(_swing(robot), lambda: world.time_s > 0.7)
    assert result.code is ErrorCode.CANCELED
    assert world.time_s <= 0.7 + 0.1 + 0.02
    assert np.abs(robot.joint_state().velocities[:7]).max() < 0.02


def test_a_trajectory_that_begins_elsewhere_is_refused_without_motion(robot):
    q = robot.simulation.world.arm_positions
    result = robot.execute(smooth(robot.joint_names, q + 0.5, q + 0.6, 1.0), lambda: False)
    assert result.code is ErrorCode.GATE_STEP
    assert robot.simulation.world.arm_positions == pytest.approx(q, abs=1e-6)


def test_unknown_joints_are_refused(robot):
    zeros = np.zeros((1, 1))
    trajectory = JointTrajectory(
        names=("elbow",), times_s=np.zeros(1), positions=zeros, velocities=zeros, accelerations=zeros
    )
    assert robot.execute(trajectory, lambda: False).code is ErrorCode.GATE_NAMES


def test_columns_may_come_in_any_order(robot):
    trajectory = _swing(robot)
    order = [3, 1, 0, 2, 6, 5, 4]
    shuffled = JointTrajectory(
        names=tuple(trajectory.names[i] for i in order),
        times_s=trajectory.times_s,
        positions=trajectory.positions[:, order],
        velocities=trajectory.velocities[:, order],
        accelerations=trajectory.accelerations[:, order],
    )
    assert robot.execute(shuffled, lambda: False).code is ErrorCode.NONE
    assert robot.simulation.world.arm_positions == pytest.approx(trajectory.positions[-1], abs=0.002)


def test_streamed_targets_are_reached(robot):
    q = robot.simulation.world.arm_positions
    goal = q + 0.1
    for share in np.linspace(0, 1, 50):
        robot.stream(robot.joint_names, q + share * (goal - q))
    robot.wait(0.2)
    assert robot.simulation.world.arm_positions == pytest.approx(goal, abs=0.002)


def test_pressing_on_the_table_stops_with_a_tracking_error_and_is_recorded(robot):
    go(robot, [0.5, 0.0, 0.15], 0.0)
    world = robot.simulation.world
    q0 = world.arm_positions
    q1 = solve_ik(world, geo.make_transform(DOWN, [0.5, 0.0, -0.2]), q0)
    result = robot.execute(smooth(robot.joint_names, q0, q1, 2.0), lambda: False)
    assert result.code is ErrorCode.TRACKING_ERROR
    assert world.contacts.of_kind("finger_table")


def test_closing_on_nothing_reaches_the_width(robot):
    result = robot.move_gripper(0.0, 40.0, lambda: False)
    assert result.code is ErrorCode.NONE
    assert result.gripper.width_m == pytest.approx(0.0, abs=1e-3)
    assert not result.gripper.stalled


def test_the_opening_moves_at_the_set_speed(robot):
    robot.move_gripper(0.0, 40.0, lambda: False)
    # 0.08 m at the Franka Hand's usual 0.1 m/s.
    assert robot.simulation.world.time_s == pytest.approx(0.8, abs=0.1)


def test_a_cancelled_gripper_stops_half_way(robot):
    result = robot.move_gripper(0.0, 40.0, lambda: robot.simulation.world.time_s > 0.3)
    assert result.code is ErrorCode.CANCELED
    robot.wait(0.3)
    assert 0.03 < robot.gripper_state().width_m < 0.07


@pytest.mark.parametrize(("width_m", "effort_n"), [(0.2, 40.0), (-0.1, 40.0), (float("nan"), 40.0), (0.04, 0.0)])
def test_impossible_gripper_commands_are_refused(robot, width_m, effort_n):
    assert robot.move_gripper(width_m, effort_n, lambda: False).code is ErrorCode.GRIPPER_FAILED


def test_an_unknown_scene_is_refused_with_the_choices():
    with pytest.raises(MolmoRosError, match="demo"):
        Simulation("kitchen")


def test_the_same_motion_gives_the_same_numbers():
    ends = []
    for _ in range(2):
        with Simulation("demo", seed=5, noise=False) as simulation:
            driver = SimRobot(simulation)
            driver.execute(_swing(driver), lambda: False)
            ends.append(simulation.world.data.qpos.copy())
    assert np.array_equal(ends[0], ends[1])
