"""The type descriptions of ``SLOT_TYPES``: what `rosidl_parser.definition` offers at run time."""

from __future__ import annotations

from typing import Any

from .model import FieldType

SIGNED_INTEGER_TYPES = ("short", "long", "long long", "int8", "int16", "int32", "int64")
UNSIGNED_INTEGER_TYPES = (
    "unsigned short",
    "unsigned long",
    "unsigned long long",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)
INTEGER_TYPES = (*SIGNED_INTEGER_TYPES, *UNSIGNED_INTEGER_TYPES)
FLOATING_POINT_TYPES = ("float", "double", "long double")
CHARACTER_TYPES = ("char", "wchar")
BOOLEAN_TYPE = "boolean"
OCTET_TYPE = "octet"
BASIC_TYPES = (
    *INTEGER_TYPES,
    *FLOATING_POINT_TYPES,
    *CHARACTER_TYPES,
    BOOLEAN_TYPE,
    OCTET_TYPE,
)

EMPTY_STRUCTURE_REQUIRED_MEMBER_NAME = "structure_needs_at_least_one_member"
CONSTANT_MODULE_SUFFIX = "_Constants"
SERVICE_REQUEST_MESSAGE_SUFFIX = "_Request"
SERVICE_RESPONSE_MESSAGE_SUFFIX = "_Response"
SERVICE_EVENT_MESSAGE_SUFFIX = "_Event"
ACTION_GOAL_SUFFIX = "_Goal"
ACTION_RESULT_SUFFIX = "_Result"
ACTION_FEEDBACK_SUFFIX = "_Feedback"
ACTION_GOAL_SERVICE_SUFFIX = "_SendGoal"
ACTION_RESULT_SERVICE_SUFFIX = "_GetResult"
ACTION_FEEDBACK_MESSAGE_SUFFIX = "_FeedbackMessage"


class AbstractType:
    """A type; equal to another of the same class with the same attributes."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def _state(self) -> tuple[Any, ...]:
        slots = [name for cls in type(self).__mro__ for name in getattr(cls, "__slots__", ()) if name]
        return tuple(getattr(self, name) for name in slots)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._state() == other._state()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._state()))})"


class AbstractNestableType(AbstractType):
    """A type that may stand inside an array or a sequence."""

    __slots__ = ()


class BasicType(AbstractNestableType):
    """A number, boolean, character or octet."""

    __slots__ = ("typename",)

    def __init__(self, typename: str) -> None:
        if typename not in BASIC_TYPES:
            raise AssertionError(f"{typename!r} is not a basic type")
        self.typename = typename


class NamedType(AbstractNestableType):
    """A type known by a name that was not resolved."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class NamespacedType(AbstractNestableType):
    """A message known by its full name."""

    __slots__ = ("name", "namespaces")

    def __init__(self, namespaces: list[str], name: str) -> None:
        self.namespaces = namespaces
        self.name = name

    def namespaced_name(self) -> tuple[str, ...]:
        return (*self.namespaces, self.name)


class AbstractGenericString(AbstractNestableType):
    """Any string type."""

    __slots__ = ()

    def has_maximum_size(self) -> bool:
        return hasattr(self, "maximum_size")


class AbstractString(AbstractGenericString):
    """A string of bytes."""

    __slots__ = ()


class AbstractWString(AbstractGenericString):
    """A string of 16-bit units."""

    __slots__ = ()


class UnboundedString(AbstractString):
    """A string of any length."""

    __slots__ = ()


class UnboundedWString(AbstractWString):
    """A wide string of any length."""

    __slots__ = ()


class BoundedString(AbstractString):
    """A string with a greatest length."""

    __slots__ = ("maximum_size",)

    def __init__(self, maximum_size: int) -> None:
        self.maximum_size = maximum_size


class BoundedWString(AbstractWString):
    """A wide string with a greatest length."""

    __slots__ = ("maximum_size",)

    def __init__(self, maximum_size: int) -> None:
        self.maximum_size = maximum_size


class AbstractNestedType(AbstractType):
    """An array or a sequence of `value_type`."""

    __slots__ = ("value_type",)

    def __init__(self, value_type: AbstractNestableType) -> None:
        if not isinstance(value_type, AbstractNestableType):
            raise AssertionError("the elements of an array cannot be arrays")
        self.value_type = value_type

    def has_maximum_size(self) -> bool:
        return hasattr(self, "maximum_size") or hasattr(self, "size")


class Array(AbstractNestedType):
    """A fixed number of elements."""

    __slots__ = ("size",)

    def __init__(self, value_type: AbstractNestableType, size: int) -> None:
        super().__init__(value_type)
        self.size = size


class AbstractSequence(AbstractNestedType):
    """A varying number of elements."""

    __slots__ = ()


class BoundedSequence(AbstractSequence):
    """A sequence with a greatest length."""

    __slots__ = ("maximum_size",)

    def __init__(self, value_type: AbstractNestableType, maximum_size: int) -> None:
        super().__init__(value_type)
        self.maximum_size = maximum_size


class UnboundedSequence(AbstractSequence):
    """A sequence of any length."""

    __slots__ = ()


def slot_type(field_type: FieldType) -> AbstractType:
    """The entry of ``SLOT_TYPES`` for a field."""
    value = _value_type(field_type)
    if field_type.shape == "array":
        return Array(value, field_type.size)
    if field_type.shape == "sequence":
        if field_type.size:
            return BoundedSequence(value, field_type.size)
        return UnboundedSequence(value)
    return value


def _value_type(field_type: FieldType) -> AbstractNestableType:
    bound = field_type.string_bound
    if field_type.base == "string":
        return BoundedString(bound) if bound else UnboundedString()
    if field_type.base == "wstring":
        return BoundedWString(bound) if bound else UnboundedWString()
    if field_type.is_nested:
        *namespaces, name = field_type.base.split("/")
        return NamespacedType(namespaces, name)
    return BasicType(field_type.base)
