"""A policy server that is slow, dead, wrong or gone: the simulated arm rests within 100 ms, and the goal has its code.

Client, door, chunk player, gate and simulation are the real ones, in one process; only the server is made to fail.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "servers"))

from fakes import FakeHttpServer, FakePolicyServer
from samples import contract, model

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState
from molmo_ros.models.door import Door
from molmo_ros.models.protocols import Observation
from molmo_ros.models.servers.act_client import on_the_wire
from molmo_ros.motion.chunks import ChunkRules
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.gate import Gate
from molmo_ros.motion.model import RobotModel
from molmo_ros.robots.gated import GatedDriver
from molmo_ros.robots.streaming import ChunkStreamer
from molmo_ros.sim.simulation import Simulation
from molmo_ros.task.policy import PolicyConfig, PolicyRun, PolicyState

ROBOT = load_robot("fr3")
NAMES = ROBOT.limits.names
STILL_RAD_S = 0.02


class Cell:
    """The simulated arm, a policy client and the strategy, driven step by step in simulation time."""

    def __init__(self, client, name: str) -> None:
        self.client, self.contract = client, contract(name)
        self.simulation = Simulation("demo", noise=False)
        gated = GatedDriver(self, Gate.from_config(RobotModel.from_config(ROBOT), ROBOT), self._now)
        self.gated = gated
        rules = ChunkRules(
            names=NAMES, lower=tuple(ROBOT.limits.lower.tolist()), upper=tuple(ROBOT.limits.upper.tolist())
        )
        self.streamer = ChunkStreamer(gated, ROBOT.limits, rules)
        self.door = Door("policy")
        self.code = ErrorCode.NONE

    joint_names = NAMES

    def _now(self) -> int:
        return self.simulation.world.stamp_ns

    def joint_state(self) -> JointState:
        return self.simulation.joint_state()

    def gripper_state(self) -> GripperState:
        return self.simulation.gripper_state()

    def stream(self, names, positions) -> None:
        self.simulation.set_target(names, positions)

    def hold(self) -> None:
        self.simulation.hold()

    @property
    def speed(self) -> float:
        state = self.simulation.joint_state()
        return float(np.max(np.abs(state.velocities[[state.names.index(n) for n in NAMES]])))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.streamer.tick()
            self.simulation.step()

    def ask(self, deadline_s: float = 6.0) -> ErrorCode:
        """One question; a fault goes to the player at once, as policy_node's does."""
        image = np.random.default_rng(0).integers(0, 255, (36, 64, 3), dtype=np.uint8)
        seen = Observation(
            images={c.name: image for c in self.contract.cameras},
            joints=self.simulation.joint_state(),
            gripper_width_m=0.08,
            stamp_ns=self._now(),
        )
        try:
            thought, chunk = self.door.call(lambda: self.client.act(seen, "turn"), deadline_s)
            if chunk is None:
                raise MolmoRosError(thought.code, thought.message)
            if chunk.names == self.contract.action_names:
                on_the_wire(self.contract, chunk.values)
            code, message = self.streamer.offer(chunk)
            if code is not ErrorCode.NONE:
                raise MolmoRosError(code, message)
        except MolmoRosError as error:
            self.streamer.player.fault(error.code, error.message)
            self.code = error.code
            return error.code
        self.code = ErrorCode.NONE
        return ErrorCode.NONE


def policy_cell() -> tuple[Cell, FakePolicyServer]:
    server = FakePolicyServer("list", step_rad=0.03)
    return Cell(model("molmobot", "molmobot_droid_fr3", url=server.url, deadline_s=5.0), "molmobot_droid_fr3"), server


def act_cell() -> tuple[Cell, FakeHttpServer]:
    def answer(request):
        rows = request["state"] + np.outer(np.arange(1, 16), [0.03, 0, 0, 0, 0, 0, 0, 0])
        return {"actions": rows.astype(np.float32), "dt_ms": 1.0}

    server = FakeHttpServer(answer)
    return Cell(
        model("molmoact2", "molmoact2_droid_fr3", url=server.url, deadline_s=5.0), "molmoact2_droid_fr3"
    ), server


@pytest.fixture(params=[policy_cell, act_cell], ids=["molmobot", "act"])
def cell(request: pytest.FixtureRequest) -> Iterator[tuple[Cell, FakePolicyServer | FakeHttpServer]]:
    made, server = request.param()
    yield made, server
    made.client.close()
    server.close()
    made.simulation.close()


CODES = {
    "slow": ErrorCode.MODEL_TIMEOUT,
    "dead": ErrorCode.MODEL_TIMEOUT,
    "garbage": ErrorCode.PAYLOAD_INVALID,
    "disconnect": ErrorCode.MODEL_UNAVAILABLE,
    "error": ErrorCode.MODEL_UNAVAILABLE,
}


@pytest.mark.parametrize("mode", CODES)
def test_the_arm_rests_within_100_ms_of_the_fault_and_goes_on_when_it_is_over(cell, mode: str) -> None:
    arm, server = cell
    assert arm.ask() is ErrorCode.NONE
    arm.run(0.3)
    assert arm.speed > 0.1
    server.mode = mode
    server.delay_s = 0.6 if mode == "slow" else 0.0
    arm.client.deadline_s = 0.3 if mode in ("slow", "dead") else 5.0
    assert arm.ask() is CODES[mode]
    arm.run(0.1)
    here = arm.joint_state().select(NAMES)
    arm.run(0.2)
    assert arm.speed < STILL_RAD_S
    assert np.max(np.abs(arm.joint_state().select(NAMES) - here)) < 0.01
    assert arm.gated.refused == 0
    server.mode, server.delay_s, arm.client.deadline_s = "good", 0.0, 5.0
    end = time.monotonic() + 20.0
    while arm.ask() is not ErrorCode.NONE and time.monotonic() < end:
        time.sleep(0.05)
    arm.run(0.3)
    assert arm.speed > 0.1


class Ports:
    """The strategy's ports over a cell whose loop another thread turns."""

    def __init__(self, arm: Cell) -> None:
        self.arm, self.ended, self.stages = arm, False, []
        self.error: MolmoRosError | None = None

    def begin_actions(self, instruction: str) -> None:
        pass

    def end_actions(self) -> None:
        self.ended = True

    def policy_state(self) -> PolicyState:
        code, message = self.arm.streamer.problem
        return PolicyState(
            playing=code is ErrorCode.NONE and self.arm.streamer.player.counts.accepted > 0,
            code=code,
            message=message,
            counts=self.arm.streamer.player.counts.sentence(),
        )

    def report(self, feedback) -> None:
        self.stages.append(feedback.message)

    def check(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("mode", ["dead", "garbage", "disconnect", "error"])
def test_a_goal_whose_policy_stays_lost_ends_with_its_code_and_counts(mode: str) -> None:
    arm, server = policy_cell()
    stop = threading.Event()

    def turn() -> None:
        arm.ask()
        arm.run(0.2)
        server.mode = mode
        arm.client.deadline_s = 0.3
        while not stop.is_set():
            code = arm.ask()
            # Between tries the server is only said to be gone; the strategy has heard the first reason already.
            arm.run(0.02)
            if code is CODES[mode]:
                stop.wait(0.02)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        ports = Ports(arm)
        outcome = PolicyRun(ports, PolicyConfig(patience_s=0.8)).run("turn")
    finally:
        stop.set()
        thread.join()
        server.close()
        arm.simulation.close()
    assert outcome.code in (CODES[mode], ErrorCode.MODEL_UNAVAILABLE)
    assert outcome.stop_cause == "failed"
    assert "1 chunks played" in outcome.message
    assert ports.ended


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (ErrorCode.CANCELED, "canceled"),
        (ErrorCode.SUPERSEDED, "superseded"),
        (ErrorCode.TIME_LIMIT, "time_limit"),
    ],
)
def test_a_goal_that_is_ended_says_so(code: ErrorCode, cause: str) -> None:
    arm, server = policy_cell()
    try:
        ports = Ports(arm)
        ports.error = MolmoRosError(code, "over")
        outcome = PolicyRun(ports, PolicyConfig()).run("turn")
    finally:
        server.close()
        arm.simulation.close()
    assert (outcome.code, outcome.stop_cause, ports.ended) == (code, cause, True)


@pytest.mark.parametrize(
    ("instruction", "code"),
    [("", ErrorCode.INSTRUCTION_EMPTY), ("x" * 501, ErrorCode.INSTRUCTION_TOO_LONG)],
)
def test_a_bad_instruction_never_reaches_the_policy(instruction: str, code: ErrorCode) -> None:
    class Nobody:
        def __getattr__(self, name: str):
            raise AssertionError(name)

    outcome = PolicyRun(Nobody(), PolicyConfig()).run(instruction)
    assert (outcome.code, outcome.stop_cause) == (code, "refused")


def test_an_estimator_that_stays_sure_ends_the_goal() -> None:
    class Sure(Ports):
        def policy_state(self) -> PolicyState:
            return PolicyState(playing=True, progress=0.9, success_probability=0.97)

    ports = Sure(None)
    outcome = PolicyRun(ports, PolicyConfig(success_s=0.1)).run("turn")
    assert (outcome.code, outcome.stop_cause) == (ErrorCode.NONE, "succeeded")
    assert "estimator" in outcome.message
