"""The logging system under :mod:`rclpy.logging`: levels, console output and ``/rosout``."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.impl.context import Context
    from rclpy.impl.node import Node

SEPARATOR = "."
DEFAULT_FORMAT = "[{severity}] [{time}] [{name}]: {message}"
ROSOUT_TOPIC = "/rosout"


class RCUTILS_LOG_SEVERITY(IntEnum):
    """How severe a log message is."""

    RCUTILS_LOG_SEVERITY_UNSET = 0
    RCUTILS_LOG_SEVERITY_DEBUG = 10
    RCUTILS_LOG_SEVERITY_INFO = 20
    RCUTILS_LOG_SEVERITY_WARN = 30
    RCUTILS_LOG_SEVERITY_ERROR = 40
    RCUTILS_LOG_SEVERITY_FATAL = 50


_NAMES = {0: "UNSET", 10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR", 50: "FATAL"}
_COLOURS = {10: "\033[32m", 30: "\033[33m", 40: "\033[31m", 50: "\033[31m"}
_FIELD = re.compile(r"\{(\w+)\}")


class _System:
    """Everything the logging system remembers; there is one per process, as in rcutils."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.levels: dict[str, int] = {}
        self.default = 20
        self.stdout = True
        self.rosout_publishers: dict[str, list[Any]] = {}
        self.subloggers: dict[str, tuple[int, str]] = {}
        self._cache: dict[str, int] = {}

    def reset(self) -> None:
        with self.lock:
            self.levels.clear()
            self._cache.clear()
            self.default = 20

    def set_level(self, name: str, level: int) -> None:
        with self.lock:
            self._cache.clear()
            if name:
                self.levels[name] = level
            else:
                self.default = level

    def effective(self, name: str) -> int:
        level = self._cache.get(name)
        if level is not None:
            return level
        with self.lock:
            ancestor = name
            level = self.levels.get(ancestor, 0)
            while not level and SEPARATOR in ancestor:
                ancestor = ancestor.rpartition(SEPARATOR)[0]
                level = self.levels.get(ancestor, 0)
            level = level or self.default
            self._cache[name] = level
            return level


_system = _System()


def rclpy_logging_get_separator_string() -> str:
    """What separates a logger's name from its child's."""
    return SEPARATOR


def rclpy_logging_initialize() -> None:
    """Start the logging system with its default levels."""
    _system.reset()


def rclpy_logging_shutdown() -> None:
    """Forget all levels."""
    _system.reset()


def rclpy_logging_configure(context: Context) -> None:
    """Take levels and switches from a context's command line."""
    arguments = context.arguments
    for name, level in arguments.levels.items():
        _system.set_level(name, level)
    _system.stdout = arguments.switches.get("stdout", True)


def rclpy_logging_fini() -> None:
    """Undo what the command line of the last context switched."""
    _system.stdout = True


def rclpy_logging_set_logger_level(name: str, level: int, detailed_error: bool = False) -> None:
    """Set a logger's level, the default one for an empty name."""
    _system.set_level(name, int(level))


def rclpy_logging_get_logger_effective_level(name: str) -> int:
    """A logger's level, or its nearest ancestor's that has one, or the default."""
    return _system.effective(name)


def rclpy_logging_get_logger_level(name: str) -> int:
    """The level set for exactly this logger, 0 when none is."""
    return _system.levels.get(name, 0) if name else _system.default


def rclpy_logging_logger_is_enabled_for(name: str, severity: int) -> bool:
    """Whether a message of this severity would be logged."""
    return severity >= _system.effective(name)


def rclpy_logging_severity_level_from_string(level: str) -> int:
    """A level's number.

    Raises:
        RuntimeError: There is no such level.
    """
    for number, name in _NAMES.items():
        if name == level.upper():
            return number
    raise RuntimeError("Failed to get severity name")


def rclpy_logging_get_logging_directory() -> str:
    """Where log files belong: ``ROS_LOG_DIR``, or ``log`` in ``ROS_HOME`` or ``~/.ros``."""
    directory = os.environ.get("ROS_LOG_DIR", "")
    if not directory:
        directory = str(Path(os.environ.get("ROS_HOME", "") or "~/.ros") / "log")
    return str(Path(directory).expanduser())


def rclpy_logging_rcutils_log(
    severity: int, name: str, message: str, function_name: str, file_name: str, line_number: int
) -> None:
    """Log a message, whatever the logger's level."""
    now_ns = time.time_ns()
    if _system.stdout:
        fields = {
            "severity": _NAMES.get(int(severity), str(severity)),
            "time": f"{now_ns // 10**9}.{now_ns % 10**9:09d}",
            "time_as_nanoseconds": str(now_ns),
            "name": name,
            "message": message,
            "function_name": function_name,
            "file_name": file_name,
            "line_number": str(line_number),
        }
        template = os.environ.get("RCUTILS_CONSOLE_OUTPUT_FORMAT", "") or DEFAULT_FORMAT
        line = _FIELD.sub(lambda found: fields.get(found[1], found[0]), template)
        _write(line, int(severity))
    _publish(now_ns, int(severity), name, message, function_name, file_name, line_number)


def _write(line: str, severity: int) -> None:
    stream = sys.stdout if os.environ.get("RCUTILS_LOGGING_USE_STDOUT") == "1" else sys.stderr
    if stream is None:
        return
    wanted = os.environ.get("RCUTILS_COLORIZED_OUTPUT")
    colour = _COLOURS.get(severity, "")
    if colour and (wanted == "1" or (wanted != "0" and stream.isatty())):
        line = f"{colour}{line}\033[0m"
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except (OSError, ValueError):
        return


def _publish(now_ns: int, severity: int, name: str, message: str, function: str, file: str, line: int) -> None:
    owner = name
    if owner not in _system.rosout_publishers:
        entry = _system.subloggers.get(name)
        if entry is None or entry[1] not in _system.rosout_publishers:
            return
        owner = entry[1]
    from builtin_interfaces.msg import Time
    from rcl_interfaces.msg import Log

    log = Log(
        stamp=Time(sec=now_ns // 10**9, nanosec=now_ns % 10**9),
        level=severity,
        name=name,
        msg=message,
        file=file,
        function=function,
        line=line,
    )
    for publisher in tuple(_system.rosout_publishers.get(owner, ()))[-1:]:
        try:
            with publisher:
                publisher.publish(log)
        except RuntimeError:
            continue


def add_rosout(node: Node) -> None:
    """Publish what a node's logger says on ``/rosout``."""
    from rcl_interfaces.msg import Log

    from rclpy.impl.qos import rmw_qos_profile_t
    from rclpy.impl.topics import Publisher

    profile = rmw_qos_profile_t.predefined("qos_profile_default")
    profile.depth, profile.durability = 1000, 1
    profile.lifespan.nanoseconds = 10 * 10**9
    node.rosout_publisher = Publisher(node, Log, ROSOUT_TOPIC, profile)
    with _system.lock:
        _system.rosout_publishers.setdefault(node.logger_name(), []).append(node.rosout_publisher)


def remove_rosout(node: Node) -> None:
    """Stop publishing what a node's logger says."""
    publisher, node.rosout_publisher = node.rosout_publisher, None
    with _system.lock:
        publishers = _system.rosout_publishers.get(node.logger_name(), [])
        if publisher in publishers:
            publishers.remove(publisher)
        if not publishers:
            _system.rosout_publishers.pop(node.logger_name(), None)
    if publisher is not None:
        publisher.destroy_when_not_in_use()


def rclpy_logging_rosout_add_sublogger(logger_name: str, sublogger_name: str) -> bool:
    """Let a child logger speak on its node's ``/rosout``; ``False`` when the parent does not."""
    with _system.lock:
        owner = logger_name
        if owner not in _system.rosout_publishers:
            entry = _system.subloggers.get(logger_name)
            if entry is None:
                return False
            owner = entry[1]
        name = logger_name + SEPARATOR + sublogger_name
        count, _ = _system.subloggers.get(name, (0, owner))
        _system.subloggers[name] = (count + 1, owner)
        return True


def rclpy_logging_rosout_remove_sublogger(logger_name: str, sublogger_name: str) -> None:
    """Undo one :func:`rclpy_logging_rosout_add_sublogger`."""
    name = logger_name + SEPARATOR + sublogger_name
    with _system.lock:
        count, owner = _system.subloggers.get(name, (0, ""))
        if count > 1:
            _system.subloggers[name] = (count - 1, owner)
        else:
            _system.subloggers.pop(name, None)
