"""Braking and point-to-point motions end at rest within the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.stopping import point_to_point, stop_trajectory

share = st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7)


@settings(max_examples=40, deadline=None)
@given(share, share)
def test_braking_ends_at_rest_within_the_limits(robot, ready, v_share, a_share):
    limits = robot.limits
    v, a = np.array(v_share) * limits.velocity, np.array(a_share) * limits.acceleration
    trajectory = stop_trajectory(ready, v, a, limits)
    assert not np.any(trajectory.velocities[-1])
    assert np.all(np.abs(trajectory.accelerations) <= limits.acceleration + 1e-6)


def test_braking_from_the_capped_speed_takes_the_stop_time(robot, ready):
    limits = robot.limits
    v = limits.acceleration * (0.085 - limits.acceleration / limits.jerk)
    assert stop_trajectory(ready, v, np.zeros(7), limits).duration_s <= 0.09


def test_point_to_point_reaches_its_goal_on_a_line(robot, ready):
    goal = ready + np.array([0.5, 0.2, -0.1, 0.3, 0.4, -0.2, 0.6])
    trajectory = point_to_point(ready, np.zeros(7), np.zeros(7), goal, robot.limits)
    np.testing.assert_allclose(trajectory.positions[-1], goal, atol=1e-9)
    share_done = (trajectory.positions - ready) / (goal - ready)
    assert np.ptp(share_done, axis=1).max() < 1e-6
    lowest, highest = robot.limits.velocity_bounds(trajectory.positions)
    assert np.all((trajectory.velocities <= highest + 1e-9) & (trajectory.velocities >= lowest - 1e-9))


def test_a_goal_out_of_range_is_named(robot, ready):
    with pytest.raises(PlanningError, match="fr3_joint1") as caught:
        point_to_point(ready, np.zeros(7), np.zeros(7), ready + np.array([9.0, 0, 0, 0, 0, 0, 0]), robot.limits)
    assert caught.value.code is ErrorCode.TARGET_UNREACHABLE


def test_a_state_that_is_not_finite_is_refused(robot, ready):
    with pytest.raises(PlanningError, match="present state"):
        stop_trajectory(ready, np.full(7, np.nan), np.zeros(7), robot.limits)
