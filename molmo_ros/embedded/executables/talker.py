"""`demo_nodes_py talker`: says hello on `chatter` once a second."""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String


class Talker(Node):
    """Publishes a numbered greeting; parameter `period_s` says how often."""

    def __init__(self) -> None:
        super().__init__("talker")
        period_s = self.declare_parameter("period_s", 1.0).value
        self.count = 0
        self.publisher = self.create_publisher(String, "chatter", 10)
        self.timer = self.create_timer(period_s, self.say)

    def say(self) -> None:
        self.count += 1
        message = String(data=f"Hello World: {self.count}")
        self.get_logger().info(f'Publishing: "{message.data}"')
        self.publisher.publish(message)


def main() -> None:
    """Run until interrupted."""
    try:
        rclpy.init()
        rclpy.spin(Talker())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
