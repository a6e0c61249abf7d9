"""Arrays inside messages: which ones are allowed, and how much a message may hold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError

# Booleans, signed and unsigned integers, floats, of the sizes that every machine has. No objects, no records.
_DTYPE = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248])")
MAX_DIMENSIONS = 8


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one message may hold.

    Attributes:
        bytes: Size of the encoded message.
        items: Numbers, texts, lists, maps and arrays in all; the elements of an array are not counted.
        depth: Lists and maps inside each other.
    """

    bytes: int = 64 * 2**20
    items: int = 200_000
    depth: int = 32


DEFAULT = Limits()


def invalid(message: str) -> MolmoRosError:
    """The one fault of these codecs."""
    return MolmoRosError(ErrorCode.PAYLOAD_INVALID, message)


def allowed(array: npt.NDArray[Any] | np.generic) -> None:
    """Refuses arrays that are more than plain numbers.

    Raises:
        MolmoRosError: PAYLOAD_INVALID.
    """
    if _DTYPE.fullmatch(array.dtype.str) is None:
        raise invalid(f"an array of {array.dtype} cannot be sent; only booleans, integers and floats can")
    if array.ndim > MAX_DIMENSIONS:
        raise invalid(f"an array of {array.ndim} dimensions cannot be sent; {MAX_DIMENSIONS} at most")


def parse_dtype(text: Any) -> np.dtype[Any]:
    """The data type a message names.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for anything but plain numbers.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    if not isinstance(text, str) or _DTYPE.fullmatch(text) is None:
        raise invalid(f"an array of type {str(text)[:40]!r} came; only booleans, integers and floats are read")
    return np.dtype(text)


def shape_of(shape: Any) -> tuple[int, ...]:
    """The shape a message names.

    Raises:
        MolmoRosError: PAYLOAD_INVALID when it is none.
    """
    if not isinstance(shape, list | tuple) or len(shape) > MAX_DIMENSIONS:
        raise invalid(f"an array came without a shape of {MAX_DIMENSIONS} dimensions at most")
    if not all(type(n) is int and 0 <= n < 2**40 for n in shape):
        raise invalid("an array came with a shape that is not made of sizes")
    return tuple(shape)


def size_bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """How many bytes such an array takes; exact, however large."""
    return math.prod(shape) * dtype.itemsize


def build(dtype: np.dtype[Any], shape: tuple[int, ...], data: bytes) -> npt.NDArray[Any]:
    """The read-only array over these bytes.

    Raises:
        MolmoRosError: PAYLOAD_INVALID when the sizes differ.
    """
    if size_bytes(dtype, shape) != len(data):
        raise invalid(f"an array of shape {shape} came with {len(data)} bytes instead of {size_bytes(dtype, shape)}")
    if dtype.kind == "b":
        # A byte other than 0 and 1 is no boolean; numpy would not notice.
        array: npt.NDArray[Any] = np.frombuffer(data, dtype=np.uint8) != 0
        array = array.reshape(shape)
        array.flags.writeable = False
        return array
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def scalar(dtype: np.dtype[Any], data: Any) -> Any:
    """The single number over these bytes."""
    if not isinstance(data, bytes):
        raise invalid("a number came without its bytes")
    return build(dtype, (1,), data)[0]
