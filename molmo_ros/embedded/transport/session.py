"""One Zenoh session with its view of the ROS graph."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded.transport import config, keys
from molmo_ros.embedded.transport.graph import Graph
from molmo_ros.embedded.transport.memory import keep_large_blocks
from molmo_ros.embedded.transport.rendezvous import Rendezvous

if TYPE_CHECKING:
    import zenoh

    from molmo_ros.embedded.transport.qos import QoS

_log = logging.getLogger("molmo_ros.embedded")


class TransportError(RuntimeError):
    """The middleware could not do what was asked."""


class Warned:
    """Says each kind of trouble once, so that a hostile or broken peer cannot flood the log."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.say: Callable[[str], object] = _log.warning

    def __call__(self, kind: str, where: str, message: str) -> bool:
        """Log ``message`` unless this kind of trouble was already reported for ``where``."""
        if (kind, where) in self._seen or len(self._seen) > 1000:
            return False
        self._seen.add((kind, where))
        self.say(message)
        return True


class Token:
    """A live announcement of an entity, local in the graph first and then on the network."""

    def __init__(self, session: Session, entity: keys.Entity) -> None:
        self.entity = entity
        self.text = entity.token()
        self.gid = keys.gid_of(self.text)
        self._session = session
        session.graph.add(self.text, entity)
        self._token = session.declare_token(self.text)

    def withdraw(self) -> None:
        """Take the entity out of the graph, here and everywhere."""
        if self._token is None:
            return
        token, self._token = self._token, None
        self._session.graph.remove(self.text)
        with contextlib.suppress(Exception):
            token.undeclare()


class Session:
    """An open Zenoh session, one per context as in rmw_zenoh.

    Raises:
        TransportError: Zenoh cannot open a session; the sentence says why.
    """

    def __init__(self, domain_id: int) -> None:
        try:
            import zenoh
        except ImportError as error:
            raise TransportError(
                "The embedded ROS runtime needs Eclipse Zenoh: pip install 'molmo_ros[runtime]'."
            ) from error
        keep_large_blocks()
        self.domain_id = domain_id
        self.graph = Graph()
        self.warned = Warned()
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        try:
            self.zenoh: zenoh.Session = zenoh.open(config.build())
        except (zenoh.ZError, ValueError) as error:
            raise TransportError(f"Zenoh cannot open a session: {error}") from error
        self.zid = str(self.zenoh.zid())
        self._put = zenoh.SampleKind.PUT
        self._direct = lambda function: zenoh.handlers.Callback(function, indirect=False)
        self._put = zenoh.SampleKind.PUT
        self._liveliness = self.zenoh.liveliness()
        self._rendezvous = Rendezvous(self.zenoh, self.callback) if config.uses_meeting_port() else None
        self._graph_subscriber = self._liveliness.declare_subscriber(
            f"{keys.ADMIN_SPACE}/{domain_id}/**", self._direct(self._on_token), history=True
        )

    def callback(self, function: Any) -> Any:
        """``function`` as a Zenoh handler that runs on Zenoh's own thread, the quickest way."""
        return self._direct(function)

    def next_id(self) -> str:
        """A number no other entity of this session has."""
        return str(next(self._ids))

    def declare_token(self, text: str) -> zenoh.LivelinessToken:
        """Put a liveliness token on the network."""
        return self._liveliness.declare_token(text)

    def node(self, name: str, namespace: str, enclave: str) -> Token:
        """Announce a node."""
        number = self.next_id()
        return Token(
            self,
            keys.Entity(
                domain_id=self.domain_id,
                zid=self.zid,
                node_id=number,
                entity_id=number,
                kind=keys.NODE,
                enclave=enclave,
                namespace=namespace,
                node_name=name,
            ),
        )

    def endpoint(self, node: keys.Entity, kind: str, name: str, dds_type: str, type_hash: str, qos: QoS) -> keys.Entity:
        """Describe an endpoint of a node; a :class:`Token` announces it."""
        return keys.Entity(
            domain_id=self.domain_id,
            zid=self.zid,
            node_id=node.node_id,
            entity_id=self.next_id(),
            kind=kind,
            enclave=node.enclave,
            namespace=node.namespace,
            node_name=node.node_name,
            name=name,
            dds_type=dds_type,
            type_hash=type_hash,
            qos=qos,
        )

    def _on_token(self, sample: zenoh.Sample) -> None:
        text = str(sample.key_expr)
        try:
            entity = keys.parse_token(text)
        except ValueError as error:
            self.warned("token", "graph", f"Ignored a malformed graph token: {error}")
            return
        if entity.zid == self.zid:
            return
        if sample.kind == self._put:
            self.graph.add(text, entity)
        else:
            self.graph.remove(text)

    def close(self) -> None:
        """Close the session; everything declared in it goes."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._rendezvous is not None:
            self._rendezvous.close()
        with contextlib.suppress(Exception):
            self.zenoh.close()
        self.graph.touch()
