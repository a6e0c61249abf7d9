"""The last gate lets good commands pass unchanged and refuses every other one with a code and a reason."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import make_transform, rotation_x
from molmo_ros.core.robot import JointState, JointTrajectory
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import Box
from molmo_ros.motion.gate import CLIP_RAD, Gate, GateMemory
from molmo_ros.motion.timing import time_parameterise

DT_NS = 10_000_000
NOW = 1_000_000_000
TABLE = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)


@pytest.fixture(scope="module")
def gate(model, robot):
    return Gate.from_config(model, robot, support=TABLE)


def state(names, q, stamp_ns=NOW):
    q = np.asarray(q, dtype=float)
    zero = np.zeros(len(q))
    return JointState(names=names, positions=q, velocities=zero, efforts=zero, stamp_ns=stamp_ns)


def at_rest(q, stamp_ns=NOW - DT_NS):
    return GateMemory(tuple(map(float, q)), (0.0,) * 7, (0.0,) * 7, stamp_ns, 0.0)


def moving(q, v, a=(0.0,) * 7):
    return GateMemory(tuple(map(float, q)), tuple(map(float, v)), tuple(map(float, a)), NOW - DT_NS, 0.0)


def check(gate, q, *, memory, measured=None, names=None, now_ns=NOW):
    measured = state(gate.names, memory.positions if memory else q) if measured is None else measured
    return gate.check(names or gate.names, q, measured=measured, now_ns=now_ns, memory=memory)


def test_a_planned_trajectory_passes_unchanged(gate, robot, ready):
    path = np.array([ready, ready + 0.3, ready + np.array([0.5, 0.1, -0.2, 0.3, 0.2, 0.1, 0.6])])
    trajectory = time_parameterise(path, robot.limits)
    memory = None
    for k, q in enumerate(trajectory.positions):
        now = NOW + k * DT_NS
        verdict = gate.check(gate.names, q, measured=state(gate.names, q, now), now_ns=now, memory=memory)
        assert verdict.accepted, verdict.reason
        np.testing.assert_array_equal(verdict.positions, q)
        memory = verdict.memory


def test_a_whole_trajectory_is_judged_at_once(gate, robot, ready):
    trajectory = time_parameterise(np.array([ready, ready + 0.3]), robot.limits)
    verdict = gate.check_trajectory(trajectory, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.accepted, verdict.reason
    np.testing.assert_allclose(verdict.memory.positions, ready + 0.3)


def test_a_trajectory_through_the_table_is_refused(gate, model, robot, ready):
    low = model.ik(make_transform(rotation_x(np.pi), (0.5, 0.0, -0.03)), ready)
    trajectory = time_parameterise(np.array([ready, low]), robot.limits)
    verdict = gate.check_trajectory(trajectory, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.code is ErrorCode.GATE_SCENE_COLLISION
    assert "the support" in verdict.reason
    assert verdict.memory is None


def trajectory_of(gate, times_s, positions, velocities=None):
    q = np.asarray(positions, dtype=float)
    zero = np.zeros_like(q)
    v = zero if velocities is None else np.asarray(velocities, dtype=float)
    return JointTrajectory(
        names=gate.names, times_s=np.asarray(times_s, dtype=float), positions=q, velocities=v, accelerations=zero
    )


def test_nothing_hides_between_the_samples_of_a_trajectory(gate, ready):
    aside = ready + np.array([0.2, 0, 0, 0, 0, 0, 0])
    hiding = trajectory_of(gate, [0.0, 0.005, 0.01], [ready, aside, ready])
    verdict = gate.check_trajectory(hiding, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.code is ErrorCode.GATE_VELOCITY
    assert "between the points" in verdict.reason


def test_speeds_that_the_positions_do_not_show_are_refused(gate, ready):
    v = np.array([[0.0] * 7, [9.0] + [0.0] * 6])
    swinging = trajectory_of(gate, [0.0, 1.0], [ready, ready], v)
    verdict = gate.check_trajectory(swinging, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.code is ErrorCode.GATE_VELOCITY


@pytest.mark.parametrize(
    ("times_s", "code"),
    [
        ([0.0, np.nan], ErrorCode.GATE_NOT_FINITE),
        ([0.0, np.inf], ErrorCode.GATE_NOT_FINITE),
        ([0.0, 1e7], ErrorCode.PAYLOAD_INVALID),
    ],
)
def test_trajectories_of_no_length_or_without_end_are_refused(gate, ready, times_s, code):
    endless = trajectory_of(gate, times_s, [ready, ready])
    verdict = gate.check_trajectory(endless, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.code is code


def test_a_trajectory_ends_at_rest(gate, robot, ready):
    whole = time_parameterise(np.array([ready, ready + 0.3]), robot.limits)
    half = len(whole.times_s) // 2
    cut = JointTrajectory(
        names=whole.names,
        times_s=whole.times_s[:half],
        positions=whole.positions[:half],
        velocities=whole.velocities[:half],
        accelerations=whole.accelerations[:half],
    )
    verdict = gate.check_trajectory(cut, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.code is ErrorCode.GATE_ACCELERATION


def test_a_trajectory_may_name_the_joints_in_another_order(gate, robot, ready):
    trajectory = time_parameterise(np.array([ready, ready + 0.2]), robot.limits)
    turned = JointTrajectory(
        names=trajectory.names[::-1],
        times_s=trajectory.times_s,
        positions=trajectory.positions[:, ::-1],
        velocities=trajectory.velocities[:, ::-1],
        accelerations=trajectory.accelerations[:, ::-1],
    )
    verdict = gate.check_trajectory(turned, measured=state(gate.names, ready), now_ns=NOW, memory=None)
    assert verdict.accepted, verdict.reason
    np.testing.assert_allclose(verdict.memory.positions, ready + 0.2)


def test_a_refusal_leaves_the_memory_as_it_was(gate, ready):
    memory = at_rest(ready)
    verdict = check(gate, ready + 1.0, memory=memory)
    assert not verdict.accepted
    assert verdict.memory is memory
    assert verdict.positions is None


def test_the_same_question_has_the_same_answer(gate, ready):
    memory = at_rest(ready)
    first, second = (check(gate, ready + 0.0005, memory=memory) for _ in range(2))
    assert first.memory == second.memory
    np.testing.assert_array_equal(first.positions, second.positions)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(gate, ready, bad):
    q = ready.copy()
    q[3] = bad
    verdict = check(gate, q, memory=at_rest(ready))
    assert verdict.code is ErrorCode.GATE_NOT_FINITE
    assert "fr3_joint4" in verdict.reason


@pytest.mark.parametrize("bad", ["left", ["1.0"] * 7, [True] * 7, [None] * 7, ["x"] * 7, object(), [1j] * 7, 10**400])
def test_what_is_no_number_is_refused(gate, ready, bad):
    assert not check(gate, bad, memory=at_rest(ready)).accepted


@pytest.mark.parametrize("shape", [(0,), (6,), (8,), (7, 1), (1, 7)])
def test_wrong_shapes_are_refused(gate, ready, shape):
    assert check(gate, np.zeros(shape), memory=at_rest(ready)).code is ErrorCode.GATE_NAMES


def test_permuted_names_carry_their_values_along(gate, ready):
    order = [3, 1, 6, 0, 2, 5, 4]
    names = tuple(gate.names[i] for i in order)
    verdict = check(gate, ready[order], memory=at_rest(ready), names=names)
    assert verdict.accepted
    np.testing.assert_array_equal(verdict.positions, ready)


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names[:-1],
        lambda names: (*names, "fr3_finger_joint1"),
        lambda names: (*names[:-1], names[0]),
        lambda names: (*names[:-1], "panda_joint7"),
        lambda names: (),
        lambda names: names * 100,
        lambda names: (*names[:-1], ["fr3_joint7"]),
        lambda names: (*names[:-1], None),
    ],
)
def test_wrong_names_are_refused(gate, ready, change):
    names = change(gate.names)
    q = np.resize(ready, len(names))
    verdict = gate.check(names, q, measured=state(gate.names, ready), now_ns=NOW, memory=at_rest(ready))
    assert verdict.code is ErrorCode.GATE_NAMES
    assert verdict.reason


def test_rounding_beyond_a_limit_is_clipped_and_no_more(gate, robot, model):
    q = (robot.limits.lower + robot.limits.upper) / 2
    q[1], q[3] = -0.5, -2.0
    q[6] = robot.limits.upper[6]
    beyond = q.copy()
    beyond[6] += 0.9 * CLIP_RAD
    assert check(gate, beyond, memory=at_rest(q)).positions[6] == robot.limits.upper[6]
    beyond[6] += CLIP_RAD
    assert check(gate, beyond, memory=at_rest(q)).code is ErrorCode.GATE_POSITION


def test_the_first_command_starts_where_the_arm_is(gate, ready):
    measured = state(gate.names, ready)
    assert check(gate, ready + 0.019, memory=None, measured=measured).accepted
    assert check(gate, ready + 0.021, memory=None, measured=measured).code is ErrorCode.GATE_STEP


@pytest.mark.parametrize("speed", [0.2, -0.2, np.nan])
def test_a_motion_starts_from_standstill(gate, ready, speed):
    still = state(gate.names, ready)
    moving_arm = replace(still, velocities=np.full(7, speed))
    assert check(gate, ready, memory=None, measured=moving_arm).code is ErrorCode.GATE_VELOCITY
    assert check(gate, ready, memory=at_rest(ready), measured=moving_arm).accepted


def test_robots_that_measure_no_speed_may_start(gate, ready):
    measured = replace(state(gate.names, ready), velocities=np.zeros(0))
    assert check(gate, ready, memory=None, measured=measured).accepted


def test_a_command_far_from_the_measured_state_is_refused(gate, ready):
    away = ready.copy()
    away[0] += 0.2
    verdict = check(gate, ready, memory=at_rest(ready), measured=state(gate.names, away))
    assert verdict.code is ErrorCode.GATE_STEP


def test_too_fast_is_refused(gate, ready):
    v = np.array([2.62, 0, 0, 0, 0, 0, 0])
    assert check(gate, ready + 2.60 * np.eye(7)[0] * 0.01, memory=moving(ready, v)).accepted
    assert check(gate, ready + 2.65 * np.eye(7)[0] * 0.01, memory=moving(ready, v)).code is ErrorCode.GATE_VELOCITY


def test_the_velocity_bound_shrinks_towards_the_end_of_a_joint(gate, ready):
    # libfranka rate_limiting.h at 2.5 rad on joint 1: -0.30 + sqrt(12 (2.7501 - 2.5)) = 1.43 rad/s.
    q = ready.copy()
    q[0] = 2.5
    up = np.eye(7)[0] * 1.6
    assert check(gate, q + up * 0.01, memory=moving(q, up)).code is ErrorCode.GATE_VELOCITY
    assert check(gate, q - up * 0.01, memory=moving(q, -up)).accepted


def test_too_hard_an_acceleration_is_refused(gate, ready):
    step = np.eye(7)[2] * 1e-4
    assert check(gate, ready + 9.9 * step, memory=at_rest(ready)).accepted
    assert check(gate, ready + 10.1 * step, memory=at_rest(ready)).code is ErrorCode.GATE_ACCELERATION


def test_too_hard_a_jerk_is_refused(model, robot, ready):
    # At 100 Hz Franka's jerk bound is looser than its acceleration bound, so a slower one is asked for here.
    gate = Gate.from_config(model, robot)
    tight = replace(gate.config, limits=robot.limits.scaled(jerk=0.1))
    gate = Gate(model, tight, gate.world)
    step = np.eye(7)[2] * 1e-4
    assert check(gate, ready + 4.9 * step, memory=at_rest(ready)).accepted
    assert check(gate, ready + 5.1 * step, memory=at_rest(ready)).code is ErrorCode.GATE_JERK


def test_a_pause_counts_as_standing_still(gate, ready):
    fast = np.eye(7)[0] * 1.0
    memory = moving(ready, fast)._replace(stamp_ns=NOW - 3 * DT_NS)
    assert check(gate, ready + fast * 0.01, memory=memory).code is ErrorCode.GATE_ACCELERATION
    assert check(gate, ready, memory=memory).accepted


def test_commands_cannot_outrun_the_clock(gate, ready):
    memory = at_rest(ready)
    codes = []
    for k in range(5):
        verdict = check(gate, ready, memory=memory, now_ns=NOW + k)
        codes.append(verdict.code)
        memory = verdict.memory
    assert codes[:2] == [ErrorCode.NONE] * 2
    assert codes[-1] is ErrorCode.GATE_VELOCITY


@pytest.mark.parametrize("age_ns", [150_000_000, -150_000_000])
def test_a_measurement_of_another_time_is_refused(gate, ready, age_ns):
    measured = state(gate.names, ready, NOW - age_ns)
    assert check(gate, ready, memory=at_rest(ready), measured=measured).code is ErrorCode.GATE_STALE


def test_a_clock_that_runs_backwards_is_refused(gate, ready):
    memory = at_rest(ready, stamp_ns=NOW + 1)
    assert check(gate, ready, memory=memory).code is ErrorCode.GATE_STALE


def test_measurements_are_read_by_name(gate, ready):
    names = ("fr3_finger_joint1", *reversed(gate.names))
    measured = state(names, [0.04, *ready[::-1]])
    assert check(gate, ready, memory=at_rest(ready), measured=measured).accepted


def test_missing_or_broken_measurements_are_refused(gate, ready):
    for measured in (state(gate.names[1:], ready[1:]), state(gate.names, [*ready[:6], np.nan])):
        assert check(gate, ready, memory=at_rest(ready), measured=measured).code is ErrorCode.GATE_STALE


def test_the_tool_stays_in_the_workspace(model, robot, ready):
    tool = model.fk(ready)[:3, 3]
    gate = Gate.from_config(model, robot, workspace_m=(tool - 0.01, tool + 0.01))
    assert check(gate, ready, memory=None).accepted
    outside = ready + np.array([0.1, 0, 0, 0, 0, 0, 0])
    assert check(gate, outside, memory=None).code is ErrorCode.GATE_WORKSPACE


def test_keep_out_boxes_stop_every_part_of_the_arm(model, robot, ready):
    elbow = model.fk(ready, "fr3_link4")[:3, 3]
    box = Box(T_base_box=make_transform(None, elbow + [0, 0, 0.08]), size_m=np.full(3, 0.1), name="the lamp")
    gate = Gate.from_config(model, robot, keep_out=[box])
    verdict = check(gate, ready, memory=None)
    assert verdict.code is ErrorCode.GATE_SCENE_COLLISION
    assert "the lamp" in verdict.reason


def test_the_arm_may_not_touch_itself(gate):
    folded = np.array([0.0, 1.0, 0.0, -3.0, 0.0, 0.6, 0.0])
    verdict = check(gate, folded, memory=None)
    assert verdict.code in {ErrorCode.GATE_SELF_COLLISION, ErrorCode.GATE_SCENE_COLLISION}


number = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(number | st.just(5e-324) | st.just(-0.0) | st.just(1e308), min_size=0, max_size=9), st.booleans())
def test_no_list_of_numbers_breaks_it(gate, ready, values, armed):
    memory = None if armed else at_rest(ready)
    verdict = gate.check(gate.names, values, measured=state(gate.names, ready), now_ns=NOW, memory=memory)
    assert verdict.accepted or verdict.reason
