"""Ready-made tasks: how often something happens, how old its stamps are, that a node lives."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.time import Time

from ._status import DiagnosticStatusWrapper
from ._tasks import DiagnosticTask


class FrequencyStatusParam:
    """What `FrequencyStatus` expects.

    Args:
        freq_bound: ``{"min": Hz, "max": Hz}``, the maximum optional. Later changes count.
        tolerance: By which fraction the bounds may be missed.
        window_size: Over how many reports to average.
    """

    def __init__(self, freq_bound: Mapping[str, float], tolerance: float = 0.1, window_size: int = 5) -> None:
        self.freq_bound = freq_bound
        self.tolerance = tolerance
        self.window_size = window_size


class FrequencyStatus(DiagnosticTask):
    """Watches how often `tick` is called: too rarely or too often is a warning, not at all an error."""

    def __init__(self, params: FrequencyStatusParam, name: str = "FrequencyStatus") -> None:
        super().__init__(name)
        self.params = params
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what was counted."""
        with self.lock:
            self.count = 0
            self.times = [_now()] * self.params.window_size
            self.seq_nums = [0] * self.params.window_size
            self.hist_indx = 0

    def tick(self) -> None:
        """Count an event."""
        with self.lock:
            self.count += 1

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Report the frequency since the beginning of the window."""
        bound, tolerance = self.params.freq_bound, self.params.tolerance
        low = bound["min"] * (1.0 - tolerance)
        high = bound["max"] * (1.0 + tolerance) if "max" in bound else None
        with self.lock:
            now = _now()
            events = self.count - self.seq_nums[self.hist_indx]
            window_s = (now - self.times[self.hist_indx]).nanoseconds * 1e-9
            frequency = events / window_s if window_s > 0.0 else 0.0
            self.seq_nums[self.hist_indx] = self.count
            self.times[self.hist_indx] = now
            self.hist_indx = (self.hist_indx + 1) % self.params.window_size
            total = self.count
        if events == 0:
            stat.summary(DiagnosticStatus.ERROR, "No events recorded.")
        elif frequency < low:
            stat.summary(DiagnosticStatus.WARN, "Frequency too low.")
        elif high is not None and frequency > high:
            stat.summary(DiagnosticStatus.WARN, "Frequency too high.")
        else:
            stat.summary(DiagnosticStatus.OK, "Desired frequency met")
        stat.add("Events in window", f"{events:d}")
        stat.add("Events since startup", f"{total:d}")
        stat.add("Duration of window (s)", f"{window_s:f}")
        stat.add("Actual frequency (Hz)", f"{frequency:f}")
        if high is not None and bound["min"] == bound["max"]:
            stat.add("Target frequency (Hz)", f"{bound['min']:f}")
        if bound["min"] > 0:
            stat.add("Minimum acceptable frequency (Hz)", f"{low:f}")
        if high is not None:
            stat.add("Maximum acceptable frequency (Hz)", f"{high:f}")
        return stat


class TimeStampStatusParam:
    """Between which bounds (s) the age of a stamp is acceptable; negative is in the future."""

    def __init__(self, min_acceptable: float = -1, max_acceptable: float = 5) -> None:
        self.max_acceptable = max_acceptable
        self.min_acceptable = min_acceptable


class TimeStampStatus(DiagnosticTask):
    """Watches the age of stamps given to `tick`."""

    def __init__(self, params: TimeStampStatusParam | None = None, name: str = "Timestamp Status") -> None:
        super().__init__(name)
        self.params = TimeStampStatusParam() if params is None else params
        self.lock = threading.Lock()
        self.early_count = 0
        self.late_count = 0
        self.zero_count = 0
        self._begin()

    def _begin(self) -> None:
        self.deltas_valid = False
        self.min_delta = 0.0
        self.max_delta = 0.0
        self.zero_seen = False

    def tick(self, stamp: Time | float) -> None:
        """Take the stamp of an event (a Time, or seconds)."""
        stamp_s = stamp if isinstance(stamp, float) else stamp.nanoseconds * 1e-9
        with self.lock:
            if stamp_s == 0:
                self.zero_seen = True
                return
            delta = _now().nanoseconds * 1e-9 - stamp_s
            self.max_delta = max(self.max_delta, delta) if self.deltas_valid else delta
            self.min_delta = min(self.min_delta, delta) if self.deltas_valid else delta
            self.deltas_valid = True

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Report the oldest and the newest stamp since the last report."""
        with self.lock:
            stat.summary(DiagnosticStatus.OK, "Timestamps are reasonable.")
            if not self.deltas_valid:
                stat.summary(DiagnosticStatus.WARN, "No data since last update.")
            else:
                if self.min_delta < self.params.min_acceptable:
                    stat.summary(DiagnosticStatus.ERROR, "Timestamps too far in future seen.")
                    self.early_count += 1
                if self.max_delta > self.params.max_acceptable:
                    stat.summary(DiagnosticStatus.ERROR, "Timestamps too far in past seen.")
                    self.late_count += 1
                if self.zero_seen:
                    stat.summary(DiagnosticStatus.ERROR, "Zero timestamp seen.")
                    self.zero_count += 1
            stat.add("Earliest timestamp delay:", f"{self.min_delta:f}")
            stat.add("Latest timestamp delay:", f"{self.max_delta:f}")
            stat.add("Earliest acceptable timestamp delay:", f"{self.params.min_acceptable:f}")
            stat.add("Latest acceptable timestamp delay:", f"{self.params.max_acceptable:f}")
            stat.add("Late diagnostic update count:", f"{self.late_count:d}")
            stat.add("Early diagnostic update count:", f"{self.early_count:d}")
            stat.add("Zero seen diagnostic update count:", f"{self.zero_count:d}")
            self._begin()
        return stat


class Heartbeat(DiagnosticTask):
    """Says that the node is alive."""

    def __init__(self) -> None:
        super().__init__("Heartbeat")

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Report OK."""
        stat.summary(DiagnosticStatus.OK, "Alive")
        return stat


def _now() -> Time:
    return Clock(clock_type=ClockType.ROS_TIME).now()
