"""Messages to bytes and back."""

from __future__ import annotations

from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.type_support import check_for_type_support


def serialize_message(message: Any) -> bytes:
    """The CDR sample of a message, with its encapsulation header."""
    message_type = type(message)
    check_for_type_support(message_type)
    return _rclpy.rclpy_serialize(message, message_type)


def deserialize_message(serialized_message: bytes, message_type: type) -> Any:
    """The message of class `message_type` in a CDR sample."""
    check_for_type_support(message_type)
    return _rclpy.rclpy_deserialize(serialized_message, message_type)
