"""Handles of service clients and servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded import typesys
from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport.services import Request, ServiceClient, ServiceServer
from molmo_ros.embedded.transport.session import TransportError
from rclpy.impl.errors import RCLError
from rclpy.impl.handle import Handle
from rclpy.impl.introspection import Introspection, ServiceIntrospectionState

if TYPE_CHECKING:
    from rclpy.impl.clocks import Clock
    from rclpy.impl.node import Node
    from rclpy.impl.qos import rmw_qos_profile_t


@dataclass(frozen=True, slots=True)
class rmw_request_id_t:
    """What names a request: its client and its number there."""

    writer_guid: bytes
    sequence_number: int


@dataclass(frozen=True, slots=True)
class rmw_service_info_t:
    """A request's or response's name and times, in nanoseconds."""

    request_id: rmw_request_id_t
    source_timestamp: int
    received_timestamp: int


def _info(item: Request) -> rmw_service_info_t:
    return rmw_service_info_t(
        rmw_request_id_t(item.gid, item.sequence), item.source_timestamp_ns, item.received_timestamp_ns
    )


class Client(Handle):
    """Calls a service.

    Raises:
        ValueError: The service's name is not valid.
    """

    def __init__(self, node: Node, srv_type: type, name: str, qos: rmw_qos_profile_t) -> None:
        super().__init__()
        self._context = node.context
        self._node = node
        self._type = srv_type
        self._name = node.resolve(name, only_expand=False, is_service=True)
        self._dds_type, self._hash = typesys.dds_type_name(srv_type), typesys.type_hash(srv_type)
        self._wire = ServiceClient(
            node.session,
            node.entity,
            service=self._name,
            dds_type=self._dds_type,
            type_hash=self._hash,
            qos=qos.to_wire(),
            wake=node.context.wake,
        )
        self._graph = node.session.graph
        self._warned = node.session.warned
        self._introspection: Introspection | None = None

    @property
    def service_name(self) -> str:
        """The service's full name."""
        return self._name

    def get_logger_name(self) -> str:
        """Name of the node's logger."""
        return self._node.logger_name()

    def send_request(self, request: Any) -> int:
        """Send a request; the number returned names its response.

        Raises:
            RCLError: The context has ended, or the network does not take the request.
        """
        if not self._context.ok():
            raise RCLError("Failed to send request: client's context is invalid")
        try:
            sequence = self._wire.send(typesys.serialize(request))
        except TransportError as error:
            raise RCLError(str(error)) from error
        if self._introspection is not None:
            self._introspection.report("REQUEST_SENT", self._wire.gid, sequence, request=request)
        return sequence

    def is_ready(self) -> bool:
        """Whether a response waits."""
        return bool(self._wire.queue)

    def take_response(self, response_type: type) -> tuple[rmw_service_info_t | None, Any]:
        """The oldest response with its header, or ``(None, None)``."""
        while (item := self._wire.take()) is not None:
            try:
                response = typesys.deserialize(item.payload, response_type)
            except typesys.DeserializationError as error:
                self._warned("cdr", self._name, f"Dropped a malformed response of {self._name}: {error}")
                continue
            if self._introspection is not None:
                self._introspection.report("RESPONSE_RECEIVED", item.gid, item.sequence, response=response)
            return _info(item), response
        return None, None

    def service_server_is_available(self) -> bool:
        """Whether a server of this name and type is in the graph."""
        return any(
            other.dds_type == self._dds_type and other.type_hash == self._hash
            for other in self._graph.endpoints(keys.SERVICE, self._name)
        )

    def wait_for_server(self, timeout_s: float | None) -> bool:
        """Block until a server is there, the context ends or the time is over."""
        self._graph.wait_for(lambda: self.service_server_is_available() or not self._context.ok(), timeout_s)
        return self.service_server_is_available()

    def configure_introspection(self, clock: Clock, qos: rmw_qos_profile_t, state: ServiceIntrospectionState) -> None:
        """Publish what this client sends and receives on the service's event topic."""
        if self._introspection is not None:
            self._introspection.close()
        self._introspection = Introspection.of(self._node, self._type, self._name, clock, qos, state)

    def _destroy(self) -> None:
        if self._introspection is not None:
            self._introspection.close()
        self._wire.close()


class Service(Handle):
    """Serves a service.

    Raises:
        ValueError: The service's name is not valid.
    """

    def __init__(self, node: Node, srv_type: type, name: str, qos: rmw_qos_profile_t) -> None:
        super().__init__()
        self._context = node.context
        self._node = node
        self._type = srv_type
        self._name = node.resolve(name, only_expand=False, is_service=True)
        self.qos = qos
        self._wire = ServiceServer(
            node.session,
            node.entity,
            service=self._name,
            dds_type=typesys.dds_type_name(srv_type),
            type_hash=typesys.type_hash(srv_type),
            qos=qos.to_wire(),
            wake=node.context.wake,
        )
        self._warned = node.session.warned
        self._introspection: Introspection | None = None

    @property
    def name(self) -> str:
        """The service's full name."""
        return self._name

    def get_logger_name(self) -> str:
        """Name of the node's logger."""
        return self._node.logger_name()

    def is_ready(self) -> bool:
        """Whether a request waits."""
        return bool(self._wire.queue)

    def service_take_request(self, request_type: type) -> tuple[Any, rmw_service_info_t | None]:
        """The oldest request with its header, or ``(None, None)``."""
        while (item := self._wire.take()) is not None:
            try:
                request = typesys.deserialize(item.payload, request_type)
            except typesys.DeserializationError as error:
                self._wire.forget(item.gid, item.sequence)
                self._warned("cdr", self._name, f"Dropped a malformed request for {self._name}: {error}")
                continue
            if self._introspection is not None:
                self._introspection.report("REQUEST_RECEIVED", item.gid, item.sequence, request=request)
            return request, _info(item)
        return None, None

    def service_send_response(self, response: Any, header: rmw_request_id_t) -> None:
        """Answer the request ``header`` names.

        Raises:
            RCLError: The context has ended, or the network does not take the response.
        """
        if not self._context.ok():
            raise RCLError("failed to send response: service's context is invalid")
        try:
            self._wire.reply(typesys.serialize(response), header.writer_guid, header.sequence_number)
        except TransportError as error:
            raise RCLError(str(error)) from error
        if self._introspection is not None:
            guid, sequence = header.writer_guid, header.sequence_number
            self._introspection.report("RESPONSE_SENT", guid, sequence, response=response)

    def configure_introspection(self, clock: Clock, qos: rmw_qos_profile_t, state: ServiceIntrospectionState) -> None:
        """Publish what this server receives and sends on the service's event topic."""
        if self._introspection is not None:
            self._introspection.close()
        self._introspection = Introspection.of(self._node, self._type, self._name, clock, qos, state)

    def _destroy(self) -> None:
        if self._introspection is not None:
            self._introspection.close()
        self._wire.close()
