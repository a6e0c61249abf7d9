"""A short history of messages."""

from __future__ import annotations

from typing import Any

from rclpy.time import Time

from ._filter import SimpleFilter, stamp_of


class Cache(SimpleFilter):
    """Keeps the last messages that came through, for lookups by time.

    Args:
        f: The filter to listen to.
        cache_size: How many messages to keep.
        allow_headerless: Stamp messages without a header with the time of arrival.
    """

    def __init__(self, f: SimpleFilter, cache_size: int = 1, allow_headerless: bool = False) -> None:
        super().__init__()
        self.connectInput(f)
        self.cache_size = cache_size
        self.allow_headerless = allow_headerless
        self.cache_msgs: list[Any] = []
        self.cache_times: list[Time] = []

    def connectInput(self, f: SimpleFilter) -> None:
        """Listen to a filter."""
        self.incoming_connection = f.registerCallback(self.add)

    def add(self, msg: Any) -> None:
        """Keep a message and pass it on."""
        stamp = stamp_of(msg, self.allow_headerless, "message_filters_cache")
        if stamp is None:
            return
        self.cache_times.append(stamp)
        self.cache_msgs.append(msg)
        if len(self.cache_msgs) > self.cache_size:
            del self.cache_msgs[0], self.cache_times[0]
        self.signalMessage(msg)

    def getInterval(self, from_stamp: Time, to_stamp: Time) -> list[Any]:
        """Return the messages of a closed interval of time."""
        if from_stamp > to_stamp:
            raise AssertionError("the interval ends before it begins")
        return [
            msg for msg, time in zip(self.cache_msgs, self.cache_times, strict=True) if from_stamp <= time <= to_stamp
        ]

    def getElemAfterTime(self, stamp: Time) -> Any | None:
        """Return the first message at or after a time."""
        pairs = zip(self.cache_msgs, self.cache_times, strict=True)
        return next((msg for msg, time in pairs if time >= stamp), None)

    def getElemBeforeTime(self, stamp: Time) -> Any | None:
        """Return the last message at or before a time."""
        pairs = zip(reversed(self.cache_msgs), reversed(self.cache_times), strict=True)
        return next((msg for msg, time in pairs if time <= stamp), None)

    def getLastestTime(self) -> Time | None:
        """Return when the newest message was stamped."""
        return self.cache_times[-1] if self.cache_times else None

    def getOldestTime(self) -> Time | None:
        """Return when the oldest message was stamped."""
        return self.cache_times[0] if self.cache_times else None

    def getLast(self) -> Any | None:
        """Return the newest message."""
        latest = self.getLastestTime()
        return None if latest is None else self.getElemAfterTime(latest)
