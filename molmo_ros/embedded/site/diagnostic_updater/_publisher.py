"""Diagnostics of a topic."""

from __future__ import annotations

from typing import Any

from rclpy.publisher import Publisher
from rclpy.time import Time

from ._tasks import CompositeDiagnosticTask
from ._update_functions import (
    FrequencyStatus,
    FrequencyStatusParam,
    TimeStampStatus,
    TimeStampStatusParam,
)
from ._updater import Updater


class HeaderlessTopicDiagnostic(CompositeDiagnosticTask):
    """Watches how often a topic is published.

    Args:
        name: Name of the topic.
        diag: The updater to report to.
        freq: The expected frequency.
    """

    def __init__(self, name: str, diag: Updater, freq: FrequencyStatusParam) -> None:
        super().__init__(f"{name} topic status")
        self.diag = diag
        self.freq = FrequencyStatus(freq)
        self.addTask(self.freq)
        self.diag.add(self)

    def tick(self) -> None:
        """Count a publication."""
        self.freq.tick()

    def clear_window(self) -> None:
        """Forget what was counted."""
        self.freq.clear()


class TopicDiagnostic(HeaderlessTopicDiagnostic):
    """Watches how often a topic is published and how old its stamps are.

    Args:
        name: Name of the topic.
        diag: The updater to report to.
        freq: The expected frequency.
        stamp: The acceptable age.
    """

    def __init__(self, name: str, diag: Updater, freq: FrequencyStatusParam, stamp: TimeStampStatusParam) -> None:
        super().__init__(name, diag, freq)
        self.stamp = TimeStampStatus(stamp)
        self.addTask(self.stamp)

    def tick(self, stamp: Time | float) -> None:
        """Count a publication with its stamp."""
        self.stamp.tick(stamp)
        super().tick()


class DiagnosedPublisher(TopicDiagnostic):
    """A publisher that watches itself.

    Args:
        pub: The publisher.
        diag: The updater to report to.
        freq: The expected frequency.
        stamp: The acceptable age.
    """

    def __init__(
        self,
        pub: Publisher,
        diag: Updater,
        freq: FrequencyStatusParam,
        stamp: TimeStampStatusParam,
    ) -> None:
        super().__init__(pub.topic_name, diag, freq, stamp)
        self.publisher = pub

    def publish(self, message: Any) -> None:
        """Count a message with a header and publish it."""
        self.tick(Time.from_msg(message.header.stamp))
        self.publisher.publish(message)
