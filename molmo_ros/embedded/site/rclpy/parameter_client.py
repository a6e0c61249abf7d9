"""Parameters of another node."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from rclpy.parameter import Parameter, parameter_dict_from_yaml_file
from rclpy.qos import QoSProfile, qos_profile_parameter_events, qos_profile_services_default

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.client import Client
    from rclpy.event_handler import SubscriptionEventCallbacks
    from rclpy.node import Node
    from rclpy.qos_overriding_options import QoSOverridingOptions
    from rclpy.subscription import Subscription
    from rclpy.task import Future

Callback = Callable[["Future"], Any]
_SERVICES = {
    "get_parameters": GetParameters,
    "list_parameters": ListParameters,
    "set_parameters": SetParameters,
    "get_parameter_types": GetParameterTypes,
    "describe_parameters": DescribeParameters,
    "set_parameters_atomically": SetParametersAtomically,
}


class AsyncParameterClient:
    """Reads and changes the parameters of another node through its parameter services.

    Every call returns a future of the service's response; `callback`, where given, is called with
    the future when it is done.

    Args:
        node: The node whose clients are used.
        remote_node_name: The node whose parameters are meant.
        qos_profile: For the clients.
        callback_group: For the clients; the node's default group if not given.
    """

    def __init__(
        self,
        node: Node,
        remote_node_name: str,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> None:
        self.node = node
        self.remote_node_name = remote_node_name
        self._clients: dict[str, Client] = {
            name: node.create_client(
                srv_type, f"{remote_node_name}/{name}", qos_profile=qos_profile, callback_group=callback_group
            )
            for name, srv_type in _SERVICES.items()
        }

    def services_are_ready(self) -> bool:
        """Whether all six services are there."""
        return all(client.service_is_ready() for client in self._clients.values())

    def wait_for_services(self, timeout_sec: float | None = None) -> bool:
        """Wait until all six services are there.

        Args:
            timeout_sec: Longest time to wait; None for no limit.

        Returns:
            Whether they are.
        """
        started = time.monotonic()
        for client in self._clients.values():
            left = None if timeout_sec is None else max(0.0, timeout_sec - (time.monotonic() - started))
            if not client.wait_for_service(timeout_sec=left):
                return False
        return self.services_are_ready()

    def _call(self, name: str, request: Any, callback: Callback | None) -> Future:
        future = self._clients[name].call_async(request)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def list_parameters(
        self, prefixes: list[str] | None = None, depth: int | None = None, callback: Callback | None = None
    ) -> Future:
        """List parameters, those under `prefixes` and at most `depth` levels deep where given."""
        request = ListParameters.Request()
        if prefixes:
            request.prefixes = prefixes
        if depth:
            request.depth = depth
        return self._call("list_parameters", request, callback)

    def get_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Get the values of parameters."""
        return self._call("get_parameters", GetParameters.Request(names=names), callback)

    def set_parameters(
        self, parameters: Sequence[Parameter | ParameterMsg], callback: Callback | None = None
    ) -> Future:
        """Set parameters, each on its own."""
        request = SetParameters.Request(parameters=_messages(parameters))
        return self._call("set_parameters", request, callback)

    def set_parameters_atomically(
        self, parameters: Sequence[Parameter | ParameterMsg], callback: Callback | None = None
    ) -> Future:
        """Set parameters, all or none."""
        request = SetParametersAtomically.Request(parameters=_messages(parameters))
        return self._call("set_parameters_atomically", request, callback)

    def describe_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Get the descriptors of parameters."""
        return self._call("describe_parameters", DescribeParameters.Request(names=names), callback)

    def get_parameter_types(self, names: list[str], callback: Callback | None = None) -> Future:
        """Get the types of parameters."""
        return self._call("get_parameter_types", GetParameterTypes.Request(names=names), callback)

    def delete_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Unset parameters; only dynamically typed ones can be."""
        return self.set_parameters([Parameter(name=name) for name in names], callback)

    def load_parameter_file(
        self, parameter_file: str, use_wildcard: bool = False, callback: Callback | None = None
    ) -> Future:
        """Set the parameters of a YAML file, each on its own."""
        found = parameter_dict_from_yaml_file(parameter_file, use_wildcard)
        return self.set_parameters(list(found.values()), callback)

    def load_parameter_file_atomically(
        self, parameter_file: str, use_wildcard: bool = False, callback: Callback | None = None
    ) -> Future:
        """Set the parameters of a YAML file, all or none."""
        found = parameter_dict_from_yaml_file(parameter_file, use_wildcard)
        return self.set_parameters_atomically(list(found.values()), callback)

    def on_parameter_event(
        self,
        callback: Callable[[ParameterEvent], Any],
        qos_profile: QoSProfile = qos_profile_parameter_events,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription:
        """Subscribe to the parameter events of all nodes."""
        return self.node.create_subscription(
            ParameterEvent,
            "/parameter_events",
            callback,
            qos_profile,
            callback_group=callback_group,
            event_callbacks=event_callbacks,
            qos_overriding_options=qos_overriding_options,
            raw=raw,
        )


def _messages(parameters: Sequence[Parameter | ParameterMsg]) -> list[ParameterMsg]:
    return [item.to_parameter_msg() if isinstance(item, Parameter) else item for item in parameters]
