"""Quality of service policies that parameters may override."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult

import rclpy.qos
from rclpy.duration import Duration
from rclpy.exceptions import ParameterAlreadyDeclaredException
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSPolicyEnum, QoSPolicyKind, QoSProfile
from rclpy.subscription import Subscription

if TYPE_CHECKING:
    from rclpy.node import Node

QosCallbackResult = SetParametersResult
QosCallbackType = Callable[[QoSProfile], Any]

_DURATIONS = (QoSPolicyKind.LIFESPAN, QoSPolicyKind.DEADLINE, QoSPolicyKind.LIVELINESS_LEASE_DURATION)
_ENUMS = {
    QoSPolicyKind.LIVELINESS: rclpy.qos.LivelinessPolicy,
    QoSPolicyKind.RELIABILITY: rclpy.qos.ReliabilityPolicy,
    QoSPolicyKind.HISTORY: rclpy.qos.HistoryPolicy,
    QoSPolicyKind.DURABILITY: rclpy.qos.DurabilityPolicy,
}


class InvalidQosOverridesError(Exception):
    """A validation callback refuses the overridden profile."""


class QoSOverridingOptions:
    """Which policies parameters may override.

    Args:
        policy_kinds: The policies.
        callback: Judges the overridden profile.
        entity_id: Tells two publishers or subscriptions of one topic apart.
    """

    def __init__(
        self,
        policy_kinds: Iterable[QoSPolicyKind],
        *,
        callback: QosCallbackType | None = None,
        entity_id: str | None = None,
    ) -> None:
        self._policy_kinds = policy_kinds
        self._callback = callback
        self._entity_id = entity_id

    @property
    def policy_kinds(self) -> Iterable[QoSPolicyKind]:
        """The policies."""
        return self._policy_kinds

    @property
    def callback(self) -> QosCallbackType | None:
        """Judges the overridden profile."""
        return self._callback

    @property
    def entity_id(self) -> str | None:
        """Tells two of one topic apart."""
        return self._entity_id

    @classmethod
    def with_default_policies(
        cls, *, callback: QosCallbackType | None = None, entity_id: str | None = None
    ) -> QoSOverridingOptions:
        """History, depth and reliability."""
        kinds = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
        return cls(kinds, callback=callback, entity_id=entity_id)


def _declare_qos_parameters(
    entity_type: type, node: Node, topic_name: str, qos: QoSProfile, options: QoSOverridingOptions
) -> None:
    """Declare the read-only parameters of the policies and take their values into ``qos``."""
    if not issubclass(entity_type, Publisher | Subscription):
        raise TypeError("Argument `entity_type` should be a subclass of Publisher or Subscription")
    subscribes = issubclass(entity_type, Subscription)
    entity = "subscription" if subscribes else "publisher"
    suffix = "" if options.entity_id is None else f"_{options.entity_id}"
    whom = f"for {entity} `{topic_name}` with id `{options.entity_id}`"
    for policy in options.policy_kinds:
        if subscribes and policy == QoSPolicyKind.LIFESPAN:
            continue
        word = policy.name.lower()
        name = f"qos_overrides.{topic_name}.{entity}{suffix}.{word}"
        descriptor = ParameterDescriptor(description=f"{word} {whom}", read_only=True)
        try:
            parameter = node.declare_parameter(name, _get_qos_policy_parameter(qos, policy), descriptor)
        except ParameterAlreadyDeclaredException:
            parameter = node.get_parameter(name)
        _override_qos_policy_with_param(qos, policy, parameter)
    if options.callback is not None:
        verdict = options.callback(qos)
        if not verdict.successful:
            raise InvalidQosOverridesError(f"Provided QoS overrides {whom}, are not valid: {verdict.reason}")


def _get_qos_policy_parameter(qos: QoSProfile, policy: QoSPolicyKind) -> str | int | bool:
    """A policy's setting as a parameter holds it."""
    value = getattr(qos, policy.name.lower())
    if isinstance(value, QoSPolicyEnum):
        word = value.name.lower()
        if word == "unknown":
            raise ValueError("User provided QoS profile is invalid")
        return word
    return value.nanoseconds if isinstance(value, Duration) else value


def _override_qos_policy_with_param(qos: QoSProfile, policy: QoSPolicyKind, param: Parameter) -> None:
    """Take a parameter's value as a policy's setting."""
    value = param.value
    word = policy.name.lower()
    if policy in _ENUMS:
        try:
            value = _ENUMS[policy][value.upper()]
        except KeyError:
            raise RuntimeError(f"Unexpected QoS override for policy `{word}`: `{value}`") from None
    elif policy in _DURATIONS:
        value = Duration(nanoseconds=value)
    setattr(qos, word, value)
