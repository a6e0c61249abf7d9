"""metadata.yaml: rosbag2's description of a bag."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import BagError
from .model import METADATA_VERSION, BagInfo, FileInfo, Topic
from .qos import qos_list_from_yaml, qos_list_to_yaml, qos_to_dict

METADATA_FILE = "metadata.yaml"
MAX_METADATA_BYTES = 64 * 2**20
_ROOT = "rosbag2_bagfile_information"


def info_to_dict(info: BagInfo) -> dict[str, Any]:
    """Return a bag's description in the order and shape that rosbag2 writes."""
    as_names = info.version >= 9
    described: dict[str, Any] = {
        "version": info.version,
        "storage_identifier": info.storage,
        "duration": {"nanoseconds": info.duration_ns},
        "starting_time": {"nanoseconds_since_epoch": info.start_ns},
        "message_count": info.message_count,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": topic.serialization_format,
                    "offered_qos_profiles": (
                        [qos_to_dict(qos) for qos in topic.offered_qos]
                        if as_names
                        else qos_list_to_yaml(topic.offered_qos, as_names=False)
                    ),
                    "type_description_hash": topic.type_hash,
                },
                "message_count": info.counts.get(topic.name, 0),
            }
            for topic in info.topics
        ],
        "compression_format": info.compression_format,
        "compression_mode": info.compression_mode,
        "relative_file_paths": [file.path for file in info.files],
        "files": [
            {
                "path": file.path,
                "starting_time": {"nanoseconds_since_epoch": file.start_ns},
                "duration": {"nanoseconds": file.duration_ns},
                "message_count": file.message_count,
            }
            for file in info.files
        ],
        "custom_data": dict(info.custom_data) or None,
        "ros_distro": info.ros_distro,
    }
    return described


def info_from_dict(value: Mapping[str, Any]) -> BagInfo:
    """Read a bag's description, of any version up to the one we write.

    Raises:
        BagError: It is incomplete or of a newer version.
    """
    try:
        version = int(value["version"])
        if version > METADATA_VERSION:
            raise BagError(
                f"The bag's metadata has version {version}, but only versions up to "
                f"{METADATA_VERSION} are known: convert it with the rosbag2 that wrote it."
            )
        entries = value["topics_with_message_count"] or []
        paths = value["relative_file_paths"] or []
        known = {entry["path"]: _file_from_dict(entry) for entry in value.get("files") or []}
        topics = tuple(_topic_from_dict(entry["topic_metadata"]) for entry in entries)
        return BagInfo(
            version=version,
            storage=str(value["storage_identifier"]),
            start_ns=int(value["starting_time"]["nanoseconds_since_epoch"]),
            duration_ns=int(value["duration"]["nanoseconds"]),
            message_count=int(value["message_count"]),
            topics=topics,
            counts={topic.name: int(entry["message_count"]) for topic, entry in zip(topics, entries, strict=True)},
            files=tuple(known.get(path, FileInfo(path=str(path))) for path in paths),
            compression_format=str(value.get("compression_format") or ""),
            compression_mode=str(value.get("compression_mode") or ""),
            custom_data={str(k): str(v) for k, v in (value.get("custom_data") or {}).items()},
            ros_distro=str(value.get("ros_distro") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BagError(f"The bag's metadata is incomplete or malformed: {error!r}") from error


def info_to_yaml(info: BagInfo, *, with_root: bool = False) -> str:
    """Return a bag's description as YAML, as a file's content with the root key."""
    import yaml

    described = info_to_dict(info)
    content = {_ROOT: described} if with_root else described
    return yaml.safe_dump(content, sort_keys=False, width=4096)


def info_from_yaml(text: str) -> BagInfo:
    """Read a bag's description from YAML, with or without the root key."""
    import yaml

    try:
        value = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise BagError(f"The bag's metadata is no YAML: {error}") from error
    if not isinstance(value, dict):
        raise BagError("The bag's metadata is no YAML mapping.")
    return info_from_dict(value.get(_ROOT, value))


def write_metadata(folder: Path, info: BagInfo) -> None:
    """Write metadata.yaml in one step, so that no reader sees half of it."""
    temporary = folder / f".{METADATA_FILE}.part"
    temporary.write_text(info_to_yaml(info, with_root=True), encoding="utf-8")
    os.replace(temporary, folder / METADATA_FILE)


def read_metadata(folder: Path) -> BagInfo:
    """Read metadata.yaml.

    Raises:
        BagError: There is none, or it cannot be understood.
    """
    path = folder / METADATA_FILE
    try:
        size = path.stat().st_size
        if size > MAX_METADATA_BYTES:
            raise BagError(f"{path} has {size} bytes: that is no description of a bag.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BagError(f"Cannot read {path}: {error}") from error
    info = info_from_yaml(text)
    sizes = [_size_of(folder / file.path) for file in info.files]
    return replace(info, size_bytes=sum(sizes))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _topic_from_dict(value: Mapping[str, Any]) -> Topic:
    return Topic(
        name=str(value["name"]),
        type=str(value["type"]),
        serialization_format=str(value["serialization_format"]),
        offered_qos=qos_list_from_yaml(value.get("offered_qos_profiles")),
        type_hash=str(value.get("type_description_hash") or ""),
    )


def _file_from_dict(value: Mapping[str, Any]) -> FileInfo:
    return FileInfo(
        path=str(value["path"]),
        start_ns=int(value["starting_time"]["nanoseconds_since_epoch"]),
        duration_ns=int(value["duration"]["nanoseconds"]),
        message_count=int(value["message_count"]),
    )
