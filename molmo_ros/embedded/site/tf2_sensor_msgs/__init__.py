"""Transform point clouds."""

from .tf2_sensor_msgs import do_transform_cloud, transform_points

__all__ = ["do_transform_cloud", "transform_points"]
