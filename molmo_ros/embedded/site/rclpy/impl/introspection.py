"""Service introspection: what passes through a service, published on ``<service>/_service_event``."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from rclpy.impl.topics import Publisher

if TYPE_CHECKING:
    from rclpy.impl.clocks import Clock
    from rclpy.impl.node import Node
    from rclpy.impl.qos import rmw_qos_profile_t


class ServiceIntrospectionState(IntEnum):
    """How much of a call is published."""

    OFF = 0
    METADATA = 1
    CONTENTS = 2


class Introspection:
    """Publishes the events of one client or server."""

    def __init__(self, publisher: Publisher, srv_type: Any, clock: Clock, state: ServiceIntrospectionState) -> None:
        self._publisher = publisher
        self._event = srv_type.Event
        self._clock = clock
        self._contents = state == ServiceIntrospectionState.CONTENTS

    @classmethod
    def of(
        cls,
        node: Node,
        srv_type: Any,
        name: str,
        clock: Clock,
        qos: rmw_qos_profile_t,
        state: ServiceIntrospectionState,
    ) -> Introspection | None:
        """A new introspection, or nothing when it is off."""
        if state == ServiceIntrospectionState.OFF:
            return None
        return cls(Publisher(node, srv_type.Event, f"{name}/_service_event", qos), srv_type, clock, state)

    def report(self, kind: str, gid: bytes, sequence: int, *, request: Any = None, response: Any = None) -> None:
        """Publish one event."""
        from builtin_interfaces.msg import Time
        from service_msgs.msg import ServiceEventInfo

        now = self._clock.now_ns()
        info = ServiceEventInfo(
            event_type=getattr(ServiceEventInfo, kind),
            stamp=Time(sec=now // 1_000_000_000, nanosec=now % 1_000_000_000),
            client_gid=list(gid),
            sequence_number=sequence,
        )
        event = self._event(info=info)
        if self._contents:
            event.request = [] if request is None else [request]
            event.response = [] if response is None else [response]
        self._publisher.publish(event)

    def close(self) -> None:
        """Stop publishing."""
        self._publisher.destroy_when_not_in_use()
