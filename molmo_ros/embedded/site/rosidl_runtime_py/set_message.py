"""Fills messages from plain Python values."""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from rosidl_parser.definition import AbstractNestedType, NamespacedType

from .convert import get_message_slot_types
from .import_message import import_message_from_namespaced_type

_HEADER = ("std_msgs", "Header")
_TIME = ("builtin_interfaces", "Time")


def set_message_fields(
    msg: Any, values: Mapping[str, Any], expand_header_auto: bool = False, expand_time_now: bool = False
) -> list[Callable[[Any], None]]:
    """Set fields of a message.

    Args:
        msg: the message to fill.
        values: values by field name; nested messages as mappings.
        expand_header_auto: a header given as `auto` gets its stamp later.
        expand_time_now: a time given as `now` is set later.

    Returns:
        A setter for each field that is to get the current time.

    Raises:
        AttributeError: when the message has no such field.
        TypeError: when a value does not fit its field.
        ValueError: when a value cannot be converted.
    """
    setters: list[Callable[[Any], None]] = []
    _fill(msg, values, expand_header_auto, expand_time_now, setters)
    return setters


def _fill(msg: Any, values: Any, auto: bool, now: bool, setters: list[Callable[[Any], None]]) -> None:
    if not hasattr(values, "items"):
        raise TypeError(f"Value '{values}' is expected to be a dictionary but is a {type(values).__name__}")
    slots = get_message_slot_types(msg)
    for name, given in values.items():
        field = getattr(msg, name)
        kind = type(field)
        identity = (kind.__module__.partition(".")[0], kind.__name__)
        if auto and identity == _HEADER and _is_word(given, "auto"):
            setters.append(partial(setattr, field, "stamp"))
            continue
        if now and identity == _TIME and _is_word(given, "now"):
            setters.append(partial(setattr, msg, name))
            continue
        value = _converted(field, given, auto, now, setters)
        slot = slots[name]
        if isinstance(slot, AbstractNestedType) and isinstance(slot.value_type, NamespacedType):
            value = _messages(value, slot.value_type, auto, now, setters)
        setattr(msg, name, value)


def _is_word(value: Any, word: str) -> bool:
    return isinstance(value, str) and value == word


def _converted(field: Any, given: Any, auto: bool, now: bool, setters: list[Callable[[Any], None]]) -> Any:
    kind = type(field)
    if kind is array.array:
        return array.array(field.typecode, given)
    if kind is np.ndarray:
        return np.array(given, dtype=field.dtype)
    if type(given) is kind:
        return given
    if hasattr(kind, "get_fields_and_field_types"):
        value = kind()
        _fill(value, given, auto, now, setters)
        return value
    return kind(given)


def _messages(
    given: Any, value_type: NamespacedType, auto: bool, now: bool, setters: list[Callable[[Any], None]]
) -> list[Any]:
    element = import_message_from_namespaced_type(value_type)
    filled = []
    for values in given:
        if isinstance(values, element):
            filled.append(values)
            continue
        message = element()
        _fill(message, values, auto, now, setters)
        filled.append(message)
    return filled
