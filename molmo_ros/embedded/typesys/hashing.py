"""RIHS01 type hashes (REP 2011; rosidl_generator_type_description, branch jazzy).

The hash is the SHA-256 of a JSON text that describes a type and, sorted by name, every type it
refers to. Services and actions are described as types whose fields are their messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from .model import (
    EMPTY_MEMBER,
    ActionDef,
    Field,
    FieldType,
    InterfaceDef,
    MessageDef,
    ServiceDef,
    nested,
)

_TYPE_IDS = {
    "int8": 2,
    "uint8": 3,
    "int16": 4,
    "uint16": 5,
    "int32": 6,
    "uint32": 7,
    "int64": 8,
    "uint64": 9,
    "float": 10,
    "double": 11,
    "boolean": 15,
    "octet": 16,
    "string": 17,
    "wstring": 18,
}
_NESTED_TYPE_ID = 1
_BOUNDED_STRING_STEP = 4
_ARRAY_OFFSET = 48
_BOUNDED_SEQUENCE_OFFSET = 96
_SEQUENCE_OFFSET = 144


def members(definition: InterfaceDef) -> tuple[Field, ...]:
    """The fields by which an interface is described."""
    if isinstance(definition, MessageDef):
        return definition.fields or (Field(name=EMPTY_MEMBER, type=FieldType(base="uint8")),)
    if isinstance(definition, ServiceDef):
        return (
            Field(name="request_message", type=nested(definition.request.fullname)),
            Field(name="response_message", type=nested(definition.response.fullname)),
            Field(name="event_message", type=nested(definition.event.fullname)),
        )
    return (
        Field(name="goal", type=nested(definition.goal.fullname)),
        Field(name="result", type=nested(definition.result.fullname)),
        Field(name="feedback", type=nested(definition.feedback.fullname)),
        Field(name="send_goal_service", type=nested(definition.send_goal.fullname)),
        Field(name="get_result_service", type=nested(definition.get_result.fullname)),
        Field(name="feedback_message", type=nested(definition.feedback_message.fullname)),
    )


def type_id(field_type: FieldType) -> int:
    """The number of a field type in ``type_description_interfaces/msg/FieldType``."""
    number = _TYPE_IDS.get(field_type.base, _NESTED_TYPE_ID)
    if field_type.string_bound:
        number += _BOUNDED_STRING_STEP
    if field_type.shape == "array":
        return number + _ARRAY_OFFSET
    if field_type.shape == "sequence":
        return number + (_BOUNDED_SEQUENCE_OFFSET if field_type.size else _SEQUENCE_OFFSET)
    return number


def describe(definition: InterfaceDef) -> dict[str, Any]:
    """One type as an ``IndividualTypeDescription``, without default values."""
    return {
        "type_name": definition.fullname,
        "fields": [
            {
                "name": field.name,
                "type": {
                    "type_id": type_id(field.type),
                    "capacity": field.type.size,
                    "string_capacity": field.type.string_bound,
                    "nested_type_name": field.type.base if field.type.is_nested else "",
                },
            }
            for field in members(definition)
        ],
    }


def describe_fully(definition: InterfaceDef, lookup: Callable[[str], InterfaceDef]) -> dict[str, Any]:
    """A type and everything it refers to, as a ``TypeDescription``."""
    found: dict[str, InterfaceDef] = {}
    waiting = list(_references(definition))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = lookup(name)
            waiting.extend(_references(found[name]))
    return {
        "type_description": describe(definition),
        "referenced_type_descriptions": [describe(found[name]) for name in sorted(found)],
    }


def hash_text(description: dict[str, Any]) -> str:
    """The ``RIHS01_...`` text of a full description."""
    text = json.dumps(description, ensure_ascii=True, separators=(", ", ": "))
    return f"RIHS01_{sha256(text.encode()).hexdigest()}"


def _references(definition: InterfaceDef) -> Iterator[str]:
    if isinstance(definition, ActionDef | ServiceDef | MessageDef):
        for field in members(definition):
            if field.type.is_nested:
                yield field.type.base
