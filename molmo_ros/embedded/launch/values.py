"""Typed values of launch attributes and parameters, with the coercion rules of ROS 2 launch."""

from __future__ import annotations

import math
from typing import Any

Scalar = bool | int | float | str
ParameterValue = Scalar | list[bool] | list[int] | list[float] | list[str]

_TYPES: dict[str, tuple[type, bool]] = {
    "str": (str, False),
    "bool": (bool, False),
    "float": (float, False),
    "int": (int, False),
    "list_of_str": (str, True),
    "list_of_bool": (bool, True),
    "list_of_float": (float, True),
    "list_of_int": (int, True),
}
_TRUE = ("true", "1")
_FALSE = ("false", "0")


class ValueFormatError(ValueError):
    """A text cannot be read as the wanted type; the message is one sentence."""


def load_yaml(text: str) -> Any:
    """Read YAML with the rules parameter files have.

    Raises:
        ValueFormatError: when the text is not YAML.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueFormatError(f"'{text}' is not YAML") from error


def condition(text: str) -> bool:
    """Read an `if` or `unless` attribute: true, 1, false or 0.

    Raises:
        ValueFormatError: for anything else.
    """
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueFormatError(f"'{text}' is not a condition; expected true, 1, false or 0")


def boolean(text: str) -> bool:
    """Read a boolean with YAML's words, 1 and 0.

    Raises:
        ValueFormatError: when it is no boolean.
    """
    if text in ("1", "0"):
        return text == "1"
    value = load_yaml(text)
    if not isinstance(value, bool):
        raise ValueFormatError(f"'{text}' is not a boolean")
    return value


def seconds(text: str) -> float:
    """Read a non-negative number of seconds.

    Raises:
        ValueFormatError: when it is no finite, non-negative number.
    """
    value = _number(text, float)
    if not math.isfinite(value) or value < 0.0:
        raise ValueFormatError(f"'{text}' is not a number of seconds >= 0")
    return value


def integer(text: str) -> int:
    """Read a whole number.

    Raises:
        ValueFormatError: when it is none.
    """
    return int(_number(text, int))


def _number(text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueFormatError(f"'{text}' is not {'a whole number' if kind is int else 'a number'}") from error


def parameter(text: str, type_name: str | None = None) -> ParameterValue:
    """Read a parameter's value.

    Args:
        text: the attribute after substitution.
        type_name: the `type` attribute; YAML's own choice when None or `yaml`.

    Returns:
        A scalar or a list of one scalar type.

    Raises:
        ValueFormatError: when the text does not fit the type, or no parameter type fits the text.
    """
    if type_name is None or type_name == "yaml":
        return _untyped(text)
    if type_name not in _TYPES:
        raise ValueFormatError(f"'{type_name}' is not a parameter type; expected one of {', '.join([*_TYPES, 'yaml'])}")
    kind, is_list = _TYPES[type_name]
    if is_list:
        value = load_yaml(text)
        if not isinstance(value, list) or not all(_is(item, kind) for item in value):
            raise ValueFormatError(f"'{text}' is not a list of {kind.__name__}")
        return value
    if kind is str:
        return text
    if kind is bool:
        return boolean(text)
    return kind(_number(text, kind))


def parameter_list(texts: list[str], type_name: str | None = None) -> ParameterValue:
    """Read the items of a separated list (`value-sep`), all of one type.

    Raises:
        ValueFormatError: when an item does not fit, or the items differ in type.
    """
    item_type = type_name.removeprefix("list_of_") if type_name is not None else None
    items = [parameter(text, item_type) for text in texts]
    return uniform(items, " ".join(texts))


def uniform(items: list[Any], text: str) -> ParameterValue:
    """Check that a list holds one scalar type.

    Raises:
        ValueFormatError: when it does not.
    """
    kinds = {type(item) for item in items}
    if len(kinds) > 1 or not kinds <= {bool, int, float, str}:
        raise ValueFormatError(f"'{text}' is not a list of one type out of bool, int, float and str")
    return items


def _untyped(text: str) -> ParameterValue:
    if not text:
        return text
    value = load_yaml(text)
    if isinstance(value, list):
        return uniform(value, text)
    if not isinstance(value, bool | int | float | str):
        raise ValueFormatError(f"'{text}' is not a parameter value; add type=\"str\" if it is meant to be a text")
    return value


def _is(item: Any, kind: type) -> bool:
    return type(item) is kind
