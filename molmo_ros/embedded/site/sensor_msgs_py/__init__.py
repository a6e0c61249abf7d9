"""Helpers around sensor_msgs."""
