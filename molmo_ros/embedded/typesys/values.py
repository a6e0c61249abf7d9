"""The variable-size values of a CDR sample: strings, arrays and sequences.

Every length is checked against the bytes that are left before anything is allocated.
"""

from __future__ import annotations

import struct
from array import array
from typing import Any

from .errors import DeserializationError, SerializationError

NATIVE_ORDER = "<" if struct.pack("=H", 1) == b"\x01\x00" else ">"
"""This machine's byte order, as `struct` spells it."""


def pack_array(value: Any, dtype: str, size: int) -> bytes:
    """The bytes of a fixed-size numeric field.

    Raises:
        SerializationError: The value has another size or cannot be converted.
    """
    import numpy as np

    out = np.ascontiguousarray(value, dtype=dtype)
    if out.size != size:
        raise SerializationError(f"an array of {size} elements holds {out.size}")
    return out.tobytes()


def unpack_array(data: memoryview, pos: int, dtype: str, size: int) -> Any:
    """A numpy array, owning its memory, from `size` elements at `pos`."""
    import numpy as np

    out = np.frombuffer(data, dtype, size, pos).copy()
    return out if out.dtype.isnative else out.astype(out.dtype.newbyteorder("="))


def pack_sequence(value: Any, code: str, bound: int) -> Any:
    """The buffer of a numeric sequence (`array.array` of type code `code`)."""
    if type(value) is not array or value.typecode != code:
        raise SerializationError(f"a numeric sequence must be an array.array({code!r})")
    if bound and len(value) > bound:
        raise SerializationError(f"a sequence of at most {bound} elements holds {len(value)}")
    return value


def check_length(value: Any, bound: int, *, exact: bool) -> int:
    """The length of a sequence or array of objects, within its bound."""
    length = len(value)
    if length != bound if exact else (bound and length > bound):
        raise SerializationError(f"a sequence for {bound} elements holds {length}")
    return length


def encode_string(value: Any, bound: int) -> bytes:
    """UTF-8 bytes with the closing NUL; rosidl takes bytes for text too."""
    if bound and len(value) > bound:
        raise SerializationError(f"a string of at most {bound} characters has {len(value)}")
    data = value if type(value) is bytes else value.encode("utf-8", "surrogateescape")
    return data + b"\x00"


def decode_string(data: memoryview, pos: int, length: int, bound: int) -> str:
    """The text of `length` bytes, closing NUL included, at `pos`."""
    if length > len(data) - pos:
        raise DeserializationError("a string runs past the end of the sample")
    if length == 0:
        return ""
    text = str(data[pos : pos + length - 1], "utf-8", "replace")
    if "\x00" in text:
        text = text[: text.index("\x00")]
    if bound and len(text) > bound:
        raise DeserializationError(f"a string of at most {bound} characters has {len(text)}")
    return text


def encode_wstring(value: str, bound: int, order: str) -> bytes:
    """Length and UTF-16 code units, each in 4 bytes (rosidl_typesupport_fastrtps, jazzy)."""
    if bound and len(value) > bound:
        raise SerializationError(f"a string of at most {bound} characters has {len(value)}")
    units = value.encode("utf-16-le", "surrogatepass")
    count = len(units) // 2
    words = struct.unpack(f"<{count}H", units)
    return struct.pack(f"{order}I{count}I", count, *words)


def decode_wstring(data: memoryview, pos: int, length: int, bound: int, order: str) -> str:
    """The text of `length` code units of 4 bytes at `pos`."""
    check_count(length, len(data) - pos, 4, bound)
    words = struct.unpack_from(f"{order}{length}I", data, pos)
    if any(word > 0xFFFF for word in words):
        raise DeserializationError("a wide string holds something other than UTF-16")
    return struct.pack(f"<{length}H", *words).decode("utf-16-le", "replace")


def check_count(count: int, left: int, least: int, bound: int) -> None:
    """Refuse a sequence length that the remaining bytes cannot hold."""
    if count * least > left:
        raise DeserializationError(f"{count} elements cannot stand in {left} bytes")
    if bound and count > bound:
        raise DeserializationError(f"a sequence of at most {bound} elements announces {count}")


def unpack_sequence(data: memoryview, pos: int, count: int, code: str, swap: bool) -> array[Any]:
    """An `array.array` of `count` elements at `pos`; the length was checked before."""
    out: array[Any] = array(code)
    out.frombytes(data[pos : pos + count * out.itemsize])
    if swap:
        out.byteswap()
    return out


def pack_octets(values: Any) -> bytes:
    """The bytes of a sequence of one-byte `bytes`."""
    out = b"".join(values)
    if len(out) != len(values):
        raise SerializationError("each octet must be bytes of length 1")
    return out


def swapped(values: array[Any]) -> array[Any]:
    """A copy with the bytes of each element reversed."""
    out = values[:]
    out.byteswap()
    return out
