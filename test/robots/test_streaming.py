"""A policy's chunks on the simulated arm: followed inside the gate, and held whenever something is missing."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState
from molmo_ros.core.types import ActionChunk, ActionKind
from molmo_ros.motion.chunks import ChunkRules
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.gate import Gate
from molmo_ros.motion.model import RobotModel
from molmo_ros.robots.gated import GatedDriver
from molmo_ros.robots.streaming import ChunkStreamer
from molmo_ros.sim.simulation import Simulation

ROBOT = load_robot("fr3")
MODEL = RobotModel.from_config(ROBOT)
DT = 1 / 15
STILL_RAD_S = 0.02


class Arm:
    """The simulation as a driver whose measurements can be taken away."""

    def __init__(self) -> None:
        self.simulation = Simulation("demo", noise=False)
        self.lost = False
        self.holds = 0

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self.simulation.arm_joint_names

    def joint_state(self) -> JointState:
        if self.lost:
            raise MolmoRosError(ErrorCode.JOINT_STATES_LOST, "gone")
        return self.simulation.joint_state()

    def gripper_state(self) -> GripperState:
        return self.simulation.gripper_state()

    def stream(self, names, positions) -> None:
        self.simulation.set_target(names, positions)

    def hold(self) -> None:
        self.holds += 1
        self.simulation.hold()


@pytest.fixture
def arm():
    made = Arm()
    yield made
    made.simulation.close()


class Rig:
    """A streamer on the arm, and what a policy would say."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.gated = GatedDriver(arm, Gate.from_config(MODEL, ROBOT), lambda: arm.simulation.world.stamp_ns)
        limits = ROBOT.limits
        rules = ChunkRules(names=limits.names, lower=tuple(limits.lower), upper=tuple(limits.upper))
        self.widths: list[float] = []
        self.streamer = ChunkStreamer(self.gated, limits, rules, gripper=lambda _, w: self.widths.append(w))
        self.sequence = 0

    @property
    def q(self) -> np.ndarray:
        return self.arm.simulation.joint_state().select(ROBOT.limits.names)

    @property
    def speed(self) -> float:
        state = self.arm.simulation.joint_state()
        return float(np.max(np.abs(state.velocities[[state.names.index(n) for n in ROBOT.limits.names]])))

    def say(self, goal: np.ndarray, rows: int = 16, latency_s: float = 0.0, closed: bool | None = None):
        start = self.q
        values = start + (np.asarray(goal) - start) * np.linspace(1 / rows, 1, rows)[:, None]
        names = ROBOT.limits.names
        if closed is not None:
            names, values = (*names, "gripper_width"), np.column_stack([values, np.full(rows, 0.0 if closed else 0.08)])
        self.sequence += 1
        stamp = self.arm.simulation.world.stamp_ns - int(latency_s * 1e9)
        return self.streamer.offer(
            ActionChunk(
                names=names,
                values=values,
                kind=ActionKind.JOINT_POSITION,
                dt_s=DT,
                observation_stamp_ns=stamp,
                sequence=self.sequence,
            )
        )

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.streamer.tick()
            self.arm.simulation.step()

    def rests_within(self, seconds: float) -> bool:
        self.run(seconds)
        here = self.q
        self.run(0.2)
        return self.speed < STILL_RAD_S and float(np.max(np.abs(self.q - here))) < 0.01


@pytest.fixture
def rig(arm) -> Rig:
    return Rig(arm)


def turned(rig: Rig, joint: int = 0, by: float = 0.4) -> np.ndarray:
    goal = rig.q.copy()
    goal[joint] += by
    return goal


def test_chunks_that_follow_one_another_bring_the_arm_there(rig: Rig) -> None:
    goal = turned(rig, 0, 0.9)
    while np.max(np.abs(rig.q - goal)) > 0.01 and rig.sequence < 20:
        step = np.clip(goal - rig.q, -0.5, 0.5)
        assert rig.say(rig.q + step, latency_s=0.1)[0] is ErrorCode.NONE
        rig.run(0.5)
    assert np.max(np.abs(rig.q - goal)) <= 0.01
    assert rig.gated.refused == 0
    assert rig.streamer.player.counts.stale_ratio == 0.0
    assert rig.streamer.player.counts.effective_rate_hz == pytest.approx(15, abs=2.5)


def test_it_rests_within_100_ms_of_the_last_action(rig: Rig) -> None:
    rig.say(turned(rig), rows=8)
    rig.run(8 * DT)
    assert rig.speed > 0.1
    assert rig.rests_within(0.1)
    assert rig.streamer.problem[0] is ErrorCode.CHUNK_STALE
    assert rig.gated.refused == 0


@pytest.mark.parametrize("code", [ErrorCode.MODEL_TIMEOUT, ErrorCode.MODEL_UNAVAILABLE, ErrorCode.PAYLOAD_INVALID])
def test_a_lost_policy_means_rest_within_100_ms(rig: Rig, code: ErrorCode) -> None:
    rig.say(turned(rig))
    rig.run(0.4)
    assert rig.speed > 0.1
    rig.streamer.player.fault(code, "the policy is gone")
    assert rig.rests_within(0.1)
    assert rig.streamer.problem[0] is code


def test_it_goes_on_with_the_next_good_chunk(rig: Rig) -> None:
    rig.say(turned(rig))
    rig.run(0.4)
    rig.streamer.player.fault(ErrorCode.MODEL_UNAVAILABLE, "gone")
    rig.run(0.5)
    goal = turned(rig, 0, 0.2)
    assert rig.say(goal)[0] is ErrorCode.NONE
    rig.run(1.0)
    assert np.max(np.abs(rig.q - goal)) < 0.02
    assert rig.gated.refused == 0


def test_what_the_gate_refuses_is_not_done(rig: Rig) -> None:
    here = rig.q
    down = here.copy()
    for _ in range(12):
        down = rig.q.copy()
        down[1] += 0.3
        rig.say(down)
        rig.run(0.8)
        if rig.gated.refused:
            break
    assert rig.gated.refused > 0
    assert 520 <= int(rig.gated.last_refusal[0]) < 540
    assert rig.rests_within(0.15)
    refused = rig.gated.refused
    assert rig.say(rig.q + 0.5 * (here - rig.q))[0] is ErrorCode.NONE
    rig.run(0.6)
    assert rig.gated.refused == refused
    assert np.linalg.norm(rig.q - here) < np.linalg.norm(down - here)


def test_lost_joint_states_end_the_streaming(rig: Rig) -> None:
    rig.say(turned(rig))
    rig.run(0.4)
    rig.arm.lost = True
    accepted = rig.gated.accepted
    assert rig.rests_within(0.1)
    assert rig.gated.accepted == accepted
    assert rig.streamer.problem[0] is ErrorCode.JOINT_STATES_LOST


def test_the_end_of_a_goal_brakes_within_100_ms(rig: Rig) -> None:
    rig.say(turned(rig))
    rig.run(0.4)
    ticks = 0
    while not rig.streamer.brake():
        rig.arm.simulation.step()
        ticks += 1
    assert ticks <= 10
    assert rig.gated.refused == 0


def test_the_gripper_is_asked_once_for_each_change(rig: Rig) -> None:
    rig.say(rig.q, closed=True)
    rig.run(0.5)
    rig.say(rig.q, closed=False)
    rig.run(0.5)
    assert rig.widths == [0.0, 0.08]


def test_ticks_without_a_newer_measurement_do_nothing(rig: Rig) -> None:
    rig.say(turned(rig))
    rig.run(0.2)
    accepted = rig.gated.accepted
    for _ in range(20):
        rig.streamer.tick()
    assert rig.gated.accepted <= accepted + 1
    assert rig.gated.refused == 0


def test_after_a_late_tick_the_arm_goes_on_from_rest_without_a_refusal(rig: Rig) -> None:
    goal = turned(rig)
    rig.say(goal)
    rng = np.random.default_rng(1)
    for _ in range(12):
        rig.run(0.05)
        for _ in range(int(rng.integers(1, 8))):
            rig.arm.simulation.step()
    assert rig.gated.refused == 0
    assert rig.q[0] > goal[0] - 0.35


def test_a_clock_that_is_set_back_means_rest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.say(turned(rig))
    rig.run(0.4)
    assert rig.speed > 0.1
    monkeypatch.setattr(rig.gated, "now_ns", lambda: 1)
    rig.streamer.tick()
    assert rig.streamer.problem[0] is ErrorCode.CLOCK_JUMPED
    monkeypatch.undo()
    assert rig.rests_within(0.1)


def test_base_steps_reach_the_base_and_end_with_the_actions(rig: Rig) -> None:
    asked: list[object] = []
    limits = ROBOT.limits
    rules = ChunkRules(names=limits.names, lower=tuple(limits.lower), upper=tuple(limits.upper))
    streamer = ChunkStreamer(rig.gated, limits, rules, base=lambda step, dt_s: asked.append((step, dt_s)))
    values = np.column_stack([np.tile(rig.q, (4, 1)), np.tile([0.2, 0.0, 0.01], (4, 1))])
    chunk = ActionChunk(
        names=(*limits.names, "base_x", "base_y", "base_yaw"),
        values=values,
        kind=ActionKind.JOINT_POSITION,
        dt_s=0.1,
        observation_stamp_ns=rig.arm.simulation.world.stamp_ns,
        sequence=1,
    )
    assert streamer.offer(chunk)[0] is ErrorCode.NONE
    for _ in range(60):
        streamer.tick()
        rig.arm.simulation.step()
    steps = [step for step, _ in asked if step is not None]
    # 0.2 m is shortened to 0.05 m, and the turn with it.
    assert all(step == pytest.approx([0.05, 0.0, 0.0025]) for step in steps)
    assert len(steps) == pytest.approx(40, abs=2)
    assert asked[-1] == (None, 0.0)
    assert sum(step is None for step, _ in asked) == 1
