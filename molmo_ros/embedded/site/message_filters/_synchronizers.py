"""Bring messages of several topics together by their stamps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import Any

from rclpy.duration import Duration

from ._filter import SimpleFilter, stamp_of


class TimeSynchronizer(SimpleFilter):
    """Calls back with one message of each input, all with the same stamp.

    Args:
        fs: The filters to listen to.
        queue_size: How many unmatched messages to keep per filter.
    """

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.RLock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Listen to filters."""
        self.queues: list[dict[int, Any]] = [{} for _ in fs]
        self.input_connections = [
            f.registerCallback(self.add, queue, index)
            for index, (f, queue) in enumerate(zip(fs, self.queues, strict=True))
        ]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message of one input and call back if that completes a set."""
        stamp = stamp_of(msg, False, "message_filters_sync")
        if stamp is None:
            return
        with self.lock:
            self._put(my_queue, stamp.nanoseconds, msg)
            common = set(self.queues[0]).intersection(*self.queues[1:])
            for stamp_ns in sorted(common):
                self.signalMessage(*[queue.pop(stamp_ns) for queue in self.queues])

    def _put(self, queue: dict[int, Any], stamp_ns: int, msg: Any) -> None:
        queue[stamp_ns] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Calls back with one message of each input, their stamps close together.

    Each new message is joined at once with the messages nearest to it in time, if all of them
    lie within the slop.

    Args:
        fs: The filters to listen to.
        queue_size: How many unmatched messages to keep per filter.
        slop: How far (s) the stamps of a set may lie apart.
        allow_headerless: Stamp messages without a header with the time of arrival.
    """

    def __init__(
        self,
        fs: Sequence[SimpleFilter],
        queue_size: int,
        slop: float,
        allow_headerless: bool = False,
    ) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message of one input and call back if that completes a set."""
        stamp = stamp_of(msg, self.allow_headerless, "message_filters_approx")
        if stamp is None:
            return
        with self.lock:
            self._put(my_queue, stamp.nanoseconds, msg)
            chosen = self._nearest_set(my_queue, stamp.nanoseconds)
            if chosen is not None:
                pairs = zip(self.queues, chosen, strict=True)
                self.signalMessage(*[queue.pop(stamp_ns) for queue, stamp_ns in pairs])

    def _nearest_set(self, my_queue: dict[int, Any], stamp_ns: int) -> tuple[int, ...] | None:
        """Return one stamp per queue, all within the slop, or nothing."""
        if stamp_ns not in my_queue:
            return None
        slop_ns = self.slop.nanoseconds
        candidates: list[list[int]] = []
        for queue in self.queues:
            if queue is my_queue:
                candidates.append([stamp_ns])
                continue
            near = [other for other in queue if abs(other - stamp_ns) <= slop_ns]
            if not near:
                return None
            candidates.append(sorted(near, key=lambda other: abs(other - stamp_ns)))
        return next((s for s in itertools.product(*candidates) if max(s) - min(s) < slop_ns), None)
