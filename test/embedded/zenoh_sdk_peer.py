"""A ROS 2 participant made of the independent implementation ``zenoh-ros2-sdk``.

It runs in a process of its own, meets others at the port named on its command line and is driven by
lines on its standard input; each line is answered by one line of JSON.
"""

from __future__ import annotations

import json
import queue
import sys
from types import SimpleNamespace

from zenoh_ros2_sdk import ROS2Publisher, ROS2ServiceClient, ROS2ServiceServer, ROS2Subscriber
from zenoh_ros2_sdk.discovery import get_service_names_and_types, get_topic_names_and_types
from zenoh_ros2_sdk.qos import QosDurability, QosProfile

STRING = "string data\n"
SET_BOOL = {"request_definition": "bool data\n", "response_definition": "bool success\nstring message\n"}


def main() -> None:
    port = {"router_port": int(sys.argv[1])}
    heard: queue.Queue[str] = queue.Queue()
    keep = SimpleNamespace()
    latched = QosProfile(durability=QosDurability.TRANSIENT_LOCAL, history_depth=1)

    def answer(request: object) -> object:
        response = keep.server.response_msg_class
        return response(success=request.data, message="from the SDK")  # type: ignore[attr-defined]

    for line in sys.stdin:
        command, *arguments = line.split()
        reply: object = None
        if command == "publish":
            keep.publisher = ROS2Publisher(arguments[0], "std_msgs/msg/String", STRING, node_name="sdk_talker", **port)
        elif command == "say":
            keep.publisher.publish(data=arguments[0])
        elif command in ("subscribe", "subscribe_latched"):
            keep.subscriber = ROS2Subscriber(
                arguments[0],
                "std_msgs/msg/String",
                lambda message: heard.put(message.data),
                STRING,
                qos=latched if command == "subscribe_latched" else None,
                **port,
            )
        elif command == "hear":
            reply = heard.get(timeout=10)
        elif command == "serve":
            keep.server = ROS2ServiceServer(arguments[0], "std_srvs/srv/SetBool", answer, **SET_BOOL, **port)
        elif command == "call":
            client = ROS2ServiceClient(arguments[0], "std_srvs/srv/SetBool", **SET_BOOL, **port)
            response = client.call(data=True)
            reply = None if response is None else [response.success, response.message]
        elif command == "topics":
            reply = get_topic_names_and_types(timeout=1.0, **port)
        elif command == "services":
            reply = get_service_names_and_types(timeout=1.0, **port)
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
