"""A node's handle: its name after remapping, its place in the graph, its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from molmo_ros.embedded.transport import keys
from rclpy.impl import args, loggers, names, yaml_params
from rclpy.impl.errors import NodeNameNonExistentError
from rclpy.impl.handle import Handle

if TYPE_CHECKING:
    from rclpy.impl.context import Context


class Node(Handle):
    """A node on the network.

    Raises:
        ValueError: Its name or namespace is not valid.
        RCLInvalidROSArgsError: ``cli_args`` are malformed.
        UnknownROSArgsError: ``cli_args`` has ROS arguments nobody knows.
    """

    def __init__(
        self,
        node_name: str,
        namespace: str,
        context: Context,
        cli_args: Sequence[str] | None,
        use_global_arguments: bool,
        enable_rosout: bool,
    ) -> None:
        super().__init__()
        self.context = context
        local = args.parse_strictly(cli_args or [])
        self._arguments = [local, context.arguments] if use_global_arguments else [local]
        absolute = namespace if namespace.startswith("/") else f"/{namespace}"
        if names.node_name_problem(node_name) or names.namespace_problem(absolute):
            raise ValueError("the node's name or namespace is not valid")
        self._name, self._namespace = node_name, absolute
        # A rule that names a node means the name it was created with.
        self._namespace = self._own_rule("namespace", node_name) or absolute
        self._name = self._own_rule("node", node_name) or node_name
        self._original_name = node_name
        enclave = context.arguments.enclave or "/"
        self.session = context.session
        self.token = self.session.node(self._name, self._namespace, enclave)
        self.entity = self.token.entity
        self._rosout = enable_rosout and context.arguments.switches.get("rosout", True)
        if self._rosout:
            loggers.add_rosout(self)

    def _own_rule(self, kind: str, node_name: str) -> str | None:
        for arguments in self._arguments:
            for rule in arguments.remaps:
                if rule.kind == kind and rule.node in (None, node_name):
                    return rule.replacement
        return None

    def logger_name(self) -> str:
        """Name of the node's logger: namespace and name joined by dots."""
        return f"{self._namespace}/{self._name}".strip("/").replace("//", "/").replace("/", ".")

    def get_node_name(self) -> str:
        """The name after remapping."""
        return self._name

    def get_namespace(self) -> str:
        """The namespace after remapping."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return f"{self._namespace.rstrip('/')}/{self._name}"

    def resolve(self, name: str, *, only_expand: bool, is_service: bool) -> str:
        """A topic's or service's full name, remapped unless ``only_expand``.

        Raises:
            ValueError: The name is not valid.
        """
        full = names.expand(name, self._name, self._namespace)
        if not only_expand:
            full = self.remap(full, is_service=is_service)
        problem = names.full_topic_problem(full)
        if problem is not None:
            raise ValueError(f"topic name '{full}' is invalid: {problem[0]}")
        return full

    def remap(self, full: str, *, is_service: bool = False) -> str:
        """What the first fitting rule makes of a full name."""
        kinds = ("any", "service" if is_service else "topic")
        for arguments in self._arguments:
            for rule in arguments.remaps:
                if rule.kind in kinds and rule.node in (None, self._original_name, self._name):
                    if names.expand(rule.match, self._name, self._namespace) == full:
                        return names.expand(rule.replacement, self._name, self._namespace)
        return full

    def get_parameters(self, parameter_class: Any) -> dict[str, Any]:
        """The parameters the command lines give this node, as ``parameter_class`` objects."""
        found: dict[str, Any] = {}
        own = self.get_fully_qualified_name()
        for arguments in reversed(self._arguments):
            for pattern, values in arguments.parameters:
                if yaml_params.matches(pattern, own):
                    found.update(values)
        return {name: parameter_class(name, value=value) for name, value in found.items()}

    def get_count_publishers(self, topic_name: str) -> int:
        """Publishers on a topic, anywhere."""
        return self.session.graph.count(keys.PUBLISHER, topic_name)

    def get_count_subscribers(self, topic_name: str) -> int:
        """Subscriptions on a topic, anywhere."""
        return self.session.graph.count(keys.SUBSCRIPTION, topic_name)

    def get_count_clients(self, service_name: str) -> int:
        """Clients of a service, anywhere."""
        return self.session.graph.count(keys.CLIENT, service_name)

    def get_count_services(self, service_name: str) -> int:
        """Servers of a service, anywhere."""
        return self.session.graph.count(keys.SERVICE, service_name)

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Every node of the graph."""
        return [entity.full_node_name for entity in self.session.graph.entities(keys.NODE)]

    def get_node_names_and_namespaces_with_enclaves(self) -> list[tuple[str, str, str]]:
        """Every node of the graph with its security enclave."""
        return [(*e.full_node_name, e.enclave) for e in self.session.graph.entities(keys.NODE)]

    def get_action_client_names_and_types_by_node(self, name: str, namespace: str) -> list[tuple[str, list[str]]]:
        """Actions a node is a client of."""
        self.require_node(name, namespace)
        return self._actions(keys.SUBSCRIPTION, (name, namespace))

    def get_action_server_names_and_types_by_node(self, name: str, namespace: str) -> list[tuple[str, list[str]]]:
        """Actions a node serves."""
        self.require_node(name, namespace)
        return self._actions(keys.PUBLISHER, (name, namespace))

    def get_action_names_and_types(self) -> list[tuple[str, list[str]]]:
        """Actions of the whole graph."""
        merged: dict[str, set[str]] = {}
        for kind in (keys.SUBSCRIPTION, keys.PUBLISHER):
            for name, types in self._actions(kind, None):
                merged.setdefault(name, set()).update(types)
        return [(name, sorted(types)) for name, types in sorted(merged.items())]

    def _actions(self, kind: str, node: tuple[str, str] | None) -> list[tuple[str, list[str]]]:
        suffix, kind_of_type = "/_action/feedback", "_FeedbackMessage"
        return [
            (name.removesuffix(suffix), [kind_.removesuffix(kind_of_type) for kind_ in types])
            for name, types in self.session.graph.names_and_types((kind,), node)
            if name.endswith(suffix)
        ]

    def require_node(self, name: str, namespace: str) -> None:
        """Check that a node is in the graph.

        Raises:
            NodeNameNonExistentError: It is not.
        """
        if not self.session.graph.has_node(name, namespace):
            raise NodeNameNonExistentError(f"Cannot find node '{name}' in namespace '{namespace}'")

    def _destroy(self) -> None:
        if self._rosout:
            loggers.remove_rosout(self)
        self.token.withdraw()
