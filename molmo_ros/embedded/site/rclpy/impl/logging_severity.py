"""Severities of log messages."""

from enum import IntEnum


class LoggingSeverity(IntEnum):
    """How severe a log message is; the numbers are those of Python's :mod:`logging`."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
