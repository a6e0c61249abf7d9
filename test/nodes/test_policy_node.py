"""policy_node by itself: a mismatch with the contract ends it in words, and a flow policy is told how far it has come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_policy_graph import CONTRACT

from molmo_ros.embedded import install

install()

from molmo_ros.core.errors import ErrorCode, MolmoRosError  # noqa: E402
from molmo_ros.core.types import ActionChunk, ActionKind  # noqa: E402
from molmo_ros.motion.chunks import RequestClock  # noqa: E402
from molmo_ros.nodes.policy_node import PolicyNode, find_contract  # noqa: E402

HERE = Path(__file__).parent
START = "from molmo_ros.embedded import install; install(); from molmo_ros.nodes.policy_node import main; main({!r})"


def start(*parameters: str, domain: int) -> subprocess.Popen[str]:
    words = ["--ros-args", *(word for p in parameters for word in ("-p", p))]
    return subprocess.Popen(
        [sys.executable, "-c", START.format(words)],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_another_gripper_than_trained_with_stops_the_node_at_its_start() -> None:
    node = start("contract:=molmobot_droid_fr3_2f85", domain=231)
    _, said = node.communicate(timeout=60)
    assert node.returncode == 2
    assert "[CONTRACT_MISMATCH]" in said
    assert "expects a gripper of 0.085 m (Robotiq 2F-85), this one opens 0.080 m" in said
    assert "Traceback" not in said


def test_a_camera_of_another_aspect_stops_the_node_once_it_is_seen(tmp_path: Path) -> None:
    contract = tmp_path / "square.yaml"
    contract.write_text(CONTRACT.replace("height_px: 180", "height_px: 320"))
    environment = {**os.environ, "ROS_DOMAIN_ID": "232"}
    robot = subprocess.Popen(
        [sys.executable, str(HERE / "gpu_box_robot.py")], env=environment, stdout=subprocess.DEVNULL
    )
    node = start(f"contract:={contract}", "warm_up:=false", domain=232)
    try:
        _, said = node.communicate(timeout=90)
    finally:
        node.kill()
        robot.kill()
        robot.wait()
    assert node.returncode == 2
    assert "[CONTRACT_MISMATCH]" in said
    assert "320x180 px; fake was trained on 320x320 px, another aspect ratio" in said


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("contract:=nonsense", "CONFIG_INVALID"),
        ("model:={backend: geometric}", "CONFIG_INVALID"),
        ("model:={backend: nonsense}", "CONFIG_INVALID"),
        ("cameras:=[1]", "CONFIG_INVALID"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_in_one_line(parameter: str, code: str) -> None:
    node = start(parameter, domain=233)
    _, said = node.communicate(timeout=60)
    assert node.returncode == 2
    assert f"error [{code}]" in said
    assert "Traceback" not in said


def test_a_contract_is_found_by_name_or_path(tmp_path: Path) -> None:
    assert find_contract("molmobot_droid_fr3").checkpoint == "allenai/MolmoBot-DROID"
    (tmp_path / "own.yaml").write_text(CONTRACT)
    assert find_contract(str(tmp_path / "own.yaml")).name == "own"
    with pytest.raises(MolmoRosError) as caught:
        find_contract("nonsense")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def chunk(stamp_ns: int) -> ActionChunk:
    values = np.zeros((16, 1))
    return ActionChunk(names=("a",), values=values, kind=ActionKind.JOINT_POSITION, dt_s=0.1,
                       observation_stamp_ns=stamp_ns, sequence=1)  # fmt: skip


@pytest.mark.parametrize(
    ("since_s", "latency_s", "told"),
    [(0.8, 0.25, {"executed": 8, "delay": 3}), (0.84, 0.3, {"executed": 8, "delay": 3}), (1.7, 0.3, None)],
)
def test_a_flow_policy_is_told_how_much_of_the_running_chunk_is_done(since_s, latency_s, told) -> None:
    calls = []

    class Flow:
        def act(self, seen, instruction):
            calls.append(None)

        def act_continuing(self, seen, instruction, **progress):
            calls.append(progress)

    node = SimpleNamespace(model=Flow())
    clock = RequestClock(execute_s=0.8, horizon_s=1.6, latency_s=latency_s)
    seen = SimpleNamespace(stamp_ns=10**9 + int(since_s * 1e9))
    PolicyNode._ask(node, seen, "go", clock, chunk(10**9))
    assert calls == [told]
