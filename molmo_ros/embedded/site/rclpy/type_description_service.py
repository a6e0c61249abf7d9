"""The service that tells others the full definition of a node's types."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterType

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_services_default
from rclpy.service import Service
from rclpy.validate_topic_name import TOPIC_SEPARATOR_STRING

if TYPE_CHECKING:
    from rclpy.node import Node

START_TYPE_DESCRIPTION_SERVICE_PARAM = "start_type_description_service"


class TypeDescriptionService:
    """Starts ``~/get_type_description`` unless the node's parameter forbids it."""

    def __init__(self, node: Node) -> None:
        self._node_weak_ref = weakref.ref(node)
        self.service_name = TOPIC_SEPARATOR_STRING.join((node.get_name(), "get_type_description"))
        self._type_description_srv: _rclpy.TypeDescriptionService | None = None
        if not node.has_parameter(START_TYPE_DESCRIPTION_SERVICE_PARAM):
            node.declare_parameter(
                START_TYPE_DESCRIPTION_SERVICE_PARAM,
                True,
                ParameterDescriptor(
                    name=START_TYPE_DESCRIPTION_SERVICE_PARAM,
                    type=ParameterType.PARAMETER_BOOL,
                    description="If enabled, start the ~/get_type_description service.",
                    read_only=True,
                ),
            )
        parameter = node.get_parameter(START_TYPE_DESCRIPTION_SERVICE_PARAM)
        self.enabled = parameter.type_ is Parameter.Type.BOOL and bool(parameter.value)
        if parameter.type_ not in (Parameter.Type.BOOL, Parameter.Type.NOT_SET):
            node.get_logger().error(
                f"Invalid type for parameter '{START_TYPE_DESCRIPTION_SERVICE_PARAM}' "
                f"{parameter.type_!r} should be bool"
            )
        if self.enabled:
            self._start_service(node)

    def _start_service(self, node: Node) -> None:
        from type_description_interfaces.srv import GetTypeDescription

        self._type_description_srv = _rclpy.TypeDescriptionService(node.handle)
        service = Service(
            service_impl=self._type_description_srv.impl,
            srv_type=GetTypeDescription,
            srv_name=self.service_name,
            callback=self._service_callback,
            callback_group=node.default_callback_group,
            qos_profile=qos_profile_services_default,
        )
        node.default_callback_group.add_entity(service)
        node._services.append(service)
        node._wake_executor()

    def destroy(self) -> None:
        """Stop the service."""
        if self._type_description_srv is not None:
            self._type_description_srv.destroy_when_not_in_use()
            self._type_description_srv = None

    def _service_callback(self, request: Any, response: Any) -> Any:
        from type_description_interfaces.srv import GetTypeDescription

        if self._type_description_srv is None:
            return response
        return self._type_description_srv.handle_request(request, GetTypeDescription.Response, self._get_node().handle)

    def _get_node(self) -> Node:
        node = self._node_weak_ref()
        if node is None:
            raise ReferenceError("Expected valid node weak reference")
        return node
