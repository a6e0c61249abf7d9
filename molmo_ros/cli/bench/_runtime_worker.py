"""One side of a runtime measurement, in plain rclpy: the same file runs on a real ROS 2 and on the embedded runtime.

usage: _runtime_worker.py ROLE [COUNT]; prints one JSON line.
"""

from __future__ import annotations

import array
import json
import sys
import threading
import time
from typing import Any

import rclpy
from control_msgs.action import GripperCommand
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

WIDTH, HEIGHT = 640, 480
TEXT = "x" * 60
PATIENCE_S = 60.0
IDLE_S = 5.0


def stamp(message: Image) -> Image:
    """Writes the monotonic clock, which all processes of a machine share, into the header."""
    now = time.monotonic_ns()
    message.header.stamp.sec, message.header.stamp.nanosec = now // 10**9 % 2**31, now % 10**9
    return message


def age_s(message: Image) -> float:
    """Time since the message was stamped [s]."""
    now = time.monotonic_ns()
    return (now // 10**9 % 2**31 - message.header.stamp.sec) + (now % 10**9 - message.header.stamp.nanosec) * 1e-9


def image(encoding: str = "rgb8", depth: int = 3) -> Image:
    """A full image."""
    message = Image(width=WIDTH, height=HEIGHT, encoding=encoding, step=WIDTH * depth)
    message.data = array.array("B", bytes(WIDTH * HEIGHT * depth))
    return message


def echo(node: Node) -> None:
    """The other side of every round trip."""
    back = node.create_publisher(String, "pong", 10)
    node.create_subscription(String, "ping", back.publish, 10)

    def answer(_: Any, response: Any) -> Any:
        response.success = True
        return response

    def execute(handle: Any) -> Any:
        handle.succeed()
        return GripperCommand.Result()

    node.create_service(Trigger, "trigger", answer)
    node.keep = ActionServer(node, GripperCommand, "act", execute_callback=execute)


def stream(node: Node, rgbd: bool) -> None:
    """Images at 20 Hz, or RGB-D at 30 Hz."""
    color = node.create_publisher(Image, "color", qos_profile_sensor_data)
    depth = node.create_publisher(Image, "depth", qos_profile_sensor_data) if rgbd else None
    picture, millimetres = image(), image("16UC1", 2)

    def tick() -> None:
        color.publish(stamp(picture))
        if depth is not None:
            depth.publish(stamp(millimetres))

    node.create_timer(1 / 30 if rgbd else 1 / 20, tick)


def spin_until(executor: SingleThreadedExecutor, ready: Any) -> None:
    """Spins until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the other side did not answer")
        executor.spin_once(timeout_sec=0.05)


def receive(node: Node, executor: SingleThreadedExecutor, count: int) -> dict[str, Any]:
    """Ages of images as they arrive."""
    ages: list[float] = []
    node.create_subscription(Image, "color", lambda m: ages.append(age_s(m)), qos_profile_sensor_data)
    spin_until(executor, lambda: len(ages) >= count + 10)
    return {"samples": ages[10 : count + 10]}


def topic_round_trip(node: Node, executor: SingleThreadedExecutor, count: int) -> dict[str, Any]:
    """Round trips of a 60-character string."""
    arrived: list[float] = []
    publisher = node.create_publisher(String, "ping", 10)
    node.create_subscription(String, "pong", lambda _: arrived.append(time.perf_counter()), QoSProfile(depth=10))
    spin_until(executor, lambda: publisher.get_subscription_count() and node.count_publishers("/pong"))
    message, samples = String(data=TEXT), []
    for _ in range(count + 20):
        before, began = len(arrived), time.perf_counter()
        publisher.publish(message)
        end = began + 1.0
        while len(arrived) == before and time.perf_counter() < end:
            executor.spin_once(timeout_sec=0.2)
        if len(arrived) > before:
            samples.append(arrived[-1] - began)
    return {"samples": samples[20:]}


def service_round_trip(node: Node, executor: SingleThreadedExecutor, count: int) -> dict[str, Any]:
    """Round trips of a Trigger call."""
    client = node.create_client(Trigger, "trigger")
    spin_until(executor, client.service_is_ready)
    samples = []
    for _ in range(count + 20):
        began = time.perf_counter()
        future = client.call_async(Trigger.Request())
        executor.spin_until_future_complete(future, timeout_sec=5.0)
        samples.append(time.perf_counter() - began)
    return {"samples": samples[20:]}


def action_round_trip(node: Node, executor: SingleThreadedExecutor, count: int) -> dict[str, Any]:
    """From sending a goal to having its result."""
    client = ActionClient(node, GripperCommand, "act")
    spin_until(executor, client.server_is_ready)
    samples = []
    for _ in range(count + 10):
        began = time.perf_counter()
        sent = client.send_goal_async(GripperCommand.Goal())
        executor.spin_until_future_complete(sent, timeout_sec=5.0)
        result = sent.result().get_result_async()
        executor.spin_until_future_complete(result, timeout_sec=5.0)
        samples.append(time.perf_counter() - began)
    return {"samples": samples[10:]}


def processor_share(node: Node, executor: SingleThreadedExecutor, rgbd: bool) -> dict[str, Any]:
    """Share of a core while idle, or while two 30 Hz image topics come in."""
    got: list[int] = []
    if rgbd:
        for topic in ("color", "depth"):
            node.create_subscription(Image, topic, lambda m: got.append(len(m.data)), qos_profile_sensor_data)
        spin_until(executor, lambda: len(got) > 30)
    stop = threading.Event()
    threading.Timer(IDLE_S, stop.set).start()
    wall, cpu = time.perf_counter(), time.process_time()
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.5)
    return {"samples": [(time.process_time() - cpu) / (time.perf_counter() - wall)], "messages": len(got)}


def main(role: str, count: int) -> None:
    """Plays one role until it is done, or until it is terminated."""
    began = time.perf_counter()
    rclpy.init()
    node = rclpy.create_node(f"bench_{role}")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if role == "echo":
        echo(node)
        executor.spin()
    elif role in ("stream", "stream_rgbd"):
        stream(node, role == "stream_rgbd")
        executor.spin()
    measured = {
        "receive": lambda: receive(node, executor, count),
        "topic": lambda: topic_round_trip(node, executor, count),
        "service": lambda: service_round_trip(node, executor, count),
        "action": lambda: action_round_trip(node, executor, count),
        "idle": lambda: processor_share(node, executor, rgbd=False),
        "rgbd": lambda: processor_share(node, executor, rgbd=True),
        "start": lambda: {"samples": [time.perf_counter() - began]},
    }[role]()
    sys.stdout.write(json.dumps({**measured, "rclpy": str(rclpy.__file__)}) + "\n")
    sys.stdout.flush()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
        sys.exit(0)
