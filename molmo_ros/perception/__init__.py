"""One RGB-D frame to a cloud, a support plane and the objects on it. No learned weights."""

from molmo_ros.perception.cloud import make_cloud
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.perception.perceive import perceive
from molmo_ros.perception.plane import find_support, level_frame

__all__ = ["PerceptionConfig", "find_support", "level_frame", "make_cloud", "perceive"]
