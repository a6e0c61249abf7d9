"""`demo_nodes_py listener`: repeats what it hears on `chatter`."""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String


class Listener(Node):
    """Logs every message; parameter `exit_after` ends it after that many (0: never)."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.wanted = self.declare_parameter("exit_after", 0).value
        self.heard = 0
        self.subscription = self.create_subscription(String, "chatter", self.hear, 10)

    def hear(self, message: String) -> None:
        self.heard += 1
        self.get_logger().info(f"I heard: [{message.data}]")
        if self.heard == self.wanted:
            raise SystemExit(0)


def main() -> None:
    """Run until interrupted or until enough was heard."""
    try:
        rclpy.init()
        rclpy.spin(Listener())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
