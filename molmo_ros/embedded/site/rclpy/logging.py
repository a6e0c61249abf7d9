"""Logging."""

from __future__ import annotations

from pathlib import Path

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.impl.rcutils_logger import RcutilsLogger

_root_logger = RcutilsLogger()


def get_logger(name: str) -> RcutilsLogger:
    """The logger of a name.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("Logger name must not be empty.")
    return _root_logger.get_child(name)


def initialize() -> None:
    """Start the logging system; loggers do so by themselves."""
    _rclpy.rclpy_logging_initialize()


def shutdown() -> None:
    """End the logging system."""
    _rclpy.rclpy_logging_shutdown()


def clear_config() -> None:
    """Forget all levels that were set."""
    shutdown()
    initialize()


def set_logger_level(name: str, level: int | LoggingSeverity, detailed_error: bool = False) -> None:
    """Set a logger's level, the default level for an empty name."""
    _rclpy.rclpy_logging_set_logger_level(name, LoggingSeverity(level), detailed_error)


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """The level in force for a logger."""
    return LoggingSeverity(_rclpy.rclpy_logging_get_logger_effective_level(name))


def get_logger_level(name: str) -> LoggingSeverity:
    """The level set for exactly this logger."""
    return LoggingSeverity(_rclpy.rclpy_logging_get_logger_level(name))


def get_logging_severity_from_string(log_severity: str) -> LoggingSeverity:
    """The severity of a name.

    Raises:
        RuntimeError: There is none.
    """
    return LoggingSeverity(_rclpy.rclpy_logging_severity_level_from_string(log_severity))


def get_logging_directory() -> Path:
    """Where log files belong."""
    return Path(_rclpy.rclpy_logging_get_logging_directory())
