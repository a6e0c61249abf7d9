"""Handles of publishers and subscriptions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded import typesys
from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport import qos as wire
from molmo_ros.embedded.transport.session import TransportError
from molmo_ros.embedded.transport.topics import TopicPublisher, TopicSubscription
from rclpy.impl.errors import RCLError
from rclpy.impl.events import Matches
from rclpy.impl.handle import Handle

if TYPE_CHECKING:
    from rclpy.impl.node import Node
    from rclpy.impl.qos import rmw_qos_profile_t
    from rclpy.impl.time_types import rcl_duration_t


def _settle(profile: wire.QoS, others: list[keys.Entity]) -> wire.QoS:
    """Best-available policies, settled so that they match those who are already there."""
    if profile.reliability == wire.RELIABILITY_BEST_AVAILABLE:
        weak = any(not other.qos.reliable for other in others)
        profile = replace(profile, reliability=wire.RELIABILITY_BEST_EFFORT if weak else 1)
    if profile.durability == wire.DURABILITY_BEST_AVAILABLE:
        strong = bool(others) and all(other.qos.transient_local for other in others)
        profile = replace(profile, durability=1 if strong else wire.DURABILITY_VOLATILE)
    return profile.resolved()


class Publisher(Handle):
    """Publishes messages of one type.

    Raises:
        ValueError: The topic's name is not valid.
    """

    def __init__(self, node: Node, msg_type: type, topic: str, qos: rmw_qos_profile_t) -> None:
        super().__init__()
        self._context = node.context
        self._node = node
        self._type = msg_type
        self._topic = node.resolve(topic, only_expand=False, is_service=False)
        settled = _settle(qos.to_wire(), [])
        self._wire = TopicPublisher(
            node.session,
            node.entity,
            topic=self._topic,
            dds_type=typesys.dds_type_name(msg_type),
            type_hash=typesys.type_hash(msg_type),
            qos=settled,
        )
        self._serialize = typesys.serialize
        self.matches = Matches(node.context, self._wire.token)

    def get_logger_name(self) -> str:
        """Name of the node's logger."""
        return self._node.logger_name()

    def get_topic_name(self) -> str:
        """The topic's full name."""
        return self._topic

    def publish(self, message: Any) -> None:
        """Serialise a message and send it.

        Raises:
            RCLError: The context has ended, or the network does not take the message.
        """
        self.publish_raw(self._serialize(message))

    def publish_raw(self, payload: bytes) -> None:
        """Send a serialised message.

        Raises:
            RCLError: The context has ended, or the network does not take the message.
        """
        if not self._context.ok():
            raise RCLError("Failed to publish: publisher's context is invalid")
        try:
            self._wire.publish(payload)
        except TransportError as error:
            raise RCLError(str(error)) from error
        self.matches.note_sample()

    def get_subscription_count(self) -> int:
        """Subscriptions that match."""
        return len(self.matches.matched)

    def wait_for_all_acked(self, timeout: rcl_duration_t) -> bool:
        """Whether everything published has left; the transport hands samples on as they are put."""
        return True

    def _destroy(self) -> None:
        self.matches.close()
        self._wire.close()


class Subscription(Handle):
    """Queues messages of one type.

    Raises:
        ValueError: The topic's name is not valid.
    """

    def __init__(self, node: Node, msg_type: type, topic: str, qos: rmw_qos_profile_t) -> None:
        super().__init__()
        self._node = node
        self._type = msg_type
        self._topic = node.resolve(topic, only_expand=False, is_service=False)
        graph = node.session.graph
        settled = _settle(qos.to_wire(), graph.endpoints(keys.PUBLISHER, self._topic))
        self._wire = TopicSubscription(
            node.session,
            node.entity,
            topic=self._topic,
            dds_type=typesys.dds_type_name(msg_type),
            type_hash=typesys.type_hash(msg_type),
            qos=settled,
            wake=node.context.wake,
        )
        self._queue = self._wire.queue
        self._warned = node.session.warned
        self._last: dict[bytes, int] = {}
        self.matches = Matches(node.context, self._wire.token)

    def get_logger_name(self) -> str:
        """Name of the node's logger."""
        return self._node.logger_name()

    def get_topic_name(self) -> str:
        """The topic's full name."""
        return self._topic

    def get_publisher_count(self) -> int:
        """Publishers that match."""
        return len(self.matches.matched)

    def is_ready(self) -> bool:
        """Whether a message waits."""
        return bool(self._queue)

    def take_message(self, msg_type: type, raw: bool) -> tuple[Any, dict[str, Any]] | None:
        """The oldest message with where it came from, or nothing.

        Samples that are not a message of this type are dropped with one warning.
        """
        rejected = self.matches.rejected
        self._wire.rejected_gids = set(rejected.values()) if rejected else set()
        while (sample := self._wire.take()) is not None:
            message: Any = sample.payload
            if not raw:
                try:
                    message = typesys.deserialize(sample.payload, msg_type)
                except typesys.DeserializationError as error:
                    self._warned("cdr", self._topic, f"Dropped a malformed message on {self._topic}: {error}")
                    continue
            self.matches.note_sample()
            self._count_lost(sample.gid, sample.sequence)
            return message, {
                "source_timestamp": sample.source_timestamp_ns,
                "received_timestamp": sample.received_timestamp_ns,
                "publication_sequence_number": sample.sequence,
                "reception_sequence_number": None,
                "publisher_gid": sample.gid,
            }
        return None

    def _count_lost(self, gid: bytes, sequence: int) -> None:
        last = self._last.get(gid)
        if last is not None and sequence > last + 1:
            self.matches.count_lost(sequence - last - 1)
        if len(self._last) > 1000:
            self._last.clear()
        self._last[gid] = sequence

    def _destroy(self) -> None:
        self.matches.close()
        self._wire.close()


def rclpy_assert_liveliness(publisher: Publisher) -> None:
    """Show that a publisher is alive; its token in the graph already does."""
