"""Ai2's Molmo-family robot models as a ROS 2 manipulation stack."""

__version__ = "0.1.0"
