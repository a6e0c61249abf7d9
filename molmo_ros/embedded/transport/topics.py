"""Topics on the wire: publishers and subscriptions."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport import qos as _qos
from molmo_ros.embedded.transport.session import Session, Token, TransportError

if TYPE_CHECKING:
    import zenoh

MAX_SAMPLE_BYTES = 512 * 1024 * 1024
"""Samples above this size are dropped with one warning."""


class Received(NamedTuple):
    """A sample off the wire."""

    payload: bytes
    sequence: int
    source_timestamp_ns: int
    received_timestamp_ns: int
    gid: bytes


class TopicPublisher:
    """Publishes serialised messages on one topic.

    Transient local publishers are Zenoh advanced publishers with a cache, which is what rmw_zenoh's
    transient local subscriptions query.
    """

    def __init__(
        self,
        session: Session,
        node: keys.Entity,
        *,
        topic: str,
        dds_type: str,
        type_hash: str,
        qos: _qos.QoS,
    ) -> None:
        import zenoh

        self.qos = qos.resolved()
        self._session = session
        entity = session.endpoint(node, keys.PUBLISHER, topic, dds_type, type_hash, self.qos)
        key = keys.data_key(session.domain_id, topic, dds_type, type_hash)
        control = zenoh.CongestionControl.BLOCK if self.qos.reliable else zenoh.CongestionControl.DROP
        self._publisher: Any
        if self.qos.transient_local:
            import zenoh.ext

            self._publisher = zenoh.ext.declare_advanced_publisher(
                session.zenoh,
                key,
                cache=zenoh.ext.CacheConfig(max_samples=self.qos.depth),
                publisher_detection=True,
                congestion_control=control,
                express=True,
            )
        else:
            self._publisher = session.zenoh.declare_publisher(key, congestion_control=control, express=True)
        self._put = self._publisher.put
        self._sequence = 0
        self.token = Token(session, entity)
        self.gid = self.token.gid

    def publish(self, payload: bytes | bytearray) -> None:
        """Send one serialised message.

        Raises:
            TransportError: The session is closed.
        """
        self._sequence = sequence = self._sequence + 1
        attachment = keys.pack_attachment(sequence, time.time_ns(), self.gid)
        try:
            self._put(payload, attachment=attachment)
        except Exception as error:
            raise TransportError(f"Failed to publish: {error}") from error

    def close(self) -> None:
        """Withdraw from the graph and stop."""
        self.token.withdraw()
        with contextlib.suppress(Exception):
            self._publisher.undeclare()


class TopicSubscription:
    """Queues the samples of one topic, as deep as its history says.

    Args:
        wake: Called from Zenoh's thread after a sample was queued.
    """

    def __init__(
        self,
        session: Session,
        node: keys.Entity,
        *,
        topic: str,
        dds_type: str,
        type_hash: str,
        qos: _qos.QoS,
        wake: Callable[[], None],
    ) -> None:
        self.qos = qos.resolved()
        self.topic = topic
        keep_all = self.qos.history == _qos.HISTORY_KEEP_ALL
        self.queue: deque[tuple[zenoh.Sample, int]] = deque(maxlen=None if keep_all else self.qos.depth)
        self.rejected_gids: set[bytes] = set()
        self._session = session
        self._wake = wake
        entity = session.endpoint(node, keys.SUBSCRIPTION, topic, dds_type, type_hash, self.qos)
        key = keys.data_key(session.domain_id, topic, dds_type, type_hash)
        handler = session.callback(self._on_sample)
        self._subscriber: Any
        if self.qos.transient_local:
            import zenoh.ext

            self._subscriber = zenoh.ext.declare_advanced_subscriber(
                session.zenoh,
                key,
                handler,
                history=zenoh.ext.HistoryConfig(detect_late_publishers=True, max_samples=self.qos.depth),
                subscriber_detection=True,
            )
        else:
            self._subscriber = session.zenoh.declare_subscriber(key, handler)
        self.token = Token(session, entity)

    def _on_sample(self, sample: zenoh.Sample) -> None:
        self.queue.append((sample, time.time_ns()))
        self._wake()

    def take(self) -> Received | None:
        """The oldest queued sample, or nothing.

        Samples without a proper attachment, above the size limit, past their lifespan or from a
        publisher whose quality of service does not match are dropped on the way.
        """
        while True:
            try:
                sample, received_ns = self.queue.popleft()
            except IndexError:
                return None
            payload = sample.payload
            warned = self._session.warned
            if len(payload) > MAX_SAMPLE_BYTES:
                warned("size", self.topic, f"Dropped an oversized sample ({len(payload)} B) on {self.topic}")
                continue
            try:
                attachment = sample.attachment
                sequence, sent_ns, gid = keys.unpack_attachment(
                    attachment.to_bytes() if attachment is not None else b""
                )
            except ValueError as error:
                warned("attachment", self.topic, f"Dropped a sample without origin on {self.topic}: {error}")
                continue
            if gid in self.rejected_gids:
                continue
            if self.qos.lifespan_ns != _qos.INFINITE_NS and time.time_ns() - sent_ns > self.qos.lifespan_ns:
                continue
            return Received(payload.to_bytes(), sequence, sent_ns, received_ns, gid)

    def close(self) -> None:
        """Withdraw from the graph and stop listening."""
        self.token.withdraw()
        with contextlib.suppress(Exception):
            self._subscriber.undeclare()
        self.queue.clear()
