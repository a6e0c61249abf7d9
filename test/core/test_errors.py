"""The error codes of the Python side and of the interfaces must never drift apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from molmo_ros.core.errors import ErrorCode, MissingDependencyError

INTERFACES = Path(__file__).parents[2] / "molmo_ros_interfaces"


def constants(path: Path) -> dict[str, int]:
    text = path.read_text(encoding="utf-8")
    return {name: int(value) for name, value in re.findall(r"^uint16 ([A-Z][A-Z0-9_]*)=(\d+)$", text, re.MULTILINE)}


def test_the_message_lists_exactly_the_codes_of_the_enum() -> None:
    assert constants(INTERFACES / "msg" / "ErrorCode.msg") == {code.name: int(code) for code in ErrorCode}


def test_the_instruction_action_declares_every_code() -> None:
    assert constants(INTERFACES / "action" / "ExecuteInstruction.action") == {c.name: int(c) for c in ErrorCode}


def test_the_motion_action_declares_codes_of_the_enum_only() -> None:
    declared = constants(INTERFACES / "action" / "ExecuteMotion.action")
    assert declared
    assert declared.items() <= {c.name: int(c) for c in ErrorCode}.items()


@pytest.mark.parametrize("code", [c for c in ErrorCode if c])
def test_a_code_lies_in_the_range_of_its_subsystem(code: ErrorCode) -> None:
    assert int(code) // 100 in {1, 2, 3, 4, 5, 6, 7, 9}


def test_a_missing_library_names_the_extra_to_install() -> None:
    error = MissingDependencyError("mujoco", "sim")
    assert error.code is ErrorCode.DEPENDENCY_MISSING
    assert "molmo_ros[sim]" in str(error)
