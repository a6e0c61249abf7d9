"""Helpers shared by the launch tests."""

from pathlib import Path

import pytest
from launched import Launched

from molmo_ros.embedded.launch.evaluate import make_plan


@pytest.fixture
def plan_of(tmp_path):
    """Evaluate the body of a launch file."""

    def evaluate(body: str, name: str = "test.launch.xml", **arguments: str):
        path = tmp_path / name
        path.write_text(f"<launch>\n{body}\n</launch>\n")
        return make_plan(path, arguments, environment={"PATH": "/usr/bin:/bin", "HOME": "/tmp"}, log_dir=Path("/logs"))

    return evaluate


@pytest.fixture
def logged(plan_of):
    """The texts of the `log` actions of a launch file's body."""

    def evaluate(body: str, **arguments: str) -> list[str]:
        return [step.text for step in plan_of(body, **arguments).steps]

    return evaluate


@pytest.fixture
def launched(tmp_path):
    """Start launches of a body; what still runs at the end is killed."""
    running = []

    def start(body: str, *arguments: str) -> Launched:
        path = tmp_path / f"run{len(running)}.launch.xml"
        path.write_text(f"<launch>\n{body}\n</launch>\n")
        running.append(Launched(path, *arguments, log_dir=tmp_path / "log"))
        return running[-1]

    yield start
    for launch in running:
        launch.close()
