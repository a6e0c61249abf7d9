"""Messages filled with random values, for every kind of field there is."""

import array
import random
import string

import numpy as np

from molmo_ros.embedded.typesys import get_interface
from molmo_ros.embedded.typesys.model import ARRAY_CODES, NUMPY_NAMES
from molmo_ros.embedded.typesys.parse import integer_range
from molmo_ros.embedded.typesys.registry import message_definition


def random_message(cls, rng: random.Random):
    """A message whose every field, at every depth, has a random value."""
    message = cls()
    for field in message_definition(cls).fields:
        setattr(message, field.name, random_value(field.type, rng))
    return message


def fill_plain_fields(message, rng: random.Random):
    """Give every field that holds no messages a random value."""
    for field in message_definition(type(message)).fields:
        if not field.type.is_nested:
            setattr(message, field.name, random_value(field.type, rng))


def random_value(field_type, rng):
    if field_type.shape == "scalar":
        return random_element(field_type, rng)
    count = field_type.size if field_type.shape == "array" else rng.randint(0, min(field_type.size or 4, 4))
    items = [random_element(field_type, rng) for _ in range(count)]
    if field_type.base not in ARRAY_CODES:
        return items
    if field_type.shape == "array":
        return np.array(items, dtype=NUMPY_NAMES[field_type.base])
    return array.array(ARRAY_CODES[field_type.base], items)


def random_element(field_type, rng):
    base = field_type.base
    if field_type.is_nested:
        return random_message(get_interface(base), rng)
    if field_type.is_string:
        length = rng.randint(0, min(field_type.string_bound or 9, 9))
        return "".join(rng.choice(string.ascii_letters + "ñµ字") for _ in range(length))
    if base == "boolean":
        return rng.random() < 0.5
    if base == "octet":
        return bytes([rng.randrange(256)])
    if base in ("float", "double"):
        return float(np.float32(rng.uniform(-1e6, 1e6)))
    low, high = integer_range(base)
    return rng.randint(low, high)
