"""Record, play and rewrite bags with a node of one's own."""

from __future__ import annotations

import contextlib
import datetime
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from molmo_ros.embedded.bags import BagError, BagReader, BagWriter, TopicFilter
from molmo_ros.embedded.bags import player as engine_player
from molmo_ros.embedded.bags import recorder as engine_recorder

from ._storage import StorageOptions
from ._writer import _chunk_options

_LEVELS = {"debug", "info", "warn", "error", "fatal"}


class ServiceRequestsSource(IntEnum):
    """Which end of recorded services requests are played from."""

    SERVICE_INTROSPECTION = 0
    CLIENT_INTROSPECTION = 1


@dataclass
class PlayOptions:
    """How to play."""

    read_ahead_queue_size: int = 1000
    node_prefix: str = ""
    rate: float = 1.0
    topics_to_filter: list[str] = field(default_factory=list)
    services_to_filter: list[str] = field(default_factory=list)
    regex_to_filter: str = ""
    exclude_regex_to_filter: str = ""
    exclude_topics_to_filter: list[str] = field(default_factory=list)
    exclude_service_events_to_filter: list[str] = field(default_factory=list)
    topic_qos_profile_overrides: dict[str, QoSProfile] = field(default_factory=dict)
    loop: bool = False
    topic_remapping_options: list[str] = field(default_factory=list)
    clock_publish_frequency: float = 0.0
    clock_publish_on_topic_publish: bool = False
    clock_topics: list[str] = field(default_factory=list)
    delay: float = 0.0
    playback_duration: float = -1.0
    playback_until_timestamp: int = -1
    start_offset: float = 0.0
    disable_keyboard_controls: bool = False
    start_paused: bool = False
    wait_acked_timeout: int = -1
    disable_loan_message: bool = False
    publish_service_requests: bool = False
    service_requests_source: ServiceRequestsSource = ServiceRequestsSource.SERVICE_INTROSPECTION


@dataclass
class RecordOptions:
    """What to record and how."""

    all_topics: bool = False
    all_services: bool = False
    is_discovery_disabled: bool = False
    topics: list[str] = field(default_factory=list)
    topic_types: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    exclude_topics: list[str] = field(default_factory=list)
    exclude_topic_types: list[str] = field(default_factory=list)
    exclude_service_events: list[str] = field(default_factory=list)
    rmw_serialization_format: str = ""
    topic_polling_interval: datetime.timedelta = datetime.timedelta(milliseconds=100)
    regex: str = ""
    exclude_regex: str = ""
    node_prefix: str = ""
    compression_mode: str = ""
    compression_format: str = ""
    compression_queue_size: int = 1
    compression_threads: int = 0
    compression_threads_priority: int = 0
    topic_qos_profile_overrides: dict[str, QoSProfile] = field(default_factory=dict)
    include_hidden_topics: bool = False
    include_unpublished_topics: bool = False
    ignore_leaf_topics: bool = False
    start_paused: bool = False
    use_sim_time: bool = False
    disable_keyboard_controls: bool = False


class _Session:
    """A context, a node that is spun by a thread, and an end by signal or `cancel`."""

    def __init__(self, log_level: str) -> None:
        if log_level.lower() not in _LEVELS:
            raise BagError(f"'{log_level}' is no log level: use one of {', '.join(_LEVELS)}.")
        self._log_level = log_level

    @contextlib.contextmanager
    def _node(self, name: str) -> Iterator[Node]:
        context = rclpy.Context()
        context.init(["--ros-args", "--log-level", self._log_level])
        node = rclpy.create_node(name, context=context)
        executor = MultiThreadedExecutor(num_threads=2, context=context)
        executor.add_node(node)
        spinner = threading.Thread(target=_spin, args=(executor,), daemon=True)
        spinner.start()
        try:
            yield node
        finally:
            executor.shutdown()
            spinner.join()
            node.destroy_node()
            context.try_shutdown()


def _spin(executor: MultiThreadedExecutor) -> None:
    with contextlib.suppress(rclpy.executors.ExternalShutdownException):
        executor.spin()


@contextlib.contextmanager
def _signals_call(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end a recording or a playback instead of the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: stop()) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


class Player(_Session):
    """Plays bags."""

    _current: engine_player.BagPlayer | None = None

    def __init__(self, log_level: str = "info") -> None:
        super().__init__(log_level)

    def play(self, storage_options: StorageOptions, play_options: PlayOptions) -> None:
        """Play a bag to its end, or until `cancel` or a signal."""
        self._play(storage_options, play_options, burst=None)

    def burst(self, storage_options: StorageOptions, play_options: PlayOptions, num_messages: int) -> None:
        """Publish the first messages of a bag as fast as possible."""
        self._play(storage_options, play_options, burst=num_messages)

    def _play(self, storage_options: StorageOptions, play_options: PlayOptions, burst: int | None) -> None:
        options = engine_player.PlayerOptions(
            rate=play_options.rate,
            start_offset_s=play_options.start_offset,
            duration_s=play_options.playback_duration,
            until_ns=play_options.playback_until_timestamp,
            delay_s=play_options.delay,
            loop=play_options.loop,
            start_paused=play_options.start_paused or burst is not None,
            clock_hz=play_options.clock_publish_frequency,
            topics=tuple(play_options.topics_to_filter),
            regex=play_options.regex_to_filter,
            exclude=tuple(play_options.exclude_topics_to_filter),
            exclude_regex=play_options.exclude_regex_to_filter,
            remap=_remap_of(play_options.topic_remapping_options),
            qos_overrides=play_options.topic_qos_profile_overrides,
        )
        with self._node("rosbag2_player") as node:
            player = engine_player.BagPlayer(node, storage_options.uri, options)
            Player._current = player
            until = play_options.playback_until_timestamp
            node.get_logger().info(f"Playback until timestamp: {until}")
            try:
                with _signals_call(player.stop):
                    if burst is None:
                        player.play()
                    else:
                        _burst(player, burst)
            finally:
                Player._current = None
                player.close()

    @staticmethod
    def cancel() -> None:
        """End what is being played."""
        if Player._current is not None:
            Player._current.stop()


def _burst(player: engine_player.BagPlayer, count: int) -> None:
    thread = threading.Thread(target=player.play, daemon=True)
    thread.start()
    player.play_next(count or 2**62)
    player.stop()
    thread.join()


def _remap_of(arguments: Sequence[str]) -> dict[str, str]:
    """Return the rules among ``--ros-args --remap a:=b``."""
    return engine_player.parse_remap([rule for rule in arguments if ":=" in rule])


class Recorder(_Session):
    """Records bags."""

    _end: threading.Event | None = None

    def __init__(self, log_level: str = "info") -> None:
        super().__init__(log_level)

    def record(
        self,
        storage_options: StorageOptions,
        record_options: RecordOptions,
        node_name: str = "rosbag2_recorder",
    ) -> None:
        """Record until `cancel`, a signal, or a fault of the disk.

        Raises:
            RuntimeError: The bag exists or cannot be written.
        """
        compression, _ = _chunk_options(storage_options)
        if record_options.compression_mode.upper() in {"FILE", "MESSAGE"}:
            compression = record_options.compression_format or "zstd"
        end = Recorder._end = threading.Event()
        failures: list[BagError] = []

        def fail(error: BagError) -> None:
            failures.append(error)
            end.set()

        with self._node(node_name) as node, _signals_call(end.set):
            if record_options.use_sim_time:
                node.set_parameters([rclpy.Parameter("use_sim_time", value=True)])
            recorder = engine_recorder.Recorder(
                node,
                storage_options.uri,
                topics=[] if record_options.all_topics else record_options.topics,
                regex=record_options.regex,
                exclude=record_options.exclude_topics,
                exclude_regex=record_options.exclude_regex,
                include_hidden=record_options.include_hidden_topics,
                storage=storage_options.storage_id,
                compression=compression,
                max_file_bytes=storage_options.max_bagfile_size,
                max_file_duration_s=storage_options.max_bagfile_duration,
                cache_bytes=storage_options.max_cache_size or engine_recorder.DEFAULT_CACHE_BYTES,
                qos_overrides=record_options.topic_qos_profile_overrides,
                use_node_clock=record_options.use_sim_time,
                start_paused=record_options.start_paused,
                discovery_interval_s=record_options.topic_polling_interval.total_seconds(),
                on_failure=fail,
                custom_data=storage_options.custom_data,
            )
            try:
                end.wait()
            finally:
                recorder.stop()
        if failures:
            raise failures[0]

    @staticmethod
    def cancel() -> None:
        """End what is being recorded."""
        if Recorder._end is not None:
            Recorder._end.set()


def bag_rewrite(input_options: Sequence[StorageOptions], output_config_file: str) -> None:
    """Write bags anew, merged and divided as a YAML file with the key ``output_bags`` says.

    Args:
        input_options: The bags to read.
        output_config_file: A list of options of `StorageOptions` and `RecordOptions`.

    Raises:
        RuntimeError: The file is malformed, a bag cannot be read or an output exists.
    """
    for entry in _output_bags(output_config_file):
        selection = TopicFilter(
            topics=tuple(entry.get("topics") or ()),
            regex=str(entry.get("regex") or ""),
            exclude_topics=tuple(entry.get("exclude_topics") or ()),
            exclude_regex=str(entry.get("exclude_regex") or entry.get("exclude") or ""),
        )
        storage = StorageOptions(
            uri=str(entry["uri"]),
            storage_id=str(entry.get("storage_id") or ""),
            storage_preset_profile=str(entry.get("storage_preset_profile") or ""),
        )
        compression, chunk_bytes = _chunk_options(storage)
        if entry.get("compression_format"):
            compression = str(entry["compression_format"])
        with BagWriter(
            storage.uri,
            storage=storage.storage_id,
            compression=compression,
            chunk_bytes=chunk_bytes,
            max_file_bytes=int(entry.get("max_bagfile_size") or 0),
            max_file_duration_ns=int(entry.get("max_bagfile_duration") or 0) * 10**9,
        ) as writer:
            _merge(input_options, selection, writer)


def _output_bags(path: str) -> list[dict[str, Any]]:
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise BagError(f"Cannot read {path}: {error}.") from error
    if not isinstance(content, dict) or "output_bags" not in content:
        raise BagError("Output bag config YAML file must have top-level key 'output_bags'")
    bags = content["output_bags"]
    if not isinstance(bags, list) or not all(isinstance(b, dict) and "uri" in b for b in bags):
        raise BagError("Top-level key 'output_bags' must contain a list of StorageOptions/RecordOptions dicts.")
    return bags


def _merge(input_options: Sequence[StorageOptions], selection: TopicFilter, writer: BagWriter) -> None:
    import heapq

    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(BagReader(options.uri)) for options in input_options]
        for reader in readers:
            carried = {definition.type: definition for definition in reader.definitions()}
            for topic in reader.topics():
                if selection.selects(topic.name):
                    definition = carried.get(topic.type)
                    writer.create_topic(topic, definition if definition and definition.text else None)
        streams = [reader.messages(selection) for reader in readers]
        for message in heapq.merge(*streams, key=lambda m: m.log_ns):
            writer.write(message.topic, message.data, message.log_ns, message.publish_ns)
