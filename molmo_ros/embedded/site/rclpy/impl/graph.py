"""Questions about the ROS graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molmo_ros.embedded.transport import keys
from rclpy.impl.qos import rmw_qos_profile_t

if TYPE_CHECKING:
    from rclpy.impl.node import Node

NamesAndTypes = list[tuple[str, list[str]]]


def rclpy_get_topic_names_and_types(node: Node, no_demangle: bool) -> NamesAndTypes:
    """Every topic; names on this wire are never mangled."""
    return node.session.graph.names_and_types((keys.PUBLISHER, keys.SUBSCRIPTION))


def rclpy_get_service_names_and_types(node: Node) -> NamesAndTypes:
    """Every service that has a server."""
    return node.session.graph.names_and_types((keys.SERVICE,))


def _by_node(node: Node, kind: str, name: str, namespace: str) -> NamesAndTypes:
    node.require_node(name, namespace)
    return node.session.graph.names_and_types((kind,), (name, namespace))


def rclpy_get_publisher_names_and_types_by_node(
    node: Node, no_demangle: bool, name: str, namespace: str
) -> NamesAndTypes:
    """Topics a node publishes."""
    return _by_node(node, keys.PUBLISHER, name, namespace)


def rclpy_get_subscriber_names_and_types_by_node(
    node: Node, no_demangle: bool, name: str, namespace: str
) -> NamesAndTypes:
    """Topics a node subscribes to."""
    return _by_node(node, keys.SUBSCRIPTION, name, namespace)


def rclpy_get_service_names_and_types_by_node(node: Node, name: str, namespace: str) -> NamesAndTypes:
    """Services a node serves."""
    return _by_node(node, keys.SERVICE, name, namespace)


def rclpy_get_client_names_and_types_by_node(node: Node, name: str, namespace: str) -> NamesAndTypes:
    """Services a node is a client of."""
    return _by_node(node, keys.CLIENT, name, namespace)


def _endpoints(node: Node, kind: str, topic: str, endpoint_type: int) -> list[dict[str, Any]]:
    return [
        {
            "node_name": entity.node_name,
            "node_namespace": entity.namespace,
            "topic_type": keys.ros_type(entity.dds_type),
            "topic_type_hash": _hash(entity.type_hash),
            "endpoint_type": endpoint_type,
            "endpoint_gid": list(keys.gid_of(entity.token())),
            "qos_profile": rmw_qos_profile_t.from_wire(entity.qos).to_dict(),
        }
        for entity in node.session.graph.endpoints(kind, topic)
    ]


def _hash(text: str) -> dict[str, Any]:
    version, _, value = text.removeprefix("RIHS").partition("_")
    try:
        return {"version": int(version), "value": bytes.fromhex(value)}
    except ValueError:
        return {"version": -1, "value": bytes(32)}


def rclpy_get_publishers_info_by_topic(node: Node, topic: str, no_mangle: bool) -> list[dict[str, Any]]:
    """What is known of each publisher of a topic."""
    return _endpoints(node, keys.PUBLISHER, topic, 1)


def rclpy_get_subscriptions_info_by_topic(node: Node, topic: str, no_mangle: bool) -> list[dict[str, Any]]:
    """What is known of each subscription to a topic."""
    return _endpoints(node, keys.SUBSCRIPTION, topic, 2)
