"""All that :mod:`rclpy.impl.implementation_singleton` offers, under the names rclpy's users know."""

from molmo_ros.embedded import typesys as _typesys
from rclpy.impl import names as _names
from rclpy.impl.errors import (
    RMWError,
)
from rclpy.impl.introspection import ServiceIntrospectionState as _ServiceIntrospectionState
from rclpy.impl.node import Node

rclpy_get_validation_error_for_topic_name = _names.topic_problem
rclpy_get_validation_error_for_full_topic_name = _names.full_topic_problem
rclpy_get_validation_error_for_namespace = _names.namespace_problem
rclpy_get_validation_error_for_node_name = _names.node_name_problem
rclpy_expand_topic_name = _names.expand


class service_introspection:
    """Names of service introspection."""

    ServiceIntrospectionState = _ServiceIntrospectionState


def rclpy_get_rmw_implementation_identifier() -> str:
    """The middleware whose wire is spoken."""
    return "rmw_zenoh_cpp"


def rclpy_resolve_name(node: Node, name: str, only_expand: bool, is_service: bool) -> str:
    """A topic's or service's full name for a node."""
    return node.resolve(name, only_expand=only_expand, is_service=is_service)


def rclpy_remap_topic_name(node: Node, name: str) -> str:
    """A full topic name after remapping."""
    return node.remap(name)


def rclpy_serialize(message: object, message_type: type) -> bytes:
    """CDR bytes of a message."""
    return bytes(_typesys.serialize(message))


def rclpy_deserialize(data: bytes, message_type: type) -> object:
    """A message from CDR bytes."""
    try:
        return _typesys.deserialize(data, message_type)
    except _typesys.DeserializationError as error:
        raise RMWError(f"Failed to deserialize ROS message: {error}") from error


__all__ = [name for name in dir() if not name.startswith("_")]
