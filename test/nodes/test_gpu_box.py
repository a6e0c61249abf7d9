"""policy_node on another machine: two network namespaces, one cable, Zenoh between them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_policy_graph import CONTRACT

HERE = Path(__file__).parent
ROBOT, BOX = f"robot{os.getpid()}", f"box{os.getpid()}"
CABLE = f"v{os.getpid()}"
PATIENCE_S = 60.0
pytestmark = pytest.mark.slow


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


def inside(name: str, *words: str) -> None:
    done = ip("netns", "exec", name, "ip", *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def cable() -> Iterator[str]:
    """Two namespaces joined by a veth pair: 10.77.0.1 is the robot, 10.77.0.2 the GPU box."""
    try:
        made = ip("netns", "add", ROBOT)
    except FileNotFoundError:
        pytest.skip("iproute2 is not installed here, so no second machine can be made up")
    if made.returncode:
        pytest.skip(f"network namespaces are not permitted here: {made.stderr.strip()}")
    try:
        ip("netns", "add", BOX)
        pair = ip("link", "add", f"{CABLE}a", "netns", ROBOT, "type", "veth", "peer", "name", f"{CABLE}b", "netns", BOX)
        if pair.returncode:
            pytest.skip(f"no virtual cable can be made here: {pair.stderr.strip()}")
        for name, end, address in ((ROBOT, "a", "10.77.0.1/24"), (BOX, "b", "10.77.0.2/24")):
            inside(name, "addr", "add", address, "dev", f"{CABLE}{end}")
            inside(name, "link", "set", "lo", "up")
            inside(name, "link", "set", f"{CABLE}{end}", "up")
        yield f"{CABLE}a"
    finally:
        ip("netns", "del", ROBOT)
        ip("netns", "del", BOX)


class Side:
    """A process in one of the namespaces, and the lines it says."""

    def __init__(self, namespace: str, script: str, *arguments: str, **environment: str) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.log: list[str] = []
        # Each namespace has ports of its own, so the usual meeting port is free there.
        inherited = {k: v for k, v in os.environ.items() if k != "MOLMO_ROS_MEETING_PORT"}
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-u", str(HERE / script), *arguments],
            env={**inherited, "ROS_DOMAIN_ID": "0", "MOLMO_ROS_SHARED_MEMORY": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.log.append(line)
            self.lines.put(line.strip())

    def says(self, word: str, patience_s: float = PATIENCE_S) -> str:
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            try:
                line = self.lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if line.startswith(word):
                return line
        raise AssertionError(f'nobody said "{word}":\n' + "".join(self.log[-30:]))

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def sides(cable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    contract = tmp_path_factory.mktemp("box") / "one_camera.yaml"
    contract.write_text(CONTRACT)
    robot = Side(ROBOT, "gpu_box_robot.py", ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET")
    box = Side(BOX, "gpu_box_policy.py", str(contract), ROS_STATIC_PEERS="10.77.0.1")
    yield robot, box
    for side in (robot, box):
        side.end()


def test_actions_come_over_the_cable_stop_when_it_is_cut_and_come_back(cable: str, sides: tuple[Side, Side]) -> None:
    robot, box = sides
    try:
        robot.says("playing")
    except AssertionError as error:
        raise AssertionError(f"{error}\nthe box says:\n{''.join(box.log[-30:])}") from None
    inside(ROBOT, "link", "set", cable, "down")
    assert robot.says("hold", 10.0) == "hold CHUNK_STALE"
    inside(ROBOT, "link", "set", cable, "up")
    inside(ROBOT, "addr", "replace", "10.77.0.1/24", "dev", cable)
    robot.says("playing")


def test_a_policy_that_dies_leaves_a_robot_that_holds(sides: tuple[Side, Side]) -> None:
    robot, box = sides
    box.process.kill()
    assert robot.says("hold", 10.0).startswith("hold")
