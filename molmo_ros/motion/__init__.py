"""Kinematics, planning, timing, trace lifting and the last safety gate."""
