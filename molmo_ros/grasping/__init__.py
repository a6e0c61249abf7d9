"""Grasp candidates, their filters, and the rule that matches a point to a grasp."""

from molmo_ros.grasping.hand import FRANKA_HAND, HandGeometry
from molmo_ros.grasping.propose import GraspConfig, Reachability, propose_grasps

__all__ = ["FRANKA_HAND", "GraspConfig", "HandGeometry", "Reachability", "propose_grasps"]
