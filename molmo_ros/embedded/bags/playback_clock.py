"""The time of a bag that is being played."""

from __future__ import annotations

import math
import threading
import time


class PlaybackClock:
    """Runs from a time of the bag at a rate, and can be paused and moved.

    Args:
        start_ns: The time of the bag to begin at.
        rate: How much faster than real time.
        is_paused: Begin without running.
    """

    def __init__(self, start_ns: int, rate: float, *, is_paused: bool) -> None:
        self._lock = threading.Lock()
        self._bag_ns = start_ns
        self._since_ns: int | None = None
        self._rate = rate
        self._wants_to_run = not is_paused

    @property
    def rate(self) -> float:
        """How much faster than real time."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        """Whether it stands still on purpose."""
        return not self._wants_to_run

    def start(self) -> None:
        """Begin to run, unless it is paused."""
        with self._lock:
            if self._wants_to_run and self._since_ns is None:
                self._since_ns = time.monotonic_ns()

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            self._bag_ns = self._now()
            self._since_ns = None
            self._wants_to_run = False

    def resume(self) -> None:
        """Run on."""
        with self._lock:
            self._wants_to_run = True
            if self._since_ns is None:
                self._since_ns = time.monotonic_ns()

    def set_rate(self, rate: float) -> bool:
        """Change the rate; returns whether it is a possible one."""
        if not (rate > 0.0 and math.isfinite(rate)):
            return False
        with self._lock:
            self._bag_ns = self._now()
            if self._since_ns is not None:
                self._since_ns = time.monotonic_ns()
            self._rate = rate
        return True

    def jump_to(self, stamp_ns: int) -> None:
        """Go on from another time of the bag."""
        with self._lock:
            self._bag_ns = stamp_ns
            if self._since_ns is not None:
                self._since_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the present time of the bag."""
        with self._lock:
            return self._now()

    def seconds_until(self, stamp_ns: int) -> float:
        """Return how much real time is left until a time of the bag."""
        with self._lock:
            return (stamp_ns - self._now()) / 1e9 / self._rate

    def _now(self) -> int:
        if self._since_ns is None:
            return self._bag_ns
        return self._bag_ns + int((time.monotonic_ns() - self._since_ns) * self._rate)
