"""Imports go one way: core <- parts <- robots, sim, task, console <- nodes, cli; and only the shells know ROS."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "molmo_ros"
LEVEL = {
    "core": 0,
    "perception": 1,
    "models": 1,
    "grasping": 1,
    "motion": 1,
    "robots": 2,
    "sim": 2,
    "task": 2,
    "embedded": 3,
    "nodes": 3,
    "console": 2,
    "cli": 4,
}
# Within the middle level these may use each other, in this direction only.
SIBLINGS = {("task", "robots")}
ROS = {"rclpy", "tf2_ros", "cv_bridge", "message_filters", "rosbag2_py", "sensor_msgs", "std_msgs", "geometry_msgs",
       "molmo_ros_interfaces", "control_msgs", "vision_msgs", "tf_transformations", "zenoh"}  # fmt: skip
HEAVY = {"torch", "transformers", "mujoco", "franky", "rby1_sdk", "pyrealsense2", "moveit", "zenoh", "viser", "ompl"}


def imports(path: Path) -> Iterator[str]:
    """Every absolute import in a file, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def files(part: str) -> list[Path]:
    return [p for p in (PACKAGE / part).rglob("*.py") if "site" not in p.relative_to(PACKAGE).parts]


@pytest.mark.parametrize("part", LEVEL)
def test_a_part_imports_only_what_lies_below_it(part: str) -> None:
    def allowed(other: str) -> bool:
        if other == part or LEVEL[other] < LEVEL[part] or (part, other) in SIBLINGS:
            return True
        return LEVEL[part] >= 3 and other == "embedded"

    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files(part)
        for name in imports(path)
        if name.startswith("molmo_ros.") and name.split(".")[1] in LEVEL and not allowed(name.split(".")[1])
    ]
    assert wrong == []


@pytest.mark.parametrize("part", [p for p, level in LEVEL.items() if level < 3])
def test_only_the_shells_know_ros(part: str) -> None:
    wrong = [f"{p.relative_to(PACKAGE)}: {n}" for p in files(part) for n in imports(p) if n.split(".")[0] in ROS]
    assert wrong == []


def test_core_imports_numpy_alone() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "molmo_ros", "yaml"}
    wrong = [f"{p.name}: {n}" for p in files("core") for n in imports(p) if n.split(".")[0] not in allowed]
    assert wrong == []


def test_only_convert_turns_messages_into_types() -> None:
    """Message <-> dataclass conversion lives in one file."""
    makers = []
    for path in files("nodes"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"Frame", "Grasp", "ActionChunk"}
            ):
                makers.append(path.name)
    assert set(makers) <= {"convert.py"}


@pytest.mark.parametrize("part", [p for p in LEVEL if p != "embedded"])
def test_importing_a_part_loads_no_heavy_library(part: str) -> None:
    code = f"import sys, molmo_ros.{part}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
