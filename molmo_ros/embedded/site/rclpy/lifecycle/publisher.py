"""Publishers that are silent while their node is not active."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle.managed_entity import SimpleManagedEntity
from rclpy.publisher import Publisher


class LifecyclePublisher(SimpleManagedEntity, Publisher):
    """A publisher that drops messages while its node is not active."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        SimpleManagedEntity.__init__(self)
        Publisher.__init__(self, *args, **kwargs)

    @SimpleManagedEntity.when_enabled
    def publish(self, msg: Any) -> None:
        """Publish a message, or serialised bytes, while the node is active."""
        Publisher.publish(self, msg)
