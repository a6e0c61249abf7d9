"""MCAP files as rosbag2 writes them: profile ``ros2``, QoS and type hash with each channel."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Collection, Iterator
from operator import attrgetter
from pathlib import Path

from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.summary import Summary
from mcap.writer import CompressionType, Writer

from molmo_ros import __version__

from .errors import BagError
from .file_sink import FileSink
from .gather import gather
from .metadata import info_from_yaml, info_to_yaml
from .model import NO_START_NS, BagInfo, BagMessage, Definition, FileInfo, Topic
from .qos import qos_list_from_yaml, qos_list_to_yaml

COMPRESSIONS = {
    "": CompressionType.NONE,
    "none": CompressionType.NONE,
    "zstd": CompressionType.ZSTD,
    "lz4": CompressionType.LZ4,
}
DEFAULT_CHUNK_BYTES = 1024 * 1024
MAX_RECORD_BYTES = 2 * 2**30

# Where a file is torn or tampered with, the library raises whatever the bytes lead it to.
_TORN = Exception


class McapFileWriter:
    """Writes one MCAP file in chunks, each readable as soon as it is written.

    Args:
        path: Where; nothing may be there.
        compression: ``""``, ``zstd`` or ``lz4``.
        chunk_bytes: How much to gather before a chunk is written.
    """

    def __init__(self, path: Path, *, compression: str, chunk_bytes: int) -> None:
        if compression not in COMPRESSIONS:
            raise BagError(f"Unknown compression '{compression}': use zstd, lz4 or none.")
        self._path = path
        self._sink = FileSink(path)
        # Checksums over chunks cost more than the writing itself; rosbag2 leaves them out too.
        self._writer = Writer(
            self._sink,
            chunk_size=chunk_bytes or DEFAULT_CHUNK_BYTES,
            compression=COMPRESSIONS[compression],
            enable_crcs=False,
        )
        if COMPRESSIONS[compression] is CompressionType.NONE:
            gather(self._writer)
        self._writer.start(profile="ros2", library=f"molmo_ros {__version__}")
        self._sink.flush()
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._pending_bytes = 0
        self._size_at_chunk = self._sink.size
        self._start_ns = NO_START_NS
        self._end_ns = 0
        self._count = 0

    @property
    def size_bytes(self) -> int:
        """How large the file is, with what is still in memory."""
        return self._sink.size + self._pending_bytes

    @property
    def info(self) -> FileInfo:
        """What was written so far."""
        return FileInfo(
            path=self._path.name,
            start_ns=self._start_ns,
            duration_ns=self._end_ns - self._start_ns if self._count else 0,
            message_count=self._count,
        )

    def create_topic(self, topic: Topic, definition: Definition) -> None:
        """Announce a topic."""
        if topic.type not in self._schemas:
            encoding = definition.encoding if definition.text else ""
            self._schemas[topic.type] = self._writer.register_schema(topic.type, encoding, definition.text.encode())
        self._channels[topic.name] = self._writer.register_channel(
            topic.name,
            topic.serialization_format,
            self._schemas[topic.type],
            {
                "offered_qos_profiles": qos_list_to_yaml(topic.offered_qos),
                "topic_type_hash": topic.type_hash,
            },
        )

    def write(self, message: BagMessage) -> None:
        """Append a message of an announced topic."""
        self._writer.add_message(
            self._channels[message.topic],
            log_time=message.log_ns,
            data=message.data,
            publish_time=message.publish_ns,
        )
        self._count += 1
        self._start_ns = min(self._start_ns, message.log_ns)
        self._end_ns = max(self._end_ns, message.log_ns)
        if self._sink.size == self._size_at_chunk:
            self._pending_bytes += len(message.data) + 31
        else:
            self._sink.flush()
            self._pending_bytes, self._size_at_chunk = 0, self._sink.size

    def flush(self) -> None:
        """Finish the chunk, so that it can be read even if we are killed now."""
        self._writer.flush()
        self._pending_bytes, self._size_at_chunk = 0, self._sink.size

    def close(self, bag: BagInfo) -> None:
        """Finish the file, with a description of the bag so far."""
        try:
            self._writer.flush()
            self._writer.add_metadata("rosbag2", {"serialized_metadata": info_to_yaml(bag)})
            self._writer.finish()
        finally:
            self._sink.close()

    def abandon(self) -> None:
        """Close the file as it is, without writing any more."""
        self._sink.abandon()


class McapFileReader:
    """Reads one MCAP file, also one that lacks its end.

    Args:
        path: The file.

    Raises:
        BagError: It is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self.is_damaged = False
        self._scan: _Scan | None = None
        self._summary: Summary | None = None
        try:
            self._summary = self._reader().get_summary()
        except _TORN:
            self.is_damaged = True
        if self._summary is not None and self._summary.statistics is None:
            self._summary = None
        if self._summary is None:
            self._scan = _scan(path)
            if not self._scan.is_mcap:
                self._file.close()
                raise BagError(f"{path} is no MCAP file.")

    def _reader(self) -> SeekingReader:
        self._file.seek(0)
        return SeekingReader(self._file, record_size_limit=MAX_RECORD_BYTES)

    def info(self) -> BagInfo:
        """Describe the file as if it were a whole bag."""
        channels, schemas, counts, start_ns, end_ns = self._contents()
        total = sum(counts.values())
        topics: dict[str, Topic] = {}
        topic_counts: dict[str, int] = {}
        for channel in channels.values():
            schema = schemas.get(channel.schema_id)
            topics.setdefault(
                channel.topic,
                Topic(
                    name=channel.topic,
                    type=schema.name if schema else "",
                    serialization_format=channel.message_encoding,
                    offered_qos=qos_list_from_yaml(channel.metadata.get("offered_qos_profiles")),
                    type_hash=channel.metadata.get("topic_type_hash", ""),
                ),
            )
            topic_counts[channel.topic] = topic_counts.get(channel.topic, 0) + counts.get(channel.id, 0)
        file = FileInfo(
            path=self._path.name,
            start_ns=start_ns if total else NO_START_NS,
            duration_ns=end_ns - start_ns if total else 0,
            message_count=total,
        )
        embedded = self._embedded_info()
        return BagInfo(
            storage="mcap",
            start_ns=file.start_ns,
            duration_ns=file.duration_ns,
            message_count=total,
            topics=tuple(topics.values()),
            counts=topic_counts,
            files=(file,),
            custom_data=embedded.custom_data if embedded else {},
            ros_distro=embedded.ros_distro if embedded else "",
            size_bytes=self._path.stat().st_size,
        )

    def _contents(self) -> tuple[dict[int, Channel], dict[int, Schema], dict[int, int], int, int]:
        if self._scan is not None:
            scan = self._scan
            return scan.channels, scan.schemas, scan.counts, scan.start_ns, scan.end_ns
        summary = self._summary
        statistics = summary.statistics
        return (
            summary.channels,
            summary.schemas,
            dict(statistics.channel_message_counts),
            statistics.message_start_time,
            statistics.message_end_time,
        )

    def _embedded_info(self) -> BagInfo | None:
        """Return the description that rosbag2 leaves in the file when it is closed."""
        if self._summary is None:
            return None
        text = ""
        with contextlib.suppress(_TORN):
            for record in self._reader().iter_metadata():
                if isinstance(record, Metadata) and record.name == "rosbag2":
                    text = record.metadata.get("serialized_metadata", "")
        with contextlib.suppress(BagError):
            return info_from_yaml(text) if text else None
        return None

    def definitions(self) -> list[Definition]:
        """Return the message definitions it carries."""
        schemas = self._contents()[1]
        return [
            Definition(
                type=schema.name,
                encoding=schema.encoding or "unknown",
                text=schema.data.decode("utf-8", errors="replace"),
            )
            for schema in schemas.values()
        ]

    def messages(self, topics: Collection[str] | None, start_ns: int, *, reverse: bool = False) -> Iterator[BagMessage]:
        """Yield messages by the time they were received."""
        if self._summary is None:
            yield from self._messages_of_scan(topics, start_ns, reverse=reverse)
            return
        bounds = {"ending_at": start_ns} if reverse else {"starting_at": max(0, start_ns)}
        try:
            for _, channel, message in self._reader().iter_messages(topics, reverse=reverse, **bounds):
                yield _bag_message(channel, message)
        except _TORN as error:
            raise BagError(f"{self._path} is damaged: {error}. Recover it first.") from error

    def _messages_of_scan(
        self, topics: Collection[str] | None, start_ns: int, *, reverse: bool
    ) -> Iterator[BagMessage]:
        """Read a file without an index from the front, sorting a window of it."""
        read = self._read_to_the_tear(topics)
        if reverse:
            kept = [message for message in read if message.log_ns <= start_ns]
            yield from sorted(kept, key=attrgetter("log_ns"), reverse=True)
            return
        yield from _nearly_sorted(message for message in read if message.log_ns >= start_ns)

    def _read_to_the_tear(self, topics: Collection[str] | None) -> Iterator[BagMessage]:
        self._file.seek(0)
        reader = NonSeekingReader(self._file, record_size_limit=MAX_RECORD_BYTES)
        with contextlib.suppress(_TORN):
            for _, channel, message in reader.iter_messages(topics, log_time_order=False):
                yield _bag_message(channel, message)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _bag_message(channel: Channel, message: Message) -> BagMessage:
    return BagMessage(channel.topic, message.data, message.log_time, message.publish_time)


def _nearly_sorted(messages: Iterator[BagMessage], window: int = 256) -> Iterator[BagMessage]:
    """Put messages in order that are out of it by less than a window."""
    heap: list[tuple[int, int, BagMessage]] = []
    for index, message in enumerate(messages):
        heapq.heappush(heap, (message.log_ns, index, message))
        if len(heap) > window:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]


class _Scan:
    """What a pass over a file without an index finds."""

    def __init__(self) -> None:
        self.is_mcap = False
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}
        self.counts: dict[int, int] = {}
        self.start_ns = NO_START_NS
        self.end_ns = 0


def _scan(path: Path) -> _Scan:
    scan = _Scan()
    with path.open("rb") as file, contextlib.suppress(_TORN):
        for record in StreamReader(file, record_size_limit=MAX_RECORD_BYTES).records:
            scan.is_mcap = True
            if isinstance(record, Schema):
                scan.schemas[record.id] = record
            elif isinstance(record, Channel):
                scan.channels[record.id] = record
            elif isinstance(record, Message):
                scan.counts[record.channel_id] = scan.counts.get(record.channel_id, 0) + 1
                scan.start_ns = min(scan.start_ns, record.log_time)
                scan.end_ns = max(scan.end_ns, record.log_time)
    return scan
