"""What an interface definition says, independent of where it was read from.

Names follow the interface definition language: a basic type is spelled as rosidl spells it
(``boolean``, ``octet``, ``float``, ``double``, ``int8`` ...), so that ``byte`` and ``char`` of a
``.msg`` file are already ``octet`` and ``uint8`` here.
"""

from __future__ import annotations

from dataclasses import dataclass

BASIC_SIZES = {
    "boolean": 1,
    "octet": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float": 4,
    "double": 8,
}
"""Bytes that a basic type takes in CDR."""

STRUCT_CODES = {
    "boolean": "?",
    "octet": "c",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float": "f",
    "double": "d",
}
"""The `struct` code of a basic type."""

ARRAY_CODES = {name: STRUCT_CODES[name] for name in BASIC_SIZES if name not in ("boolean", "octet")}
"""The `array.array` code of the basic types that are stored in one."""

NUMPY_NAMES = {name: {"float": "float32", "double": "float64"}.get(name, name) for name in ARRAY_CODES}
"""The numpy dtype of the basic types that are stored in a numpy array."""

EMPTY_MEMBER = "structure_needs_at_least_one_member"
"""The member that stands on the wire for a message without fields."""

Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldType:
    """The type of one field.

    Attributes:
        base: Basic type name, ``string``, ``wstring`` or a full message name (``pkg/msg/Name``).
        string_bound: Longest string allowed, 0 for any.
        shape: ``scalar``, ``array`` (fixed size) or ``sequence``.
        size: Elements of an array; longest sequence allowed, 0 for any.
    """

    base: str
    string_bound: int = 0
    shape: str = "scalar"
    size: int = 0

    @property
    def is_nested(self) -> bool:
        """Whether the elements are messages."""
        return "/" in self.base

    @property
    def is_string(self) -> bool:
        """Whether the elements are strings."""
        return self.base in ("string", "wstring")

    @property
    def is_buffer(self) -> bool:
        """Whether the field is held as a numpy array or an `array.array`."""
        return self.shape != "scalar" and self.base in ARRAY_CODES


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a message; `default` is None where the definition gives none."""

    name: str
    type: FieldType
    default: Value | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """One constant of a message; `base` is a basic type name or a string type."""

    name: str
    base: str
    value: bool | int | float | str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDef:
    """A message: full name (``pkg/msg/Name``), fields in wire order, constants."""

    fullname: str
    fields: tuple[Field, ...]
    constants: tuple[Constant, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceDef:
    """A service with the event message that rosidl derives from it."""

    fullname: str
    request: MessageDef
    response: MessageDef
    event: MessageDef


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionDef:
    """An action with the services and the message that rosidl derives from it."""

    fullname: str
    goal: MessageDef
    result: MessageDef
    feedback: MessageDef
    send_goal: ServiceDef
    get_result: ServiceDef
    feedback_message: MessageDef


InterfaceDef = MessageDef | ServiceDef | ActionDef


def nested(fullname: str) -> FieldType:
    """The type of a field that holds one message."""
    return FieldType(base=fullname)


def make_service(fullname: str, request: MessageDef, response: MessageDef) -> ServiceDef:
    """A service definition with its derived event message."""
    event = MessageDef(
        fullname=f"{fullname}_Event",
        fields=(
            Field(name="info", type=nested("service_msgs/msg/ServiceEventInfo")),
            Field(name="request", type=FieldType(base=request.fullname, shape="sequence", size=1)),
            Field(name="response", type=FieldType(base=response.fullname, shape="sequence", size=1)),
        ),
    )
    return ServiceDef(fullname=fullname, request=request, response=response, event=event)


def make_action(fullname: str, goal: MessageDef, result: MessageDef, feedback: MessageDef) -> ActionDef:
    """An action definition with its derived services and feedback message."""
    goal_id = Field(name="goal_id", type=nested("unique_identifier_msgs/msg/UUID"))
    send_name, get_name = f"{fullname}_SendGoal", f"{fullname}_GetResult"
    send_goal = make_service(
        send_name,
        MessageDef(
            fullname=f"{send_name}_Request",
            fields=(goal_id, Field(name="goal", type=nested(goal.fullname))),
        ),
        MessageDef(
            fullname=f"{send_name}_Response",
            fields=(
                Field(name="accepted", type=FieldType(base="boolean")),
                Field(name="stamp", type=nested("builtin_interfaces/msg/Time")),
            ),
        ),
    )
    get_result = make_service(
        get_name,
        MessageDef(fullname=f"{get_name}_Request", fields=(goal_id,)),
        MessageDef(
            fullname=f"{get_name}_Response",
            fields=(
                Field(name="status", type=FieldType(base="int8")),
                Field(name="result", type=nested(result.fullname)),
            ),
        ),
    )
    return ActionDef(
        fullname=fullname,
        goal=goal,
        result=result,
        feedback=feedback,
        send_goal=send_goal,
        get_result=get_result,
        feedback_message=MessageDef(
            fullname=f"{fullname}_FeedbackMessage",
            fields=(goal_id, Field(name="feedback", type=nested(feedback.fullname))),
        ),
    )
