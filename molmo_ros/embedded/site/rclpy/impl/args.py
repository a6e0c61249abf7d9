"""``--ros-args``: remap rules, parameters, logging switches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rclpy.impl import names, yaml_params
from rclpy.impl.errors import RCLInvalidROSArgsError, UnknownROSArgsError

ROS_ARGS = "--ros-args"

_RULE = re.compile(r"(?:(?P<node>[^:/=]+):(?!=))?(?P<match>[^=]+?):=(?P<replacement>.*)", re.DOTALL)
_SCHEMES = {"rostopic://": "topic", "rosservice://": "service"}
_LEVELS = {"UNSET": 0, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}
_SWITCHES = {
    "rosout-logs": "rosout",
    "stdout-logs": "stdout",
    "external-lib-logs": "external",
}


@dataclass(frozen=True, kw_only=True)
class Remap:
    """One remap rule; ``node`` limits it to nodes that were created under that name."""

    kind: str
    node: str | None
    match: str
    replacement: str


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What one command line says."""

    remaps: list[Remap] = field(default_factory=list)
    parameters: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    enclave: str | None = None
    others: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def severity(text: str) -> int:
    """A level's number.

    Raises:
        ValueError: There is no such level.
    """
    try:
        return _LEVELS[text.upper()]
    except KeyError:
        raise ValueError(f"unknown log level {text!r}") from None


def _fail(what: str) -> RCLInvalidROSArgsError:
    return RCLInvalidROSArgsError(f"Failed to parse ROS arguments: {what}")


def _remap(text: str) -> Remap:
    found = _RULE.fullmatch(text)
    if found is None or not found["replacement"]:
        raise _fail(f"Couldn't parse remap rule: '-r {text}'. A rule is [node:]from:=to")
    node, match, replacement = found["node"], found["match"], found["replacement"]
    if match in ("__node", "__name"):
        problem = names.node_name_problem(replacement)
        if problem is not None:
            raise _fail(f"Couldn't parse remap rule: '-r {text}': {problem[0]}")
        return Remap(kind="node", node=node, match=match, replacement=replacement)
    if match == "__ns":
        absolute = replacement if replacement.startswith("/") else f"/{replacement}"
        problem = names.namespace_problem(absolute)
        if problem is not None:
            raise _fail(f"Couldn't parse remap rule: '-r {text}': {problem[0]}")
        return Remap(kind="namespace", node=node, match=match, replacement=absolute)
    kind = "any"
    for scheme, meaning in _SCHEMES.items():
        if match.startswith(scheme):
            kind, match = meaning, match.removeprefix(scheme)
    for name in (match, replacement):
        if names.topic_problem(name) is not None:
            raise _fail(f"Couldn't parse remap rule: '-r {text}': '{name}' is not a valid name")
    return Remap(kind=kind, node=node, match=match, replacement=replacement)


def _parameter(text: str) -> tuple[str, dict[str, Any]]:
    found = _RULE.fullmatch(text)
    if found is None:
        raise _fail(f"Couldn't parse parameter override rule: '-p {text}'. A rule is [node:]name:=value")
    try:
        value = yaml_params.parse_value(found["replacement"])
    except ValueError as error:
        raise _fail(f"Couldn't parse parameter override rule: '-p {text}': {error}") from error
    return found["node"] or "/**", {found["match"]: value}


def _log_level(text: str) -> tuple[str, int]:
    name, separator, level = text.rpartition(":=")
    try:
        return (name if separator else ""), severity(level)
    except ValueError as error:
        raise _fail(f"Couldn't parse log level: '--log-level {text}': {error}") from error


def parse(arguments: Sequence[str]) -> Arguments:
    """Read a command line; what is not ROS's is kept in ``others``.

    Raises:
        RCLInvalidROSArgsError: A ROS argument is malformed.
        UnicodeEncodeError: An argument is not valid text.
    """
    result = Arguments()
    enclave: str | None = None
    items = list(arguments)
    for item in items:
        item.encode()
    index, inside = 0, False
    while index < len(items):
        item = items[index]
        index += 1
        if item == ROS_ARGS:
            inside = True
            continue
        if not inside:
            result.others.append(item)
            continue
        if item == "--":
            inside = False
            continue
        takes_value = item in _WITH_VALUE
        if takes_value and index >= len(items):
            raise _fail(f"Couldn't parse trailing {item} flag. No value given.")
        value = items[index] if takes_value else ""
        index += takes_value
        if item in ("-r", "--remap"):
            result.remaps.append(_remap(value))
        elif item in ("-p", "--param"):
            result.parameters.append(_parameter(value))
        elif item == "--params-file":
            try:
                result.parameters.extend(yaml_params.read_file(value))
            except ValueError as error:
                raise _fail(f"Couldn't parse params file: '--params-file {value}'. {error}") from error
        elif item == "--log-level":
            name, level = _log_level(value)
            result.levels[name] = level
        elif item in ("-e", "--enclave"):
            enclave = value
        elif not takes_value and not _switch(item, result.switches):
            result.unknown.append(item)
    return result if enclave is None else Arguments(**{**vars(result), "enclave": enclave})


_WITH_VALUE = frozenset(
    ("-r", "--remap", "-p", "--param", "--params-file", "--log-level", "-e", "--enclave", "--log-config-file")
)


def _switch(item: str, switches: dict[str, bool]) -> bool:
    for prefix, state in (("--enable-", True), ("--disable-", False)):
        name = _SWITCHES.get(item.removeprefix(prefix)) if item.startswith(prefix) else None
        if name is not None:
            switches[name] = state
            return True
    return False


def parse_strictly(arguments: Sequence[str]) -> Arguments:
    """Like :func:`parse`, refusing ROS arguments nobody knows.

    Raises:
        UnknownROSArgsError: There is one.
    """
    result = parse(arguments)
    if result.unknown:
        raise UnknownROSArgsError(f"Found unknown ROS arguments: {result.unknown}")
    return result


def remove_ros_args(arguments: Sequence[str]) -> list[str]:
    """The command line without ROS's part."""
    return parse_strictly(arguments).others
