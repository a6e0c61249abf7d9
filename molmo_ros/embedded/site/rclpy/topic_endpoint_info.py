"""What is known of a topic's publishers and subscriptions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from rclpy.qos import HistoryPolicy, QoSPresetProfiles, QoSProfile
from rclpy.type_hash import TypeHash


class TopicEndpointTypeEnum(IntEnum):
    """What an endpoint is."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


class TopicEndpointInfo:
    """One publisher or subscription."""

    __slots__ = (
        "_endpoint_gid",
        "_endpoint_type",
        "_node_name",
        "_node_namespace",
        "_qos_profile",
        "_topic_type",
        "_topic_type_hash",
    )

    def __init__(self, **kwargs: Any) -> None:
        _require(
            all(f"_{name}" in self.__slots__ for name in kwargs),
            f"Invalid arguments passed to constructor: {list(kwargs)!r}",
        )
        self.node_name = kwargs.get("node_name", "")
        self.node_namespace = kwargs.get("node_namespace", "")
        self.topic_type = kwargs.get("topic_type", "")
        self.topic_type_hash = kwargs.get("topic_type_hash", TypeHash())
        self.endpoint_type = kwargs.get("endpoint_type", TopicEndpointTypeEnum.INVALID)
        self.endpoint_gid = kwargs.get("endpoint_gid", [])
        self.qos_profile = kwargs.get("qos_profile", QoSPresetProfiles.UNKNOWN.value)

    @property
    def node_name(self) -> str:
        """Name of its node."""
        return self._node_name

    @node_name.setter
    def node_name(self, value: str) -> None:
        _require(isinstance(value, str), "node_name must be a str")
        self._node_name = value

    @property
    def node_namespace(self) -> str:
        """Namespace of its node."""
        return self._node_namespace

    @node_namespace.setter
    def node_namespace(self, value: str) -> None:
        _require(isinstance(value, str), "node_namespace must be a str")
        self._node_namespace = value

    @property
    def topic_type(self) -> str:
        """Type of its messages."""
        return self._topic_type

    @topic_type.setter
    def topic_type(self, value: str) -> None:
        _require(isinstance(value, str), "topic_type must be a str")
        self._topic_type = value

    @property
    def topic_type_hash(self) -> TypeHash:
        """Hash of that type's definition."""
        return self._topic_type_hash

    @topic_type_hash.setter
    def topic_type_hash(self, value: TypeHash | dict[str, Any]) -> None:
        _require(isinstance(value, TypeHash | dict), "topic_type_hash must be a TypeHash")
        self._topic_type_hash = TypeHash(**value) if isinstance(value, dict) else value

    @property
    def endpoint_type(self) -> TopicEndpointTypeEnum:
        """Publisher or subscription."""
        return self._endpoint_type

    @endpoint_type.setter
    def endpoint_type(self, value: TopicEndpointTypeEnum | int) -> None:
        _require(isinstance(value, int), "endpoint_type must be a TopicEndpointTypeEnum")
        self._endpoint_type = TopicEndpointTypeEnum(value)

    @property
    def endpoint_gid(self) -> list[int]:
        """Its global id."""
        return self._endpoint_gid

    @endpoint_gid.setter
    def endpoint_gid(self, value: Iterable[int]) -> None:
        gid = list(value)
        _require(all(isinstance(byte, int) for byte in gid), "endpoint_gid must hold ints")
        self._endpoint_gid = gid

    @property
    def qos_profile(self) -> QoSProfile:
        """Its quality of service."""
        return self._qos_profile

    @qos_profile.setter
    def qos_profile(self, value: QoSProfile | dict[str, Any]) -> None:
        _require(isinstance(value, QoSProfile | dict), "qos_profile must be a QoSProfile")
        self._qos_profile = QoSProfile(**value) if isinstance(value, dict) else value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TopicEndpointInfo):
            return False
        return all(getattr(self, slot) == getattr(other, slot) for slot in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        qos = self.qos_profile
        history = qos.history.name
        if qos.history == HistoryPolicy.KEEP_LAST:
            history = f"{history} ({qos.depth})"
        gid = ".".join(f"{byte:02x}" for byte in self.endpoint_gid)
        return "\n".join(
            (
                f"Node name: {self.node_name}",
                f"Node namespace: {self.node_namespace}",
                f"Topic type: {self.topic_type}",
                f"Topic type hash: {self.topic_type_hash}",
                f"Endpoint type: {self.endpoint_type.name}",
                f"GID: {gid}",
                "QoS profile:",
                f"  Reliability: {qos.reliability.name}",
                f"  History (Depth): {history}",
                f"  Durability: {qos.durability.name}",
                f"  Lifespan: {qos.lifespan}",
                f"  Deadline: {qos.deadline}",
                f"  Liveliness: {qos.liveliness.name}",
                f"  Liveliness lease duration: {qos.liveliness_lease_duration}",
            )
        )
