"""Clocks with simulated time, jump callbacks, sleeping and timers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from rclpy.impl.errors import RCLError
from rclpy.impl.handle import Handle
from rclpy.impl.time_types import ClockChange, ClockType, rcl_time_point_t

if TYPE_CHECKING:
    from rclpy.impl.context import Context

NS_PER_S = 1_000_000_000


class _Jump:
    """One registered interest in jumps of a clock."""

    __slots__ = ("after", "before", "handle", "min_backward", "min_forward", "on_change")

    def __init__(
        self, handle: Any, on_change: bool, min_forward: int, min_backward: int, before: Any, after: Any
    ) -> None:
        self.handle = handle
        self.on_change = on_change
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.before = before
        self.after = after

    def concerns(self, change: ClockChange, delta: int) -> bool:
        changed = change in (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
        return (
            (changed and self.on_change)
            or (self.min_backward < 0 and delta <= self.min_backward)
            or (self.min_forward > 0 and delta >= self.min_forward)
        )


class Clock(Handle):
    """A clock; one of ROS time can be told the time."""

    def __init__(self, clock_type: ClockType) -> None:
        super().__init__()
        self.clock_type = ClockType(clock_type)
        self.override_active = False
        self._override_ns = 0
        self._jumps: tuple[_Jump, ...] = ()
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        """The time in nanoseconds."""
        if self.clock_type is ClockType.STEADY_TIME:
            return time.monotonic_ns()
        if self.override_active:
            return self._override_ns
        return time.time_ns()

    def get_now(self) -> rcl_time_point_t:
        """The time."""
        return rcl_time_point_t(self.now_ns(), self.clock_type)

    def get_ros_time_override_is_enabled(self) -> bool:
        """Whether the clock shows the time it is told."""
        return self.override_active

    def set_ros_time_override_is_enabled(self, enabled: bool) -> None:
        """Show the time it is told, or the system's."""
        self._require_ros_time()
        if enabled == self.override_active:
            return
        change = ClockChange.ROS_TIME_ACTIVATED if enabled else ClockChange.ROS_TIME_DEACTIVATED

        def switch() -> None:
            self.override_active = enabled

        self._jump(change, 0, switch)

    def set_ros_time_override(self, time_point: rcl_time_point_t) -> None:
        """Tell the time."""
        self._require_ros_time()
        new = time_point.nanoseconds
        if not self.override_active:
            self._override_ns = new
            return

        def advance() -> None:
            self._override_ns = new

        self._jump(ClockChange.ROS_TIME_NO_CHANGE, new - self._override_ns, advance)

    def _require_ros_time(self) -> None:
        if self.clock_type is not ClockType.ROS_TIME:
            raise RCLError("Failed to set ROS time override for clock: it is not a ROS clock")

    def _jump(self, change: ClockChange, delta: int, apply: Any) -> None:
        concerned = [jump for jump in self._jumps if jump.concerns(change, delta)]
        for jump in concerned:
            if jump.before is not None:
                jump.before()
        apply()
        news = {"clock_change": change, "delta": delta}
        for jump in concerned:
            if jump.after is not None:
                jump.after(news)

    def add_clock_callback(self, handle: Any, on_clock_change: bool, min_forward: int, min_backward: int) -> None:
        """Call the jump callbacks of ``handle`` when a jump passes a threshold."""
        before, after = handle._pre_callback, handle._post_callback
        self.add_jump(_Jump(handle, on_clock_change, min_forward, min_backward, before, after))

    def add_jump(self, jump: _Jump) -> None:
        """Register an interest in jumps."""
        with self._lock:
            self._jumps = (*self._jumps, jump)

    def remove_clock_callback(self, handle: Any) -> None:
        """Stop calling the callbacks of ``handle``."""
        with self._lock:
            self._jumps = tuple(jump for jump in self._jumps if jump.handle is not handle)


class ClockEvent:
    """Something to sleep on until a clock shows a time, or until it is set."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Wake the sleeper."""
        self._event.set()

    def clear(self) -> None:
        """Make the next sleeper sleep again."""
        self._event.clear()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._event.is_set()

    def _wait(self, clock: Clock, until: rcl_time_point_t) -> None:
        while not self._event.is_set():
            left = until.nanoseconds - clock.now_ns()
            if left <= 0:
                return
            # A clock that is told the time sets the event itself, by a jump callback.
            told = clock.override_active
            self._event.wait(None if told else min(left / NS_PER_S, threading.TIMEOUT_MAX))

    wait_until_steady = _wait
    wait_until_system = _wait
    wait_until_ros = _wait


class Timer(Handle):
    """A periodic deadline on a clock, with rcl's rules for late calls and jumps."""

    def __init__(self, clock: Clock, context: Context, period_nsec: int, autostart: bool = True) -> None:
        super().__init__()
        if period_nsec < 0:
            raise ValueError("timer period must be non-negative")
        self._clock = clock
        self._context = context
        self._period = period_nsec
        self._canceled = not autostart
        self._last = clock.now_ns()
        self._next = self._last + period_nsec
        self._credit = 0
        if clock.clock_type is ClockType.ROS_TIME:
            clock.add_jump(_Jump(self, True, 1, -1, self._before_jump, self._after_jump))

    def _before_jump(self) -> None:
        self._credit = self._next - self._clock.now_ns()

    def _after_jump(self, news: dict[str, Any]) -> None:
        now = self._clock.now_ns()
        if news["clock_change"] != ClockChange.ROS_TIME_NO_CHANGE:
            if now == 0:
                return
            self._next = now + max(0, self._credit)
            self._last = self._next - self._period
        elif now < self._last:
            self._last = now
            self._next = now + self._period
        self._context.wake()

    def is_ready(self) -> bool:
        """Whether the timer is due."""
        return not self._canceled and self._next <= self._clock.now_ns()

    is_timer_ready = is_ready

    def wait_ns(self) -> int | None:
        """Nanoseconds to sleep before it is due, or nothing when something else must wake us."""
        if self._canceled or self._clock.override_active:
            return None
        return self._next - self._clock.now_ns()

    def call_timer(self) -> None:
        """Note a call and plan the next, skipping deadlines already missed.

        Raises:
            RCLError: The timer is cancelled.
        """
        if self._canceled:
            raise RCLError("Failed to call timer: the timer is canceled")
        now = self._clock.now_ns()
        self._last = now
        self._next += self._period
        if self._next < now:
            if self._period == 0:
                self._next = now
            else:
                self._next += (1 + (now - self._next - 1) // self._period) * self._period

    def cancel_timer(self) -> None:
        """Stop until reset."""
        self._canceled = True

    def is_timer_canceled(self) -> bool:
        """Whether it is stopped."""
        return self._canceled

    def reset_timer(self) -> None:
        """Start anew, one period from now."""
        self._next = self._clock.now_ns() + self._period
        self._canceled = False
        self._context.wake()

    def time_since_last_call(self) -> int:
        """Nanoseconds since the last call."""
        return self._clock.now_ns() - self._last

    def time_until_next_call(self) -> int | None:
        """Nanoseconds until it is due, negative when late; nothing while cancelled."""
        return None if self._canceled else self._next - self._clock.now_ns()

    def get_timer_period(self) -> int:
        """The period in nanoseconds."""
        return self._period

    def change_timer_period(self, period_nsec: int) -> None:
        """Change the period; the deadline already set stays."""
        self._period = period_nsec
        self._context.wake()

    def _destroy(self) -> None:
        if self._clock.clock_type is ClockType.ROS_TIME:
            self._clock.remove_clock_callback(self)
