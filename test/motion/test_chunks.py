"""Action chunks: played by time and name, smooth across seams, held when stale, inside the gate's limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.robot import JointState
from molmo_ros.core.types import ActionChunk, ActionKind
from molmo_ros.motion.chunks import ChunkPlayer, ChunkRules, RequestClock, body_step, shorten_base
from molmo_ros.motion.following import Follower
from molmo_ros.motion.gate import Gate

S = 1_000_000_000
NAMES = ("a", "b")
RULES = ChunkRules(names=NAMES, lower=(-2.0, -2.0), upper=(2.0, 2.0), blend_s=0.0)
HERE = {"a": 0.0, "b": 0.0}


def chunk(values, *, names=NAMES, stamp=0, sequence=1, dt=0.1, kind=ActionKind.JOINT_POSITION) -> ActionChunk:
    values = np.asarray(values, dtype=float)
    return ActionChunk(names=names, values=values, kind=kind, dt_s=dt, observation_stamp_ns=stamp, sequence=sequence)


def ramp(rows=10, slope=0.05):
    return np.outer(np.arange(1, rows + 1), [slope, -slope])


def test_a_row_is_reached_at_the_end_of_its_step_after_the_observation() -> None:
    player = ChunkPlayer(RULES)
    assert player.offer(chunk(ramp()), 0, HERE)[0] is ErrorCode.NONE
    for row in range(10):
        assert player.target((row + 1) * S // 10).positions == pytest.approx([0.05 * (row + 1), -0.05 * (row + 1)])


def test_what_has_passed_is_dropped_by_time_not_by_index() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp()), int(0.35 * S), HERE)
    assert player.counts.rows_dropped == 3
    assert player.target(int(0.4 * S)).positions == pytest.approx([0.2, -0.2])


def test_columns_are_matched_by_name() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp(), names=("b", "a")), 0, HERE)
    assert player.target(S // 10).positions == pytest.approx([-0.05, 0.05])


@pytest.mark.parametrize(
    ("offered", "now_s", "code"),
    [
        (chunk(ramp(), names=("a", "c")), 0.0, ErrorCode.GATE_NAMES),
        (chunk(ramp()[:, :1], names=("a",)), 0.0, ErrorCode.GATE_NAMES),
        (chunk(ramp()), 1.01, ErrorCode.CHUNK_STALE),
        (chunk(ramp(), stamp=S), 0.0, ErrorCode.CLOCK_JUMPED),
        (chunk(ramp() + 0.5), 0.0, ErrorCode.GATE_STEP),
        (chunk(np.linspace(0.2, 2.1, 12)[:, None] * [1.0, 0.0]), 0.0, ErrorCode.GATE_POSITION),
        (chunk(ramp(), kind=ActionKind.EE_DELTA), 0.0, ErrorCode.NOT_SUPPORTED),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused_and_the_running_one_goes_on(offered, now_s, code) -> None:
    player = ChunkPlayer(RULES)
    running = chunk(np.zeros((16, 2)), stamp=-1, sequence=0)
    player.offer(running, 0, HERE)
    assert player.offer(offered, int(now_s * S), HERE)[0] is code
    assert player.counts.refused == 1
    if now_s < 1.6:
        assert player.target(int(now_s * S) + 1).positions == pytest.approx([0.0, 0.0])


def test_an_answer_to_an_older_observation_never_takes_over() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp(), stamp=S, sequence=2), S, HERE)
    assert player.offer(chunk(np.zeros((10, 2)), stamp=S // 2, sequence=3), S, HERE)[0] is ErrorCode.CHUNK_STALE


def test_a_policy_that_was_restarted_counts_from_one_again() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp(), stamp=S, sequence=900), S, HERE)
    assert player.offer(chunk(ramp(), stamp=2 * S, sequence=1), 2 * S, HERE)[0] is ErrorCode.NONE


def test_it_holds_when_the_actions_have_run_out() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp()), 0, HERE)
    assert player.target(S).positions is not None
    late = player.target(S + S // 100)
    assert (late.positions, late.code) == (None, ErrorCode.CHUNK_STALE)


def test_a_long_chunk_is_stale_after_sixteen_rows() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp(40, 0.01)), 0, HERE)
    assert player.target(int(1.6 * S)).positions is not None
    assert player.target(int(1.61 * S)).positions is None


def test_a_lost_policy_holds_at_once_with_its_code() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp()), 0, HERE)
    player.fault(ErrorCode.MODEL_UNAVAILABLE, "gone")
    assert player.target(S // 10).code is ErrorCode.MODEL_UNAVAILABLE
    assert player.offer(chunk(ramp(), stamp=S, sequence=2), S, HERE)[0] is ErrorCode.NONE
    assert player.target(S + 1).positions is not None


def test_long_steps_are_shortened_by_one_factor() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk([[0.0, 0.0], [0.4, 0.1]]), 0, HERE)
    assert player.target(S // 5).positions == pytest.approx([0.2, 0.05])
    assert player.counts.rows_shortened == 1


def test_steps_add_up_from_where_the_joints_are_bound_to_be() -> None:
    player = ChunkPlayer(RULES)
    steps = np.full((10, 2), 0.02)
    player.offer(chunk(steps, kind=ActionKind.JOINT_DELTA), int(0.25 * S), {"a": 1.0, "b": 0.5})
    # Half of the third step is left, then seven whole ones.
    assert player.target(S).positions == pytest.approx([1.0 + 0.15, 0.5 + 0.15])


@given(
    late_s=st.floats(0.0, 0.4),
    jump=st.floats(-0.15, 0.15),
    slope=st.floats(-0.08, 0.08),
)
def test_a_new_chunk_takes_over_without_a_jump(late_s: float, jump: float, slope: float) -> None:
    player = ChunkPlayer(ChunkRules(names=NAMES, lower=(-9, -9), upper=(9, 9), blend_s=0.1))
    player.offer(chunk(ramp(16)), 0, HERE)
    now = int(0.5 * S)
    before = player.target(now).positions
    new = chunk(before + jump + ramp(16, slope), stamp=now - int(late_s * S), sequence=2)
    if player.offer(new, now, dict(zip(NAMES, before, strict=True)))[0] is not ErrorCode.NONE:
        return
    path = np.array([player.target(now + k * S // 1000).positions for k in range(150)])
    assert path[0] == pytest.approx(before, abs=1e-9)
    # The cubic blend of 0.1 s covers 1.5 % of the gap per millisecond at most, beside both slopes.
    gap = abs(jump) + abs(slope) * late_s * 10
    assert np.max(np.abs(np.diff(path, axis=0))) < 0.02 * gap + 0.001 + abs(slope) * 0.01


def test_a_gripper_moves_only_when_two_rows_agree() -> None:
    player = ChunkPlayer(RULES)
    widths = [0.08, 0.08, 0.0, 0.08, 0.0, 0.0, 0.0]
    values = np.column_stack([np.zeros((7, 2)), widths])
    player.offer(chunk(values, names=(*NAMES, "gripper_width")), 0, HERE)
    seen = []
    for row in range(7):
        player.target(int((row + 0.5) * S / 10))
        seen.append(player.closed.get("gripper_width"))
    assert seen == [None, False, False, False, False, True, True]


@given(yaw=st.floats(-3.1, 3.1), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_a_base_step_is_turned_into_the_body_frame(yaw: float, x: float, y: float) -> None:
    body = body_step([x, y, 0.3], yaw)
    back = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ body[:2]
    assert back == pytest.approx([x, y], abs=1e-12)
    assert body[2] == 0.3


def test_base_steps_are_bounded_and_keep_their_direction() -> None:
    step = shorten_base([3.0, 4.0, 0.05])
    assert np.hypot(step[0], step[1]) == pytest.approx(0.05)
    assert step[0] / step[1] == pytest.approx(0.75)
    assert abs(shorten_base([0.0, 0.0, -9.0])[2]) == pytest.approx(0.1)


def test_a_base_stops_the_moment_its_actions_run_out() -> None:
    player = ChunkPlayer(ChunkRules(names=(), lower=(), upper=()))
    player.offer(chunk([[0.01, 0.0, 0.0]] * 5, names=("base_x", "base_y", "base_yaw")), 0, {})
    assert player.target(S // 4).base_step == pytest.approx([0.01, 0.0, 0.0])
    assert player.target(S // 2 + S // 50).base_step is None


def test_rate_and_stale_share_are_counted() -> None:
    player = ChunkPlayer(RULES)
    player.offer(chunk(ramp()), 0, HERE)
    for tick in range(200):
        player.target(tick * S // 100)
    assert player.counts.rows_played == 10
    assert player.counts.effective_rate_hz == pytest.approx(10 / 1.99)
    assert player.counts.stale_ratio == pytest.approx(0.5, abs=0.01)


def test_the_next_chunk_is_asked_for_while_the_running_one_plays() -> None:
    clock = RequestClock(execute_s=0.5, horizon_s=1.0, margin_s=0.05)
    assert clock.due(0)
    clock.asked(0)
    clock.answered(0.3)
    assert not clock.due(int(0.49 * S))
    assert clock.due(int(0.5 * S))


def test_a_slow_policy_is_asked_earlier() -> None:
    clock = RequestClock(execute_s=0.5, horizon_s=0.5, margin_s=0.05)
    clock.asked(0)
    clock.answered(0.3)
    assert not clock.due(int(0.14 * S))
    assert clock.due(int(0.16 * S))
    clock.answered(0.9)
    assert clock.due(1)


def test_a_clock_that_was_set_back_does_not_stop_the_asking() -> None:
    clock = RequestClock(execute_s=0.5, horizon_s=1.0)
    clock.asked(100 * S)
    assert clock.due(S)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_streamed_target_passes_the_gate(robot, model, ready, seed: int) -> None:
    rng = np.random.default_rng(seed)
    limits = robot.limits
    gate = Gate.from_config(model, robot)
    follower = Follower(limits)
    player = ChunkPlayer(ChunkRules(names=limits.names, lower=tuple(limits.lower), upper=tuple(limits.upper)))
    here = np.array(ready)
    follower.begin(here)
    memory, now, sequence = None, S, 0
    next_chunk = now
    for _ in range(250):
        if now >= next_chunk:
            sequence += 1
            goal = np.clip(here + rng.uniform(-0.6, 0.6, 7), limits.lower + 0.02, limits.upper - 0.02)
            path = here + (goal - here) * np.linspace(0, 1, 16)[:, None] + rng.normal(0, 0.01, (16, 7))
            offered = chunk(path, names=limits.names, stamp=now - int(rng.uniform(0, 0.2) * S), dt=1 / 15)
            player.offer(offered, now, dict(zip(limits.names, here, strict=True)))
            next_chunk = now + int(rng.uniform(0.2, 1.3) * S)
        target = player.target(now)
        if target.positions is None or target.velocities is None:
            q = follower.brake()
        else:
            q = follower.follow(target.positions, target.velocities)
        state = JointState(
            names=limits.names, positions=here, velocities=np.zeros(7), efforts=np.zeros(7), stamp_ns=now
        )
        verdict = gate.check(limits.names, q, measured=state, now_ns=now, memory=memory)
        if verdict.code in (ErrorCode.GATE_WORKSPACE, ErrorCode.GATE_SELF_COLLISION, ErrorCode.GATE_SCENE_COLLISION):
            return
        assert verdict.accepted, verdict.reason
        memory, here = verdict.memory, q
        now += S // 100


def test_from_its_highest_speed_it_rests_within_ninety_milliseconds(robot, ready) -> None:
    follower = Follower(robot.limits)
    follower.begin(ready)
    for _ in range(60):
        follower.follow(np.array(ready) + 0.8, np.zeros(7))
    ticks = 0
    while follower.moving:
        follower.brake()
        ticks += 1
    assert 0 < ticks <= 9
