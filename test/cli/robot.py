"""A node with a bit of everything, for the command line to look at."""

import time

import rclpy
from example_interfaces.action import Fibonacci
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool

from molmo_ros_interfaces.action import ExecuteInstruction


class Robot(Node):
    def __init__(self) -> None:
        super().__init__("robot", namespace="/shop")
        self.declare_parameter(
            "speed",
            3,
            ParameterDescriptor(description="how fast", integer_range=[IntegerRange(from_value=0, to_value=9, step=1)]),
        )
        self.declare_parameter("arm.names", ["left", "right"])
        self.declare_parameter("gain", 0.5)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.latched = self.create_publisher(String, "latched", latched)
        self.latched.publish(String(data="kept"))
        self.ticks = self.create_publisher(Header, "/ticks", 10)
        self.heard = self.create_publisher(String, "/heard", latched)
        self.create_subscription(String, "/say", lambda message: self.heard.publish(message), 10)
        self.create_timer(0.02, self.tick)
        self.create_service(SetBool, "arm", self.arm)
        group = ReentrantCallbackGroup()
        self.actions = ActionServer(
            self,
            Fibonacci,
            "count",
            self.count,
            callback_group=group,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

        self.goals = ActionServer(
            self,
            ExecuteInstruction,
            "/execute_instruction",
            self.execute,
            callback_group=group,
            goal_callback=lambda goal: GoalResponse.REJECT if not goal.instruction else GoalResponse.ACCEPT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def execute(self, goal) -> ExecuteInstruction.Result:
        goal.publish_feedback(ExecuteInstruction.Feedback(stage="grasp", message="Closing", progress=0.5))
        while "wait" in goal.request.instruction:
            if goal.is_cancel_requested:
                goal.canceled()
                return ExecuteInstruction.Result(
                    error_code=ExecuteInstruction.Result.CANCELED, error_msg="canceled", stop_cause="canceled"
                )
            time.sleep(0.01)
        if "fail" in goal.request.instruction:
            goal.abort()
            return ExecuteInstruction.Result(
                error_code=ExecuteInstruction.Result.NO_GRASP, error_msg="nothing there\ncan be grasped"
            )
        goal.succeed()
        return ExecuteInstruction.Result(progress=1.0, bag_uri="/bags/1", stop_cause="succeeded")

    def tick(self) -> None:
        self.ticks.publish(Header(stamp=self.get_clock().now().to_msg(), frame_id="clock"))

    def arm(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = request.data
        response.message = "armed" if request.data else "safe"
        return response

    def count(self, goal) -> Fibonacci.Result:
        order = goal.request.order
        if order == 13:
            goal.abort()
            return Fibonacci.Result()
        sequence = [0, 1]
        while len(sequence) < order or order < 0:
            if goal.is_cancel_requested:
                goal.canceled()
                return Fibonacci.Result(sequence=sequence)
            if order > 0:
                sequence.append(sequence[-1] + sequence[-2])
            goal.publish_feedback(Fibonacci.Feedback(sequence=sequence))
            time.sleep(0.01)
        goal.succeed()
        return Fibonacci.Result(sequence=sequence)


def main() -> None:
    rclpy.init()
    executor = MultiThreadedExecutor(2)
    node = Robot()
    executor.add_node(node)
    try:
        node.get_logger().info("ready")
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()


main()
