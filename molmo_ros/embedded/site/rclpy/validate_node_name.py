"""Validation of node names."""

from rclpy.exceptions import InvalidNodeNameException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy


def validate_node_name(node_name: str) -> bool:
    """Check a node's name; ``True`` when it is valid.

    Raises:
        InvalidNodeNameException: It is not.
    """
    problem = _rclpy.rclpy_get_validation_error_for_node_name(node_name)
    if problem is None:
        return True
    raise InvalidNodeNameException(node_name, *problem)
