"""The reference page names every command and option of the ROS commands."""

from pathlib import Path

import pytest

from molmo_ros.cli.reference import commands, options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
OWN = ("launch", "run", "goal", "topic", "node", "service", "action", "param", "interface", "bag", "doctor")


@pytest.mark.parametrize(
    ("name", "command"), [(n, c) for n, c in commands() if n.count(" ") and n.split()[1] in OWN], ids=lambda x: str(x)
)
def test_command_is_in_the_reference(name, command):
    page = PAGE.read_text(encoding="utf-8")
    assert f"# {name}\n" in page
    section = page.split(f"# {name}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
    for option, _, _ in options(command):
        assert option in section
