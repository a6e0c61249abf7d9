"""Describe, repair and convert bags."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from .errors import BagError
from .metadata import write_metadata
from .model import METADATA_VERSION, SECONDS, BagInfo
from .reader import BagReader, TopicFilter
from .writer import BagWriter

_COLUMN = 19
_EVENT_SUFFIX = "/_service_event"


def bag_info(uri: str | os.PathLike[str]) -> BagInfo:
    """Describe a bag, also one that was never closed.

    Raises:
        BagError: There is no bag, or it cannot be read at all.
    """
    with BagReader(uri) as reader:
        return reader.info()


def format_info(info: BagInfo) -> str:
    """Return a bag's description in the shape of ``ros2 bag info``."""
    events = [topic for topic in info.topics if topic.name.endswith(_EVENT_SUFFIX)]
    topics = [topic for topic in info.topics if topic not in events]
    event_count = sum(info.counts.get(topic.name, 0) for topic in events)
    start_ns = info.start_ns if info.message_count else 0
    indent = " " * _COLUMN
    topic_lines = [
        f"Topic: {topic.name} | Type: {topic.type} | Count: {info.counts.get(topic.name, 0)} | "
        f"Serialization Format: {topic.serialization_format}"
        for topic in topics
    ]
    lines = [
        "",
        "Files:             " + f"\n{indent}".join(file.path for file in info.files),
        f"Bag size:          {_format_size(info.size_bytes)}",
        f"Storage id:        {info.storage}",
        f"ROS Distro:        {info.ros_distro or 'unknown'}",
        f"Duration:          {_format_seconds(info.duration_ns)}s",
        f"Start:             {_format_time(start_ns)}",
        f"End:               {_format_time(info.end_ns)}",
        f"Messages:          {info.message_count - event_count}",
        "Topic information: " + f"\n{indent}".join(topic_lines),
        f"Service:           {len(events)}",
    ]
    service_lines = [
        f"Service: {topic.name.removesuffix(_EVENT_SUFFIX)} | "
        f"Type: {topic.type.removesuffix('_Event')} | "
        f"Event Count: {info.counts.get(topic.name, 0)} | "
        f"Serialization Format: {topic.serialization_format}"
        for topic in events
    ]
    lines.append("Service information: " + f"\n{indent}  ".join(service_lines))
    return "\n".join(lines) + "\n"


def reindex(uri: str | os.PathLike[str]) -> BagInfo:
    """Make a bag whole again: rewrite files that lack their end, then write metadata.yaml.

    Only the message or the chunk that was being written when the recording was killed is lost.

    Args:
        uri: Folder of the bag.

    Returns:
        What the bag holds.

    Raises:
        BagError: There is no bag, or it cannot be read at all.
    """
    folder = Path(uri)
    if not folder.is_dir():
        raise BagError(f"{folder} is no folder: only the folder of a bag can be reindexed.")
    with BagReader(folder) as reader:
        names = [Path(file.path).name for file in reader.info().files]
    for name in names:
        with BagReader(folder / name) as reader:
            if any(part.is_damaged for part in reader._readers):
                _rewrite(reader, folder / name)
    from .reader import merge_infos

    infos = []
    for name in names:
        with BagReader(folder / name) as reader:
            infos.append(replace(reader.info(), version=METADATA_VERSION))
    info = replace(merge_infos(infos), version=METADATA_VERSION)
    write_metadata(folder, info)
    return info


def _rewrite(reader: BagReader, path: Path) -> None:
    """Replace a damaged file by a whole one with everything that can be read of it."""
    import shutil

    storage = reader.info().storage
    scratch = path.with_name(f".{path.stem}.recovered")
    shutil.rmtree(scratch, ignore_errors=True)
    with BagWriter(scratch, storage=storage) as writer:
        _copy(reader, writer, None)
    written = bag_info(scratch)
    os.replace(scratch / written.files[0].path, path)
    shutil.rmtree(scratch)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    storage: str = "mcap",
    compression: str = "",
    selection: TopicFilter | None = None,
    max_file_bytes: int = 0,
    max_file_duration_ns: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> BagInfo:
    """Copy a bag into another storage, with other compression, split or only in part.

    Args:
        source: The bag to read.
        target: The folder to create.
        storage: ``mcap`` or ``sqlite3``.
        compression: ``zstd`` or ``lz4`` (MCAP only).
        selection: Which topics to copy; all when not given.
        max_file_bytes: Size at which to begin a new file; 0 for never.
        max_file_duration_ns: Duration after which to begin a new file; 0 for never.
        on_progress: Called now and then with messages copied and messages in all.

    Returns:
        What the new bag holds.

    Raises:
        BagError: The source cannot be read or the target exists.
        RecordingError: The target cannot be written.
    """
    with BagReader(source) as reader:
        info = reader.info()
        with BagWriter(
            target,
            storage=storage,
            compression=compression,
            max_file_bytes=max_file_bytes,
            max_file_duration_ns=max_file_duration_ns,
            custom_data=info.custom_data,
        ) as writer:
            _copy(reader, writer, selection, on_progress)
    return bag_info(target)


def _copy(
    reader: BagReader,
    writer: BagWriter,
    selection: TopicFilter | None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    info = reader.info()
    carried = {definition.type: definition for definition in reader.definitions()}
    for topic in info.topics:
        if selection is None or selection.selects(topic.name):
            definition = carried.get(topic.type)
            writer.create_topic(topic, definition if definition and definition.text else None)
    for count, message in enumerate(reader.messages(selection), start=1):
        writer.write(message.topic, message.data, message.log_ns, message.publish_ns)
        if on_progress is not None and count % 256 == 0:
            on_progress(count, info.message_count)
    if on_progress is not None:
        on_progress(info.message_count, info.message_count)


def _format_size(size_bytes: int) -> str:
    size, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _format_seconds(duration_ns: int) -> str:
    return f"{duration_ns // SECONDS}.{duration_ns % SECONDS:09d}"


def _format_time(stamp_ns: int) -> str:
    moment = datetime.fromtimestamp(stamp_ns // SECONDS).astimezone()
    return f"{moment:%b} {moment.day:2d} {moment:%Y %H:%M:%S}.{stamp_ns % SECONDS:09d} ({_format_seconds(stamp_ns)})"
