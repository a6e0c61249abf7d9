"""Spans of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.constants import S_TO_NS
from rclpy.impl.qos import RMW_DURATION_INFINITE
from rclpy.impl.time_types import rcl_duration_t

if TYPE_CHECKING:
    import builtin_interfaces.msg


class Duration:
    """A signed span of time of at most 2**63 nanoseconds.

    Args:
        seconds: Whole or fractional seconds, added to ``nanoseconds``.
        nanoseconds: Nanoseconds.

    Raises:
        OverflowError: The sum does not fit.
    """

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -(2**63) <= total < 2**63:
            raise OverflowError("Total nanoseconds value is too large to store in C duration.")
        self._duration_handle = rcl_duration_t(total)

    @property
    def nanoseconds(self) -> int:
        """The span in nanoseconds."""
        return self._duration_handle.nanoseconds

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self.nanoseconds})"

    def __str__(self) -> str:
        return "Infinite" if self == Infinite else f"{self.nanoseconds} nanoseconds"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.nanoseconds == other.nanoseconds
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.nanoseconds < other.nanoseconds
        return NotImplemented

    def __le__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.nanoseconds <= other.nanoseconds
        return NotImplemented

    def __gt__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.nanoseconds > other.nanoseconds
        return NotImplemented

    def __ge__(self, other: object) -> bool:
        if isinstance(other, Duration):
            return self.nanoseconds >= other.nanoseconds
        return NotImplemented

    def to_msg(self) -> builtin_interfaces.msg.Duration:
        """The same span as a message."""
        import builtin_interfaces.msg

        seconds, nanoseconds = divmod(self.nanoseconds, S_TO_NS)
        return builtin_interfaces.msg.Duration(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: builtin_interfaces.msg.Duration) -> Duration:
        """The span a message tells.

        Raises:
            TypeError: It is another kind of message.
        """
        import builtin_interfaces.msg

        if not isinstance(msg, builtin_interfaces.msg.Duration):
            raise TypeError("Must pass a builtin_interfaces.msg.Duration object")
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec)

    def get_c_duration(self) -> rcl_duration_t:
        """The handle the core takes."""
        return self._duration_handle


Infinite = Duration(nanoseconds=RMW_DURATION_INFINITE)
