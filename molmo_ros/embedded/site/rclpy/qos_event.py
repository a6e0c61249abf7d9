"""The old home of :mod:`rclpy.event_handler`."""

import warnings

from rclpy.event_handler import *  # noqa: F403
from rclpy.event_handler import QoSEventHandler  # noqa: F401

warnings.warn("importing rclpy.qos_event is deprecated, use rclpy.event_handler instead.", stacklevel=2)
