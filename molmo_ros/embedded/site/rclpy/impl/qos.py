"""Quality of service profiles as the core sees them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from molmo_ros.embedded.transport import qos as wire
from rclpy.impl.time_types import rcl_duration_t

RMW_DURATION_INFINITE = wire.INFINITE_NS
RMW_QOS_DEADLINE_BEST_AVAILABLE = wire.INFINITE_NS - 1
RMW_QOS_LIVELINESS_LEASE_DURATION_BEST_AVAILABLE = wire.INFINITE_NS - 1


class QoSCompatibility(IntEnum):
    """Whether a publisher and a subscription can talk."""

    OK = 0
    WARNING = 1
    ERROR = 2


class QoSCheckCompatibleResult(NamedTuple):
    """The verdict, and why."""

    compatibility: QoSCompatibility
    reason: str


class rmw_qos_profile_t:
    """A quality of service profile in plain numbers."""

    def __init__(
        self,
        history: int,
        depth: int,
        reliability: int,
        durability: int,
        lifespan: rcl_duration_t,
        deadline: rcl_duration_t,
        liveliness: int,
        liveliness_lease_duration: rcl_duration_t,
        avoid_ros_namespace_conventions: bool,
    ) -> None:
        self.history = int(history)
        self.depth = depth
        self.reliability = int(reliability)
        self.durability = int(durability)
        self.lifespan = lifespan
        self.deadline = deadline
        self.liveliness = int(liveliness)
        self.liveliness_lease_duration = liveliness_lease_duration
        self.avoid_ros_namespace_conventions = avoid_ros_namespace_conventions

    @classmethod
    def predefined(cls, name: str) -> rmw_qos_profile_t:
        """One of rmw's named profiles.

        Raises:
            ValueError: There is none of that name.
        """
        try:
            history, depth, reliability, durability, liveliness, duration = _PREDEFINED[name]
        except KeyError:
            raise ValueError(f"Requested unknown rmw_qos_profile: {name}") from None
        return cls(
            history,
            depth,
            reliability,
            durability,
            rcl_duration_t(0),
            rcl_duration_t(duration),
            liveliness,
            rcl_duration_t(duration),
            False,
        )

    @classmethod
    def from_wire(cls, qos: wire.QoS) -> rmw_qos_profile_t:
        """The profile an endpoint announced."""
        return cls(
            qos.history,
            qos.depth,
            qos.reliability,
            qos.durability,
            rcl_duration_t(qos.lifespan_ns),
            rcl_duration_t(qos.deadline_ns),
            qos.liveliness,
            rcl_duration_t(qos.lease_ns),
            False,
        )

    def to_wire(self) -> wire.QoS:
        """The profile as the transport takes it."""
        return wire.QoS(
            history=self.history,
            depth=self.depth,
            reliability=self.reliability,
            durability=self.durability,
            deadline_ns=self.deadline.nanoseconds,
            lifespan_ns=self.lifespan.nanoseconds,
            liveliness=self.liveliness,
            lease_ns=self.liveliness_lease_duration.nanoseconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Keyword arguments for :class:`rclpy.qos.QoSProfile`."""
        from rclpy.duration import Duration

        return {
            "history": self.history,
            "depth": self.depth,
            "reliability": self.reliability,
            "durability": self.durability,
            "lifespan": Duration(nanoseconds=self.lifespan.nanoseconds),
            "deadline": Duration(nanoseconds=self.deadline.nanoseconds),
            "liveliness": self.liveliness,
            "liveliness_lease_duration": Duration(nanoseconds=self.liveliness_lease_duration.nanoseconds),
            "avoid_ros_namespace_conventions": self.avoid_ros_namespace_conventions,
        }


# history, depth, reliability, durability, liveliness, deadline and lease; from rmw/qos_profiles.h.
_PREDEFINED = {
    "qos_profile_sensor_data": (1, 5, 2, 2, 0, 0),
    "qos_profile_default": (1, 10, 1, 2, 0, 0),
    "qos_profile_services_default": (1, 10, 1, 2, 0, 0),
    "qos_profile_parameters": (1, 1000, 1, 2, 0, 0),
    "qos_profile_parameter_events": (1, 1000, 1, 2, 0, 0),
    "qos_profile_system_default": (0, 0, 0, 0, 0, 0),
    "qos_profile_unknown": (3, 0, 3, 3, 4, 0),
    "qos_profile_best_available": (1, 10, 4, 4, 5, RMW_QOS_DEADLINE_BEST_AVAILABLE),
}


def rclpy_action_get_rmw_qos_profile(name: str) -> dict[str, Any]:
    """The profile of an action's status topic.

    Raises:
        RuntimeError: Another profile was asked for.
    """
    if name != "rcl_action_qos_profile_status_default":
        raise RuntimeError(f"Requested unknown rmw_qos_profile: {name}")
    profile = rmw_qos_profile_t.predefined("qos_profile_default")
    profile.depth, profile.durability = 1, wire.DURABILITY_TRANSIENT_LOCAL
    return profile.to_dict()


def rclpy_qos_check_compatible(
    publisher: rmw_qos_profile_t, subscription: rmw_qos_profile_t
) -> QoSCheckCompatibleResult:
    """Whether a subscription with one profile hears a publisher with another, by DDS's rules."""
    errors, warnings = [], []
    pub, sub = publisher.to_wire(), subscription.to_wire()
    if pub.reliability == wire.RELIABILITY_BEST_EFFORT and sub.reliability == wire.RELIABILITY_RELIABLE:
        errors.append("Best effort publisher and reliable subscription")
    elif _vague(pub.reliability, sub.reliability, wire.RELIABILITY_BEST_EFFORT, wire.RELIABILITY_RELIABLE):
        warnings.append("Reliability is not settled on both sides and may not match")
    if pub.durability == wire.DURABILITY_VOLATILE and sub.durability == wire.DURABILITY_TRANSIENT_LOCAL:
        errors.append("Volatile publisher and transient local subscription")
    elif _vague(pub.durability, sub.durability, wire.DURABILITY_VOLATILE, wire.DURABILITY_TRANSIENT_LOCAL):
        warnings.append("Durability is not settled on both sides and may not match")
    for what, offered, requested in (
        ("deadline", pub.deadline_ns, sub.deadline_ns),
        ("liveliness lease duration", pub.lease_ns, sub.lease_ns),
    ):
        if requested and not offered:
            errors.append(f"Subscription has a {what}, but publisher does not")
        elif requested and offered > requested:
            errors.append(f"Subscription {what} is less than publisher's")
    if pub.liveliness == wire.LIVELINESS_AUTOMATIC and sub.liveliness == wire.LIVELINESS_MANUAL_BY_TOPIC:
        errors.append("Publisher's liveliness is automatic and subscription's is manual by topic")
    elif _vague(pub.liveliness, sub.liveliness, wire.LIVELINESS_AUTOMATIC, wire.LIVELINESS_MANUAL_BY_TOPIC):
        warnings.append("Liveliness is not settled on both sides and may not match")
    texts = [f"ERROR: {text};" for text in errors] + [f"WARNING: {text};" for text in warnings]
    verdict = QoSCompatibility.ERROR if errors else QoSCompatibility.WARNING if warnings else QoSCompatibility.OK
    return QoSCheckCompatibleResult(verdict, "".join(texts))


def _vague(offered: int, requested: int, weak: int, strong: int) -> bool:
    """Whether settings left to the middleware could turn out as a mismatch."""
    settled = (weak, strong)
    return (offered not in settled and requested == strong) or (requested not in settled and offered == weak)
