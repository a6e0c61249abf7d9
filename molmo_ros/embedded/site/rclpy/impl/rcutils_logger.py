"""Loggers with rclpy's options: ``once``, ``skip_first`` and ``throttle_duration_sec``."""

from __future__ import annotations

import inspect
import os
import sys
from types import FrameType
from typing import Any, NamedTuple

from rclpy.clock import Clock
from rclpy.impl import loggers
from rclpy.impl.logging_severity import LoggingSeverity

_OPTIONS = ("throttle_duration_sec", "throttle_time_source_type", "skip_first", "once")
_FILTER_OF = {
    "throttle_duration_sec": "throttle",
    "throttle_time_source_type": "throttle",
    "skip_first": "skip_first",
    "once": "once",
}


class CallerId(NamedTuple):
    """Where a log call stands; the last byte code tells two calls on one line apart."""

    function_name: str
    file_path: str
    line_number: int
    last_index: int

    @classmethod
    def of(cls, frame: FrameType) -> CallerId:
        """The caller a frame belongs to."""
        code = frame.f_code
        return cls(code.co_name, os.path.abspath(code.co_filename), frame.f_lineno, frame.f_lasti)


def _is_internal(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return name in (__name__, "rclpy.logging")


def _caller() -> FrameType:
    frame = inspect.currentframe()
    while frame is not None and _is_internal(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame if frame is not None else sys._getframe()


class _Call:
    """The memory of one log call: its options, and when or whether it spoke."""

    def __init__(self, name: str, severity: LoggingSeverity, options: dict[str, Any]) -> None:
        self.name = name
        self.severity = severity
        self.options = options
        self.filters = _filters(options)
        if "throttle" in self.filters and not isinstance(_time_source(options), Clock):
            raise ValueError(
                f'Received throttle_time_source_type of "{options["throttle_time_source_type"]}" '
                "is not a clock instance"
            )
        self._spoken = False
        self._asked = False
        self._last_ns = 0

    def check_same(self, name: str, severity: LoggingSeverity, options: dict[str, Any]) -> None:
        if severity != self.severity:
            raise ValueError("Logger severity cannot be changed between calls.")
        if name != self.name:
            raise ValueError("Logger name cannot be changed between calls.")
        if _filters(options) != self.filters:
            raise ValueError("Requested logging filters cannot be changed between calls.")
        if any(options.get(key) != self.options.get(key) for key in _OPTIONS):
            raise ValueError("Logging filter parameters cannot be changed between calls.")

    def speaks(self) -> bool:
        if "throttle" in self.filters:
            now = _time_source(self.options).now().nanoseconds
            if now < self._last_ns + self.options["throttle_duration_sec"] * 1e9:
                return False
            self._last_ns = now
        if "skip_first" in self.filters and not self._asked:
            self._asked = True
            return False
        if "once" in self.filters:
            if self._spoken:
                return False
            self._spoken = True
        return True


def _time_source(options: dict[str, Any]) -> Any:
    return options.get("throttle_time_source_type") or _system_clock()


def _system_clock() -> Clock:
    return Clock()


def _filters(options: dict[str, Any]) -> tuple[str, ...]:
    for key in options:
        if key not in _OPTIONS:
            raise TypeError(f'parameter "{key}" is not one of the recognized logging options "{list(_OPTIONS)}"')
    chosen = {_FILTER_OF[key] for key, value in options.items() if value}
    if "throttle" in chosen and options.get("throttle_duration_sec") is None:
        raise TypeError(
            'required parameter "throttle_duration_sec" not specified '
            'but is required for the the logging filter "throttle"'
        )
    return tuple(sorted(chosen))


class RcutilsLogger:
    """A named logger."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.logger_sublogger_namepair: tuple[str, str] | None = None
        self._calls: dict[CallerId, _Call] = {}

    def __del__(self) -> None:
        pair, self.logger_sublogger_namepair = self.logger_sublogger_namepair, None
        if pair is not None:
            loggers.rclpy_logging_rosout_remove_sublogger(*pair)

    def get_child(self, name: str) -> RcutilsLogger:
        """The logger below this one.

        Raises:
            ValueError: The name is empty.
        """
        if not name:
            raise ValueError("Child logger name must not be empty.")
        child = RcutilsLogger(self.name + loggers.SEPARATOR + name if self.name else name)
        if self.name and loggers.rclpy_logging_rosout_add_sublogger(self.name, name):
            child.logger_sublogger_namepair = (self.name, name)
        return child

    def set_level(self, level: int | LoggingSeverity) -> None:
        """Set the least severity that is logged."""
        loggers.rclpy_logging_set_logger_level(self.name, LoggingSeverity(level))

    def get_effective_level(self) -> LoggingSeverity:
        """The level in force."""
        return LoggingSeverity(loggers.rclpy_logging_get_logger_effective_level(self.name))

    def is_enabled_for(self, severity: int | LoggingSeverity) -> bool:
        """Whether messages of a severity are logged."""
        return loggers.rclpy_logging_logger_is_enabled_for(self.name, LoggingSeverity(severity))

    def log(self, message: str, severity: int | LoggingSeverity, **kwargs: Any) -> bool:
        """Log a message.

        Args:
            message: What to say.
            severity: How severe it is.
            **kwargs: ``once``, ``skip_first``, ``throttle_duration_sec``,
                ``throttle_time_source_type`` (a clock), and ``name`` for another logger's name.

        Returns:
            Whether it was logged.

        Raises:
            TypeError: An option is unknown, or one it needs is missing.
            ValueError: The same call gives other options than before.
        """
        if not loggers.rclpy_logging_logger_is_enabled_for(self.name, severity):
            return False
        severity = LoggingSeverity(severity)
        name = kwargs.pop("name", self.name)
        caller = CallerId.of(_caller())
        call = self._calls.get(caller)
        if call is None:
            call = self._calls[caller] = _Call(name, severity, kwargs)
        else:
            call.check_same(name, severity, kwargs)
        if not call.speaks():
            return False
        loggers.rclpy_logging_rcutils_log(
            severity, name, message, caller.function_name, caller.file_path, caller.line_number
        )
        return True

    def debug(self, message: str, **kwargs: Any) -> bool:
        """Log with severity DEBUG; see :meth:`log`."""
        return self.log(message, LoggingSeverity.DEBUG, **kwargs)

    def info(self, message: str, **kwargs: Any) -> bool:
        """Log with severity INFO; see :meth:`log`."""
        return self.log(message, LoggingSeverity.INFO, **kwargs)

    def warning(self, message: str, **kwargs: Any) -> bool:
        """Log with severity WARN; see :meth:`log`."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def warn(self, message: str, **kwargs: Any) -> bool:
        """Log with severity WARN; see :meth:`log`."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def error(self, message: str, **kwargs: Any) -> bool:
        """Log with severity ERROR; see :meth:`log`."""
        return self.log(message, LoggingSeverity.ERROR, **kwargs)

    def fatal(self, message: str, **kwargs: Any) -> bool:
        """Log with severity FATAL; see :meth:`log`."""
        return self.log(message, LoggingSeverity.FATAL, **kwargs)
