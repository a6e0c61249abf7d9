"""Waiting for one message without an executor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import QoSProfile
from rclpy.utilities import timeout_sec_to_nsec

if TYPE_CHECKING:
    from rclpy.node import Node


def wait_for_message(
    msg_type: Any,
    node: Node,
    topic: str,
    *,
    qos_profile: QoSProfile | int = 1,
    time_to_wait: float = -1,
) -> tuple[bool, Any]:
    """Wait for the next message of a topic.

    Args:
        msg_type: Type of the message.
        node: The node that subscribes.
        topic: The topic.
        qos_profile: Quality of service, or a depth.
        time_to_wait: Seconds; less than zero waits for ever.

    Returns:
        Whether a message came, and the message.
    """
    context = node.context.handle
    subscription = node.create_subscription(msg_type, topic, lambda _: None, qos_profile)
    timeout_ns = timeout_sec_to_nsec(time_to_wait)
    deadline = None if timeout_ns < 0 else time.monotonic_ns() + timeout_ns
    guard = _rclpy.GuardCondition(context)
    _rclpy.register_sigint_guard_condition(guard)
    try:
        while context.ok():
            taken = subscription.handle.take_message(msg_type, False)
            if taken is not None:
                return True, taken[0]
            left = -1 if deadline is None else deadline - time.monotonic_ns()
            if deadline is not None and left <= 0:
                break
            wait_set = _rclpy.WaitSet(1, 1, 0, 0, 0, 0, context)
            wait_set.add_subscription(subscription.handle)
            index = wait_set.add_guard_condition(guard)
            wait_set.wait(left)
            if wait_set.is_ready("guard_condition", index):
                break
    finally:
        _rclpy.unregister_sigint_guard_condition(guard)
        node.destroy_subscription(subscription)
    return False, None
