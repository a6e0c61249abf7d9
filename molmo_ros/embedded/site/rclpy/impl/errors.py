"""The exceptions rcl and rclpy's core raise, under their names."""

from __future__ import annotations


class InvalidHandle(RuntimeError):
    """A handle was used after it had been destroyed."""


class RCLError(RuntimeError):
    """An operation of the client library failed."""


class RMWError(RuntimeError):
    """An operation of the middleware failed."""


class RCLInvalidROSArgsError(RCLError):
    """Arguments after ``--ros-args`` that cannot be parsed."""


class UnknownROSArgsError(RuntimeError):
    """Arguments after ``--ros-args`` that nobody knows."""


class NodeNameNonExistentError(RCLError):
    """There is no node of that name in the graph."""


class UnsupportedEventTypeError(RCLError):
    """The middleware has no such event."""
