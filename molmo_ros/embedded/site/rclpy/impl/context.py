"""A context: one session on the network, and who must wake when something happens there."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Sequence

from molmo_ros.embedded.transport import config
from molmo_ros.embedded.transport.session import Session, TransportError
from rclpy.impl import args, loggers
from rclpy.impl.errors import RCLError
from rclpy.impl.handle import Handle
from rclpy.impl.wait import Waker

RCL_DEFAULT_DOMAIN_ID = 2**64 - 1

_contexts: weakref.WeakSet[Context] = weakref.WeakSet()


class Context(Handle):
    """Initialised client library state.

    Raises:
        RCLInvalidROSArgsError: ROS's part of the command line is malformed.
        UnknownROSArgsError: It has arguments nobody knows.
        RCLError: The network cannot be reached, or ``ROS_DOMAIN_ID`` is not a number.
    """

    def __init__(self, arguments: Sequence[str], domain_id: int) -> None:
        super().__init__()
        self.arguments = args.parse_strictly(arguments)
        try:
            self.domain_id = config.resolve_domain_id() if domain_id == RCL_DEFAULT_DOMAIN_ID else domain_id
            self.session = Session(self.domain_id)
        except (TransportError, ValueError) as error:
            raise RCLError(str(error)) from error
        self.session.warned.say = _warn
        self._valid = True
        self._wakers: tuple[Waker, ...] = ()
        self._waker_lock = threading.Lock()
        _contexts.add(self)

    def ok(self) -> bool:
        """Whether nobody has shut this context down."""
        return self._valid

    def get_domain_id(self) -> int:
        """The domain the context lives in."""
        return self.domain_id

    def add_waker(self, waker: Waker) -> None:
        """Wake ``waker`` whenever a handle of this context may have become ready."""
        with self._waker_lock:
            self._wakers = (*self._wakers, waker)

    def remove_waker(self, waker: Waker) -> None:
        """Stop waking ``waker``."""
        with self._waker_lock:
            self._wakers = tuple(other for other in self._wakers if other is not waker)

    def wake(self) -> None:
        """Make everyone who waits in this context look again."""
        for waker in self._wakers:
            waker.wake()

    def invalidate(self) -> None:
        """End the context without taking a lock, as a signal handler must."""
        self._valid = False
        self.wake()

    def shutdown(self) -> None:
        """End the context.

        Raises:
            RCLError: It has already ended.
        """
        if not self._valid:
            raise RCLError("Failed to shutdown: rcl_shutdown already called on the given context")
        self.invalidate()
        self.session.graph.touch()

    def close(self) -> None:
        """Leave the network."""
        self._valid = False
        self.session.close()

    def _destroy(self) -> None:
        self.close()

    def __del__(self) -> None:
        session = getattr(self, "session", None)
        if session is not None:
            session.close()


def _warn(message: str) -> None:
    loggers.rclpy_logging_rcutils_log(30, "rmw_zenoh", message, "", "", 0)


def shutdown_contexts() -> None:
    """End every context, for a signal handler."""
    for context in list(_contexts):
        context.invalidate()


def _close_all() -> None:
    for context in list(_contexts):
        context.session.close()


atexit.register(_close_all)
