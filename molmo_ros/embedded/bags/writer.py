"""Write a bag: a folder with metadata.yaml and one file or, when it is split, several."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import zstandard

from .definitions import definition_of
from .errors import BagError, RecordingError
from .metadata import write_metadata
from .model import NO_START_NS, BagInfo, BagMessage, Definition, FileInfo, Topic
from .storage import SUFFIXES, FileWriter, open_writer, require_storage

FLUSH_INTERVAL_S = 1.0
"""Slow topics reach the disk at least so often, where a cache is written by its own thread."""


class BagWriter:
    """Writes messages to a new bag. Safe to use from several threads.

    Args:
        uri: The folder to create; it must not exist.
        storage: ``mcap`` (the default) or ``sqlite3``.
        compression: ``zstd`` or ``lz4`` to compress chunks (MCAP only).
        max_file_bytes: Begin a new file when one is larger; 0 for never.
        max_file_duration_ns: Begin a new file when one spans more; 0 for never.
        cache_bytes: Write from another thread, up to so much behind; 0 to write at once.
        chunk_bytes: Size of MCAP chunks; 0 for 1 MiB.
        custom_data: Free entries of metadata.yaml.
        message_compression: Compress every message by itself (zstd), as rosbag2 can.

    Raises:
        BagError: The folder exists or an argument makes no sense.
        RecordingError: The folder cannot be written.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str],
        *,
        storage: str = "mcap",
        compression: str = "",
        max_file_bytes: int = 0,
        max_file_duration_ns: int = 0,
        cache_bytes: int = 0,
        chunk_bytes: int = 0,
        custom_data: Mapping[str, str] | None = None,
        message_compression: bool = False,
    ) -> None:
        self.folder = Path(uri)
        self._storage = require_storage(storage)
        self._compression = "" if compression == "none" else compression
        self._max_file_bytes = max_file_bytes
        self._max_file_duration_ns = max_file_duration_ns
        self._chunk_bytes = chunk_bytes
        self._custom_data = dict(custom_data or {})
        self._message_compression = message_compression
        self._lock = threading.RLock()
        self._topics: dict[str, tuple[Topic, Definition]] = {}
        self._counts: dict[str, int] = {}
        self._finished: list[FileInfo] = []
        self._failure: RecordingError | None = None
        self._is_closed = False
        try:
            self.folder.mkdir(parents=True)
        except FileExistsError as error:
            raise BagError(f"{self.folder} exists already: choose another name, a bag is never overwritten.") from error
        except OSError as error:
            raise RecordingError(f"Cannot create {self.folder}: {error.strerror}.") from error
        self._file = self._open_file()
        self._cache = _Cache(self, cache_bytes) if cache_bytes > 0 else None

    @property
    def failure(self) -> RecordingError | None:
        """Why nothing is written any more, if so."""
        return self._failure

    @property
    def message_count(self) -> int:
        """How many messages were written."""
        return sum(self._counts.values())

    @property
    def lost_count(self) -> int:
        """How many messages were dropped because the disk was slower than the cache could bear."""
        return self._cache.lost_count if self._cache else 0

    def create_topic(self, topic: Topic, definition: Definition | None = None) -> None:
        """Announce a topic; announcing it again changes nothing.

        Args:
            topic: The topic; its type hash is looked up where it is empty.
            definition: Definition of its type; looked up where it is not given.
        """
        with self._lock:
            self._require_open()
            if topic.name in self._topics:
                return
            definition = definition or definition_of(topic.type)
            if not topic.type_hash and definition.type_hash:
                topic = Topic(**{**vars(topic), "type_hash": definition.type_hash})
            self._guarded(lambda: self._file.create_topic(topic, definition))
            self._topics[topic.name] = (topic, definition)
            self._counts[topic.name] = 0

    def remove_topic(self, name: str) -> None:
        """Forget a topic that has no messages."""
        with self._lock:
            if self._counts.get(name) == 0:
                del self._topics[name], self._counts[name]

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int | None = None) -> None:
        """Append a message, or leave it to the cache's thread.

        Args:
            topic: An announced topic.
            data: The serialized message.
            log_ns: When it was received.
            publish_ns: When it was published; the time of receipt when not given.

        Raises:
            BagError: The topic was not announced or the bag is closed.
            RecordingError: Nothing can be written any more.
        """
        if self._message_compression:
            data = zstandard.compress(data)
        message = BagMessage(topic, data, log_ns, log_ns if publish_ns is None else publish_ns)
        if topic not in self._topics:
            raise BagError(f"Topic '{topic}' has not been created in this bag: create it first.")
        if self._cache is not None:
            self._require_open()
            self._cache.put(message)
        else:
            self._store(message)

    def _store(self, message: BagMessage) -> None:
        with self._lock:
            self._require_open()
            if self._is_file_full(message):
                self._guarded(self._split)
            self._guarded(lambda: self._file.write(message))
            self._counts[message.topic] += 1

    def _is_file_full(self, message: BagMessage) -> bool:
        written = self._file.info
        if not written.message_count:
            return False
        if self._max_file_bytes and self._file.size_bytes >= self._max_file_bytes:
            return True
        limit_ns = self._max_file_duration_ns
        return bool(limit_ns) and message.log_ns - written.start_ns > limit_ns

    def flush(self) -> None:
        """Hand everything written so far to the operating system in a readable form."""
        with self._lock:
            if not self._is_closed and self._failure is None:
                self._guarded(self._file.flush)

    def split(self) -> None:
        """Begin a new file now."""
        if self._cache is not None:
            self._cache.wait_until_empty()
        with self._lock:
            self._require_open()
            self._guarded(self._split)

    def _split(self) -> None:
        self._file.close(self._info())
        self._finished.append(self._file.info)
        self._file = self._open_file()
        for topic, definition in self._topics.values():
            self._file.create_topic(topic, definition)
        write_metadata(self.folder, self._info())

    def close(self) -> BagInfo:
        """Finish the bag; closing it again changes nothing.

        Returns:
            What the bag holds.

        Raises:
            RecordingError: The end could not be written; what came before is readable.
        """
        if self._cache is not None:
            self._cache.stop()
        with self._lock:
            if self._is_closed:
                return self._info()
            self._is_closed = True
            info = self._info()
            if self._failure is not None:
                with contextlib.suppress(OSError):
                    write_metadata(self.folder, info)
                return info
            try:
                self._file.close(info)
                write_metadata(self.folder, info)
            except OSError as error:
                self._fail(error)
                raise self._failure from error
            return self._info()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _info(self) -> BagInfo:
        current = self._file.info
        files = [*self._finished]
        if current not in files:
            files.append(current)
        filled = [file for file in files if file.message_count]
        start_ns = min((file.start_ns for file in filled), default=NO_START_NS)
        end_ns = max((file.start_ns + file.duration_ns for file in filled), default=start_ns)
        return BagInfo(
            storage=self._storage,
            start_ns=start_ns,
            duration_ns=end_ns - start_ns,
            message_count=self.message_count,
            topics=tuple(topic for topic, _ in self._topics.values()),
            counts=dict(self._counts),
            files=tuple(files),
            compression_format="zstd" if self._message_compression else "",
            compression_mode="MESSAGE" if self._message_compression else "",
            custom_data=self._custom_data,
            ros_distro=os.environ.get("ROS_DISTRO", ""),
            size_bytes=sum(file.stat().st_size for file in self.folder.glob("*") if file.is_file()),
        )

    def _open_file(self) -> FileWriter:
        name = f"{self.folder.name}_{len(self._finished)}{SUFFIXES[self._storage]}"
        try:
            return open_writer(
                self.folder / name,
                self._storage,
                compression=self._compression,
                chunk_bytes=self._chunk_bytes,
            )
        except OSError as error:
            raise RecordingError(f"Cannot create {self.folder / name}: {error.strerror}.") from error

    def _require_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._is_closed:
            raise BagError(f"The bag {self.folder} is closed: nothing more can be written to it.")

    def _guarded(self, action: object) -> None:
        """Do something to the file; the first failure of the disk ends the recording."""
        try:
            action()
        except OSError as error:
            self._fail(error)
            raise self._failure from error

    def _fail(self, error: OSError) -> None:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            reason = "the disk is full"
        else:
            reason = error.strerror or str(error)
        self._failure = RecordingError(
            f"Recording to {self.folder} stopped because {reason}; what was written until then "
            "can be read. Free some space and record to another name."
        )
        self._file.abandon()


class _Cache:
    """Keeps messages until a thread has written them."""

    def __init__(self, writer: BagWriter, limit_bytes: int) -> None:
        self._writer = writer
        self._limit_bytes = limit_bytes
        self._messages: deque[BagMessage] = deque()
        self._bytes = 0
        self._is_busy = False
        self._is_stopping = False
        self._changed = threading.Condition()
        self.lost_count = 0
        self._thread = threading.Thread(target=self._run, name="bag_writer", daemon=True)
        self._thread.start()

    def put(self, message: BagMessage) -> None:
        with self._changed:
            if self._bytes + len(message.data) > self._limit_bytes and self._messages:
                self.lost_count += 1
                return
            self._messages.append(message)
            self._bytes += len(message.data)
            if len(self._messages) == 1:
                self._changed.notify_all()

    def wait_until_empty(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not (self._messages or self._is_busy))

    def stop(self) -> None:
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        flush_due: float | None = None
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(
                    lambda: self._messages or self._is_stopping,
                    timeout=None if flush_due is None else max(0.0, flush_due - time.monotonic()),
                )
                batch = list(self._messages)
                self._messages.clear()
                self._is_busy = True
                if not batch and self._is_stopping:
                    self._is_busy = False
                    return
            try:
                for message in batch:
                    self._writer._store(message)
                    with self._changed:
                        self._bytes -= len(message.data)
                if batch and flush_due is None:
                    flush_due = time.monotonic() + FLUSH_INTERVAL_S
                if flush_due is not None and time.monotonic() >= flush_due:
                    self._writer.flush()
                    flush_due = None
            except BagError:
                with self._changed:
                    # The writer remembers why; its users learn it with their next message.
                    self._messages.clear()
                    self._bytes = 0
                    self._is_busy = False
                    self._changed.notify_all()
                return
