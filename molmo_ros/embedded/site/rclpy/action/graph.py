"""Which actions there are, and who takes part in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

NamesAndTypes = list[tuple[str, list[str]]]


def get_action_client_names_and_types_by_node(
    node: Node, remote_node_name: str, remote_node_namespace: str
) -> NamesAndTypes:
    """Actions that a node is a client of, with their types."""
    with node.handle:
        return node.handle.get_action_client_names_and_types_by_node(remote_node_name, remote_node_namespace)


def get_action_server_names_and_types_by_node(
    node: Node, remote_node_name: str, remote_node_namespace: str
) -> NamesAndTypes:
    """Actions that a node serves, with their types."""
    with node.handle:
        return node.handle.get_action_server_names_and_types_by_node(remote_node_name, remote_node_namespace)


def get_action_names_and_types(node: Node) -> NamesAndTypes:
    """Every action that has a client or a server, with its types."""
    with node.handle:
        return node.handle.get_action_names_and_types()
