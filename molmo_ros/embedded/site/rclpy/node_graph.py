"""A node's view of the graph: the part of :class:`rclpy.node.Node` that asks who is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.expand_topic_name import expand_topic_name
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rclpy.validate_full_topic_name import validate_full_topic_name

NamesAndTypes = list[tuple[str, list[str]]]


class NodeGraph:
    """Questions about nodes, topics and services."""

    handle: Any
    get_name: Callable[[], str]
    get_namespace: Callable[[], str]

    def get_publisher_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics a node publishes.

        Raises:
            NodeNameNonExistentError: There is no such node.
        """
        with self.handle as handle:
            return _rclpy.rclpy_get_publisher_names_and_types_by_node(handle, no_demangle, node_name, node_namespace)

    def get_subscriber_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """Topics a node subscribes to.

        Raises:
            NodeNameNonExistentError: There is no such node.
        """
        with self.handle as handle:
            return _rclpy.rclpy_get_subscriber_names_and_types_by_node(handle, no_demangle, node_name, node_namespace)

    def get_service_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """Services a node serves.

        Raises:
            NodeNameNonExistentError: There is no such node.
        """
        with self.handle as handle:
            return _rclpy.rclpy_get_service_names_and_types_by_node(handle, node_name, node_namespace)

    def get_client_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """Services a node is a client of.

        Raises:
            NodeNameNonExistentError: There is no such node.
        """
        with self.handle as handle:
            return _rclpy.rclpy_get_client_names_and_types_by_node(handle, node_name, node_namespace)

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """Every topic with its types."""
        with self.handle as handle:
            return _rclpy.rclpy_get_topic_names_and_types(handle, no_demangle)

    def get_service_names_and_types(self) -> NamesAndTypes:
        """Every service with its types."""
        with self.handle as handle:
            return _rclpy.rclpy_get_service_names_and_types(handle)

    def get_node_names(self) -> list[str]:
        """Names of all nodes."""
        return [name for name, _ in self.get_node_names_and_namespaces()]

    def get_fully_qualified_node_names(self) -> list[str]:
        """Full names of all nodes."""
        return [f"{namespace.rstrip('/')}/{name}" for name, namespace in self.get_node_names_and_namespaces()]

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Names and namespaces of all nodes."""
        with self.handle as handle:
            return handle.get_node_names_and_namespaces()

    def get_node_names_and_namespaces_with_enclaves(self) -> list[tuple[str, str, str]]:
        """Names, namespaces and security enclaves of all nodes."""
        with self.handle as handle:
            return handle.get_node_names_and_namespaces_with_enclaves()

    def get_fully_qualified_name(self) -> str:
        """This node's full name."""
        with self.handle as handle:
            return handle.get_fully_qualified_name()

    def _full_name(self, name: str, *, is_service: bool) -> str:
        full = expand_topic_name(name, self.get_name(), self.get_namespace())
        validate_full_topic_name(full, is_service=is_service)
        return full

    def count_publishers(self, topic_name: str) -> int:
        """How many publishers a topic has."""
        with self.handle as handle:
            return handle.get_count_publishers(self._full_name(topic_name, is_service=False))

    def count_subscribers(self, topic_name: str) -> int:
        """How many subscriptions a topic has."""
        with self.handle as handle:
            return handle.get_count_subscribers(self._full_name(topic_name, is_service=False))

    def count_clients(self, service_name: str) -> int:
        """How many clients a service has."""
        with self.handle as handle:
            return handle.get_count_clients(self._full_name(service_name, is_service=True))

    def count_services(self, service_name: str) -> int:
        """How many servers a service has."""
        with self.handle as handle:
            return handle.get_count_services(self._full_name(service_name, is_service=True))

    def _infos(self, topic_name: str, no_mangle: bool, ask: Callable[..., Any]) -> list[TopicEndpointInfo]:
        if not isinstance(topic_name, str):
            raise TypeError(f"topic_name must be a str, not {type(topic_name)}")
        with self.handle as handle:
            full = topic_name
            if not no_mangle:
                full = handle.remap(self._full_name(topic_name, is_service=False))
            return [TopicEndpointInfo(**info) for info in ask(handle, full, no_mangle)]

    def get_publishers_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """What is known of each publisher of a topic."""
        return self._infos(topic_name, no_mangle, _rclpy.rclpy_get_publishers_info_by_topic)

    def get_subscriptions_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """What is known of each subscription to a topic."""
        return self._infos(topic_name, no_mangle, _rclpy.rclpy_get_subscriptions_info_by_topic)

    def wait_for_node(self, fully_qualified_node_name: str, timeout: float) -> bool:
        """Wait until a node is there; ``False`` when the time is over first.

        Args:
            fully_qualified_node_name: Namespace and name.
            timeout: Seconds.
        """
        wanted = "/" + fully_qualified_node_name.lstrip("/")
        with self.handle as handle:
            return handle.session.graph.wait_for(lambda: wanted in self.get_fully_qualified_node_names(), timeout)
