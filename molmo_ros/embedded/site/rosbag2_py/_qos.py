"""A publisher's QoS profile, in the shape of rclcpp's."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Any

from molmo_ros.embedded.bags.model import Qos


class rmw_qos_history_policy_t(IntEnum):
    """How many messages are kept."""

    RMW_QOS_POLICY_HISTORY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_HISTORY_KEEP_LAST = 1
    RMW_QOS_POLICY_HISTORY_KEEP_ALL = 2
    RMW_QOS_POLICY_HISTORY_UNKNOWN = 3


class rmw_qos_reliability_policy_t(IntEnum):
    """Whether every message must arrive."""

    RMW_QOS_POLICY_RELIABILITY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_RELIABILITY_RELIABLE = 1
    RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT = 2
    RMW_QOS_POLICY_RELIABILITY_UNKNOWN = 3


class rmw_qos_durability_policy_t(IntEnum):
    """Whether late joiners get old messages."""

    RMW_QOS_POLICY_DURABILITY_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL = 1
    RMW_QOS_POLICY_DURABILITY_VOLATILE = 2
    RMW_QOS_POLICY_DURABILITY_UNKNOWN = 3


class rmw_qos_liveliness_policy_t(IntEnum):
    """How a publisher shows that it lives."""

    RMW_QOS_POLICY_LIVELINESS_SYSTEM_DEFAULT = 0
    RMW_QOS_POLICY_LIVELINESS_AUTOMATIC = 1
    RMW_QOS_POLICY_LIVELINESS_MANUAL_BY_TOPIC = 3
    RMW_QOS_POLICY_LIVELINESS_UNKNOWN = 4


class QoS:
    """A profile whose methods set one policy each and return the profile.

    Args:
        history_depth: How many messages are kept.
    """

    def __init__(self, history_depth: int) -> None:
        self.value = Qos(depth=history_depth)

    @classmethod
    def of(cls, value: Qos) -> QoS:
        """Return a profile with the policies of the engine's."""
        profile = cls(value.depth)
        profile.value = value
        return profile

    def _set(self, **changes: Any) -> QoS:
        self.value = replace(self.value, **changes)
        return self

    def keep_last(self, depth: int) -> QoS:
        """Keep so many messages."""
        return self._set(history=1, depth=depth)

    def keep_all(self) -> QoS:
        """Keep all messages."""
        return self._set(history=2, depth=0)

    def reliable(self) -> QoS:
        """Make every message arrive."""
        return self._set(reliability=1)

    def best_effort(self) -> QoS:
        """Let messages get lost."""
        return self._set(reliability=2)

    def durability_volatile(self) -> QoS:
        """Keep nothing for late joiners."""
        return self._set(durability=2)

    def transient_local(self) -> QoS:
        """Keep messages for late joiners."""
        return self._set(durability=1)

    def history(self, policy: rmw_qos_history_policy_t) -> QoS:
        """Set how many messages are kept."""
        return self._set(history=int(policy))

    def reliability(self, policy: rmw_qos_reliability_policy_t) -> QoS:
        """Set whether every message must arrive."""
        return self._set(reliability=int(policy))

    def durability(self, policy: rmw_qos_durability_policy_t) -> QoS:
        """Set whether late joiners get old messages."""
        return self._set(durability=int(policy))

    def liveliness(self, policy: rmw_qos_liveliness_policy_t) -> QoS:
        """Set how the publisher shows that it lives."""
        return self._set(liveliness=int(policy))

    def deadline(self, duration: Any) -> QoS:
        """Set the longest time between messages."""
        return self._set(deadline_ns=duration.nanoseconds)

    def lifespan(self, duration: Any) -> QoS:
        """Set how long a message is worth delivering."""
        return self._set(lifespan_ns=duration.nanoseconds)

    def liveliness_lease_duration(self, duration: Any) -> QoS:
        """Set after which silence the publisher counts as dead."""
        return self._set(liveliness_lease_duration_ns=duration.nanoseconds)

    def avoid_ros_namespace_conventions(self, avoid: bool) -> QoS:
        """Set whether the name of the topic is used on the wire as it is."""
        return self._set(avoid_ros_namespace_conventions=avoid)
