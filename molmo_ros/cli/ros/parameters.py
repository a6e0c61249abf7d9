"""Parameters of another node."""

from __future__ import annotations

from typing import Any

from molmo_ros.cli.ros.node import complete, refuse, wait_until

READY_S = 5.0
ANSWER_S = 10.0

_KINDS = {
    "BOOL": ("boolean", "Boolean value is:"),
    "INTEGER": ("integer", "Integer value is:"),
    "DOUBLE": ("double", "Double value is:"),
    "STRING": ("string", "String value is:"),
    "BYTE_ARRAY": ("byte array", "Byte values are:"),
    "BOOL_ARRAY": ("boolean array", "Boolean values are:"),
    "INTEGER_ARRAY": ("integer array", "Integer values are:"),
    "DOUBLE_ARRAY": ("double array", "Double values are:"),
    "STRING_ARRAY": ("string array", "String values are:"),
    "NOT_SET": ("not set", "Parameter not set."),
}


def kind_of(type_number: int) -> str:
    """`BOOL`, `INTEGER_ARRAY` and so on, of a number of `rcl_interfaces/msg/ParameterType`."""
    from rcl_interfaces.msg import ParameterType

    return next((kind for kind in _KINDS if getattr(ParameterType, f"PARAMETER_{kind}") == type_number), "NOT_SET")


def describe_lines(descriptor: Any) -> list[str]:
    """A parameter descriptor as text."""
    lines = [f"Parameter name: {descriptor.name}", f"  Type: {_KINDS[kind_of(descriptor.type)][0]}"]
    if descriptor.description:
        lines.append(f"  Description: {descriptor.description}")
    lines.append("  Constraints:")
    if descriptor.read_only:
        lines.append("    Read only: true")
    for bounds in [*descriptor.floating_point_range, *descriptor.integer_range][:1]:
        lines += [f"    Min value: {bounds.from_value}", f"    Max value: {bounds.to_value}"]
        if bounds.step:
            lines.append(f"    Step: {bounds.step}")
    if descriptor.additional_constraints:
        lines.append(f"    Additional constraints: {descriptor.additional_constraints}")
    return lines


class Parameters:
    """The parameter services of one node."""

    def __init__(self, node: Any, name: str) -> None:
        from rclpy.parameter_client import AsyncParameterClient

        self.node = node
        self.name = name
        self.client = AsyncParameterClient(node, name)

    def ready(self) -> bool:
        """Whether the services are there, waiting a while."""
        return wait_until(self.node, self.client.services_are_ready, READY_S)

    def names(self, prefixes: list[str]) -> list[str]:
        """Names of the parameters."""
        return list(self._answer(self.client.list_parameters(prefixes=prefixes)).result.names)

    def values(self, names: list[str]) -> list[tuple[str, Any]]:
        """A label and the value of each parameter."""
        found = []
        for value in self._answer(self.client.get_parameters(names)).values:
            kind = kind_of(value.type)
            plain: Any = None if kind == "NOT_SET" else getattr(value, f"{kind.lower()}_value")
            if kind.endswith("ARRAY"):
                plain = plain.tolist() if hasattr(plain, "tolist") else list(plain)
            found.append((_KINDS[kind][1], plain))
        return found

    def types(self, names: list[str]) -> dict[str, str]:
        """The type of each parameter in words."""
        return {entry.name: _KINDS[kind_of(entry.type)][0] for entry in self.descriptors(names)}

    def descriptors(self, names: list[str]) -> list[Any]:
        """The descriptor of each parameter."""
        return list(self._answer(self.client.describe_parameters(names)).descriptors)

    def set(self, values: dict[str, str]) -> list[Any]:
        """Set parameters to values in YAML; returns a result for each."""
        from rcl_interfaces.msg import Parameter
        from rclpy.parameter import get_parameter_value

        wanted = [Parameter(name=name, value=get_parameter_value(value)) for name, value in values.items()]
        return list(self._answer(self.client.set_parameters(wanted)).results)

    def load(self, path: str, *, use_wildcard: bool) -> list[tuple[str, Any]]:
        """Set what a parameter file holds for this node; returns names and results.

        Raises:
            MolmoRosError: when the file has nothing for the node.
        """
        from rclpy.parameter import parameter_dict_from_yaml_file

        try:
            found = parameter_dict_from_yaml_file(path, use_wildcard, target_nodes=[self.name])
        except Exception as error:
            raise refuse(f"the parameter file '{path}' cannot be used: {error}") from error
        if not found:
            raise refuse(f"the parameter file '{path}' has nothing for node '{self.name}'")
        results = self._answer(self.client.set_parameters(list(found.values()))).results
        return list(zip(found, results, strict=True))

    def _answer(self, future: Any) -> Any:
        return complete(self.node, future, ANSWER_S, f"the answer of node '{self.name}'")
