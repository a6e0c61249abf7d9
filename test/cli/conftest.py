"""A running node and the command line looking at it."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from molmo_ros.cli import main as cli_main

ROBOT = Path(__file__).parent / "robot.py"
TIMEOUT_S = 60.0


@dataclass
class Done:
    """A finished command."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def domain() -> str:
    """A ROS domain of its own for this test run."""
    return str(1 + os.getpid() % 200)


@pytest.fixture(scope="session")
def robot(domain):
    """The node of robot.py, running."""
    environment = {**os.environ, "ROS_DOMAIN_ID": domain, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "molmo_ros.embedded", str(ROBOT)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "ready" in line:
            break
    else:
        raise RuntimeError("the test node did not start")
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def cli(robot, domain, monkeypatch, capfd):
    """Run a command in this process, where the node of robot.py is in the graph."""
    del robot
    monkeypatch.setenv("ROS_DOMAIN_ID", domain)

    def run(*words: str) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli_main.main(list(words))
        out, err = capfd.readouterr()
        return Done(stop.value.code, out, err)

    return run


@pytest.fixture
def cli_process(robot, domain):
    """Start a command as a process of its own."""
    del robot
    running = []

    def start(*words: str) -> subprocess.Popen:
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "molmo_ros.cli", *words],
                env={**os.environ, "ROS_DOMAIN_ID": domain, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()
