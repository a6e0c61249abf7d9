"""Validation of namespaces."""

from rclpy.exceptions import InvalidNamespaceException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy


def validate_namespace(namespace: str) -> bool:
    """Check a node's namespace; ``True`` when it is valid.

    Raises:
        InvalidNamespaceException: It is not.
    """
    problem = _rclpy.rclpy_get_validation_error_for_namespace(namespace)
    if problem is None:
        return True
    raise InvalidNamespaceException(namespace, *problem)
