"""The wire codecs: byte for byte those of the published packages, and nothing but data gets through."""

from __future__ import annotations

import base64
import pickle
import struct
import tracemalloc
from typing import Any

import golden
import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.codecs.arrays import Limits
from molmo_ros.models.codecs.wire import Dialect, decode, encode

CASES = {case["name"]: case for case in golden.load_json("wire_codecs", "cases.json")["cases"]}
BINARY = (Dialect.OPENPI, Dialect.MSGPACK_NUMPY)


def payload(node: dict[str, Any]) -> Any:
    if "map" in node:
        return {payload(k): payload(v) for k, v in node["map"]}
    if "list" in node:
        return [payload(v) for v in node["list"]]
    if "array" in node:
        spec = node["array"]
        flat = np.frombuffer(bytes.fromhex(spec["data_hex"]), dtype=np.dtype(spec["dtype"]))
        return flat.reshape(spec["shape"])
    if "scalar" in node:
        return np.frombuffer(bytes.fromhex(node["scalar"]["data_hex"]), dtype=np.dtype(node["scalar"]["dtype"]))[0]
    if "float64_hex" in node:
        return struct.unpack("<d", bytes.fromhex(node["float64_hex"]))[0]
    if "bytes_hex" in node:
        return bytes.fromhex(node["bytes_hex"])
    return node["value"]


def same(a: Any, b: Any) -> bool:
    if isinstance(b, dict):
        return isinstance(a, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in b)
    if isinstance(b, list | tuple):
        return isinstance(a, list) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(b, np.ndarray | np.generic):
        a = np.asarray(a)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(a == b)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("name", CASES)
def test_bytes_are_those_of_the_published_codec(name: str, dialect: Dialect) -> None:
    case = CASES[name]
    value, expected = payload(case["payload"]), case["encodings"][dialect.value]
    if "not_valid" in expected:
        with pytest.raises(MolmoRosError) as caught:
            encode(value, dialect)
        assert caught.value.code is ErrorCode.PAYLOAD_INVALID
        return
    wanted = expected["text"].encode() if "text" in expected else base64.b64decode(expected["bytes_base64"])
    assert encode(value, dialect) == wanted
    assert same(decode(wanted, dialect), value)


numbers = hnp.arrays(
    dtype=st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.unsigned_integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    ),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    plain | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(value=values, dialect=st.sampled_from(list(Dialect)))
def test_what_is_written_is_read_back(value: Any, dialect: Dialect) -> None:
    assert same(decode(encode(value, dialect), dialect), value)


@given(data=st.binary(max_size=300), dialect=st.sampled_from(list(Dialect)))
@settings(max_examples=500)
def test_any_bytes_are_read_or_refused_by_name(data: bytes, dialect: Dialect) -> None:
    try:
        decode(data, dialect)
    except MolmoRosError as error:
        assert error.code is ErrorCode.PAYLOAD_INVALID


@given(value=values, dialect=st.sampled_from(list(Dialect)), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_or_cut_message_is_read_or_refused_by_name(value: Any, dialect: Dialect, at: int, byte: int) -> None:
    message = bytearray(encode(value, dialect))
    at %= len(message)
    for broken in (bytes(message[:at]), bytes(message[:at]) + bytes([byte]) + bytes(message[at + 1 :])):
        try:
            decode(broken, dialect)
        except MolmoRosError as error:
            assert error.code is ErrorCode.PAYLOAD_INVALID


def array_message(**changes: Any) -> bytes:
    fields = {b"__ndarray__": True, b"data": b"\0" * 12, b"dtype": "<f4", b"shape": [3]}
    return msgpack.packb({**fields, **{k.encode(): v for k, v in changes.items()}})


def numpy_message(**changes: Any) -> bytes:
    fields = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [3], b"data": b"\0" * 12}
    return msgpack.packb({**fields, **{k.encode(): v for k, v in changes.items()}})


def json_message(**changes: Any) -> bytes:
    import json

    fields = {"__numpy__": base64.b64encode(b"\0" * 12).decode(), "dtype": "<f4", "shape": [3]}
    return json.dumps({**fields, **changes}).encode()


PICKLED = pickle.dumps(np.array([1, "x", None], dtype=object))
DEEP = 100_000


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        (Dialect.OPENPI, array_message(dtype="|O", data=PICKLED)),
        (Dialect.OPENPI, array_message(dtype="O")),
        (Dialect.OPENPI, array_message(dtype="<U3")),
        (Dialect.OPENPI, array_message(dtype="<c8", shape=[1], data=b"\0" * 8)),
        (Dialect.OPENPI, array_message(dtype="<M8[ns]")),
        (Dialect.OPENPI, array_message(dtype=[["a", "<f4"]])),
        (Dialect.OPENPI, array_message(dtype="<f16")),
        (Dialect.OPENPI, array_message(shape=[4])),
        (Dialect.OPENPI, array_message(shape=[-3])),
        (Dialect.OPENPI, array_message(shape=[2**31, 2**31])),
        (Dialect.OPENPI, array_message(shape=[True, 3])),
        (Dialect.OPENPI, array_message(shape=[3.0])),
        (Dialect.OPENPI, array_message(shape=[1] * 64)),
        (Dialect.OPENPI, array_message(shape="3")),
        (Dialect.OPENPI, array_message(data="text")),
        (Dialect.OPENPI, array_message(data=None)),
        (Dialect.MSGPACK_NUMPY, numpy_message(type="O", kind=b"O", data=PICKLED)),
        (Dialect.MSGPACK_NUMPY, numpy_message(kind=b"V")),
        (Dialect.MSGPACK_NUMPY, numpy_message(type="|V12")),
        (Dialect.MSGPACK_NUMPY, numpy_message(nd=False)),
        (Dialect.MSGPACK_NUMPY, msgpack.packb({b"complex": True, b"data": "1+2j"})),
        (Dialect.MSGPACK_NUMPY, msgpack.packb(msgpack.ExtType(42, PICKLED))),
        (Dialect.MSGPACK_NUMPY, msgpack.packb({(1, 2): 3})),
        (Dialect.MSGPACK_NUMPY, b"\x82\xa1a\x01\xa1a\x02"),
        (Dialect.MSGPACK_NUMPY, b"\x01\x02"),
        (Dialect.MSGPACK_NUMPY, b""),
        (Dialect.MSGPACK_NUMPY, b"\xa2\xff\xfe"),
        (Dialect.MSGPACK_NUMPY, b"\xc6\xff\xff\xff\xff"),
        (Dialect.MSGPACK_NUMPY, b"\xdb\xff\xff\xff\xff"),
        (Dialect.MSGPACK_NUMPY, b"\xdd\xff\xff\xff\xff"),
        (Dialect.MSGPACK_NUMPY, b"\xdf\xff\xff\xff\xff"),
        (Dialect.MSGPACK_NUMPY, b"\x91" * DEEP + b"\x00"),
        (Dialect.MSGPACK_NUMPY, (b"\xdd" + (10**6).to_bytes(4, "big")) * 1000 + b"\0" * 10**6),
        (Dialect.MSGPACK_NUMPY, b"\xdd" + (10**6).to_bytes(4, "big") + b"\x90" * 10**6),
        (Dialect.JSON_NUMPY, json_message(dtype="|O")),
        (Dialect.JSON_NUMPY, json_message(shape=[2**31, 2**31])),
        (Dialect.JSON_NUMPY, json_message(shape=[4])),
        (Dialect.JSON_NUMPY, json_message(__numpy__="*" * 16)),
        (Dialect.JSON_NUMPY, json_message(__numpy__=7)),
        (Dialect.JSON_NUMPY, b"[" * DEEP + b"]" * DEEP),
        (Dialect.JSON_NUMPY, b'{"a":' * DEEP),
        (Dialect.JSON_NUMPY, b"[" + b"[]," * 10**6 + b"1]"),
        (Dialect.JSON_NUMPY, b'"' + b'\\"' * 10**6),
        (Dialect.JSON_NUMPY, b"9" * 10**5),
        (Dialect.JSON_NUMPY, b'{"a": 1, "a": 2}'),
        (Dialect.JSON_NUMPY, b"\xff\xfe"),
        (Dialect.JSON_NUMPY, b""),
    ],
    ids=lambda v: v.value if isinstance(v, Dialect) else v[:24].hex(),
)
def test_what_is_not_plain_data_is_refused_in_bounded_memory(dialect: Dialect, message: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MolmoRosError) as caught:
            decode(message, dialect)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code is ErrorCode.PAYLOAD_INVALID
    assert peak < 2**20 + 8 * len(message)


def test_a_message_beyond_the_limit_is_not_looked_at() -> None:
    with pytest.raises(MolmoRosError) as caught:
        decode(b"\xc0" * 11, Dialect.OPENPI, Limits(bytes=10))
    assert "11 bytes" in caught.value.message


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("value", [np.array([object()]), np.array(["a"]), np.array([1j]), {1, 2}, object(), 2**70j])
def test_what_is_not_plain_data_is_not_sent(value: Any, dialect: Dialect) -> None:
    with pytest.raises(MolmoRosError) as caught:
        encode({"x": value}, dialect)
    assert caught.value.code is ErrorCode.PAYLOAD_INVALID


@pytest.mark.parametrize("dialect", BINARY)
def test_either_binary_dialect_is_read_whichever_is_named(dialect: Dialect) -> None:
    value = {"arm": np.arange(7.0), "gripper": np.array([255.0])}
    other = BINARY[1 - BINARY.index(dialect)]
    assert same(decode(encode(value, dialect), other), value)
