"""The ``~/get_type_description`` service: the full definition of each type a node uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molmo_ros.embedded import typesys
from rclpy.impl.qos import rmw_qos_profile_t
from rclpy.impl.services import Service

if TYPE_CHECKING:
    from rclpy.impl.node import Node


class TypeDescriptionService:
    """Holds the service's handle and answers its requests."""

    def __init__(self, node: Node) -> None:
        from type_description_interfaces.srv import GetTypeDescription

        qos = rmw_qos_profile_t.predefined("qos_profile_services_default")
        self.impl = Service(node, GetTypeDescription, "~/get_type_description", qos)

    def destroy_when_not_in_use(self) -> None:
        """Destroy the service's handle."""
        self.impl.destroy_when_not_in_use()

    def handle_request(self, request: Any, response_type: type, node: Node) -> Any:
        """Describe a type, if its hash is the one asked for."""
        from type_description_interfaces.msg import TypeDescription, TypeSource

        response = response_type()
        try:
            cls = typesys.get_interface(request.type_name)
            if request.type_hash and typesys.type_hash(cls) != request.type_hash:
                raise ValueError(f"type hash of {request.type_name} is {typesys.type_hash(cls)}")
        except (typesys.TypesysError, ValueError) as error:
            response.successful = False
            response.failure_reason = str(error)
            return response
        response.successful = True
        response.type_description = _fill(TypeDescription(), typesys.type_description(cls))
        if request.include_type_sources:
            response.type_sources = [
                TypeSource(
                    type_name=request.type_name,
                    encoding=request.type_name.split("/")[1],
                    raw_file_contents=typesys.definition_text(request.type_name),
                )
            ]
        return response


def _fill(message: Any, data: dict[str, Any]) -> Any:
    """Copy plain data into a message of the same shape."""
    for name, kind in message.get_fields_and_field_types().items():
        if name not in data:
            continue
        value = data[name]
        if isinstance(value, dict):
            value = _fill(getattr(message, name), value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            item = typesys.get_interface(kind.removeprefix("sequence<").split(",")[0].rstrip(">"))
            value = [_fill(item(), entry) for entry in value]
        setattr(message, name, value)
    return message
