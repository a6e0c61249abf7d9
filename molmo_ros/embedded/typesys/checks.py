"""The field checks of rosidl's generated Python classes (rosidl_generator_py, branch jazzy).

They run only where a message was made with ``check_fields=True`` or with
``ROS_PYTHON_CHECK_FIELDS=1`` in the environment. Each check raises `AssertionError`.
"""

from __future__ import annotations

import math
from array import array
from collections import UserList, UserString
from collections.abc import ByteString, Callable, Sequence, Set
from typing import Any

from .model import ARRAY_CODES, NUMPY_NAMES, FieldType
from .parse import integer_range

FLOAT_BOUND = 3.402823466e38
DOUBLE_BOUND = 1.7976931348623157e308

Check = Callable[[Any], bool]
"""Raises where a value does not fit; True where the value is to be kept as the very object it is."""


def make_check(name: str, field_type: FieldType, message_class: Callable[[], type] | None) -> Check:
    """The check of one field.

    Args:
        name: Field name, for the message.
        field_type: Its type.
        message_class: Gives the class of the elements of a message field.
    """
    if field_type.shape == "scalar":
        return _scalar_check(name, field_type, message_class)
    return _nested_check(name, field_type, message_class)


def _refuse(message: str) -> None:
    raise AssertionError(message)


def _scalar_check(name: str, field_type: FieldType, message_class: Callable[[], type] | None) -> Check:
    base, bound = field_type.base, field_type.string_bound
    if message_class is not None:
        short = base.rpartition("/")[2]

        def check_message(value: Any) -> bool:
            if not isinstance(value, message_class()):
                _refuse(f"The '{name}' field must be a sub message of type '{short}'")
            return True

        return check_message
    if field_type.is_string:

        def check_string(value: Any) -> bool:
            if bound:
                if not isinstance(value, (str, UserString)) or len(value) > bound:
                    _refuse(f"The '{name}' field must be string value not longer than {bound}")
            elif not isinstance(value, str):
                _refuse(f"The '{name}' field must be of type 'str'")
            return True

        return check_string
    if base == "octet":

        def check_octet(value: Any) -> bool:
            if not isinstance(value, (bytes, ByteString)) or len(value) != 1:
                _refuse(f"The '{name}' field must be of type 'bytes' or 'ByteString' with length 1")
            return True

        return check_octet
    if base in ("float", "double"):
        limit = FLOAT_BOUND if base == "float" else DOUBLE_BOUND

        def check_float(value: Any) -> bool:
            if not isinstance(value, float):
                _refuse(f"The '{name}' field must be of type 'float'")
            if not _float_fits(value, limit):
                _refuse(f"The '{name}' field must be a {base} in [{-limit}, {limit}]")
            return True

        return check_float
    if base == "boolean":

        def check_bool(value: Any) -> bool:
            if not isinstance(value, bool):
                _refuse(f"The '{name}' field must be of type 'bool'")
            return True

        return check_bool
    low, high = integer_range(base)
    kind = "an unsigned integer" if low == 0 else "an integer"

    def check_integer(value: Any) -> bool:
        if not isinstance(value, int):
            _refuse(f"The '{name}' field must be of type 'int'")
        if not low <= value <= high:
            _refuse(f"The '{name}' field must be {kind} in [{low}, {high}]")
        return True

    return check_integer


def _float_fits(value: float, limit: float) -> bool:
    return not (value < -limit or value > limit) or math.isinf(value)


def _nested_check(name: str, field_type: FieldType, message_class: Callable[[], type] | None) -> Check:
    message = f"The '{name}' field must be {_description(field_type)}"
    is_buffer = field_type.base in ARRAY_CODES

    def check(value: Any) -> bool:
        if is_buffer and _is_buffer_of(name, field_type, value):
            return True
        container = isinstance(value, (Sequence, Set, UserList))
        if not container or isinstance(value, (str, UserString)):
            _refuse(message)
        if not _elements_fit(field_type, value, message_class):
            _refuse(message)
        return False

    return check


def _is_buffer_of(name: str, field_type: FieldType, value: Any) -> bool:
    """Whether the value is a numpy array or `array.array`; refuses one of the wrong kind."""
    if field_type.shape == "sequence":
        if not isinstance(value, array):
            return False
        code = ARRAY_CODES[field_type.base]
        if value.typecode != code:
            _refuse(f"The '{name}' array.array() must have the type code of '{code}'")
        if field_type.size and len(value) > field_type.size:
            _refuse(f"The '{name}' array.array() must have a size <= {field_type.size}")
        return True
    import numpy as np

    if not isinstance(value, np.ndarray):
        return False
    dtype = NUMPY_NAMES[field_type.base]
    if value.dtype != np.dtype(dtype):
        _refuse(f"The '{name}' numpy.ndarray() must have the dtype of 'numpy.{dtype}'")
    if value.size != field_type.size:
        _refuse(f"The '{name}' numpy.ndarray() must have a size of {field_type.size}")
    return True


def _elements_fit(field_type: FieldType, value: Any, message_class: Callable[[], type] | None) -> bool:
    bound, base = field_type.string_bound, field_type.base
    if bound and any(len(item) > bound for item in value):
        return False
    if field_type.shape == "array" and len(value) != field_type.size:
        return False
    if field_type.shape == "sequence" and field_type.size and len(value) > field_type.size:
        return False
    wanted = message_class() if message_class is not None else _python_type(base)
    if not all(isinstance(item, wanted) for item in value):
        return False
    if base in ("float", "double"):
        limit = FLOAT_BOUND if base == "float" else DOUBLE_BOUND
        return all(_float_fits(item, limit) for item in value)
    if wanted is int:
        low, high = integer_range(base)
        return all(low <= item <= high for item in value)
    return True


def _python_type(base: str) -> type:
    names: dict[str, type] = {
        "boolean": bool,
        "octet": bytes,
        "float": float,
        "double": float,
        "string": str,
        "wstring": str,
    }
    return names.get(base, int)


def _description(field_type: FieldType) -> str:
    base = field_type.base
    parts = ["a set or sequence"]
    if field_type.shape == "array":
        parts.append(f"with length {field_type.size}")
    elif field_type.size:
        parts.append(f"with length <= {field_type.size}")
    if field_type.string_bound:
        parts.append(f"and each string value not longer than {field_type.string_bound}")
    short = base.rpartition("/")[2] if field_type.is_nested else _python_type(base).__name__
    parts.append(f"and each value of type '{short}'")
    if base == "float":
        parts.append(f"and each float in [{-FLOAT_BOUND:f}, {FLOAT_BOUND:f}]")
    elif base == "double":
        parts.append(f"and each double in [{-DOUBLE_BOUND:f}, {DOUBLE_BOUND:f}]")
    elif short == "int":
        low, high = integer_range(base)
        kind = "unsigned integer" if low == 0 else "integer"
        parts.append(f"and each {kind} in [{low}, {high}]")
    return " ".join(parts)
