"""Publish transforms that never change."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from .transform_broadcaster import as_list


class StaticTransformBroadcaster:
    """Publishes static transforms on ``/tf_static``, all of them in each (latched) message.

    The first transform sent for a child frame stands.

    Args:
        node: The node to publish from.
        qos: Profile or depth; transient local with depth 1 when not given.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if qos is None:
            qos = QoSProfile(
                depth=1,
                durability=DurabilityPolicy.TRANSIENT_LOCAL,
                history=HistoryPolicy.KEEP_LAST,
            )
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos)
        self.net_message = TFMessage()
        self._child_frame_ids: set[str] = set()

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Add one transform or several to what is published, and publish it."""
        for item in as_list(transform):
            if item.child_frame_id not in self._child_frame_ids:
                self._child_frame_ids.add(item.child_frame_id)
                self.net_message.transforms.append(item)
        self.pub_tf.publish(self.net_message)
