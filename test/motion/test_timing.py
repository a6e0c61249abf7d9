"""A timed path obeys velocity, acceleration and jerk limits, keeps its ends, and stops for corners only when it must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.timing import time_parameterise

DT = 0.01
TOLERANCE = 1 + 1e-6


def within(robot, fractions):
    limits = robot.limits
    return limits.lower + 0.02 + (limits.upper - limits.lower - 0.04) * np.asarray(fractions)


def differences(trajectory):
    """Velocity, acceleration and jerk of the sampled positions, rest included on both sides."""
    q = trajectory.positions
    q = np.vstack([q[:1]] * 3 + [q] + [q[-1:]] * 3)
    v = np.diff(q, axis=0) / DT
    a = np.diff(v, axis=0) / DT
    return v, a, np.diff(a, axis=0) / DT


waypoint = st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7)


@settings(max_examples=60, deadline=None)
@given(st.lists(waypoint, min_size=2, max_size=7), st.floats(0.05, 1.0), st.sampled_from([0.085, 10.0]))
def test_random_paths_obey_every_limit(robot, fractions, speed, stop_time_s):
    trajectory = time_parameterise(within(robot, fractions), robot.limits, speed=speed, stop_time_s=stop_time_s)
    limits = robot.limits.scaled(velocity=speed, acceleration=speed, jerk=speed)
    v, a, j = differences(trajectory)
    assert np.all(np.abs(v) <= limits.velocity * TOLERANCE + 1e-9)
    assert np.all(np.abs(a) <= limits.acceleration * TOLERANCE + 1e-6)
    assert np.all(np.abs(j) <= limits.jerk * TOLERANCE + 1e-3)
    lowest, highest = limits.velocity_bounds(trajectory.positions)
    assert np.all(trajectory.velocities <= highest * TOLERANCE + 1e-6)
    assert np.all(trajectory.velocities >= lowest * TOLERANCE - 1e-6)
    assert np.all(robot.limits.inside(trajectory.positions))


@settings(max_examples=30, deadline=None)
@given(st.lists(waypoint, min_size=2, max_size=5))
def test_both_ends_are_met_at_rest(robot, fractions):
    path = within(robot, fractions)
    trajectory = time_parameterise(path, robot.limits, speed=0.5)
    np.testing.assert_array_equal(trajectory.positions[0], path[0])
    np.testing.assert_array_equal(trajectory.positions[-1], path[-1])
    assert not np.any(trajectory.velocities[[0, -1]])
    np.testing.assert_allclose(np.diff(trajectory.times_s), DT)


def test_velocities_and_accelerations_are_those_of_the_positions(robot, ready):
    path = np.array([ready, ready + 0.5, ready + np.r_[0.5, -0.3, 0.2, 0.4, -0.2, 0.1, 0.0]])
    trajectory = time_parameterise(path, robot.limits, speed=0.7)
    centred = (trajectory.positions[2:] - trajectory.positions[:-2]) / (2 * DT)
    np.testing.assert_allclose(centred, trajectory.velocities[1:-1], atol=0.02)
    curved = (trajectory.velocities[2:] - trajectory.velocities[:-2]) / (2 * DT)
    np.testing.assert_allclose(curved, trajectory.accelerations[1:-1], atol=0.7)


def test_a_straight_move_stays_on_its_line(robot, ready):
    goal = ready + np.array([0.4, 0.2, -0.3, 0.1, 0.5, -0.2, 0.3])
    trajectory = time_parameterise(np.array([ready, goal]), robot.limits)
    share = (trajectory.positions - ready) / (goal - ready)
    assert np.ptp(share, axis=1).max() < 1e-9
    assert np.all(np.diff(share[:, 0]) >= -1e-12)


def test_a_radian_at_half_speed_takes_a_second_or_so(robot, ready):
    goal = ready + np.array([1.0, 0, 0, 0, 0, 0, 0])
    assert 1.0 <= time_parameterise(np.array([ready, goal]), robot.limits, speed=0.5).duration_s <= 1.5


def test_every_joint_can_brake_within_the_stop_time(robot, ready):
    goal = ready + np.array([1.5, 0.5, 0, 0, 0, 0, 1.5])
    trajectory = time_parameterise(np.array([ready, goal]), robot.limits, stop_time_s=0.085)
    braking = np.abs(trajectory.velocities) / robot.limits.acceleration + robot.limits.acceleration / robot.limits.jerk
    assert np.max(braking) <= 0.085 + 1e-9


def test_the_tool_keeps_its_own_speed_limit(robot, model, ready):
    path = np.array([ready, ready + np.array([0.6, 0.2, 0, 0.3, 0, 0, 0])])
    trajectory = time_parameterise(path, robot.limits, tcp=lambda q: model.fk_batch(q)[:, :3, 3], tcp_speed_m_s=0.1)
    tool = model.fk_batch(trajectory.positions)[:, :3, 3]
    assert np.max(np.linalg.norm(np.diff(tool, axis=0), axis=1)) / DT <= 0.102


def test_blocked_corners_are_not_cut(robot, ready):
    corner = ready + np.array([0.6, 0, 0, 0, 0, 0, 0])
    path = np.array([ready, corner, corner + np.array([0, 0.5, 0, 0, 0, 0, 0])])

    def misses(q):
        return np.max(np.min(np.abs(q - corner).max(axis=1))) > 1e-6

    assert misses(time_parameterise(path, robot.limits).positions)
    exact = time_parameterise(path, robot.limits, free=lambda q: not misses(q))
    assert not misses(exact.positions)
    v, a, _ = differences(exact)
    assert np.all(np.abs(a) <= robot.limits.acceleration * TOLERANCE)
    assert np.all(np.abs(v) <= robot.limits.velocity)


def test_one_waypoint_is_a_trajectory_that_stands_still(robot, ready):
    trajectory = time_parameterise(np.array([ready, ready]), robot.limits)
    assert trajectory.duration_s == 0.0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (np.zeros((0, 7)), ErrorCode.PLANNING_FAILED),
        (np.full((2, 7), np.nan), ErrorCode.PLANNING_FAILED),
        (np.zeros((2, 6)), ErrorCode.PLANNING_FAILED),
        (np.full((2, 7), 4.0), ErrorCode.TARGET_UNREACHABLE),
    ],
)
def test_bad_paths_are_refused_with_a_code(robot, path, code):
    with pytest.raises(PlanningError) as caught:
        time_parameterise(path, robot.limits)
    assert caught.value.code is code
