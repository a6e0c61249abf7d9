"""Message, service and action classes, made to behave as rosidl's generated Python classes.

The reference is rosidl_generator_py, branch jazzy: keyword constructor, defaults, properties with
optional checks, ``array.array`` and numpy storage, constants on class and metaclass.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar

from .checks import make_check
from .definition import slot_type
from .model import (
    ARRAY_CODES,
    NUMPY_NAMES,
    ActionDef,
    Constant,
    Field,
    FieldType,
    InterfaceDef,
    MessageDef,
    ServiceDef,
)

CHECK_FIELDS_VARIABLE = "ROS_PYTHON_CHECK_FIELDS"

Lookup = Callable[[str], type]
"""Gives the class of a full name."""


class TypeSupport:
    """What a metaclass's ``_TYPE_SUPPORT`` holds: enough to find the type's codec and hash."""

    __slots__ = ("definition",)

    def __init__(self, definition: InterfaceDef) -> None:
        self.definition = definition

    def __repr__(self) -> str:
        return f"<type support of {self.definition.fullname}>"


class InterfaceMeta(type):
    """Metaclass of every interface class; each interface has its own subclass."""

    _TYPE_SUPPORT: TypeSupport | None = None
    _definition: InterfaceDef

    @classmethod
    def __import_type_support__(cls) -> None:
        if cls._TYPE_SUPPORT is None:
            cls._TYPE_SUPPORT = TypeSupport(cls._definition)


class MessageMeta(InterfaceMeta):
    """Metaclass of message classes."""

    _CREATE_ROS_MESSAGE: Any = None
    _CONVERT_FROM_PY: Any = None
    _CONVERT_TO_PY: Any = None
    _DESTROY_ROS_MESSAGE: Any = None

    @classmethod
    def __import_type_support__(cls) -> None:
        super().__import_type_support__()
        cls._CREATE_ROS_MESSAGE = cls._DESTROY_ROS_MESSAGE = cls._TYPE_SUPPORT
        cls._CONVERT_FROM_PY = cls._CONVERT_TO_PY = cls._TYPE_SUPPORT


class DerivedMeta(InterfaceMeta):
    """Metaclass of services and actions: the classes derived from them are made when asked for."""

    _parts: dict[str, str]
    _lookup: Lookup

    def __getattr__(cls, name: str) -> Any:
        metaclass = type(cls)
        fullname = metaclass._parts.get(name)
        if fullname is None:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        part = metaclass._lookup(fullname)
        setattr(cls, name, part)
        return part

    def __dir__(cls) -> list[str]:
        return sorted({*super().__dir__(), *type(cls)._parts})


class _SlotTypes:
    """``SLOT_TYPES``, made at its first use and then kept on the class."""

    def __init__(self, definition: MessageDef) -> None:
        self._definition = definition

    def __get__(self, instance: object, owner: type) -> tuple[Any, ...]:
        types = tuple(slot_type(field.type) for field in self._definition.fields)
        owner.SLOT_TYPES = types
        return types


class Message:
    """What every message class shares."""

    __slots__ = ()
    _fields_and_field_types: ClassVar[dict[str, str]] = {}
    SLOT_TYPES: ClassVar[tuple[Any, ...]] = ()

    def __repr__(self) -> str:
        package, kind = type(self).__module__.split(".")[:2]
        fields = (f"{name}={_field_repr(getattr(self, name))}" for name in _names(self))
        return f"{package}.{kind}.{type(self).__name__}({', '.join(fields)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return False
        return all(_same(getattr(self, name), getattr(other, name)) for name in _names(self))

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """Field names and their types in IDL form, in wire order."""
        return copy(cls._fields_and_field_types)


def _names(message: Message) -> dict[str, str]:
    return type(message)._fields_and_field_types


def _same(one: Any, other: Any) -> bool:
    same = one == other
    return same if isinstance(same, bool) else bool(same.all())


def _field_repr(value: Any) -> str:
    return repr(value.tolist()) if type(value) is array else repr(value)


def module_name(name: str) -> str:
    """The private module that rosidl puts an interface in: ``JointState`` -> ``_joint_state``."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return "_" + re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def make_message_class(definition: MessageDef, stem: str, lookup: Lookup) -> type:
    """Make the class of a message.

    Args:
        definition: The message.
        stem: Name of the interface that the message belongs to (its own, or its service's).
        lookup: Gives the classes of nested messages, made before this one is used.
    """
    package, kind, name = definition.fullname.split("/")
    module = f"{package}.{kind}.{module_name(stem)}"
    metaclass_names: dict[str, Any] = {
        "__module__": module,
        "__doc__": f"Metaclass of message '{name}'.",
        "_definition": definition,
    }
    names: dict[str, Any] = {
        "__module__": module,
        "__qualname__": name,
        "__doc__": _docstring(name, definition.constants),
        "__slots__": [*(f"_{field.name}" for field in definition.fields), "_check_fields"],
        "_fields_and_field_types": {field.name: _idl_text(field.type) for field in definition.fields},
        "SLOT_TYPES": _SlotTypes(definition),
    }
    for constant in definition.constants:
        value = constant_value(constant)
        names[constant.name] = value
        metaclass_names[constant.name] = property(_constantly(value))
    for field in definition.fields:
        if field.default is not None:
            default_name = f"{field.name.upper()}__DEFAULT"
            make = _default_maker(field)
            metaclass_names[default_name] = property(make)
            names[default_name] = _DefaultValue(make)
    names.update(_methods(definition, lookup))
    metaclass = type(f"Metaclass_{name}", (MessageMeta,), metaclass_names)
    return metaclass(name, (Message,), names)


def make_service_class(definition: ServiceDef, stem: str, lookup: Lookup) -> type:
    """Make the class of a service: a holder of its Request, Response and Event classes."""
    parts = {
        "Request": definition.request.fullname,
        "Response": definition.response.fullname,
        "Event": definition.event.fullname,
    }
    return _derived_class(definition, stem, parts, lookup, "Service")


def make_action_class(definition: ActionDef, stem: str, lookup: Lookup) -> type:
    """Make the class of an action: a holder of Goal, Result, Feedback and the Impl classes."""
    parts = {
        "Goal": definition.goal.fullname,
        "Result": definition.result.fullname,
        "Feedback": definition.feedback.fullname,
    }
    cls = _derived_class(definition, stem, parts, lookup, "Action")
    impl = _derived_class(
        definition,
        stem,
        {
            "SendGoalService": definition.send_goal.fullname,
            "GetResultService": definition.get_result.fullname,
            "FeedbackMessage": definition.feedback_message.fullname,
            "CancelGoalService": "action_msgs/srv/CancelGoal",
            "GoalStatusMessage": "action_msgs/msg/GoalStatusArray",
        },
        lookup,
        "Impl",
    )
    impl.__name__ = "Impl"
    impl.__qualname__ = f"{cls.__name__}.Impl"
    cls.Impl = impl
    return cls


def _derived_class(
    definition: ServiceDef | ActionDef, stem: str, parts: dict[str, str], lookup: Lookup, what: str
) -> type:
    package, kind, name = definition.fullname.split("/")
    module = f"{package}.{kind}.{module_name(stem)}"
    metaclass = type(
        f"Metaclass_{name}",
        (DerivedMeta,),
        {
            "__module__": module,
            "_definition": definition,
            "_parts": parts,
            "_lookup": staticmethod(lookup),
        },
    )

    def refuse(self: object) -> None:
        raise NotImplementedError(f"{what} classes can not be instantiated")

    return metaclass(name, (), {"__module__": module, "__init__": refuse})


def constant_value(constant: Constant) -> Any:
    """The Python value of a constant: an octet is `bytes` of length 1."""
    if constant.base == "octet" and isinstance(constant.value, int):
        return bytes([constant.value])
    return constant.value


def to_sequence(code: str, value: Any) -> array[Any]:
    """An `array.array` of type code `code` holding a copy of `value`.

    As ``array.array(code, value)``, with a fast path for numpy arrays of the same kind.
    """
    if not isinstance(value, (array, bytes, list)):
        kind = getattr(value, "dtype", None)
        if kind is not None and value.ndim == 1 and kind.char == code and kind.isnative:
            out: array[Any] = array(code)
            out.frombytes(value.tobytes())
            return out
        if isinstance(value, memoryview) and value.contiguous and value.format == code:
            out = array(code)
            out.frombytes(value)
            return out
    return array(code, value)


def to_array(dtype: str, value: Any) -> Any:
    """A numpy array holding a copy of `value`."""
    import numpy as np

    return np.array(value, dtype=dtype)


def to_sized_array(dtype: str, size: int, value: Any) -> Any:
    """A numpy array holding a copy of `value`, which must have `size` elements."""
    out = to_array(dtype, value)
    if out.shape != (size,):
        raise AssertionError(f"an array of {size} elements was given the shape {out.shape}")
    return out


def zeros(dtype: str, size: int) -> Any:
    """A numpy array of zeros."""
    import numpy as np

    return np.zeros(size, dtype=dtype)


def refuse_unknown(message: Message, names: dict[str, Any]) -> None:
    """Refuse constructor arguments that are not fields."""
    slots = type(message).__slots__
    unknown = sorted(name for name in names if f"_{name}" not in slots)
    if unknown:
        raise AssertionError(f"Invalid arguments passed to constructor: {', '.join(unknown)}")


class _DefaultValue:
    """A fresh copy of a field's default at each access through an instance."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __get__(self, instance: object, owner: type) -> Any:
        return self._make(owner)


def _constantly(value: Any) -> Callable[[Any], Any]:
    return lambda cls: value


def _default_maker(field: Field) -> Callable[[Any], Any]:
    base, shape, default = field.type.base, field.type.shape, field.default
    if shape == "scalar":
        value = bytes([default]) if base == "octet" else default  # type: ignore[list-item]
        return lambda cls: value
    if base in NUMPY_NAMES:
        if shape == "array":
            return lambda cls: to_array(NUMPY_NAMES[base], default)
        return lambda cls: array(ARRAY_CODES[base], default)  # type: ignore[arg-type]
    if base == "octet":
        return lambda cls: [bytes([item]) for item in default]  # type: ignore[union-attr]
    return lambda cls: list(default)  # type: ignore[arg-type]


def _docstring(name: str, constants: tuple[Constant, ...]) -> str:
    text = f"Message class '{name}'."
    if constants:
        text += "\n\nConstants:\n" + "".join(f"  {constant.name}\n" for constant in constants)
    return text


def _idl_text(field_type: FieldType) -> str:
    if field_type.is_nested:
        package, _, name = field_type.base.split("/")
        text = f"{package}/{name}"
    else:
        text = field_type.base
    if field_type.string_bound:
        text += f"<{field_type.string_bound}>"
    if field_type.shape == "array":
        return f"{text}[{field_type.size}]"
    if field_type.shape == "sequence":
        return f"sequence<{text}, {field_type.size}>" if field_type.size else f"sequence<{text}>"
    return text


def _methods(definition: MessageDef, lookup: Lookup) -> dict[str, Any]:
    """Compile the constructor and the properties of a message."""
    names: dict[str, Any] = {
        "ros_python_check_fields": os.environ.get(CHECK_FIELDS_VARIABLE, ""),
        "array": array,
        "to_sequence": to_sequence,
        "to_array": to_array,
        "to_sized_array": to_sized_array,
        "zeros": zeros,
        "refuse_unknown": refuse_unknown,
    }
    plain = [
        "def __init__(self, **kwargs):",
        "    if not kwargs:",
        "        self._check_fields = ros_python_check_fields == '1'",
    ]
    given = [
        "    if 'check_fields' in kwargs:",
        "        self._check_fields = kwargs['check_fields']",
        "    else:",
        "        self._check_fields = ros_python_check_fields == '1'",
        "    if self._check_fields:",
        "        refuse_unknown(self, kwargs)",
    ]
    accessors: list[str] = []
    for number, field in enumerate(definition.fields):
        name = field.name
        _bind(names, number, field, lookup)
        initial = _initial(number, field)
        plain.append(f"        self._{name} = {initial}")
        value = _given(field, f"kwargs[{name!r}]")
        given += [
            f"    if {name!r} in kwargs:",
            f"        self.{name} = {value}",
            "    else:",
            f"        self._{name} = {initial}",
        ]
        accessors += [
            f"def get_{name}(self):",
            f"    return self._{name}",
            f"def set_{name}(self, value):",
            f"    if self._check_fields and check_{number}(value):",
            f"        self._{name} = value",
            "        return",
            f"    self._{name} = {_stored(field)}",
        ]
    plain.append("        return")
    source = "\n".join([*plain, *given, *accessors])
    exec(compile(source, f"<{definition.fullname}>", "exec"), names)
    methods: dict[str, Any] = {"__init__": names["__init__"]}
    for field in definition.fields:
        getter, setter = names[f"get_{field.name}"], names[f"set_{field.name}"]
        methods[field.name] = property(getter, setter, doc=f"Message field '{field.name}'.")
    return methods


def _bind(names: dict[str, Any], number: int, field: Field, lookup: Lookup) -> None:
    """Put what the compiled code needs for one field into its globals."""
    message_class = None
    if field.type.is_nested:
        base = field.type.base
        if field.type.shape != "sequence":
            names[f"class_{number}"] = lookup(base)

        def message_class() -> type:
            return lookup(base)

    if field.default is not None:
        names[f"default_{number}"] = _default_maker(field)
    names[f"check_{number}"] = _LateCheck(field, message_class)


class _LateCheck:
    """A field's check, made at its first use."""

    def __init__(self, field: Field, message_class: Callable[[], type] | None) -> None:
        self._make = (field.name, field.type, message_class)
        self._check: Callable[[Any], bool] | None = None

    def __call__(self, value: Any) -> bool:
        if self._check is None:
            self._check = make_check(*self._make)
        return self._check(value)


def _initial(number: int, field: Field) -> str:
    base, shape, size = field.type.base, field.type.shape, field.type.size
    if field.default is not None:
        return f"default_{number}(None)"
    if shape == "sequence":
        return f"array({ARRAY_CODES[base]!r})" if base in ARRAY_CODES else "[]"
    if shape == "array" and base in NUMPY_NAMES:
        return f"zeros({NUMPY_NAMES[base]!r}, {size})"
    if field.type.is_nested:
        value = f"class_{number}()"
    elif field.type.is_string:
        value = "''"
    else:
        value = {"boolean": "False", "octet": "b'\\0'", "float": "0.0", "double": "0.0"}.get(base, "0")
    return f"[{value} for _ in range({size})]" if shape == "array" else value


def _given(field: Field, value: str) -> str:
    """A constructor argument as the constructor converts it before it is checked."""
    base = field.type.base
    if field.default is not None or base not in ARRAY_CODES:
        return value
    if field.type.shape == "sequence":
        return f"to_sequence({ARRAY_CODES[base]!r}, {value})"
    if field.type.shape == "array":
        return f"to_sized_array({NUMPY_NAMES[base]!r}, {field.type.size}, {value})"
    return value


def _stored(field: Field) -> str:
    """A value as the setter stores it."""
    base = field.type.base
    if base in ARRAY_CODES:
        if field.type.shape == "sequence":
            return f"to_sequence({ARRAY_CODES[base]!r}, value)"
        if field.type.shape == "array":
            return f"to_array({NUMPY_NAMES[base]!r}, value)"
    return "value"
