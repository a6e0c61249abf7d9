"""One door to the codecs: a value to bytes and back, in a named dialect."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from molmo_ros.models.codecs import binary, text
from molmo_ros.models.codecs.arrays import DEFAULT, Limits, invalid


class Dialect(StrEnum):
    """How arrays are written."""

    OPENPI = "openpi"
    MSGPACK_NUMPY = "msgpack_numpy"
    JSON_NUMPY = "json_numpy"


def encode(value: Any, dialect: Dialect) -> bytes:
    """A value as a message.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for what is not plain data; DEPENDENCY_MISSING without msgpack.
    """
    return text.write(value) if dialect is Dialect.JSON_NUMPY else binary.write(value, dialect.value)


def decode(data: bytes, dialect: Dialect, limits: Limits = DEFAULT) -> Any:
    """A message as a value; memory stays within a small multiple of the message's own size.

    The two binary dialects are told apart by their keys, so either is read whichever of them is named. Arrays are
    read-only.

    Raises:
        MolmoRosError: PAYLOAD_INVALID, whatever is wrong with it; DEPENDENCY_MISSING without msgpack.
    """
    if len(data) > limits.bytes:
        raise invalid(f"a message of {len(data)} bytes came; {limits.bytes} at most are read")
    if dialect is Dialect.JSON_NUMPY:
        return text.read(data, limits)
    return binary.read(data, limits)
