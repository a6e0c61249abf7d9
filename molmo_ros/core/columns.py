"""Columns of an action chunk that are no joints."""

from __future__ import annotations

GRIPPER_COLUMN = "gripper_width"
"""Column, or end of a column's name, that holds an opening [m]."""

BASE_COLUMNS = ("base_x", "base_y", "base_yaw")
"""Columns of a planar base: steps in the odometry frame [m, m, rad]."""
