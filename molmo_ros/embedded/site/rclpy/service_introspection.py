"""How much of a service's calls is published."""

from rclpy.impl.introspection import ServiceIntrospectionState

__all__ = ["ServiceIntrospectionState"]
