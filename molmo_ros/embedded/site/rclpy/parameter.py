"""Parameters."""

from __future__ import annotations

import array
from enum import Enum
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue

PARAMETER_SEPARATOR_STRING = "."

_ARRAYS = (list, tuple, array.array)


class Parameter:
    """A named value of one of ROS's parameter types.

    Args:
        name: The parameter's name.
        type_: Its type; that of the value if not given.
        value: Its value.

    Raises:
        TypeError: ``type_`` is not a type, or the value has none.
        ValueError: Type and value do not agree.
    """

    class Type(Enum):
        """The types a parameter can have."""

        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, parameter_value: Any) -> Parameter.Type:
            """The type of a value.

            Raises:
                TypeError: It has none.
            """
            if parameter_value is None:
                return cls.NOT_SET
            for kind, scalar in _SCALARS:
                if isinstance(parameter_value, scalar):
                    return cls[kind]
            if not isinstance(parameter_value, _ARRAYS):
                raise TypeError(f"The given value is not one of the allowed types '{parameter_value}'.")
            for kind, item in (("BYTE", bytes), *_SCALARS):
                if all(isinstance(value, item) for value in parameter_value):
                    return cls[f"{kind}_ARRAY"]
            raise TypeError(f"The given value is not a list of one of the allowed types '{parameter_value}'.")

        def check(self, parameter_value: Any) -> bool:
            """Whether a value is of this type."""
            if self is Parameter.Type.NOT_SET:
                return parameter_value is None
            kind, _, many = self.name.partition("_")
            item = {**dict(_SCALARS), "BYTE": bytes}[kind]
            if not many:
                return isinstance(parameter_value, item)
            numbers = kind in ("INTEGER", "DOUBLE")
            return isinstance(parameter_value, _ARRAYS if numbers else (list, tuple)) and all(
                isinstance(value, item) and (kind != "BYTE" or len(value) == 1) for value in parameter_value
            )

    @classmethod
    def from_parameter_msg(cls, param_msg: ParameterMsg) -> Parameter:
        """The parameter a message tells."""
        kind = cls.Type(value=param_msg.value.type)
        value = None if kind is cls.Type.NOT_SET else getattr(param_msg.value, _field(kind))
        return cls(param_msg.name, kind, value)

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        if type_ is None:
            type_ = Parameter.Type.from_parameter_value(value)
        if not isinstance(type_, Parameter.Type):
            raise TypeError(f"type must be an instance of '{Parameter.Type!r}'")
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self._type_ = type_
        self._name = name
        self._value = value

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def type_(self) -> Parameter.Type:
        """Its type."""
        return self._type_

    @property
    def value(self) -> Any:
        """Its value."""
        return self._value

    def get_parameter_value(self) -> ParameterValue:
        """Type and value as a message."""
        message = ParameterValue(type=self._type_.value)
        if self._type_ is not Parameter.Type.NOT_SET:
            setattr(message, _field(self._type_), self._value)
        return message

    def to_parameter_msg(self) -> ParameterMsg:
        """The parameter as a message."""
        return ParameterMsg(name=self._name, value=self.get_parameter_value())


# bool comes before int, of which it is a subclass.
_SCALARS: tuple[tuple[str, type], ...] = (
    ("BOOL", bool),
    ("INTEGER", int),
    ("DOUBLE", float),
    ("STRING", str),
)


def _field(kind: Parameter.Type) -> str:
    """The field of ParameterValue that holds a type's value."""
    return f"{kind.name.lower()}_value"


def get_parameter_value(string_value: str) -> ParameterValue:
    """A value from text, as the command line takes it: YAML where possible, else a string."""
    import yaml

    try:
        value = yaml.safe_load(string_value)
    except yaml.YAMLError:
        value = string_value
    if isinstance(value, list) or (value is not None and not isinstance(value, dict)):
        try:
            kind = Parameter.Type.from_parameter_value(value)
        except TypeError:
            kind, value = Parameter.Type.STRING, string_value
        if value == []:
            kind = Parameter.Type.BOOL_ARRAY
    else:
        kind, value = Parameter.Type.STRING, string_value
    return Parameter("", kind, value).get_parameter_value()


def parameter_value_to_python(parameter_value: ParameterValue) -> Any:
    """The Python value of a message.

    Raises:
        RuntimeError: Its type is unknown.
    """
    try:
        kind = Parameter.Type(parameter_value.type)
    except ValueError:
        raise RuntimeError(f"unexpected parameter type {parameter_value.type}") from None
    if kind is Parameter.Type.NOT_SET:
        return None
    value = getattr(parameter_value, _field(kind))
    return list(value) if kind.name.endswith("_ARRAY") else value


def parameter_dict_from_yaml_file(
    parameter_file: str,
    use_wildcard: bool = False,
    target_nodes: list[str] | None = None,
    namespace: str = "",
) -> dict[str, ParameterMsg]:
    """The parameters of a file by their names.

    Args:
        parameter_file: Path of the YAML file.
        use_wildcard: Take the entry ``/**`` too.
        target_nodes: Take the entries of these nodes; of all when not given.
        namespace: Put before every name.

    Raises:
        RuntimeError: A node is missing, nothing is selected, or the file has another form.
    """
    import yaml

    content = yaml.safe_load(Path(parameter_file).read_text(encoding="utf-8")) or {}
    keys = ["/**"] if use_wildcard and "/**" in content else []
    if target_nodes:
        for node in target_nodes:
            if node not in content:
                raise RuntimeError(
                    f"Param file does not contain parameters for {node},only for nodes: {list(content.keys())} "
                )
        keys += target_nodes
    else:
        keys += [key for key in content if key != "/**"]
    if not keys:
        raise RuntimeError("Param file does not contain selected parameters")
    found: dict[str, Any] = {}
    for key in keys:
        entry = content[key]
        if not isinstance(entry, dict) or "ros__parameters" not in entry:
            raise RuntimeError(f"YAML file is not a valid ROS parameter file for node {key}")
        found.update(entry["ros__parameters"])
    return _unpack_parameter_dict(namespace, found)


def _unpack_parameter_dict(namespace: str, parameter_dict: dict[str, Any]) -> dict[str, ParameterMsg]:
    """Nested parameters with their names joined by dots."""
    parameters: dict[str, ParameterMsg] = {}
    for key, value in parameter_dict.items():
        name = f"{namespace}{key}"
        if isinstance(value, dict):
            parameters.update(_unpack_parameter_dict(name + PARAMETER_SEPARATOR_STRING, value))
        else:
            parameters[name] = ParameterMsg(name=name, value=get_parameter_value(str(value)))
    return parameters
