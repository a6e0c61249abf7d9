"""Nodes, services and actions of the graph."""

from __future__ import annotations

from typing import Any

from molmo_ros.cli.ros.node import discover, wait_until


def is_hidden(name: str) -> bool:
    """Whether a part of a name starts with an underscore."""
    return any(part.startswith("_") for part in name.split("/"))


def node_names(node: Any, *, hidden: bool, spin_time_s: float | None = None) -> list[str]:
    """Full names of the nodes, sorted, as often as they occur."""
    found = discover(node, lambda: sorted(node.get_node_names_and_namespaces()), spin_time_s)
    names = [f"{namespace.rstrip('/')}/{name}" for name, namespace in found]
    return sorted(name for name in names if hidden or not is_hidden(name))


def wait_for_node(node: Any, name: str, *, spin_time_s: float | None = None, limit_s: float = 2.0) -> int:
    """How many nodes of a full name there are, waiting until there is one."""

    def count() -> int:
        found = node.get_node_names_and_namespaces()
        return sum(f"{namespace.rstrip('/')}/{own}" == name for own, namespace in found)

    wait_until(node, lambda: count() > 0, spin_time_s if spin_time_s is not None else limit_s)
    return count()


def split(name: str) -> tuple[str, str]:
    """Name and namespace of a node's full name."""
    namespace, _, own = name.rpartition("/")
    return own, namespace or "/"


def node_interfaces(node: Any, name: str, *, hidden: bool) -> dict[str, list[tuple[str, list[str]]]]:
    """Topics, services and actions of a node, by title."""
    from rclpy.action import (
        get_action_client_names_and_types_by_node,
        get_action_server_names_and_types_by_node,
    )

    own, namespace = split(name)
    sections = {
        "Subscribers": node.get_subscriber_names_and_types_by_node(own, namespace),
        "Publishers": node.get_publisher_names_and_types_by_node(own, namespace),
        "Service Servers": node.get_service_names_and_types_by_node(own, namespace),
        "Service Clients": node.get_client_names_and_types_by_node(own, namespace),
        "Action Servers": get_action_server_names_and_types_by_node(node, own, namespace),
        "Action Clients": get_action_client_names_and_types_by_node(node, own, namespace),
    }
    return {
        title: sorted((entry, list(types)) for entry, types in entries if hidden or not is_hidden(entry))
        for title, entries in sections.items()
    }


def services(node: Any, *, hidden: bool, spin_time_s: float | None = None) -> list[tuple[str, list[str]]]:
    """Services and their types, sorted."""
    found = discover(node, lambda: sorted(node.get_service_names_and_types()), spin_time_s)
    return [(name, list(types)) for name, types in found if hidden or not is_hidden(name)]


def actions(node: Any, *, spin_time_s: float | None = None) -> list[tuple[str, list[str]]]:
    """Actions and their types, sorted."""
    from rclpy.action import get_action_names_and_types

    found = discover(node, lambda: sorted(get_action_names_and_types(node)), spin_time_s)
    return [(name, list(types)) for name, types in found]


def action_ends(node: Any, action: str) -> tuple[list[tuple[str, list[str]]], list[tuple[str, list[str]]]]:
    """Nodes that are clients and nodes that are servers of an action, with the types they use."""
    from rclpy.action import (
        get_action_client_names_and_types_by_node,
        get_action_server_names_and_types_by_node,
    )

    clients: list[tuple[str, list[str]]] = []
    servers: list[tuple[str, list[str]]] = []
    for own, namespace in node.get_node_names_and_namespaces():
        name = f"{namespace.rstrip('/')}/{own}"
        for ends, ask in (
            (clients, get_action_client_names_and_types_by_node),
            (servers, get_action_server_names_and_types_by_node),
        ):
            types = dict(ask(node, own, namespace)).get(action)
            if types:
                ends.append((name, list(types)))
    return sorted(clients), sorted(servers)
