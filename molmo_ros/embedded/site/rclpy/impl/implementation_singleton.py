"""The one place rclpy takes its core from."""

from rclpy.impl import core as rclpy_implementation

__all__ = ["rclpy_implementation"]
