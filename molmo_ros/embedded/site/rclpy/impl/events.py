"""Quality of service events: what happened to an endpoint's matches."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport.qos import INFINITE_NS, KIND_INVALID, incompatible_policy
from rclpy.impl.errors import UnsupportedEventTypeError
from rclpy.impl.handle import Handle

if TYPE_CHECKING:
    from molmo_ros.embedded.transport.session import Token
    from rclpy.impl.context import Context


class rcl_publisher_event_type_t(IntEnum):
    """Events of a publisher."""

    RCL_PUBLISHER_OFFERED_DEADLINE_MISSED = 0
    RCL_PUBLISHER_LIVELINESS_LOST = 1
    RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS = 2
    RCL_PUBLISHER_INCOMPATIBLE_TYPE = 3
    RCL_PUBLISHER_MATCHED = 4


class rcl_subscription_event_type_t(IntEnum):
    """Events of a subscription."""

    RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED = 0
    RCL_SUBSCRIPTION_LIVELINESS_CHANGED = 1
    RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS = 2
    RCL_SUBSCRIPTION_MESSAGE_LOST = 3
    RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE = 4
    RCL_SUBSCRIPTION_MATCHED = 5


@dataclass
class rmw_requested_deadline_missed_status_t:
    """Deadlines for which no message came."""

    total_count: int = 0
    total_count_change: int = 0


@dataclass
class rmw_offered_deadline_missed_status_t:
    """Deadlines at which nothing was published."""

    total_count: int = 0
    total_count_change: int = 0


@dataclass
class rmw_liveliness_lost_status_t:
    """Times a publisher failed to show that it is alive."""

    total_count: int = 0
    total_count_change: int = 0


@dataclass
class rmw_liveliness_changed_status_t:
    """Publishers that are, and are no longer, alive."""

    alive_count: int = 0
    not_alive_count: int = 0
    alive_count_change: int = 0
    not_alive_count_change: int = 0


@dataclass
class rmw_message_lost_status_t:
    """Messages that never came."""

    total_count: int = 0
    total_count_change: int = 0


@dataclass
class rmw_requested_qos_incompatible_event_status_t:
    """Endpoints whose quality of service does not fit."""

    total_count: int = 0
    total_count_change: int = 0
    last_policy_kind: int = KIND_INVALID


@dataclass
class rmw_incompatible_type_status_t:
    """Endpoints of another type on the same topic."""

    total_count: int = 0
    total_count_change: int = 0


@dataclass
class rmw_matched_status_t:
    """Endpoints that match."""

    total_count: int = 0
    total_count_change: int = 0
    current_count: int = 0
    current_count_change: int = 0


_PUBLISHER_STATUS = {
    rcl_publisher_event_type_t.RCL_PUBLISHER_OFFERED_DEADLINE_MISSED: rmw_offered_deadline_missed_status_t,
    rcl_publisher_event_type_t.RCL_PUBLISHER_LIVELINESS_LOST: rmw_liveliness_lost_status_t,
    rcl_publisher_event_type_t.RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS: (rmw_requested_qos_incompatible_event_status_t),
    rcl_publisher_event_type_t.RCL_PUBLISHER_INCOMPATIBLE_TYPE: rmw_incompatible_type_status_t,
    rcl_publisher_event_type_t.RCL_PUBLISHER_MATCHED: rmw_matched_status_t,
}
_SUBSCRIPTION_STATUS = {
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED: (rmw_requested_deadline_missed_status_t),
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_LIVELINESS_CHANGED: rmw_liveliness_changed_status_t,
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS: (
        rmw_requested_qos_incompatible_event_status_t
    ),
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_MESSAGE_LOST: rmw_message_lost_status_t,
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE: rmw_incompatible_type_status_t,
    rcl_subscription_event_type_t.RCL_SUBSCRIPTION_MATCHED: rmw_matched_status_t,
}


class Matches:
    """Follows the other side of a topic and keeps the status of every kind of event.

    Args:
        token: The endpoint whose matches are followed.
    """

    def __init__(self, context: Context, token: Token) -> None:
        self._context = context
        self._graph = context.session.graph
        self._own = token.entity
        self._publishes = token.entity.kind == keys.PUBLISHER
        self._others = keys.SUBSCRIPTION if self._publishes else keys.PUBLISHER
        table = _PUBLISHER_STATUS if self._publishes else _SUBSCRIPTION_STATUS
        self.status: dict[IntEnum, Any] = {kind: status() for kind, status in table.items()}
        self.changed: set[IntEnum] = set()
        self.matched: set[str] = set()
        self.rejected: dict[str, bytes] = {}
        self._deadline_ns = token.entity.qos.deadline_ns
        self._next_deadline_ns: int | None = None
        for entity in self._graph.watch(self._others, self._own.name, self._on_change):
            self._on_change(entity, True)

    def close(self) -> None:
        """Stop following."""
        self._graph.unwatch(self._others, self._own.name, self._on_change)

    def _on_change(self, other: keys.Entity, appeared: bool) -> None:
        token = other.token()
        if not appeared:
            self.rejected.pop(token, None)
            if token in self.matched:
                self.matched.discard(token)
                self._count_match(0, -1)
            return
        if (other.dds_type, other.type_hash) != (self._own.dds_type, self._own.type_hash):
            self._note(3 if self._publishes else 4, total_count=1)
            return
        offered, requested = (self._own, other) if self._publishes else (other, self._own)
        policy = incompatible_policy(offered.qos, requested.qos)
        if policy:
            self.rejected[token] = keys.gid_of(token)
            self._note(2, total_count=1, policy=policy)
            return
        self.matched.add(token)
        self._count_match(1, 1)

    def _kind(self, number: int) -> IntEnum:
        return (rcl_publisher_event_type_t if self._publishes else rcl_subscription_event_type_t)(number)

    def _note(self, number: int, *, total_count: int, policy: int | None = None) -> None:
        kind = self._kind(number)
        status = self.status[kind]
        status.total_count += total_count
        status.total_count_change += total_count
        if policy is not None:
            status.last_policy_kind = policy
        self._report(kind)

    def _count_match(self, new: int, current: int) -> None:
        kind = self._kind(4 if self._publishes else 5)
        status = self.status[kind]
        status.total_count += new
        status.total_count_change += new
        status.current_count += current
        status.current_count_change += current
        self._report(kind)
        if not self._publishes:
            liveliness = self._kind(1)
            alive = self.status[liveliness]
            alive.alive_count += current
            alive.alive_count_change += current
            self._report(liveliness)

    def note_sample(self) -> None:
        """Note that a sample was published or taken, from which the deadline counts anew."""
        if self._deadline_ns != INFINITE_NS:
            self._next_deadline_ns = time.monotonic_ns() + self._deadline_ns

    def deadline_left_ns(self) -> int | None:
        """Nanoseconds until the deadline is missed, or nothing before the first sample."""
        return None if self._next_deadline_ns is None else self._next_deadline_ns - time.monotonic_ns()

    def count_missed_deadlines(self) -> None:
        """Note every deadline that has passed."""
        left = self.deadline_left_ns()
        if left is None or left > 0:
            return
        missed = 1 + -left // self._deadline_ns
        self._next_deadline_ns += missed * self._deadline_ns  # type: ignore[operator]
        self._note(0, total_count=missed)

    def count_lost(self, number: int) -> None:
        """Note messages that never came."""
        self._note(3, total_count=number)

    def _report(self, kind: IntEnum) -> None:
        self.changed.add(kind)
        self._context.wake()

    def take(self, kind: IntEnum) -> Any:
        """The status of an event; its changes count from here anew."""
        self.changed.discard(kind)
        status = self.status[kind]
        taken = replace(status)
        for name in vars(status):
            if name.endswith("_change"):
                setattr(status, name, 0)
        return taken


class EventHandle(Handle):
    """One kind of event of a publisher's or subscription's handle.

    Raises:
        UnsupportedEventTypeError: The endpoint has no such event.
    """

    def __init__(self, parent: Any, event_type: IntEnum) -> None:
        super().__init__()
        self._matches: Matches = parent.matches
        if event_type not in self._matches.status or type(event_type) not in (
            type(kind) for kind in self._matches.status
        ):
            raise UnsupportedEventTypeError(f"there is no event {event_type!r} here")
        self._kind = event_type

    def is_ready(self) -> bool:
        """Whether the event happened since it was last taken."""
        if self._kind == 0:
            self._matches.count_missed_deadlines()
        return self._kind in self._matches.changed

    def wait_ns(self) -> int | None:
        """Nanoseconds until the passing of time alone makes the event happen, or nothing."""
        return self._matches.deadline_left_ns() if self._kind == 0 else None

    def take_event(self) -> Any:
        """Its status."""
        return self._matches.take(self._kind)
