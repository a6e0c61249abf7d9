"""What every filter is, and the one that stands at the beginning of a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.clock import ROSClock
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time


class SimpleFilter:
    """Passes its output on to the callbacks registered with it."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        """Have a function called with this filter's output, followed by ``args``.

        Returns:
            The number of the connection.
        """
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Call the registered functions."""
        for callback, args in list(self.callbacks.values()):
            callback(*msg, *args)


class Subscriber(SimpleFilter):
    """A subscription as a filter.

    Args:
        node: The node to subscribe with.
        msg_type: Type of the messages.
        topic: Name of the topic.
        **kwargs: As for ``Node.create_subscription``; the default ``qos_profile`` is 10.
    """

    def __init__(self, node: Node, msg_type: type, topic: str, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node = node
        self.topic = topic
        if args:
            kwargs.setdefault("qos_profile", args[0])
        kwargs.setdefault("qos_profile", 10)
        self.sub = node.create_subscription(msg_type, topic, self.callback, **kwargs)

    def callback(self, msg: Any) -> None:
        """Pass a message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """Return the name of the topic as it was given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        """Offer what the subscription offers."""
        if key == "sub":
            raise AttributeError(key)
        return getattr(self.sub, key)


def stamp_of(msg: Any, allow_headerless: bool, logger_name: str) -> Time | None:
    """Return when a message was stamped; now, if it has no header and that is allowed."""
    stamp = getattr(getattr(msg, "header", None), "stamp", None)
    if stamp is not None:
        return stamp if hasattr(stamp, "nanoseconds") else Time.from_msg(stamp)
    if allow_headerless:
        return ROSClock().now()
    get_logger(logger_name).warning(
        "can not use message filters messages without timestamp infomation when "
        "'allow_headerless' is disabled. auto assign ROSTIME to headerless messages once "
        "enabling constructor option of 'allow_headerless'."
    )
    return None
