"""Publishers."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.duration import Duration
from rclpy.event_handler import EventHandler, PublisherEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import QoSProfile

MsgType = TypeVar("MsgType")


class Publisher(Generic[MsgType]):
    """Publishes messages on a topic; nodes make them."""

    def __init__(
        self,
        publisher_impl: _rclpy.Publisher,
        msg_type: type[MsgType],
        topic: str,
        qos_profile: QoSProfile,
        event_callbacks: PublisherEventCallbacks,
        callback_group: CallbackGroup,
    ) -> None:
        self._handle = publisher_impl
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self.event_handlers: list[EventHandler] = event_callbacks.create_event_handlers(
            callback_group, publisher_impl, topic
        )

    def publish(self, msg: MsgType | bytes) -> None:
        """Send a message, or one already serialised.

        Raises:
            TypeError: It is neither.
            RCLError: The context has ended, or the network does not take the message.
        """
        with self._handle:
            if isinstance(msg, self.msg_type):
                self._handle.publish(msg)
            elif isinstance(msg, bytes):
                self._handle.publish_raw(msg)
            else:
                raise TypeError(f"Expected {self.msg_type}, got {type(msg)}")

    def get_subscription_count(self) -> int:
        """How many subscriptions match."""
        with self._handle:
            return self._handle.get_subscription_count()

    @property
    def topic_name(self) -> str:
        """The topic's full name."""
        with self._handle:
            return self._handle.get_topic_name()

    @property
    def handle(self) -> _rclpy.Publisher:
        """The core's publisher."""
        return self._handle

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_publisher`."""
        for handler in self.event_handlers:
            handler.destroy()
        self._handle.destroy_when_not_in_use()

    def assert_liveliness(self) -> None:
        """Show that the publisher is alive."""
        with self._handle:
            _rclpy.rclpy_assert_liveliness(self._handle)

    def wait_for_all_acked(self, timeout: Duration = Duration(seconds=-1)) -> bool:
        """Wait until every reliable subscription has what was published; ``False`` at the timeout."""
        with self._handle:
            return self._handle.wait_for_all_acked(timeout.get_c_duration())

    def __enter__(self) -> Publisher[MsgType]:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.destroy()
