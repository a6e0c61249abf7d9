"""Several processes on one machine, without a router."""

from __future__ import annotations

import signal
import time

from rclpy_world import processes

GRAPH = """
import sys, rclpy
rclpy.init()
node = rclpy.create_node(sys.argv[1])
graph = node.handle.session.graph
shown = None
while True:
    names = " ".join(sorted(node.get_node_names()))
    if names != shown:
        shown = names
        print("nodes:", names, flush=True)
    graph.wait_for(lambda: " ".join(sorted(node.get_node_names())) != shown, None)
"""

TALKER = """
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("talker")
publisher = node.create_publisher(String, "chatter", 10)
count = 0
def say():
    global count
    count += 1
    publisher.publish(String(data=str(count)))
node.create_timer(0.05, say)
print("ready", flush=True)
rclpy.spin(node)
"""

LISTENER = """
import rclpy
from std_msgs.msg import String
rclpy.init()
node = rclpy.create_node("listener")
node.create_subscription(String, "chatter", lambda m: print("heard", m.data, flush=True), 10)
rclpy.spin(node)
"""


def test_two_processes_find_each_other_without_a_router() -> None:
    with processes({"ROS_DOMAIN_ID": "7"}) as start:
        start(TALKER).wait_for("ready")
        start(LISTENER).wait_for("heard")


ROUTER = """
import json, os, time, zenoh
conf = zenoh.Config()
conf.insert_json5("mode", json.dumps("router"))
conf.insert_json5("listen/endpoints", json.dumps(["tcp/127.0.0.1:" + os.environ["MOLMO_ROS_MEETING_PORT"]]))
conf.insert_json5("scouting/multicast/enabled", "false")
session = zenoh.open(conf)
print("routing", flush=True)
while True:
    time.sleep(60)
"""


def test_two_processes_find_each_other_through_a_router_and_outlive_it() -> None:
    with processes({"ROS_DOMAIN_ID": "7"}) as start:
        router = start(ROUTER)
        router.wait_for("routing")
        start(TALKER).wait_for("ready")
        listener = start(LISTENER)
        listener.wait_for("heard")
        router.signal(signal.SIGKILL)
        router.exit_code()
        for _ in range(20):
            listener.wait_for("heard")


def test_domains_do_not_hear_each_other() -> None:
    with processes() as start:
        one = start(GRAPH, "one", ROS_DOMAIN_ID="1")
        one.wait_for("nodes: one")
        start(GRAPH, "two", ROS_DOMAIN_ID="2").wait_for("nodes: two")
        start(GRAPH, "uno", ROS_DOMAIN_ID="1")
        one.wait_for("nodes: one uno")
        assert not any("two" in line for line in one.seen)


def test_a_killed_peer_leaves_the_graph_within_five_seconds() -> None:
    with processes({"ROS_DOMAIN_ID": "7"}) as start:
        watcher, victim = start(GRAPH, "watcher"), start(GRAPH, "victim")
        watcher.wait_for("victim watcher")
        victim.wait_for("victim watcher")
        victim.signal(signal.SIGKILL)
        began = time.monotonic()
        while watcher.wait_for("nodes:") != "nodes: watcher":
            continue
        assert time.monotonic() - began < 5.0


def test_peers_and_newcomers_outlive_the_process_they_met_through() -> None:
    with processes({"ROS_DOMAIN_ID": "7"}) as start:
        first = start(GRAPH, "first")
        first.wait_for("nodes: first")
        second, third = start(GRAPH, "second"), start(GRAPH, "third")
        second.wait_for("first second third")
        third.wait_for("first second third")
        first.signal(signal.SIGKILL)
        second.wait_for("nodes: second third")
        newcomer = start(GRAPH, "newcomer")
        newcomer.wait_for("newcomer second third")
        second.wait_for("newcomer second third")
        second.signal(signal.SIGKILL)
        third.wait_for("nodes: newcomer third")
        start(GRAPH, "last").wait_for("last newcomer third")


def test_sigint_ends_spin_with_keyboard_interrupt() -> None:
    source = """
import rclpy
rclpy.init()
node = rclpy.create_node("stopped")
timer = node.create_timer(0.01, lambda: (timer.cancel(), print("ready", flush=True)))
try:
    rclpy.spin(node)
except KeyboardInterrupt:
    print("interrupted", rclpy.ok(), flush=True)
node.destroy_node()
rclpy.try_shutdown()
"""
    with processes() as start:
        process = start(source)
        process.wait_for("ready")
        process.signal(signal.SIGINT)
        assert process.wait_for("interrupted") == "interrupted False"
        assert process.exit_code() == 0


def test_sigterm_ends_spin_with_external_shutdown() -> None:
    source = """
import rclpy
from rclpy.executors import ExternalShutdownException
rclpy.init()
node = rclpy.create_node("stopped")
timer = node.create_timer(0.01, lambda: (timer.cancel(), print("ready", flush=True)))
try:
    rclpy.spin(node)
except ExternalShutdownException:
    print("shut down", flush=True)
"""
    with processes() as start:
        process = start(source)
        process.wait_for("ready")
        process.signal(signal.SIGTERM)
        process.wait_for("shut down")
        assert process.exit_code() == 0


def test_a_session_closes_at_once_while_peers_live() -> None:
    source = """
import time, rclpy
rclpy.init()
node = rclpy.create_node("brief")
node.handle.session.graph.wait_for(lambda: "stays" in node.get_node_names(), 30)
began = time.monotonic()
node.destroy_node()
rclpy.shutdown()
print("closed", time.monotonic() - began < 3.0, flush=True)
"""
    with processes({"ROS_DOMAIN_ID": "7"}) as start:
        start(GRAPH, "stays").wait_for("nodes: stays")
        assert start(source).wait_for("closed") == "closed True"
