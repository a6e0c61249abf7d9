"""The policy strategy in the launched graph: a server's actions move the arm; cancel and loss hold it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph import Graph

from molmo_ros.core.errors import ErrorCode

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "servers"))

from fakes import FakePolicyServer

pytestmark = pytest.mark.slow

CONTRACT = """
backend: molmobot
checkpoint: fake
robot: fr3
gives: [actions]
state_names: [fr3_joint1, fr3_joint2, fr3_joint3, fr3_joint4, fr3_joint5, fr3_joint6, fr3_joint7, gripper]
action:
  names: [fr3_joint1, fr3_joint2, fr3_joint3, fr3_joint4, fr3_joint5, fr3_joint6, fr3_joint7, gripper]
  kind: joint_position
  dt_s: 0.1
  chunk_length: 16
  execute_length: 8
gripper: {open_value: 0.0, closed_value: 255.0, max_width_m: 0.08}
cameras: [{name: exo_camera_1, width_px: 320, height_px: 180}]
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FakePolicyServer]:
    made = FakePolicyServer("list", step_rad=0.01)
    yield made
    made.close()


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory, server: FakePolicyServer) -> Iterator[Graph]:
    runs = tmp_path_factory.mktemp("policy")
    contract = runs / "one_camera.yaml"
    contract.write_text(CONTRACT)
    params = runs / "params.yaml"
    shipped = (Path(__file__).parents[2] / "config" / "fr3_tabletop.yaml").read_text()
    # The machines that run the tests are shared: images may be older than on a robot, and patience is shorter.
    shipped = shipped.replace("camera_max_age_s: 0.3", "camera_max_age_s: 2.0")
    params.write_text(shipped.replace("    strategy: trace", "    strategy: trace\n    policy_patience_s: 3.0"))
    graph = Graph(
        runs,
        200 + os.getpid() % 30,
        "record:=false",
        f"params:={params}",
        f"contract:={contract}",
        f"policy:={{backend: molmobot, url: '{server.url}'}}",
    )
    try:
        graph.ready()
        yield graph
    finally:
        graph.close()


def test_the_servers_actions_move_the_arm_until_it_is_cancelled(acting: Graph, server: FakePolicyServer) -> None:
    acting.until(lambda: bool(acting.joints), "joint states")
    before = acting.joints[-1].position[acting.joints[-1].name.index("fr3_joint1")]
    goal = acting.send("turn to the left", strategy="policy")
    acting.until(
        lambda: acting.joints[-1].position[acting.joints[-1].name.index("fr3_joint1")] > before + 0.1, "motion"
    )
    goal.handle.cancel_goal_async()
    status, result = goal.ends()
    assert (status, result.error_code) == ("canceled", ErrorCode.CANCELED)
    acting.until(lambda: not acting.moving(), "standing still")
    count = len(acting.joints)
    acting.until(lambda: len(acting.joints) > count + 20, "more joint states")
    assert not acting.moving()


def test_a_lost_server_holds_the_arm_and_ends_the_goal_with_its_code(acting: Graph, server: FakePolicyServer) -> None:
    acting.reset()
    goal = acting.send("turn to the left", strategy="policy")
    acting.until(acting.moving, "motion")
    server.mode = "error"
    status, result = goal.ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.MODEL_UNAVAILABLE)
    assert "no GPU" in result.error_msg or "gone" in result.error_msg
    assert "chunks accepted" in result.error_msg
    assert not acting.moving()
    server.mode = "good"


def test_an_unknown_strategy_is_refused(acting: Graph, server: FakePolicyServer) -> None:
    status, result = acting.send("turn", strategy="dance").ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.STRATEGY_UNKNOWN)
