"""Expansion of relative and private names."""

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy


def expand_topic_name(topic_name: str, node_name: str, node_namespace: str) -> str:
    """The full name a topic's or service's name stands for in a node.

    Raises:
        ValueError: One of the three is not valid.
    """
    return _rclpy.rclpy_expand_topic_name(topic_name, node_name, node_namespace)
