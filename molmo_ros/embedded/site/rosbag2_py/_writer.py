"""Write bags message by message."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

from molmo_ros.embedded.bags import BagError, BagWriter
from molmo_ros.embedded.bags.storage import STORAGES

from ._compression_options import CompressionMode, CompressionOptions
from ._storage import ConverterOptions, StorageOptions, TopicMetadata, metadata_to_topic

# MCAP presets: compression and chunk size.
_PRESETS = {
    "": ("", 0),
    "none": ("", 0),
    "fastwrite": ("", 0),
    "zstd_fast": ("zstd", 0),
    "zstd_small": ("zstd", 4 * 1024 * 1024),
    "resilient": ("", 0),
}


class SequentialWriter:
    """Writes a bag."""

    def __init__(self) -> None:
        self._writer: BagWriter | None = None
        self._message_compression = False
        self._snapshot: _Snapshot | None = None

    def open(self, storage_options: StorageOptions, converter_options: ConverterOptions) -> None:
        """Create a bag.

        Raises:
            RuntimeError: It exists, an option makes no sense, or it cannot be created.
        """
        if self._writer is not None:
            self.close()
        wanted = converter_options.output_serialization_format or "cdr"
        if wanted != "cdr":
            raise BagError(f"Messages can only be written as cdr, not as '{wanted}'.")
        compression, chunk_bytes = _chunk_options(storage_options)
        self._snapshot = None
        if storage_options.snapshot_mode:
            if storage_options.max_cache_size <= 0:
                raise BagError("Snapshot mode needs a max_cache_size greater than 0.")
            self._snapshot = _Snapshot(storage_options.max_cache_size)
        self._writer = BagWriter(
            storage_options.uri,
            storage=storage_options.storage_id,
            compression=compression,
            max_file_bytes=storage_options.max_bagfile_size,
            max_file_duration_ns=int(storage_options.max_bagfile_duration * 10**9),
            cache_bytes=0 if self._snapshot else storage_options.max_cache_size,
            chunk_bytes=chunk_bytes,
            custom_data=storage_options.custom_data,
            message_compression=self._message_compression,
        )

    def _require_writer(self) -> BagWriter:
        if self._writer is None:
            raise BagError("Bag is not open. Call open() before writing.")
        return self._writer

    def create_topic(self, topic_with_type: TopicMetadata) -> None:
        """Announce a topic."""
        self._require_writer().create_topic(metadata_to_topic(topic_with_type))

    def remove_topic(self, topic_with_type: TopicMetadata) -> None:
        """Forget a topic that has no messages."""
        self._require_writer().remove_topic(topic_with_type.name)

    def write(
        self,
        topic_name: str,
        message: bytes,
        recv_timestamp: int,
        send_timestamp: int | None = None,
    ) -> None:
        """Append a serialized message.

        Args:
            topic_name: An announced topic.
            message: The serialized message.
            recv_timestamp: When (ns) it was received.
            send_timestamp: When (ns) it was published.

        Raises:
            RuntimeError: The topic is unknown, the bag is not open or the disk is full.
        """
        writer = self._require_writer()
        if self._snapshot is not None:
            self._snapshot.put(topic_name, message, recv_timestamp, send_timestamp)
        else:
            writer.write(topic_name, message, recv_timestamp, send_timestamp)

    def take_snapshot(self) -> bool:
        """Write what snapshot mode keeps in memory; returns whether that mode is on."""
        if self._snapshot is None:
            return False
        writer = self._require_writer()
        for entry in self._snapshot.take():
            writer.write(*entry)
        return True

    def split_bagfile(self) -> None:
        """Begin a new file."""
        self._require_writer().split()

    def close(self) -> None:
        """Finish the bag."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class SequentialCompressionWriter(SequentialWriter):
    """Writes a bag whose messages are compressed one by one.

    Args:
        compression_options: Format ``zstd`` and mode ``MESSAGE``; compressed MCAP chunks (a preset
            of `StorageOptions`) are smaller and can be read by more programs.
    """

    def __init__(self, compression_options: CompressionOptions) -> None:
        super().__init__()
        mode = compression_options.compression_mode
        if mode == CompressionMode.FILE:
            raise BagError("Files cannot be compressed as a whole: use the mode MESSAGE.")
        if mode == CompressionMode.MESSAGE and compression_options.compression_format != "zstd":
            raise BagError(f"Unknown compression format '{compression_options.compression_format}': use zstd.")
        self._message_compression = mode == CompressionMode.MESSAGE


class _Snapshot:
    """The last messages, up to a number of bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._entries: deque[tuple[str, bytes, int, int | None]] = deque()
        self._bytes = 0

    def put(self, topic: str, data: bytes, log_ns: int, publish_ns: int | None) -> None:
        self._entries.append((topic, data, log_ns, publish_ns))
        self._bytes += len(data)
        while self._bytes > self._limit_bytes and len(self._entries) > 1:
            self._bytes -= len(self._entries.popleft()[1])

    def take(self) -> list[tuple[str, bytes, int, int | None]]:
        entries = list(self._entries)
        self._entries.clear()
        self._bytes = 0
        return entries


def _chunk_options(options: StorageOptions) -> tuple[str, int]:
    """Return compression and size of MCAP chunks from a preset and a configuration file."""
    if options.storage_id == "sqlite3":
        return "", 0
    if options.storage_preset_profile not in _PRESETS:
        raise BagError(
            f"Unknown storage preset profile '{options.storage_preset_profile}': use one of "
            f"{', '.join(name for name in _PRESETS if name)}."
        )
    compression, chunk_bytes = _PRESETS[options.storage_preset_profile]
    if options.storage_config_uri:
        config = _read_config(options.storage_config_uri)
        name = str(config.get("compression", compression)).lower()
        compression = "" if name == "none" else name
        chunk_bytes = int(config.get("chunkSize", chunk_bytes))
    return compression, chunk_bytes


def _read_config(path: str) -> dict[str, Any]:
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            config = yaml.safe_load(file)
    except (OSError, yaml.YAMLError) as error:
        raise BagError(f"Cannot read the storage configuration {path}: {error}.") from error
    if not isinstance(config, dict):
        raise BagError(f"The storage configuration {path} is no YAML mapping.")
    return config


def get_registered_writers() -> set[str]:
    """Return the storages that can be written."""
    return set(STORAGES)


def get_registered_compressors() -> set[str]:
    """Return the formats in which messages can be compressed."""
    return {"zstd"}


def get_registered_serializers() -> set[str]:
    """Return the formats into which messages can be converted."""
    return set()
