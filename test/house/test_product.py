"""The package is one an ordinary ROS 2 workspace builds: manifests, entry points and interfaces agree."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]


def test_every_interface_file_is_generated_by_cmake() -> None:
    listed = set(
        re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', (ROOT / "molmo_ros_interfaces/CMakeLists.txt").read_text())
    )
    there = {
        str(p.relative_to(ROOT / "molmo_ros_interfaces"))
        for kind in ("msg", "srv", "action")
        for p in (ROOT / "molmo_ros_interfaces" / kind).iterdir()
    }
    assert listed == there


def test_every_entry_point_has_its_node_file() -> None:
    nodes = re.search(r"NODES = \(([^)]*)\)", (ROOT / "setup.py").read_text()).group(1)  # type: ignore[union-attr]
    missing = [n for n in re.findall(r'"(\w+)"', nodes) if not (ROOT / f"molmo_ros/nodes/{n}.py").exists()]
    assert missing == []


def test_every_node_of_a_launch_file_is_an_entry_point() -> None:
    setup = (ROOT / "setup.py").read_text()
    for path in (ROOT / "launch").glob("*.xml"):
        for node in ElementTree.parse(path).iter("node"):
            if node.get("pkg") == "molmo_ros":
                assert f'"{node.get("exec")}"' in setup, f"{path.name}: {node.get('exec')}"


def test_the_version_is_the_same_everywhere() -> None:
    import molmo_ros

    for manifest in ("package.xml", "molmo_ros_interfaces/package.xml"):
        assert ElementTree.parse(ROOT / manifest).findtext("version") == molmo_ros.__version__


def test_every_topic_of_rviz_is_published_by_a_node() -> None:
    sources = "".join(p.read_text() for p in (ROOT / "molmo_ros/nodes").glob("*.py"))
    for config in (ROOT / "rviz").glob("*.rviz"):
        for topic in re.findall(r"Value: (/?[a-z_/]+)\n", config.read_text()):
            name = topic.lstrip("/")
            if name in ("tf", "robot_description"):
                continue
            known = name in sources or name.split("/", 1)[-1] in sources
            assert known, f"{config.name}: {topic}"
