"""Clocks: the system's, a steady one and ROS time, which a simulation can drive."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.exceptions import NotInitializedException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.time_types import ClockChange
from rclpy.time import Time
from rclpy.utilities import get_default_context

__all__ = ["Clock", "ClockChange", "ClockType", "JumpHandle", "JumpThreshold", "ROSClock", "TimeJump"]


class JumpThreshold:
    """How far a clock must jump for a callback to be called.

    Args:
        min_forward: Smallest jump forward, or nothing.
        min_backward: Smallest jump backward (negative), or nothing.
        on_clock_change: Whether a change of the clock's source counts.

    Raises:
        ValueError: A threshold has the wrong sign, or nothing would ever be called.
    """

    def __init__(
        self, *, min_forward: Duration | None, min_backward: Duration | None, on_clock_change: bool = True
    ) -> None:
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError("min_forward must be a positive non-zero duration")
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError("min_backward must be a negative non-zero duration")
        if min_forward is None and min_backward is None and not on_clock_change:
            raise ValueError("At least one jump threshold must be enabled")
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.on_clock_change = on_clock_change


class TimeJump:
    """What a jump callback is told."""

    def __init__(self, clock_change: ClockChange, delta: Duration) -> None:
        if not isinstance(clock_change, ClockChange):
            raise TypeError("clock_change must be an instance of rclpy.clock.ClockChange")
        self._clock_change = clock_change
        self._delta = delta

    @property
    def clock_change(self) -> ClockChange:
        """What happened to the clock's source."""
        return self._clock_change

    @property
    def delta(self) -> Duration:
        """How far the clock jumped."""
        return self._delta


class JumpHandle:
    """A registered jump callback; a context manager that unregisters it."""

    def __init__(
        self,
        *,
        clock: Clock,
        threshold: JumpThreshold,
        pre_callback: Callable[[], None] | None,
        post_callback: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError("One of pre_callback or post_callback must be callable")
        for name, callback in (("pre_callback", pre_callback), ("post_callback", post_callback)):
            if callback is not None and not callable(callback):
                raise ValueError(f"{name} must be callable if given")
        self._clock: Clock | None = clock
        self._pre_callback = pre_callback
        self._post_callback = post_callback
        forward, backward = threshold.min_forward, threshold.min_backward
        with clock.handle:
            clock.handle.add_clock_callback(
                self,
                threshold.on_clock_change,
                0 if forward is None else forward.nanoseconds,
                0 if backward is None else backward.nanoseconds,
            )

    def unregister(self) -> None:
        """Stop being called."""
        clock, self._clock = self._clock, None
        if clock is not None:
            with clock.handle:
                clock.handle.remove_clock_callback(self)

    def __enter__(self) -> JumpHandle:
        return self

    def __exit__(self, t: type[BaseException] | None, v: BaseException | None, tb: TracebackType | None) -> None:
        self.unregister()


class Clock:
    """A clock of a given type; of ROS time it is a :class:`ROSClock`."""

    _handle: _rclpy.Clock
    _clock_type: ClockType

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        self = super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)
        self._handle = _rclpy.Clock(clock_type)
        self._clock_type = clock_type
        return self

    @property
    def clock_type(self) -> ClockType:
        """Which kind of clock it is."""
        return self._clock_type

    @property
    def handle(self) -> _rclpy.Clock:
        """The core's clock."""
        return self._handle

    def __repr__(self) -> str:
        return f"Clock(clock_type={self.clock_type.name})"

    def now(self) -> Time:
        """The time."""
        return Time(nanoseconds=self._handle.now_ns(), clock_type=self._clock_type)

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], None] | None = None,
        post_callback: Callable[[TimeJump], None] | None = None,
    ) -> JumpHandle:
        """Call back before and after the clock jumps past a threshold."""
        tell: Any = post_callback
        if callable(post_callback):
            heard = post_callback

            def tell(news: dict[str, Any]) -> None:
                heard(TimeJump(news["clock_change"], Duration(nanoseconds=news["delta"])))

        return JumpHandle(clock=self, threshold=threshold, pre_callback=pre_callback, post_callback=tell)

    def sleep_until(self, until: Time, context: Context | None = None) -> bool:
        """Sleep until this clock shows a time.

        Returns:
            Whether it does; ``False`` when the context ended or the clock's source changed.

        Raises:
            NotInitializedException: The context is not valid.
            ValueError: ``until`` belongs to another kind of clock.
        """
        context = get_default_context() if context is None else context
        if not context.ok():
            raise NotInitializedException
        if until.clock_type != self._clock_type:
            raise ValueError("until's clock type does not match this clock's type")
        event = _rclpy.ClockEvent()
        source_changed = False

        def on_jump(jump: TimeJump) -> None:
            nonlocal source_changed
            changes = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
            source_changed = source_changed or jump.clock_change in changes
            if source_changed or self.now() >= until:
                event.set()

        context.on_shutdown(event.set)
        threshold = JumpThreshold(min_forward=Duration(nanoseconds=1), min_backward=None)
        with self.create_jump_callback(threshold, post_callback=on_jump):
            event.wait_until_ros(self._handle, until._time_handle)
        if not context.ok() or source_changed:
            return False
        return self.now() >= until

    def sleep_for(self, rel_time: Duration, context: Context | None = None) -> bool:
        """Sleep for a span of this clock's time; see :meth:`sleep_until`."""
        return self.sleep_until(self.now() + rel_time, context)


class ROSClock(Clock):
    """ROS time: the system's time, or a simulation's."""

    def __new__(cls) -> ROSClock:
        return super().__new__(Clock, clock_type=ClockType.ROS_TIME)  # type: ignore[return-value]

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock shows a simulation's time."""
        with self.handle:
            return self.handle.get_ros_time_override_is_enabled()

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        with self.handle:
            self.handle.set_ros_time_override_is_enabled(enabled)

    def set_ros_time_override(self, time: Time) -> None:
        """Tell the clock a simulation's time.

        Raises:
            TypeError: ``time`` is not a :class:`rclpy.time.Time`.
        """
        if not isinstance(time, Time):
            raise TypeError(f"Time must be specified as rclpy.time.Time. Received type: {type(time)}")
        with self.handle:
            self.handle.set_ros_time_override(time._time_handle)
