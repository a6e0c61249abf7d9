"""`tf2_ros static_transform_publisher`: one transform that never changes."""

from __future__ import annotations

import argparse
import math
import sys

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.executors import ExternalShutdownException
from rclpy.utilities import remove_ros_args
from tf2_ros import StaticTransformBroadcaster
from tf_transformations import quaternion_from_euler


def parse_arguments(arguments: list[str]) -> TransformStamped:
    """Return the transform that the command line describes.

    Both ``--x 1 --yaw 1.57 --frame-id a --child-frame-id b`` and the older ``x y z yaw pitch roll
    frame child`` (or ``x y z qx qy qz qw frame child``) are understood.
    """
    parser = argparse.ArgumentParser(
        prog="static_transform_publisher", description="Publish a transform on /tf_static."
    )
    for name in ("x", "y", "z"):
        parser.add_argument(f"--{name}", type=_number, default=0.0, help=f"{name} (m)")
    for name in ("qx", "qy", "qz", "qw"):
        parser.add_argument(f"--{name}", type=_number, help="component of the quaternion")
    for name in ("roll", "pitch", "yaw"):
        parser.add_argument(f"--{name}", type=_number, help=f"{name} (rad)")
    parser.add_argument("--frame-id", required=True, help="parent frame")
    parser.add_argument("--child-frame-id", required=True, help="child frame")
    options = parser.parse_args(_with_flags(arguments))
    quaternion = [options.qx, options.qy, options.qz, options.qw]
    angles = [options.roll, options.pitch, options.yaw]
    if any(v is not None for v in quaternion) and any(v is not None for v in angles):
        parser.error("give either the quaternion or roll, pitch and yaw")
    if any(v is not None for v in quaternion):
        defaults = (0.0, 0.0, 0.0, 1.0)
        rotation = [d if v is None else v for v, d in zip(quaternion, defaults, strict=True)]
        if not math.isclose(math.hypot(*rotation), 1.0, abs_tol=1e-2):
            parser.error("the quaternion must have length 1")
    else:
        rotation = list(quaternion_from_euler(*(v or 0.0 for v in angles)))
    if options.frame_id == options.child_frame_id:
        parser.error("the two frames must differ")
    message = TransformStamped()
    message.header.frame_id = options.frame_id
    message.child_frame_id = options.child_frame_id
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = options.x, options.y, options.z
    q.x, q.y, q.z, q.w = rotation
    return message


def _with_flags(arguments: list[str]) -> list[str]:
    """Turn the older form, values in a fixed order, into flags."""
    orders = {
        8: ("x", "y", "z", "yaw", "pitch", "roll", "frame-id", "child-frame-id"),
        9: ("x", "y", "z", "qx", "qy", "qz", "qw", "frame-id", "child-frame-id"),
    }
    if any(argument.startswith("--") for argument in arguments) or len(arguments) not in orders:
        return arguments
    order = orders[len(arguments)]
    return [f"--{name}={value}" for name, value in zip(order, arguments, strict=True)]


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def main() -> None:
    """Run until interrupted."""
    transform = parse_arguments(remove_ros_args(sys.argv)[1:])
    try:
        rclpy.init()
        node = rclpy.create_node("static_transform_publisher")
        transform.header.stamp = node.get_clock().now().to_msg()
        broadcaster = StaticTransformBroadcaster(node)
        broadcaster.sendTransform(transform)
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
