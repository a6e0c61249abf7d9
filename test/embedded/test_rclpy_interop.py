"""The wire is rmw_zenoh's: an independent implementation (zenoh-ros2-sdk) understands it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy_world import PATIENCE_S, free_port
from std_msgs.msg import String
from std_srvs.srv import SetBool

pytestmark = pytest.mark.timeout(90)

DOMAIN = 1 + os.getpid() % 230


class Sdk:
    """The other implementation, in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "zenoh_sdk_peer.py"), os.environ["MOLMO_ROS_MEETING_PORT"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "ROS_DOMAIN_ID": str(DOMAIN)},
        )

    def __call__(self, *words: str):
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def meeting_port():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLMO_ROS_MEETING_PORT", str(free_port()))
        yield


@pytest.fixture(scope="module")
def ours(meeting_port):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = rclpy.create_node("ours", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin)
    thread.start()
    yield node
    stop.set()
    thread.join()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture(scope="module")
def sdk(ours):
    peer = Sdk()
    yield peer
    peer.close()


def graph_shows(node, predicate) -> bool:
    return node.handle.session.graph.wait_for(predicate, PATIENCE_S)


def test_its_publisher_reaches_our_subscription_with_the_same_type_hash(ours, sdk) -> None:
    heard, came = [], threading.Event()

    def callback(message, info) -> None:
        heard.append((message, info))
        came.set()

    ours.create_subscription(String, "/from_sdk", callback, 10)
    sdk("publish", "/from_sdk")
    assert graph_shows(ours, lambda: ours.count_publishers("/from_sdk") == 1)
    sdk("say", "hello")
    assert came.wait(PATIENCE_S)
    message, info = heard[0]
    assert message.data == "hello"
    assert info["source_timestamp"] <= info["received_timestamp"]
    [endpoint] = ours.get_publishers_info_by_topic("/from_sdk")
    assert (endpoint.node_name, endpoint.topic_type) == ("sdk_talker", "std_msgs/msg/String")
    [own] = ours.get_subscriptions_info_by_topic("/from_sdk")
    assert endpoint.topic_type_hash == own.topic_type_hash


def test_our_publisher_reaches_its_subscriber(ours, sdk) -> None:
    publisher = ours.create_publisher(String, "/to_sdk", 10)
    sdk("subscribe", "/to_sdk")
    assert graph_shows(ours, lambda: publisher.get_subscription_count() == 1)
    # It announces a subscriber before it listens, so one sample could come too early.
    timer = ours.create_timer(0.05, lambda: publisher.publish(String(data="hi")))
    assert sdk("hear") == "hi"
    ours.destroy_timer(timer)


def test_its_late_subscriber_gets_our_latched_sample(ours, sdk) -> None:
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    ours.create_publisher(String, "/latched", qos).publish(String(data="earlier"))
    sdk("subscribe_latched", "/latched")
    while (heard := sdk("hear")) == "hi":
        continue
    assert heard == "earlier"


def test_its_client_calls_our_service(ours, sdk) -> None:
    def serve(request, response):
        response.success, response.message = request.data, "from us"
        return response

    ours.create_service(SetBool, "/our_service", serve)
    assert sdk("call", "/our_service") == [True, "from us"]


def test_our_client_calls_its_service(ours, sdk) -> None:
    sdk("serve", "/sdk_service")
    client = ours.create_client(SetBool, "/sdk_service")
    assert client.wait_for_service(PATIENCE_S)
    # The peer announces its service a moment before it listens for requests: a call in between is never answered.
    for _ in range(5):
        response = client.call(SetBool.Request(data=True), timeout_sec=PATIENCE_S / 5)
        if response is not None:
            break
    assert (response.success, response.message) == (True, "from the SDK")


def test_it_lists_our_topics_and_services(ours, sdk) -> None:
    ours.create_publisher(String, "/ours/listed", 1)
    ours.create_service(SetBool, "/ours/served", lambda request, response: response)
    wanted = {
        "topics": ["/ours/listed", ["std_msgs/msg/String"]],
        "services": ["/ours/served", ["std_srvs/srv/SetBool"]],
    }
    for question, entry in wanted.items():
        # What is announced here takes its time to get there.
        assert any(entry in sdk(question) for _ in range(20))
