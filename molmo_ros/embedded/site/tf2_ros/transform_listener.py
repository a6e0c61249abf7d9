"""Fill a buffer from the transform topics."""

from __future__ import annotations

import contextlib
from threading import Thread

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from .buffer import Buffer

AUTHORITY = "default_authority"


class TransformListener:
    """Subscribes to ``/tf`` and ``/tf_static`` and stores what arrives.

    Args:
        buffer: Where to store transforms.
        node: The node to subscribe with.
        spin_thread: Spin the node in a thread of its own, so that waiting in a callback works.
        qos: Profile or depth of ``/tf``.
        static_qos: Profile or depth of ``/tf_static``.
    """

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
    ) -> None:
        self.buffer = buffer
        self.node = node
        # Reentrant, so that a callback of the node may wait for a transform.
        self.group = ReentrantCallbackGroup()
        self.tf_sub = node.create_subscription(
            TFMessage,
            "/tf",
            self.callback,
            _profile(DurabilityPolicy.VOLATILE) if qos is None else qos,
            callback_group=self.group,
        )
        self.tf_static_sub = node.create_subscription(
            TFMessage,
            "/tf_static",
            self.static_callback,
            _profile(DurabilityPolicy.TRANSIENT_LOCAL) if static_qos is None else static_qos,
            callback_group=self.group,
        )
        if spin_thread:
            self.executor = SingleThreadedExecutor(context=node.context)
            self.dedicated_listener_thread = Thread(
                target=_spin, args=(self.executor, node), name="tf_listener", daemon=True
            )
            self.dedicated_listener_thread.start()

    def __del__(self) -> None:
        if hasattr(self, "dedicated_listener_thread"):
            self.executor.shutdown()
            self.dedicated_listener_thread.join()
        with contextlib.suppress(Exception):
            self.unregister()

    def unregister(self) -> None:
        """Stop listening."""
        self.node.destroy_subscription(self.tf_sub)
        self.node.destroy_subscription(self.tf_static_sub)

    def callback(self, data: TFMessage) -> None:
        """Store transforms of moving frames."""
        for transform in data.transforms:
            self.buffer.set_transform(transform, AUTHORITY)

    def static_callback(self, data: TFMessage) -> None:
        """Store static transforms."""
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, AUTHORITY)


def _profile(durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(depth=100, durability=durability, history=HistoryPolicy.KEEP_LAST)


def _spin(executor: SingleThreadedExecutor, node: Node) -> None:
    executor.add_node(node)
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()
    executor.remove_node(node)
