"""Messages as dictionaries, YAML and comma-separated values."""

from __future__ import annotations

import array
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import yaml
from rosidl_parser.definition import (
    AbstractString,
    AbstractWString,
    Array,
    BasicType,
    BoundedSequence,
    NamedType,
    NamespacedType,
    UnboundedSequence,
)

_SEQUENCES = (list, tuple, array.array, np.ndarray)
_ELLIPSIS = "..."


class _Dumper(yaml.Dumper):
    """Keeps the order of fields and writes ordered dictionaries as plain mappings."""


_Dumper.add_representer(
    OrderedDict, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items())
)


def get_message_slot_types(msg: Any) -> OrderedDict:
    """Field names to the parser's description of their types."""
    return OrderedDict(zip(msg.get_fields_and_field_types(), msg.SLOT_TYPES, strict=True))


def message_to_ordereddict(
    msg: Any, *, truncate_length: int | None = None, no_arr: bool = False, no_str: bool = False
) -> OrderedDict:
    """A message as an ordered dictionary of plain Python values.

    Args:
        msg: the message.
        truncate_length: longest text or sequence; the rest becomes `...`.
        no_arr: describe arrays instead of writing them out.
        no_str: describe texts instead of writing them out.
    """
    return OrderedDict(
        (
            name,
            _convert_value(
                getattr(msg, name, None),
                field_type=field_type,
                truncate_length=truncate_length,
                no_arr=no_arr,
                no_str=no_str,
            ),
        )
        for name, field_type in get_message_slot_types(msg).items()
    )


def message_to_yaml(
    msg: Any,
    *,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
    flow_style: bool = False,
) -> str:
    """A message as YAML; see `message_to_ordereddict`."""
    content = message_to_ordereddict(msg, truncate_length=truncate_length, no_arr=no_arr, no_str=no_str)
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, width=sys.maxsize, default_flow_style=flow_style)


def message_to_csv(msg: Any, *, truncate_length: int | None = None, no_arr: bool = False, no_str: bool = False) -> str:
    """All values of a message, separated by commas; see `message_to_ordereddict`."""

    def words(value: Any, field_type: Any = None) -> str:
        if isinstance(value, _SEQUENCES):
            if no_arr and field_type is not None:
                return _describe(value, field_type)
            shown = value if truncate_length is None else value[:truncate_length]
            cut = [_ELLIPSIS] if len(shown) < len(value) else []
            return ",".join([*(words(item) for item in shown), *cut])
        if isinstance(value, str) and no_str:
            return f"<string length: <{len(value)}>>"
        if isinstance(value, str | bytes):
            dots = _ELLIPSIS if isinstance(value, str) else _ELLIPSIS.encode()
            cut_off = truncate_length is not None and len(value) > truncate_length
            return str(value[:truncate_length] + dots if cut_off else value)
        if isinstance(value, bool | int | float | np.number):
            return str(value)
        return message_to_csv(value, truncate_length=truncate_length, no_arr=no_arr, no_str=no_str)

    return ",".join(words(getattr(msg, name), kind) for name, kind in get_message_slot_types(msg).items())


def _convert_value(
    value: Any,
    *,
    field_type: Any = None,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
) -> Any:
    options = {"truncate_length": truncate_length, "no_arr": no_arr, "no_str": no_str}
    if isinstance(value, bytes):
        return _cut("".join(map(chr, value)), truncate_length)
    if isinstance(value, str):
        return f"<string length: <{len(value)}>>" if no_str else _cut(value, truncate_length)
    if isinstance(value, _SEQUENCES):
        if no_arr and field_type is not None:
            return _describe(value, field_type)
        kind = tuple if isinstance(value, tuple) else list
        shown = value if truncate_length is None else value[:truncate_length]
        cut = [_ELLIPSIS] if len(shown) < len(value) else []
        return kind([*(_convert_value(item, **options) for item in shown), *cut])
    if isinstance(value, dict):
        pairs = ((_convert_value(key), _convert_value(item, **options)) for key, item in value.items())
        return type(value)(pairs)
    if isinstance(value, np.number | np.bool_):
        return value.item()
    if isinstance(value, bool | float | int):
        return value
    return message_to_ordereddict(value, **options)


def _cut(text: str, length: int | None) -> str:
    return text if length is None or len(text) <= length else text[:length] + _ELLIPSIS


def _describe(value: Any, field_type: Any) -> str:
    name = _type_name(field_type.value_type)
    if isinstance(field_type, Array):
        return f"<array type: {name}[{field_type.size}]>"
    if isinstance(field_type, BoundedSequence):
        return f"<sequence type: {name}[{field_type.maximum_size}], length: {len(value)}>"
    if isinstance(field_type, UnboundedSequence):
        return f"<sequence type: {name}, length: {len(value)}>"
    return "unknown"


def _type_name(value_type: Any) -> str:
    if isinstance(value_type, BasicType):
        return value_type.typename
    if isinstance(value_type, AbstractString):
        return "string"
    if isinstance(value_type, AbstractWString):
        return "wstring"
    if isinstance(value_type, NamespacedType):
        return "/".join(value_type.namespaced_name())
    if isinstance(value_type, NamedType):
        return value_type.name
    return "unknown"
