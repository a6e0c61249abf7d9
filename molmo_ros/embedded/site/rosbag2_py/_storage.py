"""Options and descriptions of bags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.time import Time

from molmo_ros.embedded.bags import model
from molmo_ros.embedded.bags.metadata import (
    METADATA_FILE,
    info_from_yaml,
    info_to_yaml,
    read_metadata,
    write_metadata,
)
from molmo_ros.embedded.bags.qos import qos_list_from_yaml, qos_to_rclpy
from molmo_ros.embedded.bags.tools import format_info

from ._qos import (
    QoS,
    rmw_qos_durability_policy_t,
    rmw_qos_history_policy_t,
    rmw_qos_liveliness_policy_t,
    rmw_qos_reliability_policy_t,
)

__all__ = [
    "BagMetadata",
    "ConverterOptions",
    "FileInformation",
    "MessageDefinition",
    "MetadataIo",
    "QoS",
    "ReadOrder",
    "ReadOrderSortBy",
    "StorageFilter",
    "StorageOptions",
    "TopicInformation",
    "TopicMetadata",
    "convert_rclcpp_qos_to_rclpy_qos",
    "get_default_storage_id",
    "rmw_qos_durability_policy_t",
    "rmw_qos_history_policy_t",
    "rmw_qos_liveliness_policy_t",
    "rmw_qos_reliability_policy_t",
    "to_rclcpp_qos_vector",
]


@dataclass
class ConverterOptions:
    """How messages are serialized in the bag and for the user; only ``cdr`` is known."""

    input_serialization_format: str = ""
    output_serialization_format: str = ""


@dataclass
class StorageOptions:
    """Which bag, and how to write it."""

    uri: str
    storage_id: str = ""
    max_bagfile_size: int = 0
    max_bagfile_duration: int = 0
    max_cache_size: int = 0
    storage_preset_profile: str = ""
    storage_config_uri: str = ""
    snapshot_mode: bool = False
    start_time_ns: int = -1
    end_time_ns: int = -1
    custom_data: dict[str, str] = field(default_factory=dict)


@dataclass
class StorageFilter:
    """Which topics to read."""

    topics: Sequence[str] = ()
    services_events: Sequence[str] = ()
    regex: str = ""
    exclude_topics: Sequence[str] = ()
    exclude_service_events: Sequence[str] = ()
    regex_to_exclude: str = ""


@dataclass
class MessageDefinition:
    """The text that defines a message type."""

    topic_type: str
    encoding: str
    encoded_message_definition: str
    type_hash: str


@dataclass
class TopicMetadata:
    """A topic of a bag."""

    id: int
    name: str
    type: str
    serialization_format: str
    offered_qos_profiles: list[QoS] = field(default_factory=list)
    type_description_hash: str = ""

    def equals(self, other: TopicMetadata) -> bool:
        """Tell whether another topic has the same name, type and format."""
        mine = (self.name, self.type, self.serialization_format)
        return mine == (other.name, other.type, other.serialization_format)


@dataclass
class TopicInformation:
    """A topic and how many messages it has."""

    topic_metadata: TopicMetadata
    message_count: int


@dataclass
class FileInformation:
    """One file of a bag."""

    path: str
    starting_time: Time
    duration: Duration
    message_count: int


@dataclass(repr=False)
class BagMetadata:
    """Everything about a bag but its messages."""

    version: int = model.METADATA_VERSION
    bag_size: int = 0
    storage_identifier: str = ""
    relative_file_paths: list[str] = field(default_factory=list)
    files: list[FileInformation] = field(default_factory=list)
    duration: Duration = field(default_factory=Duration)
    starting_time: Time = field(default_factory=Time)
    message_count: int = 0
    topics_with_message_count: list[TopicInformation] = field(default_factory=list)
    compression_format: str = ""
    compression_mode: str = ""
    custom_data: dict[str, str] = field(default_factory=dict)
    ros_distro: str = ""

    def __repr__(self) -> str:
        return format_info(metadata_to_info(self))


class ReadOrderSortBy(IntEnum):
    """By what messages are sorted."""

    ReceivedTimestamp = 0
    PublishedTimestamp = 1
    File = 2


@dataclass
class ReadOrder:
    """In which order to read."""

    sort_by: ReadOrderSortBy = ReadOrderSortBy.ReceivedTimestamp
    reverse: bool = False


class MetadataIo:
    """Reads and writes metadata.yaml."""

    def write_metadata(self, uri: str, metadata: BagMetadata) -> None:
        """Write the description into the folder of a bag."""
        write_metadata(Path(uri), metadata_to_info(metadata))

    def read_metadata(self, uri: str) -> BagMetadata:
        """Read the description of a bag."""
        return info_to_metadata(read_metadata(Path(uri)))

    def metadata_file_exists(self, uri: str) -> bool:
        """Tell whether a bag has a description."""
        return (Path(uri) / METADATA_FILE).is_file()

    def serialize_metadata(self, metadata: BagMetadata) -> str:
        """Return a description as YAML."""
        return info_to_yaml(metadata_to_info(metadata))

    def deserialize_metadata(self, serialized_metadata: str) -> BagMetadata:
        """Read a description from YAML."""
        return info_to_metadata(info_from_yaml(serialized_metadata))


def get_default_storage_id() -> str:
    """Return the storage that is used where none is named."""
    return "mcap"


def to_rclcpp_qos_vector(serialized: str, version: int = model.METADATA_VERSION) -> list[QoS]:
    """Read QoS profiles from YAML, with policies as names or (before version 9) numbers."""
    return [QoS.of(qos) for qos in qos_list_from_yaml(serialized)]


def convert_rclcpp_qos_to_rclpy_qos(qos_input: QoS) -> Any:
    """Return rclpy's profile of a bag's profile."""
    return qos_to_rclpy(qos_input.value)


def topic_to_metadata(topic: model.Topic, index: int = 0) -> TopicMetadata:
    """Return a topic of the engine as this package's."""
    return TopicMetadata(
        id=index,
        name=topic.name,
        type=topic.type,
        serialization_format=topic.serialization_format,
        offered_qos_profiles=[QoS.of(qos) for qos in topic.offered_qos],
        type_description_hash=topic.type_hash,
    )


def metadata_to_topic(metadata: TopicMetadata) -> model.Topic:
    """Return a topic of this package as the engine's."""
    return model.Topic(
        name=metadata.name,
        type=metadata.type,
        serialization_format=metadata.serialization_format or "cdr",
        offered_qos=tuple(qos.value for qos in metadata.offered_qos_profiles),
        type_hash=metadata.type_description_hash,
    )


def info_to_metadata(info: model.BagInfo) -> BagMetadata:
    """Return a description of the engine as this package's."""
    return BagMetadata(
        version=info.version,
        bag_size=info.size_bytes,
        storage_identifier=info.storage,
        relative_file_paths=[file.path for file in info.files],
        files=[
            FileInformation(
                path=file.path,
                starting_time=Time(nanoseconds=file.start_ns),
                duration=Duration(nanoseconds=file.duration_ns),
                message_count=file.message_count,
            )
            for file in info.files
        ],
        duration=Duration(nanoseconds=info.duration_ns),
        starting_time=Time(nanoseconds=info.start_ns),
        message_count=info.message_count,
        topics_with_message_count=[
            TopicInformation(topic_to_metadata(topic, index), info.counts.get(topic.name, 0))
            for index, topic in enumerate(info.topics, start=1)
        ],
        compression_format=info.compression_format,
        compression_mode=info.compression_mode,
        custom_data=dict(info.custom_data),
        ros_distro=info.ros_distro,
    )


def metadata_to_info(metadata: BagMetadata) -> model.BagInfo:
    """Return a description of this package as the engine's."""
    known = {
        file.path: model.FileInfo(
            path=file.path,
            start_ns=file.starting_time.nanoseconds,
            duration_ns=file.duration.nanoseconds,
            message_count=file.message_count,
        )
        for file in metadata.files
    }
    listed = [known.get(path, model.FileInfo(path=path)) for path in metadata.relative_file_paths]
    info = model.BagInfo(
        version=metadata.version,
        storage=metadata.storage_identifier,
        start_ns=metadata.starting_time.nanoseconds,
        duration_ns=metadata.duration.nanoseconds,
        message_count=metadata.message_count,
        topics=tuple(metadata_to_topic(entry.topic_metadata) for entry in metadata.topics_with_message_count),
        counts={entry.topic_metadata.name: entry.message_count for entry in metadata.topics_with_message_count},
        compression_format=metadata.compression_format,
        compression_mode=metadata.compression_mode,
        custom_data=metadata.custom_data,
        ros_distro=metadata.ros_distro,
        size_bytes=metadata.bag_size,
    )
    return replace(info, files=tuple(listed or known.values()))
