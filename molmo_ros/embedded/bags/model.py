"""What a bag holds: messages, topics with their QoS and definitions, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

METADATA_VERSION = 9
"""The layout of metadata.yaml that Jazzy writes."""

NO_START_NS = 2**63 - 1
"""The starting time of a bag without messages."""

SECONDS = 10**9


class BagMessage(NamedTuple):
    """A serialized message, when it was received and when it was published."""

    topic: str
    data: bytes
    log_ns: int
    publish_ns: int


@dataclass(frozen=True, kw_only=True)
class Qos:
    """A publisher's quality of service, in the numbers of ``rmw_qos_profile_t``.

    History: 1 keep last, 2 keep all, 3 unknown. Reliability: 1 reliable, 2 best effort. Durability:
    1 transient local, 2 volatile. Liveliness: 1 automatic, 3 manual by topic.
    """

    history: int = 1
    depth: int = 10
    reliability: int = 1
    durability: int = 2
    deadline_ns: int = 0
    lifespan_ns: int = 0
    liveliness: int = 1
    liveliness_lease_duration_ns: int = 0
    avoid_ros_namespace_conventions: bool = False


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic of a bag."""

    name: str
    type: str
    serialization_format: str = "cdr"
    offered_qos: tuple[Qos, ...] = ()
    type_hash: str = ""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The text that defines a message type, with the definitions it needs appended."""

    type: str
    encoding: str = "unknown"
    text: str = ""
    type_hash: str = ""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """One file of a bag."""

    path: str
    start_ns: int = NO_START_NS
    duration_ns: int = 0
    message_count: int = 0


@dataclass(frozen=True, kw_only=True)
class BagInfo:
    """Everything about a bag but its messages."""

    storage: str = "mcap"
    version: int = METADATA_VERSION
    start_ns: int = NO_START_NS
    duration_ns: int = 0
    message_count: int = 0
    topics: tuple[Topic, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    files: tuple[FileInfo, ...] = ()
    compression_format: str = ""
    compression_mode: str = ""
    custom_data: Mapping[str, str] = field(default_factory=dict)
    ros_distro: str = ""
    size_bytes: int = 0

    @property
    def end_ns(self) -> int:
        """When the last message was received; 0 without messages."""
        return self.start_ns + self.duration_ns if self.message_count else 0
