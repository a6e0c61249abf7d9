"""Publish what a bag holds."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from rosidl_runtime_py.utilities import get_message

from .errors import BagError
from .model import SECONDS, BagMessage, Topic
from .playback_clock import PlaybackClock
from .qos import qos_to_rclpy
from .reader import BagReader, TopicFilter

LATE_JOINER_WAIT_S = 0.2
"""How long new publishers are given to meet their subscribers before the first message."""


@dataclass(frozen=True, kw_only=True)
class PlayerOptions:
    """How to play.

    Args:
        rate: How much faster than it was recorded.
        start_offset_s: Skip so much of the beginning.
        duration_s: Stop after so much of the bag; negative for all of it.
        until_ns: Stop at this time of the bag; negative for never.
        delay_s: Wait so long before the first message.
        loop: Begin again at the end.
        start_paused: Begin without playing, until `BagPlayer.resume`.
        clock_hz: Publish ``/clock`` so often; 0 for not at all.
        topics: Topics to play; all when empty and no regex is given.
        regex: Also play topics that match.
        exclude: Topics not to play.
        exclude_regex: Nor topics that match.
        remap: New names, by the names in the bag.
        qos_overrides: Profiles to publish with instead of those recorded, by the names in the bag.
    """

    rate: float = 1.0
    start_offset_s: float = 0.0
    duration_s: float = -1.0
    until_ns: int = -1
    delay_s: float = 0.0
    loop: bool = False
    start_paused: bool = False
    clock_hz: float = 0.0
    topics: Collection[str] = ()
    regex: str = ""
    exclude: Collection[str] = ()
    exclude_regex: str = ""
    remap: Mapping[str, str] | None = None
    qos_overrides: Mapping[str, QoSProfile] | None = None

    def __post_init__(self) -> None:
        if not self.rate > 0.0:
            raise BagError(f"The rate must be greater than 0, not {self.rate}.")
        if self.start_offset_s < 0.0:
            raise BagError(f"The start offset must not be negative, but is {self.start_offset_s}.")
        if self.clock_hz < 0.0:
            raise BagError(f"The clock's frequency must not be negative, but is {self.clock_hz}.")


class BagPlayer:
    """Publishes the messages of a bag with the gaps they were recorded with.

    Services of the node (types of ``rosbag2_interfaces``): ``~/pause``, ``~/resume``,
    ``~/toggle_paused``, ``~/is_paused``, ``~/set_rate``, ``~/get_rate``, ``~/play_next``,
    ``~/burst``, ``~/seek``, ``~/stop``. The node must be spun by the caller while `play` runs.

    Args:
        node: The node to publish with.
        uri: The bag.
        options: How to play.

    Raises:
        BagError: There is no bag, it cannot be read, or no topic of it can be played.
    """

    def __init__(
        self,
        node: Node,
        uri: str | os.PathLike[str],
        options: PlayerOptions | None = None,
    ) -> None:
        self._node = node
        self._options = options or PlayerOptions()
        self._selection = TopicFilter(
            topics=frozenset(self._options.topics),
            services=frozenset(self._options.topics),
            regex=self._options.regex,
            exclude_topics=frozenset(self._options.exclude),
            exclude_services=frozenset(self._options.exclude),
            exclude_regex=self._options.exclude_regex,
        )
        self._reader = BagReader(uri)
        self._info = self._reader.info()
        self._group = ReentrantCallbackGroup()
        self._changed = threading.Condition()
        self._is_stopped = False
        self._seek_ns: int | None = None
        self._single_steps = 0
        self._stepped = 0
        self.played_count = 0
        start_ns = self._info.start_ns if self._info.message_count else 0
        self._first_ns = start_ns + int(self._options.start_offset_s * SECONDS)
        self._last_ns = self._end_ns()
        self._clock = PlaybackClock(self._first_ns, self._options.rate, is_paused=self._options.start_paused)
        self._publishers = self._create_publishers()
        self._clock_publisher = node.create_publisher(Clock, "/clock", 10) if self._options.clock_hz > 0.0 else None
        from .player_services import create_services

        self._services = create_services(node, self, self._group)

    def _end_ns(self) -> int:
        ends = [self._info.end_ns]
        if self._options.duration_s >= 0.0:
            ends.append(self._first_ns + int(self._options.duration_s * SECONDS))
        if self._options.until_ns >= 0:
            ends.append(self._options.until_ns)
        return min(ends)

    def _create_publishers(self) -> dict[str, Any]:
        publishers: dict[str, Any] = {}
        for topic in self._info.topics:
            if not self._selection.selects(topic.name):
                continue
            try:
                message_type = get_message(topic.type)
            except (AttributeError, ModuleNotFoundError, ValueError, ImportError) as error:
                self._node.get_logger().warning(
                    f"Not playing {topic.name}: its type {topic.type} is not known here ({error})."
                )
                continue
            name = (self._options.remap or {}).get(topic.name, topic.name)
            publishers[topic.name] = self._node.create_publisher(
                message_type, name, self._profile_of(topic), callback_group=self._group
            )
        if not publishers and self._info.topics:
            raise BagError(f"No topic of {self._reader.path} is to be played or can be.")
        return publishers

    def _profile_of(self, topic: Topic) -> QoSProfile:
        override = (self._options.qos_overrides or {}).get(topic.name)
        if override is not None:
            return override
        if not topic.offered_qos:
            return QoSProfile(depth=10)
        return qos_to_rclpy(topic.offered_qos[0])

    @property
    def rate(self) -> float:
        """How much faster than it was recorded."""
        return self._clock.rate

    @property
    def is_paused(self) -> bool:
        """Whether playing is paused."""
        return self._clock.is_paused

    @property
    def position_ns(self) -> int:
        """The present time of the bag."""
        return self._clock.now_ns()

    def pause(self) -> None:
        """Hold."""
        with self._changed:
            self._clock.pause()
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            self._clock.resume()
            self._changed.notify_all()

    def toggle_paused(self) -> None:
        """Hold or go on."""
        (self.resume if self.is_paused else self.pause)()

    def set_rate(self, rate: float) -> bool:
        """Change the speed; returns whether it is possible."""
        with self._changed:
            is_possible = self._clock.set_rate(rate)
            self._changed.notify_all()
        return is_possible

    def seek(self, stamp_ns: int) -> bool:
        """Continue at a time of the bag; returns whether the bag has it."""
        if not self._info.message_count or not self._info.start_ns <= stamp_ns <= self._info.end_ns:
            return False
        with self._changed:
            self._seek_ns = stamp_ns
            self._changed.notify_all()
        return True

    def play_next(self, count: int = 1, timeout_s: float = 10.0) -> int:
        """Publish the next messages at once while paused; returns how many there were."""
        with self._changed:
            if not self.is_paused or self._is_stopped:
                return 0
            before = self._stepped
            self._single_steps += count
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._single_steps == 0 or self._is_stopped, timeout=timeout_s)
            self._single_steps = 0
            return self._stepped - before

    def stop(self) -> None:
        """End `play` as soon as possible."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def play(self) -> int:
        """Publish until the end of the bag or `stop`.

        Returns:
            How many messages were published.
        """
        ticker = None
        if self._clock_publisher is not None:
            ticker = threading.Thread(target=self._publish_clock, name="bag_clock", daemon=True)
        try:
            self._wait(max(LATE_JOINER_WAIT_S, self._options.delay_s))
            self._clock.start()
            if ticker is not None:
                ticker.start()
            self._play_from(self._first_ns)
            while self._options.loop and not self._is_stopped and self._info.message_count:
                self._clock.jump_to(self._first_ns)
                self._play_from(self._first_ns)
        finally:
            self.stop()
            if ticker is not None and ticker.is_alive():
                ticker.join()
        return self.played_count

    def close(self) -> None:
        """Destroy publishers and services and close the bag."""
        self.stop()
        for service in self._services:
            self._node.destroy_service(service)
        for publisher in (*self._publishers.values(), self._clock_publisher):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
        self._services, self._publishers, self._clock_publisher = [], {}, None
        self._reader.close()

    def _play_from(self, start_ns: int) -> None:
        messages: Iterator[BagMessage] | None = self._messages(start_ns)
        while messages is not None:
            messages = self._play_until_seek(messages)

    def _messages(self, start_ns: int) -> Iterator[BagMessage]:
        return self._reader.messages(self._selection, start_ns=start_ns)

    def _play_until_seek(self, messages: Iterator[BagMessage]) -> Iterator[BagMessage] | None:
        """Publish to the end; returns where to go on after a seek."""
        for message in messages:
            if message.log_ns > self._last_ns:
                break
            if not self._wait_for_turn(message.log_ns):
                return self._after_seek()
            publisher = self._publishers.get(message.topic)
            if publisher is not None:
                publisher.publish(bytes(message.data))
                self.played_count += 1
                self._count_step()
        with self._changed:
            # While paused at the end a step or a seek may still come.
            self._single_steps = 0
            self._changed.notify_all()
        return None

    def _count_step(self) -> None:
        with self._changed:
            if self._single_steps > 0:
                self._single_steps -= 1
                self._stepped += 1
                self._changed.notify_all()

    def _wait_for_turn(self, stamp_ns: int) -> bool:
        """Wait until a time of the bag has come; ``False`` if a seek or the end came first."""
        with self._changed:
            while not self._is_stopped and self._seek_ns is None:
                if self.is_paused:
                    if self._single_steps > 0:
                        self._clock.jump_to(stamp_ns)
                        return True
                    self._changed.wait()
                    continue
                left_s = self._clock.seconds_until(stamp_ns)
                if left_s <= 0.0:
                    return True
                self._changed.wait(left_s)
        return False

    def _after_seek(self) -> Iterator[BagMessage] | None:
        with self._changed:
            stamp_ns, self._seek_ns = self._seek_ns, None
            if self._is_stopped or stamp_ns is None:
                return None
            self._clock.jump_to(stamp_ns)
        return self._messages(stamp_ns)

    def _wait(self, duration_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped, timeout=duration_s)

    def _publish_clock(self) -> None:
        period_s = 1.0 / self._options.clock_hz
        due = time.monotonic()
        while not self._is_stopped:
            message = Clock()
            seconds, nanoseconds = divmod(self._clock.now_ns(), SECONDS)
            message.clock.sec, message.clock.nanosec = seconds, nanoseconds
            self._clock_publisher.publish(message)
            due = max(due + period_s, time.monotonic())
            self._wait(due - time.monotonic())


def parse_remap(rules: Collection[str]) -> dict[str, str]:
    """Return ``from:=to`` rules as a mapping.

    Raises:
        BagError: A rule has another form.
    """
    mapping: dict[str, str] = {}
    for rule in rules:
        match = re.fullmatch(r"([^:=\s]+):=([^:=\s]+)", rule)
        if match is None:
            raise BagError(f"'{rule}' is no remapping: write FROM:=TO.")
        mapping[match[1]] = match[2]
    return mapping
