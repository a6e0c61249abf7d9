"""Contexts: initialised state that nodes, timers and executors share."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from inspect import ismethod
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from rclpy.impl.context import Context as ContextHandle


class _Logging:
    """Configures the logging system with the first context and ends it with the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0

    def begin(self, handle: ContextHandle) -> None:
        from rclpy.impl import loggers

        with self._lock:
            self._users += 1
            if self._users == 1:
                loggers.rclpy_logging_configure(handle)

    def end(self) -> None:
        from rclpy.impl import loggers

        with self._lock:
            self._users -= 1
            if self._users == 0:
                loggers.rclpy_logging_fini()


_logging = _Logging()


class Context:
    """One life from :func:`rclpy.init` to :func:`rclpy.shutdown`; it cannot be initialised twice."""

    def __init__(self) -> None:
        # Re-entrant, because a shutdown callback may ask the context something.
        self._lock = threading.RLock()
        self._callbacks: list[Any] = []
        self._logging_initialized = False
        self._handle: ContextHandle | None = None

    @property
    def handle(self) -> ContextHandle | None:
        """The core's context, once initialised."""
        return self._handle

    def destroy(self) -> None:
        """Release what the context holds."""
        if self._handle is not None:
            self._handle.destroy_when_not_in_use()

    def init(
        self,
        args: Sequence[str] | None = None,
        *,
        initialize_logging: bool = True,
        domain_id: int | None = None,
    ) -> None:
        """Initialise, with ``sys.argv`` unless other arguments are given.

        Raises:
            RuntimeError: It is already initialised, or the domain is negative.
        """
        from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy

        with self._lock:
            if domain_id is not None and domain_id < 0:
                raise RuntimeError(f"Domain id ({domain_id}) should not be lower than zero.")
            if self._handle is not None:
                raise RuntimeError("Context.init() must only be called once")
            domain = _rclpy.RCL_DEFAULT_DOMAIN_ID if domain_id is None else domain_id
            self._handle = _rclpy.Context(sys.argv if args is None else args, domain)
            if initialize_logging and not self._logging_initialized:
                _logging.begin(self._handle)
                self._logging_initialized = True

    def ok(self) -> bool:
        """Whether the context is initialised and not shut down."""
        handle = self._handle
        return handle is not None and handle.ok()

    def shutdown(self) -> None:
        """End the context.

        Raises:
            RuntimeError: It is not initialised, or it has already ended.
        """
        if self._handle is None:
            raise RuntimeError("Context must be initialized before it can be shutdown")
        with self._lock:
            self._handle.shutdown()
            self._finish()

    def try_shutdown(self) -> None:
        """End the context unless it has not begun or has already ended."""
        if self._handle is None:
            return
        with self._lock:
            if self._handle.ok():
                self._handle.shutdown()
            self._finish()

    def _finish(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for entry in callbacks:
            callback = entry() if isinstance(entry, WeakMethod) else entry
            if callback is not None:
                callback()
        if self._logging_initialized:
            self._logging_initialized = False
            _logging.end()
        if self._handle is not None:
            self._handle.close()

    def _remove_callback(self, weak_method: Any) -> None:
        with contextlib.suppress(ValueError):
            self._callbacks.remove(weak_method)

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when the context ends, at once if it already has.

        Raises:
            TypeError: It is not callable.
        """
        if not callable(callback):
            raise TypeError(f"callback should be a callable, got {type(callback)}")
        with self._lock:
            if self._handle is not None and not self._handle.ok():
                callback()
            elif ismethod(callback):
                self._callbacks.append(WeakMethod(callback, self._remove_callback))
            else:
                self._callbacks.append(callback)

    def get_domain_id(self) -> int:
        """The domain the context lives in.

        Raises:
            RuntimeError: It is not initialised.
        """
        if self._handle is None:
            raise RuntimeError("Context must be initialized before it can have a domain id")
        with self._handle:
            return self._handle.get_domain_id()

    def __enter__(self) -> Context:
        self.init()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.try_shutdown()
