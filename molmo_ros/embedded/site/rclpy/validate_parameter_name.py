"""Validation of parameter names."""

from rclpy.exceptions import InvalidParameterException


def validate_parameter_name(name: str) -> bool:
    """Check a parameter's name; ``True`` when it is valid.

    Raises:
        InvalidParameterException: It is empty.
    """
    if not name:
        raise InvalidParameterException(name)
    return True
