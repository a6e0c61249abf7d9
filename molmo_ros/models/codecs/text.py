"""JSON with arrays as the json_numpy package writes them: base64 of the bytes, type and shape."""

from __future__ import annotations

import binascii
import json
import re
import secrets
from typing import Any

import numpy as np

from molmo_ros.models.codecs import arrays
from molmo_ros.models.codecs.arrays import Limits, invalid

_MARK = re.compile(r'["\[\]{},]')
# Possessive, so that time stays linear.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _end_of_string(text: str, start: int) -> int:
    """Where the string that begins here ends. One without escapes, such as base64, is found at memory speed."""
    end = text.find('"', start + 1)
    if end >= 0 and text[end - 1] != "\\":
        return end + 1
    found = _STRING.match(text, start)
    if found is None:
        raise invalid("a message has a text without end")
    return found.end()


def survey(text: str, limits: Limits) -> None:
    """Counts brackets and commas outside strings before anything is built.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for too many items, too deep, or a string without end.
    """
    depth = items = at = 0
    while (found := _MARK.search(text, at)) is not None:
        mark, at = found.group(), found.end()
        if mark == '"':
            at = _end_of_string(text, at - 1)
            continue
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
        raw = binascii.a2b_base64(data, strict_mode=True)
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


class _Arrays:
    """Encodes arrays apart from the rest: the JSON writer would look at each of their characters once more."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)
        self._found: list[bytes] = []

    def default(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray | np.generic):
            raise invalid(f"a {type(value).__name__} cannot be sent; only plain data can")
        arrays.allowed(value)
        self._found.append(binascii.b2a_base64(np.ascontiguousarray(value).data, newline=False))
        mark = f"{self._mark}{len(self._found) - 1}."
        return {"__numpy__": mark, "dtype": value.dtype.str, "shape": list(value.shape)}

    def put_back(self, text: str) -> bytes:
        parts: list[bytes] = re.split(f"{self._mark}([0-9]+)\\.".encode(), text.encode("utf-8"))
        parts[1::2] = [self._found[int(index)] for index in parts[1::2]]
        return b"".join(parts)


def write(value: Any) -> bytes:
    """A message of a value.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for what is not plain data.
    """
    apart = _Arrays()
    try:
        text = json.dumps(value, default=apart.default)
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid(f"a message cannot be written: {error}") from error
    return apart.put_back(text)
