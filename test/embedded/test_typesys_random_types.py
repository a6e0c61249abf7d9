"""Types nobody has thought of: alignment and sequences against an independent implementation."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from typesys_samples import fill_plain_fields

from molmo_ros.embedded.typesys.classes import make_message_class
from molmo_ros.embedded.typesys.hashing import describe_fully, hash_text
from molmo_ros.embedded.typesys.pack import compile_packer
from molmo_ros.embedded.typesys.parse import parse_message
from molmo_ros.embedded.typesys.text import message_text
from molmo_ros.embedded.typesys.unpack import compile_unpacker

HEADER = b"\x00\x01\x00\x00"
BASES = ["bool", "byte", "int8", "uint8", "int16", "uint32", "int64", "float32", "float64", "string"]
SHAPES = ["", "[]", "[3]", "[<=2]"]


@st.composite
def definitions(draw):
    """Three messages, each of which may hold the ones before it."""
    texts = {}
    for name in ("First", "Second", "Third"):
        bases = [*BASES, *texts]
        fields = draw(st.lists(st.tuples(st.sampled_from(bases), st.sampled_from(SHAPES)), min_size=1, max_size=6))
        texts[name] = "".join(f"{base}{shape} field_{n}\n" for n, (base, shape) in enumerate(fields))
    return texts


class Types:
    """Classes and codecs of a few messages of a package of their own."""

    def __init__(self, texts):
        self.parsed = {f"odd/msg/{name}": parse_message(f"odd/msg/{name}", text) for name, text in texts.items()}
        self.classes = {}
        for fullname, definition in self.parsed.items():
            self.classes[fullname] = make_message_class(definition, fullname.rsplit("/", 1)[1], self.classes.get)

    def resolve(self, fullname):
        return self.parsed[fullname], self.classes[fullname]

    def fill(self, definition, rng):
        message = self.classes[definition.fullname]()
        for field in definition.fields:
            if not field.type.is_nested:
                continue
            element = self.parsed[field.type.base]
            if field.type.shape == "scalar":
                setattr(message, field.name, self.fill(element, rng))
            else:
                count = field.type.size if field.type.shape == "array" else rng.randint(0, field.type.size or 3)
                setattr(message, field.name, [self.fill(element, rng) for _ in range(count)])
        fill_plain_fields(message, rng)
        return message


@settings(max_examples=60, deadline=None)
@given(texts=definitions(), seed=st.integers(0, 2**32))
def test_bytes_values_and_hash_are_those_of_rosbags(texts, seed):
    types = Types(texts)
    oracle = get_typestore(Stores.EMPTY)
    for name, text in texts.items():
        oracle.register(get_types_from_msg(text, f"odd/msg/{name}"))
    definition = types.parsed["odd/msg/Third"]
    message = types.fill(definition, random.Random(seed))
    parts = [HEADER]
    compile_packer(definition, types.resolve)(message, parts.append, 0)
    data = b"".join(parts)
    again = oracle.serialize_cdr(oracle.deserialize_cdr(data, "odd/msg/Third"), "odd/msg/Third", little_endian=True)
    assert bytes(again) == data
    body = memoryview(data)[4:]
    assert compile_unpacker(definition, types.resolve)(body, 0, len(body)) == (message, len(body))
    assert hash_text(describe_fully(definition, types.parsed.get)) == oracle.hash_rihs01("odd/msg/Third")


@settings(max_examples=60, deadline=None)
@given(texts=definitions())
def test_definitions_survive_being_written(texts):
    for name, text in texts.items():
        definition = parse_message(f"odd/msg/{name}", text)
        assert parse_message(f"odd/msg/{name}", message_text(definition)) == definition
