"""Kinds of clocks."""

from rclpy.impl.time_types import ClockType

__all__ = ["ClockType"]
