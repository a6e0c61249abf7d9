"""Timers and rates."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle, ROSInterruptException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.utilities import get_default_context


class Timer:
    """Calls back periodically on a clock; nodes make them."""

    def __init__(
        self,
        callback: Callable[[], Any] | None,
        callback_group: CallbackGroup | None,
        timer_period_ns: int,
        clock: Clock,
        *,
        context: Context | None = None,
        autostart: bool = True,
    ) -> None:
        self._context = get_default_context() if context is None else context
        self._clock = clock
        if self._context.handle is None:
            raise RuntimeError("Context must be initialized before it can have a timer")
        with self._clock.handle, self._context.handle:
            self._handle = _rclpy.Timer(self._clock.handle, self._context.handle, int(timer_period_ns), autostart)
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False

    @property
    def handle(self) -> _rclpy.Timer:
        """The core's timer."""
        return self._handle

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_timer`."""
        self._handle.destroy_when_not_in_use()

    @property
    def clock(self) -> Clock:
        """The clock it runs on."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """The period in nanoseconds; a new one counts after the next call."""
        with self._handle:
            return self._handle.get_timer_period()

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        with self._handle:
            self._handle.change_timer_period(int(value))

    def is_ready(self) -> bool:
        """Whether it is due."""
        with self._handle:
            return self._handle.is_timer_ready()

    def is_canceled(self) -> bool:
        """Whether it is stopped."""
        with self._handle:
            return self._handle.is_timer_canceled()

    def cancel(self) -> None:
        """Stop it until :meth:`reset`."""
        with self._handle:
            self._handle.cancel_timer()

    def reset(self) -> None:
        """Start it anew, one period from now."""
        with self._handle:
            self._handle.reset_timer()

    def time_since_last_call(self) -> int:
        """Nanoseconds since the last call."""
        with self._handle:
            return self._handle.time_since_last_call()

    def time_until_next_call(self) -> int | None:
        """Nanoseconds until it is due; nothing while cancelled."""
        with self._handle:
            return self._handle.time_until_next_call()

    def __enter__(self) -> Timer:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.destroy()


class Rate:
    """Sleeps at a fixed frequency; an executor must spin in another thread."""

    def __init__(self, timer: Timer, *, context: Context) -> None:
        self._timer = timer
        self._is_shutdown = False
        self._is_destroyed = False
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._num_sleepers = 0
        self._timer.callback = self._event.set
        context.on_shutdown(self._on_shutdown)

    def _on_shutdown(self) -> None:
        self._is_shutdown = True
        self.destroy()

    def destroy(self) -> None:
        """Wake the sleepers; use :meth:`rclpy.node.Node.destroy_rate`."""
        self._is_destroyed = True
        self._event.set()

    def sleep(self) -> None:
        """Sleep until the period is over.

        Raises:
            ROSInterruptException: The context ended.
            RuntimeError: The rate was destroyed.
        """
        if self._is_shutdown:
            raise ROSInterruptException
        if self._is_destroyed:
            raise RuntimeError("Rate cannot sleep because it has been destroyed")
        if not self._timer.handle:
            self.destroy()
            raise InvalidHandle("Rate cannot sleep because the timer has been destroyed")
        with self._lock:
            self._num_sleepers += 1
        try:
            self._event.wait()
        finally:
            with self._lock:
                self._num_sleepers -= 1
                if self._num_sleepers == 0:
                    self._event.clear()
            if self._is_shutdown:
                self.destroy()
                raise ROSInterruptException
