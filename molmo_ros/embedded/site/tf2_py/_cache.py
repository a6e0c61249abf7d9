"""Time-ordered samples of one frame's transform to its parent."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from ._exceptions import ExtrapolationException
from ._rotation import Quaternion, Vector, interpolate, slerp


class Sample(NamedTuple):
    """One transform: maps points of the child frame into ``parent``."""

    stamp_ns: int
    parent: str
    translation: Vector
    rotation: Quaternion


def format_stamp(stamp_ns: int) -> str:
    """Return a stamp as seconds with six decimals, the way tf2 prints it."""
    return f"{stamp_ns / 1e9:.6f}"


class TimeCache:
    """The history of a moving frame, no longer than ``max_storage_ns``."""

    is_static = False

    def __init__(self, max_storage_ns: int) -> None:
        self._max_storage_ns = max_storage_ns
        self._stamps: list[int] = []
        self._samples: list[Sample] = []

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def latest_stamp_ns(self) -> int:
        """Stamp of the newest sample, 0 when there is none."""
        return self._stamps[-1] if self._stamps else 0

    @property
    def oldest_stamp_ns(self) -> int:
        """Stamp of the oldest sample, 0 when there is none."""
        return self._stamps[0] if self._stamps else 0

    @property
    def latest(self) -> Sample | None:
        """The newest sample."""
        return self._samples[-1] if self._samples else None

    def clear(self) -> None:
        """Forget every sample."""
        self._stamps.clear()
        self._samples.clear()

    def insert(self, sample: Sample) -> bool:
        """Add a sample; ``False`` when it is older than the storage time."""
        stamps = self._stamps
        if stamps:
            horizon = stamps[-1] - self._max_storage_ns
            if stamps[0] < horizon:
                expired = bisect_left(stamps, horizon)
                del stamps[:expired], self._samples[:expired]
            if sample.stamp_ns < horizon:
                return False
        first = bisect_left(stamps, sample.stamp_ns)
        after = bisect_right(stamps, sample.stamp_ns, first)
        if sample not in self._samples[first:after]:
            stamps.insert(after, sample.stamp_ns)
            self._samples.insert(after, sample)
        return True

    def _bracket(self, stamp_ns: int) -> tuple[Sample, Sample | None]:
        """Return the sample at or before a time and, between two, the one after it.

        Raises:
            ExtrapolationException: The time is outside what is stored.
        """
        samples, stamps = self._samples, self._stamps
        if not samples:
            raise ExtrapolationException("No transform is stored for this frame")
        if stamp_ns == 0:
            return samples[-1], None
        newest, oldest = stamps[-1], stamps[0]
        if stamp_ns == newest:
            return samples[-1], None
        if stamp_ns == oldest:
            return samples[0], None
        if newest == oldest:
            raise ExtrapolationException(
                f"Lookup would require extrapolation at time {format_stamp(stamp_ns)}, "
                f"but only time {format_stamp(newest)} is in the buffer"
            )
        if stamp_ns > newest:
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the future.  Requested time "
                f"{format_stamp(stamp_ns)} but the latest data is at time {format_stamp(newest)}"
            )
        if stamp_ns < oldest:
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the past.  Requested time "
                f"{format_stamp(stamp_ns)} but the earliest data is at time {format_stamp(oldest)}"
            )
        after = bisect_right(stamps, stamp_ns)
        return samples[after - 1], samples[after]

    def parent(self, stamp_ns: int) -> str:
        """Return the parent frame at a time (0: the latest)."""
        return self._bracket(stamp_ns)[0].parent

    def sample(self, stamp_ns: int) -> Sample:
        """Return the interpolated transform at a time (0: the latest)."""
        before, after = self._bracket(stamp_ns)
        if after is None or before.parent != after.parent or before.stamp_ns == stamp_ns:
            return before
        ratio = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
        return Sample(
            stamp_ns,
            before.parent,
            interpolate(before.translation, after.translation, ratio),
            slerp(before.rotation, after.rotation, ratio),
        )


class StaticCache:
    """A frame that never moves: one sample, valid at all times."""

    is_static = True
    latest_stamp_ns = 0
    oldest_stamp_ns = 0

    def __init__(self) -> None:
        self._sample: Sample | None = None

    def __len__(self) -> int:
        return 1

    @property
    def latest(self) -> Sample | None:
        """The sample, whose stamp counts as 0: static frames never limit a common time."""
        return self._sample

    def clear(self) -> None:
        """Keep the sample: a static transform outlives a jump in time."""

    def insert(self, sample: Sample) -> bool:
        """Replace the sample."""
        self._sample = sample._replace(stamp_ns=0)
        return True

    def parent(self, stamp_ns: int) -> str:
        """Return the parent frame."""
        return self.sample(stamp_ns).parent

    def sample(self, stamp_ns: int) -> Sample:
        """Return the transform."""
        if self._sample is None:
            raise ExtrapolationException("No transform is stored for this frame")
        return self._sample
