"""Subscriptions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.event_handler import EventHandler, SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import QoSProfile

MsgType = TypeVar("MsgType")


def _accepts(function: Any, count: int) -> bool:
    try:
        inspect.signature(function).bind(*[object()] * count)
    except TypeError:
        return False
    return True


class Subscription(Generic[MsgType]):
    """Calls back with the messages of a topic; nodes make them."""

    class CallbackType(Enum):
        """What the callback takes."""

        MessageOnly = 0
        WithMessageInfo = 1

    def __init__(
        self,
        subscription_impl: _rclpy.Subscription,
        msg_type: type[MsgType],
        topic: str,
        callback: Callable[..., Any],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
        raw: bool,
        event_callbacks: SubscriptionEventCallbacks,
    ) -> None:
        self._handle = subscription_impl
        self.msg_type = msg_type
        self.topic = topic
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self.qos_profile = qos_profile
        self.raw = raw
        self.event_handlers: list[EventHandler] = event_callbacks.create_event_handlers(
            callback_group, subscription_impl, topic
        )

    def get_publisher_count(self) -> int:
        """How many publishers match."""
        with self._handle:
            return self._handle.get_publisher_count()

    @property
    def handle(self) -> _rclpy.Subscription:
        """The core's subscription."""
        return self._handle

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_subscription`."""
        for handler in self.event_handlers:
            handler.destroy()
        self._handle.destroy_when_not_in_use()

    @property
    def topic_name(self) -> str:
        """The topic's full name."""
        with self._handle:
            return self._handle.get_topic_name()

    @property
    def callback(self) -> Callable[..., Any]:
        """Called with each message, and with where it came from if it takes two arguments."""
        return self._callback

    @callback.setter
    def callback(self, value: Callable[..., Any]) -> None:
        if _accepts(value, 1):
            self._callback_type = Subscription.CallbackType.MessageOnly
        elif _accepts(value, 2):
            self._callback_type = Subscription.CallbackType.WithMessageInfo
        else:
            raise RuntimeError(
                "Subscription.__init__(): callback should be either be callable with one argument "
                "(to get only the message) or two (to get message and message info)"
            )
        self._callback = value

    def __enter__(self) -> Subscription[MsgType]:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.destroy()
