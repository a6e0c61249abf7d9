"""Small helpers around the default context."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

from rclpy.constants import S_TO_NS
from rclpy.context import Context


class _Default:
    """The context of those who name none."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.context: Context | None = None


_default = _Default()


def get_default_context(*, shutting_down: bool = False) -> Context:
    """The default context; the next call makes a new one after a shutdown."""
    with _default.lock:
        if _default.context is None:
            _default.context = Context()
        context = _default.context
        if shutting_down:
            _default.context = None
        return context


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """A command line without ROS's arguments."""
    from rclpy.impl.implementation_singleton import rclpy_implementation

    return rclpy_implementation.rclpy_remove_ros_args(sys.argv if args is None else args)


def ok(*, context: Context | None = None) -> bool:
    """Whether a context is initialised and not shut down."""
    return (get_default_context() if context is None else context).ok()


def shutdown(*, context: Context | None = None) -> None:
    """End a context; see :meth:`rclpy.context.Context.shutdown`."""
    (get_default_context(shutting_down=True) if context is None else context).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    """End a context unless it has already ended."""
    if context is not None:
        context.try_shutdown()
        return
    with _default.lock:
        default = get_default_context()
        default.try_shutdown()
        if not default.ok() and _default.context is default:
            _default.context = None


def get_rmw_implementation_identifier() -> str:
    """The middleware whose wire is spoken."""
    from rclpy.impl.implementation_singleton import rclpy_implementation

    return rclpy_implementation.rclpy_get_rmw_implementation_identifier()


def get_available_rmw_implementations() -> set[str]:
    """The middlewares there are: the one this runtime speaks.

    Raises:
        RuntimeError: ``RMW_IMPLEMENTATIONS`` asks for another.
    """
    available = {get_rmw_implementation_identifier()}
    asked = os.environ.get("RMW_IMPLEMENTATIONS")
    if not asked:
        return available
    wanted = set(asked.split(os.pathsep))
    if wanted - available:
        raise RuntimeError(
            f"The RMW implementations {wanted - available} specified in 'RMW_IMPLEMENTATIONS' "
            f"are not available ({', '.join(sorted(available))})"
        )
    return wanted


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Seconds as nanoseconds; -1, which waits for ever, for none or less than zero."""
    if timeout_sec is None or timeout_sec < 0:
        return -1
    return int(float(timeout_sec) * S_TO_NS)
