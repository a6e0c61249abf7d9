"""MessagePack with arrays, in the two ways policy servers write them.

``openpi`` is openpi-client's msgpack_numpy module, ``msgpack_numpy`` the package of that name (its plain arrays; its
pickled ones are refused). Reading accepts both and tells them apart by their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from molmo_ros.core.errors import MissingDependencyError
from molmo_ros.models.codecs import arrays
from molmo_ros.models.codecs.arrays import Limits, invalid

# Header bytes of MessagePack (its specification, "Formats"): size of the payload, or of the length field that follows.
_FIXED = {
    **dict.fromkeys((0xC0, 0xC2, 0xC3), 0),
    **dict.fromkeys((0xCC, 0xD0), 1),
    **dict.fromkeys((0xCD, 0xD1), 2),
    **dict.fromkeys((0xCA, 0xCE, 0xD2), 4),
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 8),
}
_BLOB = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_LIST = {0xDC: 2, 0xDD: 4}
_MAP = {0xDE: 2, 0xDF: 4}


def _msgpack() -> Any:
    try:
        import msgpack
    except ModuleNotFoundError as error:
        raise MissingDependencyError("msgpack", "serve") from error
    return msgpack


def survey(data: bytes, limits: Limits) -> None:
    """Walks the headers of a message without building anything, so that no claim in it is believed unseen.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for lengths beyond the message, too many items, too deep, or extension types.
    """
    at, items, size = 0, 0, len(data)
    pending = [1]
    while pending:
        if pending[-1] == 0:
            pending.pop()
            continue
        pending[-1] -= 1
        if at >= size:
            raise invalid("a message ends in the middle")
        head = data[at]
        at += 1
        items += 1
        inside = 0
        if head <= 0x7F or head >= 0xE0:
            pass
        elif head <= 0x8F:
            inside = 2 * (head & 0x0F)
        elif head <= 0x9F:
            inside = head & 0x0F
        elif head <= 0xBF:
            at += head & 0x1F
        elif head in _FIXED:
            at += _FIXED[head]
        elif head in _BLOB or head in _LIST or head in _MAP:
            width = _BLOB.get(head) or _LIST.get(head) or _MAP[head]
            length = int.from_bytes(data[at : at + width], "big")
            at += width
            if head in _BLOB:
                at += length
            else:
                inside = length if head in _LIST else 2 * length
        else:
            raise invalid(f"a message holds a value of kind 0x{head:02x}, which is not plain data")
        if at > size or inside > size - at:
            raise invalid("a message claims to be longer than it is")
        if items + inside > limits.items:
            raise invalid(f"a message holds more than {limits.items} values")
        if inside:
            if len(pending) > limits.depth:
                raise invalid(f"a message nests deeper than {limits.depth}")
            pending.append(inside)
    if at != size:
        raise invalid(f"{size - at} bytes follow the end of a message")


def _is_plain_key(key: Any) -> bool:
    return isinstance(key, str | bytes) or (isinstance(key, int) and not isinstance(key, bool))


def _hook(pairs: list[tuple[Any, Any]]) -> Any:
    if not all(_is_plain_key(key) for key, _ in pairs):
        raise invalid("a message has a map whose keys are not text")
    value = dict(pairs)
    if len(value) != len(pairs):
        raise invalid("a message has a map that names a key twice")
    if b"__ndarray__" in value:
        data = value.get(b"data")
        if not isinstance(data, bytes):
            raise invalid("an array came without its bytes")
        return arrays.build(arrays.parse_dtype(value.get(b"dtype")), arrays.shape_of(value.get(b"shape")), data)
    if b"__npgeneric__" in value:
        dtype, data = arrays.parse_dtype(value.get(b"dtype")), value.get(b"data")
        if not isinstance(data, bool | int | float):
            raise invalid("a number came without its value")
        try:
            return dtype.type(data)
        except (OverflowError, ValueError) as error:
            raise invalid(f"a number does not fit its type {dtype}") from error
    if b"nd" in value:
        if value.get(b"kind", b"") not in (b"", ""):
            raise invalid("an array of objects or records came; only plain numbers are read")
        dtype, data = arrays.parse_dtype(value.get(b"type")), value.get(b"data")
        if value[b"nd"] is not True:
            return arrays.scalar(dtype, data)
        if not isinstance(data, bytes):
            raise invalid("an array came without its bytes")
        return arrays.build(dtype, arrays.shape_of(value.get(b"shape")), data)
    if b"complex" in value:
        raise invalid("a complex number came; only real ones are read")
    return value


def read(data: bytes, limits: Limits) -> Any:
    """The value of a message.

    Raises:
        MolmoRosError: PAYLOAD_INVALID, whatever is wrong with it.
    """
    survey(data, limits)
    try:
        return _msgpack().unpackb(data, raw=False, strict_map_key=False, object_pairs_hook=_hook)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid(f"a message cannot be read: {type(error).__name__}") from error


def _openpi(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        arrays.allowed(value)
        return {
            b"__ndarray__": True,
            b"data": value.tobytes(),
            b"dtype": value.dtype.str,
            b"shape": value.shape,
        }
    if isinstance(value, np.generic):
        arrays.allowed(value)
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise invalid(f"a {type(value).__name__} cannot be sent; only plain data can")


def _msgpack_numpy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        arrays.allowed(value)
        return {
            b"nd": True,
            b"type": value.dtype.str,
            b"kind": b"",
            b"shape": value.shape,
            b"data": value.tobytes(),
        }
    if isinstance(value, np.generic):
        arrays.allowed(value)
        return {b"nd": False, b"type": value.dtype.str, b"data": value.tobytes()}
    raise invalid(f"a {type(value).__name__} cannot be sent; only plain data can")


def write(value: Any, dialect: str) -> bytes:
    """A message of a value.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for what is not plain data.
    """
    hook: Callable[[Any], Any] = _openpi if dialect == "openpi" else _msgpack_numpy
    try:
        packed: bytes = _msgpack().packb(value, default=hook, use_bin_type=True)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise invalid(f"a message cannot be written: {error}") from error
    return packed
