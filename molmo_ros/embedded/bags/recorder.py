"""Record topics of a running system."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosidl_runtime_py.utilities import get_message

from .errors import BagError, RecordingError
from .model import BagInfo, Topic
from .qos import qos_from_rclpy
from .reader import TopicFilter
from .writer import BagWriter

DEFAULT_CACHE_BYTES = 100 * 2**20
DISCOVERY_INTERVAL_S = 0.1
MIN_DEPTH = 100
MAX_DEPTH = 1000


class Recorder:
    """Writes what is published on topics into a bag, until `stop`.

    Topics are found while recording. Subscriptions take the serialized messages, with the QoS that
    the topic's publishers offer. The node must be spun by the caller.

    Args:
        node: The node to subscribe with.
        uri: The folder to create for the bag.
        topics: Topics to record; all that have publishers when empty and no regex is given.
        regex: Also record topics that match.
        exclude: Topics not to record.
        exclude_regex: Nor topics that match.
        include_hidden: Also record hidden topics, whose names have a part that begins with ``_``.
        storage: ``mcap`` or ``sqlite3``.
        compression: ``zstd`` or ``lz4`` to compress (MCAP only).
        max_file_bytes: Size at which to begin a new file; 0 for never.
        max_file_duration_s: Duration after which to begin a new file; 0 for never.
        cache_bytes: How far writing may lag behind before messages are dropped.
        qos_overrides: Profiles to subscribe with instead of those offered, by topic.
        use_node_clock: Stamp messages with the node's clock (simulated time) instead of the system's.
        start_paused: Begin without recording, until `resume`.
        on_failure: Called once if nothing can be written any more, for instance on a full disk.

    Raises:
        BagError: The folder exists or an argument makes no sense.
        RecordingError: The folder cannot be written.
    """

    def __init__(
        self,
        node: Node,
        uri: str | os.PathLike[str],
        *,
        topics: Collection[str] = (),
        regex: str = "",
        exclude: Collection[str] = (),
        exclude_regex: str = "",
        include_hidden: bool = False,
        storage: str = "mcap",
        compression: str = "",
        max_file_bytes: int = 0,
        max_file_duration_s: float = 0.0,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        qos_overrides: Mapping[str, QoSProfile] | None = None,
        use_node_clock: bool = False,
        start_paused: bool = False,
        discovery_interval_s: float = DISCOVERY_INTERVAL_S,
        on_failure: Callable[[RecordingError], None] | None = None,
        custom_data: Mapping[str, str] | None = None,
    ) -> None:
        self._node = node
        self._names = frozenset(node.resolve_topic_name(name) for name in topics)
        self._selection = TopicFilter(
            topics=self._names,
            services=self._names,
            regex=regex,
            exclude_topics=frozenset(exclude),
            exclude_services=frozenset(exclude),
            exclude_regex=exclude_regex,
        )
        self._include_hidden = include_hidden
        self._qos_overrides = dict(qos_overrides or {})
        self._use_node_clock = use_node_clock
        self._on_failure = on_failure
        self._is_paused = start_paused
        self._lock = threading.Lock()
        self._subscriptions: dict[str, tuple[Any, QoSProfile]] = {}
        self._given_up: set[str] = set()
        self._has_failed = False
        self._warned_lost = 0
        self._writer = BagWriter(
            uri,
            storage=storage,
            compression=compression,
            max_file_bytes=max_file_bytes,
            max_file_duration_ns=int(max_file_duration_s * 1e9),
            cache_bytes=cache_bytes,
            custom_data=custom_data,
        )
        self._group = ReentrantCallbackGroup()
        self._timer = node.create_timer(discovery_interval_s, self._discover, callback_group=self._group)
        self._discover()

    @property
    def topics(self) -> list[str]:
        """The topics that are being recorded."""
        return sorted(self._subscriptions)

    @property
    def message_count(self) -> int:
        """How many messages are in the bag."""
        return self._writer.message_count

    @property
    def lost_count(self) -> int:
        """How many messages were dropped because writing lagged too far behind."""
        return self._writer.lost_count

    @property
    def is_paused(self) -> bool:
        """Whether messages are being ignored."""
        return self._is_paused

    def pause(self) -> None:
        """Ignore messages until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Record messages again."""
        self._is_paused = False

    def split(self) -> None:
        """Begin a new file."""
        self._writer.split()

    def stop(self) -> BagInfo:
        """Stop recording and finish the bag; stopping again changes nothing.

        Returns:
            What the bag holds.

        Raises:
            RecordingError: The end could not be written; what came before is readable.
        """
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        with self._lock:
            for subscription, _ in self._subscriptions.values():
                self._node.destroy_subscription(subscription)
            self._subscriptions = {}
        return self._writer.close()

    def _discover(self) -> None:
        """Subscribe to new topics; subscribe anew where a publisher offers less than before."""
        if self._timer is None or self._has_failed:
            return
        with self._lock:
            for name, types in self._node.get_topic_names_and_types():
                if self._is_wanted(name):
                    self._follow(name, types)
        self._warn_of_losses()

    def _is_wanted(self, name: str) -> bool:
        if name in self._given_up or not self._selection.selects(name):
            return False
        is_hidden = any(part.startswith("_") for part in name.split("/"))
        return not is_hidden or self._include_hidden or name in self._names

    def _follow(self, name: str, types: list[str]) -> None:
        publishers = self._node.get_publishers_info_by_topic(name)
        if not publishers:
            return
        profile = self._qos_overrides.get(name) or _profile_for([p.qos_profile for p in publishers])
        current = self._subscriptions.get(name)
        if current is not None:
            if _gets_all_of(current[1], profile):
                return
            self._node.destroy_subscription(current[0])
            del self._subscriptions[name]
        if len(types) != 1:
            self._give_up(name, f"it has several types: {', '.join(types)}")
            return
        try:
            message_type = get_message(types[0])
        except (AttributeError, ModuleNotFoundError, ValueError, ImportError) as error:
            self._give_up(name, f"its type {types[0]} is not known here ({error})")
            return
        offered = [qos_from_rclpy(publisher.qos_profile) for publisher in publishers]
        unique = tuple(dict.fromkeys(offered))
        try:
            self._writer.create_topic(Topic(name=name, type=types[0], offered_qos=unique))
        except BagError as error:
            self._fail(error)
            return

        def take(data: bytes, info: Mapping[str, Any]) -> None:
            self._take(name, data, info)

        subscription = self._node.create_subscription(
            message_type, name, take, profile, callback_group=self._group, raw=True
        )
        self._subscriptions[name] = (subscription, profile)
        self._node.get_logger().info(f"Recording {name}")

    def _take(self, topic: str, data: bytes, info: Mapping[str, Any]) -> None:
        if self._is_paused or self._has_failed:
            return
        if self._use_node_clock:
            log_ns = self._node.get_clock().now().nanoseconds
        else:
            log_ns = int(info.get("received_timestamp") or 0) or time.time_ns()
        publish_ns = int(info.get("source_timestamp") or 0) or log_ns
        try:
            self._writer.write(topic, data, log_ns, publish_ns)
        except BagError as error:
            self._fail(error)

    def _give_up(self, name: str, reason: str) -> None:
        self._given_up.add(name)
        self._node.get_logger().warning(f"Not recording {name}: {reason}.")

    def _fail(self, error: BagError) -> None:
        """Say once that nothing is recorded any more."""
        if self._has_failed or not isinstance(error, RecordingError):
            return
        self._has_failed = True
        self._node.get_logger().error(str(error))
        if self._on_failure is not None:
            self._on_failure(error)

    def _warn_of_losses(self) -> None:
        failure = self._writer.failure
        if failure is not None:
            self._fail(failure)
        lost = self._writer.lost_count
        if lost > self._warned_lost:
            self._warned_lost = 2 * lost
            self._node.get_logger().warning(
                f"{lost} messages were lost because writing them takes too long: record fewer "
                "topics, do without compression or use a larger cache."
            )


def _profile_for(offered: list[QoSProfile]) -> QoSProfile:
    """Return the profile that gets messages from every publisher, at the best they all offer."""
    is_reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in offered)
    is_latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in offered)
    depth = max(MIN_DEPTH, *(p.depth for p in offered))
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=min(depth, MAX_DEPTH),
        reliability=ReliabilityPolicy.RELIABLE if is_reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=(DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE),
    )


def _gets_all_of(current: QoSProfile, wanted: QoSProfile) -> bool:
    """Tell whether a subscription asks for no more than the publishers offer now."""
    asks_reliable = current.reliability == ReliabilityPolicy.RELIABLE
    asks_latched = current.durability == DurabilityPolicy.TRANSIENT_LOCAL
    return not (
        (asks_reliable and wanted.reliability != ReliabilityPolicy.RELIABLE)
        or (asks_latched and wanted.durability != DurabilityPolicy.TRANSIENT_LOCAL)
    )


def default_bag_name() -> str:
    """Return a folder name with the present time, as ``ros2 bag record`` chooses it."""
    return time.strftime("rosbag2_%Y_%m_%d-%H_%M_%S")
