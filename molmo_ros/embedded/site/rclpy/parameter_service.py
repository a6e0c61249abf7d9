"""The six services through which others see and set a node's parameters."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_parameters
from rclpy.validate_topic_name import TOPIC_SEPARATOR_STRING

if TYPE_CHECKING:
    from rclpy.node import Node


class ParameterService:
    """Offers a node's parameters."""

    def __init__(self, node: Node) -> None:
        self._node_weak_ref = weakref.ref(node)
        for kind, word, callback in (
            (DescribeParameters, "describe_parameters", self._describe_parameters_callback),
            (GetParameters, "get_parameters", self._get_parameters_callback),
            (GetParameterTypes, "get_parameter_types", self._get_parameter_types_callback),
            (ListParameters, "list_parameters", self._list_parameters_callback),
            (SetParameters, "set_parameters", self._set_parameters_callback),
            (
                SetParametersAtomically,
                "set_parameters_atomically",
                self._set_parameters_atomically_callback,
            ),
        ):
            name = TOPIC_SEPARATOR_STRING.join((node.get_name(), word))
            node.create_service(kind, name, callback, qos_profile=qos_profile_parameters)

    def _get_node(self) -> Node:
        node = self._node_weak_ref()
        if node is None:
            raise ReferenceError("Expected valid node weak reference")
        return node

    def _describe_parameters_callback(self, request: Any, response: Any) -> Any:
        try:
            response.descriptors = self._get_node().describe_parameters(request.names)
        except ParameterNotDeclaredException:
            response.descriptors = []
        return response

    def _get_parameters_callback(self, request: Any, response: Any) -> Any:
        node = self._get_node()
        try:
            response.values = [node.get_parameter(name).get_parameter_value() for name in request.names]
        except (ParameterNotDeclaredException, ParameterUninitializedException):
            response.values = []
        return response

    def _get_parameter_types_callback(self, request: Any, response: Any) -> Any:
        node = self._get_node()
        try:
            response.types = [_number(node.get_parameter_type(name)) for name in request.names]
        except ParameterNotDeclaredException:
            response.types = []
        return response

    def _list_parameters_callback(self, request: Any, response: Any) -> Any:
        try:
            response.result = self._get_node().list_parameters(list(request.prefixes), request.depth)
        except (TypeError, ValueError):
            response.result = ListParametersResult()
        return response

    def _set_parameters_callback(self, request: Any, response: Any) -> Any:
        response.results = [self._set([message]) for message in request.parameters]
        return response

    def _set_parameters_atomically_callback(self, request: Any, response: Any) -> Any:
        response.result = self._set(request.parameters)
        return response

    def _set(self, messages: Any) -> SetParametersResult:
        try:
            parameters = [Parameter.from_parameter_msg(message) for message in messages]
            return self._get_node().set_parameters_atomically(parameters)
        except (ParameterNotDeclaredException, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))


def _number(kind: Any) -> int:
    return kind.value if isinstance(kind, Parameter.Type) else kind
