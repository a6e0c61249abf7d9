"""Points in time and durations as the core passes them."""

from __future__ import annotations

from enum import IntEnum


class ClockType(IntEnum):
    """Which clock a time belongs to."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3


class ClockChange(IntEnum):
    """What happened to a clock's source at a jump."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


class rcl_duration_t:
    """A signed number of nanoseconds."""

    __slots__ = ("nanoseconds",)

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = nanoseconds


class rcl_time_point_t:
    """Nanoseconds since a clock's epoch."""

    __slots__ = ("clock_type", "nanoseconds")

    def __init__(self, nanoseconds: int, clock_type: int) -> None:
        self.nanoseconds = nanoseconds
        self.clock_type = clock_type
