"""Points in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from rclpy.clock_type import ClockType
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration
from rclpy.impl.time_types import rcl_time_point_t

if TYPE_CHECKING:
    import builtin_interfaces.msg


class Time:
    """A point in time of a clock.

    Args:
        seconds: Whole or fractional seconds since the clock's epoch, added to ``nanoseconds``.
        nanoseconds: Nanoseconds since the clock's epoch.
        clock_type: Which clock; times of different clocks cannot be compared.

    Raises:
        TypeError: ``clock_type`` is not one.
        ValueError: One of the two is negative.
        OverflowError: The sum does not fit 63 bits.
    """

    def __init__(
        self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError("Clock type must be a ClockType enum")
        if seconds < 0:
            raise ValueError("Seconds value must not be negative")
        if nanoseconds < 0:
            raise ValueError("Nanoseconds value must not be negative")
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C time point.")
        self._time_handle = rcl_time_point_t(total, clock_type)

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since the clock's epoch."""
        return self._time_handle.nanoseconds

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds and the nanoseconds above them."""
        return divmod(self.nanoseconds, S_TO_NS)

    @property
    def clock_type(self) -> ClockType:
        """Which clock."""
        return ClockType(self._time_handle.clock_type)

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self.nanoseconds}, clock_type={self.clock_type.name})"

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        try:
            return Time(nanoseconds=self.nanoseconds + other.nanoseconds, clock_type=self.clock_type)
        except OverflowError as error:
            raise OverflowError("Addition leads to overflow in C storage.") from error

    __radd__ = __add__

    @overload
    def __sub__(self, other: Time) -> Duration: ...
    @overload
    def __sub__(self, other: Duration) -> Time: ...
    def __sub__(self, other: Time | Duration) -> Time | Duration:
        if isinstance(other, Time):
            if self.clock_type != other.clock_type:
                raise TypeError("Can't subtract times with different clock types")
            return Duration(nanoseconds=self.nanoseconds - other.nanoseconds)
        if isinstance(other, Duration):
            try:
                return Time(nanoseconds=self.nanoseconds - other.nanoseconds, clock_type=self.clock_type)
            except ValueError as error:
                raise ValueError("Subtraction leads to negative time.") from error
        return NotImplemented

    def _other_ns(self, other: Time) -> int:
        if self.clock_type != other.clock_type:
            raise TypeError("Can't compare times with different clock types")
        return other.nanoseconds

    def __eq__(self, other: object) -> bool:
        return self.nanoseconds == self._other_ns(other) if isinstance(other, Time) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: object) -> bool:
        return self.nanoseconds < self._other_ns(other) if isinstance(other, Time) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.nanoseconds <= self._other_ns(other) if isinstance(other, Time) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.nanoseconds > self._other_ns(other) if isinstance(other, Time) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.nanoseconds >= self._other_ns(other) if isinstance(other, Time) else NotImplemented

    def to_msg(self) -> builtin_interfaces.msg.Time:
        """The same point as a message."""
        import builtin_interfaces.msg

        seconds, nanoseconds = self.seconds_nanoseconds()
        return builtin_interfaces.msg.Time(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: builtin_interfaces.msg.Time, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """The point a message tells.

        Raises:
            TypeError: It is another kind of message.
        """
        import builtin_interfaces.msg

        if not isinstance(msg, builtin_interfaces.msg.Time):
            raise TypeError("Must pass a builtin_interfaces.msg.Time object")
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)
