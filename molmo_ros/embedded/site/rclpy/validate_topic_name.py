"""Validation of topic or service names."""

from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy

TOPIC_SEPARATOR_STRING = "/"


def validate_topic_name(name: str, *, is_service: bool = False) -> bool:
    """Check a topic or service name; ``True`` when it is valid.

    Raises:
        InvalidTopicNameException: It is not.
        InvalidServiceNameException: It is not, and it names a service.
    """
    problem = _rclpy.rclpy_get_validation_error_for_topic_name(name)
    if problem is None:
        return True
    raise (InvalidServiceNameException if is_service else InvalidTopicNameException)(name, *problem)
