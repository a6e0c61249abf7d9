"""Services on the wire: clients query, servers answer."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport import qos as _qos
from molmo_ros.embedded.transport.session import Session, Token, TransportError
from molmo_ros.embedded.transport.topics import MAX_SAMPLE_BYTES

if TYPE_CHECKING:
    import zenoh

QUERY_TIMEOUT_S = 7 * 24 * 3600.0
"""How long a request may stay unanswered; an action's result can take as long as the action."""

MAX_PENDING_REQUESTS = 10_000


class Request(NamedTuple):
    """A request off the wire; ``gid`` and ``sequence`` name it when the reply is sent."""

    payload: bytes
    sequence: int
    source_timestamp_ns: int
    received_timestamp_ns: int
    gid: bytes


class ServiceClient:
    """Sends requests to the servers of one service and queues their replies."""

    def __init__(
        self,
        session: Session,
        node: keys.Entity,
        *,
        service: str,
        dds_type: str,
        type_hash: str,
        qos: _qos.QoS,
        wake: Callable[[], None],
    ) -> None:
        import zenoh

        self.service = service
        self.qos = qos.resolved()
        self.queue: deque[tuple[zenoh.Sample, int]] = deque()
        self._session = session
        self._wake = wake
        self._sequences = itertools.count(1)
        entity = session.endpoint(node, keys.CLIENT, service, dds_type, type_hash, self.qos)
        self._querier = session.zenoh.declare_querier(
            keys.data_key(session.domain_id, service, dds_type, type_hash),
            target=zenoh.QueryTarget.ALL_COMPLETE,
            consolidation=zenoh.ConsolidationMode.NONE,
            timeout=QUERY_TIMEOUT_S,
            congestion_control=zenoh.CongestionControl.BLOCK,
            express=True,
        )
        self._handler = session.callback(self._on_reply)
        self.token = Token(session, entity)
        self.gid = self.token.gid

    def send(self, payload: bytes | bytearray) -> int:
        """Send a request; its sequence number names the reply.

        Raises:
            TransportError: The session is closed.
        """
        sequence = next(self._sequences)
        attachment = keys.pack_attachment(sequence, time.time_ns(), self.gid)
        try:
            self._querier.get(self._handler, payload=payload, attachment=attachment)
        except Exception as error:
            raise TransportError(f"Failed to send a request: {error}") from error
        return sequence

    def _on_reply(self, reply: zenoh.Reply) -> None:
        sample = reply.ok
        if sample is not None:
            self.queue.append((sample, time.time_ns()))
            self._wake()

    def take(self) -> Request | None:
        """The oldest queued reply to one of our requests, or nothing."""
        while True:
            try:
                sample, received_ns = self.queue.popleft()
            except IndexError:
                return None
            try:
                attachment = sample.attachment
                sequence, sent_ns, gid = keys.unpack_attachment(
                    attachment.to_bytes() if attachment is not None else b""
                )
            except ValueError as error:
                self._session.warned("reply", self.service, f"Dropped a reply of {self.service}: {error}")
                continue
            if gid != self.gid or len(sample.payload) > MAX_SAMPLE_BYTES:
                self._session.warned("reply", self.service, f"Dropped a foreign reply of {self.service}")
                continue
            return Request(sample.payload.to_bytes(), sequence, sent_ns, received_ns, gid)

    def close(self) -> None:
        """Withdraw from the graph and stop."""
        self.token.withdraw()
        with contextlib.suppress(Exception):
            self._querier.undeclare()
        self.queue.clear()


class ServiceServer:
    """Queues the requests for one service and sends the replies."""

    def __init__(
        self,
        session: Session,
        node: keys.Entity,
        *,
        service: str,
        dds_type: str,
        type_hash: str,
        qos: _qos.QoS,
        wake: Callable[[], None],
    ) -> None:
        import zenoh

        self.service = service
        self.qos = qos.resolved()
        self.queue: deque[tuple[zenoh.Query, int]] = deque()
        self._session = session
        self._wake = wake
        self._lock = threading.Lock()
        self._pending: dict[tuple[bytes, int], zenoh.Query] = {}
        self._key = zenoh.KeyExpr(keys.data_key(session.domain_id, service, dds_type, type_hash))
        entity = session.endpoint(node, keys.SERVICE, service, dds_type, type_hash, self.qos)
        self._queryable = session.zenoh.declare_queryable(self._key, session.callback(self._on_query), complete=True)
        self.token = Token(session, entity)

    def _on_query(self, query: zenoh.Query) -> None:
        if len(self.queue) >= MAX_PENDING_REQUESTS:
            query.drop()
            self._session.warned("flood", self.service, f"Dropped requests for {self.service}: too many wait")
            return
        self.queue.append((query, time.time_ns()))
        self._wake()

    def take(self) -> Request | None:
        """The oldest queued request, or nothing."""
        while True:
            try:
                query, received_ns = self.queue.popleft()
            except IndexError:
                return None
            payload, attachment = query.payload, query.attachment
            try:
                sequence, sent_ns, gid = keys.unpack_attachment(
                    attachment.to_bytes() if attachment is not None else b""
                )
                if payload is None or len(payload) > MAX_SAMPLE_BYTES:
                    raise ValueError("it has no payload" if payload is None else "it is too large")
                with self._lock:
                    if len(self._pending) >= MAX_PENDING_REQUESTS:
                        raise ValueError("too many requests wait for an answer")
                    self._pending[gid, sequence] = query
            except ValueError as error:
                query.drop()
                self._session.warned("request", self.service, f"Dropped a request for {self.service}: {error}")
                continue
            return Request(payload.to_bytes(), sequence, sent_ns, received_ns, gid)

    def reply(self, payload: bytes | bytearray, gid: bytes, sequence: int) -> None:
        """Answer the request that ``gid`` and ``sequence`` name; answering twice does nothing."""
        with self._lock:
            query = self._pending.pop((gid, sequence), None)
        if query is None:
            return
        attachment = keys.pack_attachment(sequence, time.time_ns(), gid)
        try:
            query.reply(self._key, payload, attachment=attachment)
        except Exception as error:
            raise TransportError(f"Failed to send a response: {error}") from error
        finally:
            query.drop()

    def forget(self, gid: bytes, sequence: int) -> None:
        """Let a request go without an answer."""
        with self._lock:
            query = self._pending.pop((gid, sequence), None)
        if query is not None:
            query.drop()

    def close(self) -> None:
        """Withdraw from the graph, stop listening and let every waiting request go."""
        self.token.withdraw()
        with contextlib.suppress(Exception):
            self._queryable.undeclare()
        with self._lock:
            waiting, self._pending = list(self._pending.values()), {}
        for query in waiting + [query for query, _ in self.queue]:
            with contextlib.suppress(Exception):
                query.drop()
        self.queue.clear()
