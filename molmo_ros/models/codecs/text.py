"""JSON with arrays as the json_numpy package writes them: base64 of the bytes, type and shape."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import numpy as np

from molmo_ros.models.codecs import arrays
from molmo_ros.models.codecs.arrays import Limits, invalid

# Strings are stepped over whole; a lone quote is an unterminated one. Possessive, so that time stays linear.
_MARKS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)


def survey(text: str, limits: Limits) -> None:
    """Counts brackets and commas outside strings before anything is built.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for too many items, too deep, or a string without end.
    """
    depth = items = 0
    for found in _MARKS.finditer(text):
        mark = found.group()
        if len(mark) > 1:
            continue
        if mark == '"':
            raise invalid("a message has a text without end")
        if mark in "[{":
            depth += 1
            if depth > limits.depth:
                raise invalid(f"a message nests deeper than {limits.depth}")
        elif mark in "]}":
            depth -= 1
        items += 1
        if items > limits.items:
            raise invalid(f"a message holds more than {limits.items} values")


def _hook(pairs: list[tuple[str, Any]]) -> Any:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise invalid("a message has a map that names a key twice")
    if "__numpy__" not in value:
        return value
    dtype, shape, data = arrays.parse_dtype(value.get("dtype")), arrays.shape_of(value.get("shape")), value["__numpy__"]
    if not isinstance(data, str) or len(data) != 4 * -(-arrays.size_bytes(dtype, shape) // 3):
        raise invalid(f"an array of shape {shape} came with another number of bytes")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("an array came with bytes that are not base64") from error
    array = arrays.build(dtype, shape, raw)
    return array if array.ndim else array[()]


def read(data: bytes, limits: Limits) -> Any:
    """The value of a message.

    Raises:
        MolmoRosError: PAYLOAD_INVALID, whatever is wrong with it.
    """
    try:
        text = data.decode("utf-8")
        survey(text, limits)
        return json.loads(text, object_pairs_hook=_hook)
    except (ValueError, RecursionError) as error:
        raise invalid(f"a message is not JSON: {type(error).__name__}") from error


def _default(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        arrays.allowed(value)
        data = value.tobytes()
        return {
            "__numpy__": base64.b64encode(data).decode("ascii"),
            "dtype": value.dtype.str,
            "shape": list(value.shape),
        }
    raise invalid(f"a {type(value).__name__} cannot be sent; only plain data can")


def write(value: Any) -> bytes:
    """A message of a value.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for what is not plain data.
    """
    try:
        return json.dumps(value, default=_default).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid(f"a message cannot be written: {error}") from error
