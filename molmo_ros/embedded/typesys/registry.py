"""Classes, codecs and hashes by name: made once, when first asked for."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .classes import (
    InterfaceMeta,
    make_action_class,
    make_message_class,
    make_service_class,
)
from .errors import (
    DefinitionError,
    DeserializationError,
    SerializationError,
    UnknownInterfaceError,
)
from .hashing import describe_fully, hash_text
from .model import ActionDef, InterfaceDef, MessageDef, ServiceDef
from .pack import compile_packer
from .sources import current_sources, split_name
from .unpack import compile_unpacker

LITTLE_ENDIAN_HEADER = b"\x00\x01\x00\x00"
BIG_ENDIAN_HEADER = b"\x00\x00\x00\x00"
MAX_TRAILING = 7
"""Bytes of padding that may follow a sample."""


class Registry:
    """Every interface class of the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._definitions: dict[str, tuple[InterfaceDef, str]] = {}
        self._classes: dict[str, type] = {}
        self._packers: dict[type, Callable[..., int]] = {}
        self._unpackers: dict[tuple[type, str], Callable[..., tuple[Any, int]]] = {}
        self._hashes: dict[str, str] = {}
        self._making: set[str] = set()

    def definition(self, fullname: str) -> InterfaceDef:
        """The definition of any interface, derived ones (``..._Request``) included.

        Raises:
            UnknownInterfaceError: No source has it.
        """
        return self._entry(fullname)[0]

    def stem(self, fullname: str) -> str:
        """The name of the file that an interface comes from, without its ending."""
        return self._entry(fullname)[1]

    def interface(self, fullname: str) -> type:
        """The class of an interface, derived ones included."""
        cls = self._classes.get(fullname)
        if cls is not None:
            return cls
        with self._lock:
            cls = self._classes.get(fullname)
            if cls is None:
                cls = self._make(fullname)
                self._classes[fullname] = cls
            return cls

    def packer(self, cls: type) -> Callable[..., int]:
        """The compiled packer of a message class."""
        packer = self._packers.get(cls)
        if packer is None:
            packer = compile_packer(message_definition(cls), self._resolve)
            self._packers[cls] = packer
        return packer

    def unpacker(self, cls: type, order: str) -> Callable[..., tuple[Any, int]]:
        """The compiled unpacker of a message class for a byte order (``<`` or ``>``)."""
        unpacker = self._unpackers.get((cls, order))
        if unpacker is None:
            unpacker = compile_unpacker(message_definition(cls), self._resolve, order)
            self._unpackers[cls, order] = unpacker
        return unpacker

    def type_hash(self, fullname: str) -> str:
        """The ``RIHS01_...`` hash of an interface."""
        known = self._hashes.get(fullname)
        if known is None:
            known = hash_text(self.description(fullname))
            self._hashes[fullname] = known
        return known

    def description(self, fullname: str) -> dict[str, Any]:
        """The full type description of an interface, as plain data."""
        return describe_fully(self.definition(fullname), self.definition)

    def _resolve(self, fullname: str) -> tuple[MessageDef, type]:
        definition = self.definition(fullname)
        if not isinstance(definition, MessageDef):
            raise DefinitionError(f"{fullname} is used as a field but is not a message.")
        return definition, self.interface(fullname)

    def _entry(self, fullname: str) -> tuple[InterfaceDef, str]:
        entry = self._definitions.get(fullname)
        if entry is None:
            package, kind, name = split_name(fullname)
            stem = name.split("_")[0]
            root = current_sources().definition(f"{package}/{kind}/{stem}")
            for part in derived_definitions(root):
                self._definitions.setdefault(part.fullname, (part, stem))
            entry = self._definitions.get(f"{package}/{kind}/{name}")
            if entry is None:
                raise UnknownInterfaceError(f"No interface is named {fullname!r}.")
        return entry

    def _make(self, fullname: str) -> type:
        definition, stem = self._entry(fullname)
        if definition.fullname != fullname:
            return self.interface(definition.fullname)
        if isinstance(definition, ServiceDef):
            return make_service_class(definition, stem, self.interface)
        if isinstance(definition, ActionDef):
            return make_action_class(definition, stem, self.interface)
        if fullname in self._making:
            raise DefinitionError(f"{fullname} contains itself.")
        self._making.add(fullname)
        try:
            for field in definition.fields:
                if field.type.is_nested:
                    self._resolve(field.type.base)
            return make_message_class(definition, stem, self.interface)
        finally:
            self._making.discard(fullname)


def derived_definitions(root: InterfaceDef) -> list[InterfaceDef]:
    """An interface and every interface that it brings along."""
    if isinstance(root, ServiceDef):
        return [root, root.request, root.response, root.event]
    if isinstance(root, ActionDef):
        return [
            root,
            root.goal,
            root.result,
            root.feedback,
            root.feedback_message,
            *derived_definitions(root.send_goal),
            *derived_definitions(root.get_result),
        ]
    return [root]


def class_definition(cls: type) -> InterfaceDef:
    """The definition that an interface class was made from.

    Raises:
        TypeError: The class is not an interface of this type system.
    """
    if not isinstance(cls, InterfaceMeta):
        raise TypeError(f"{cls!r} is not a ROS interface class")
    return type(cls)._definition


def message_definition(cls: type) -> MessageDef:
    """As `class_definition`, for message classes only."""
    definition = class_definition(cls)
    if not isinstance(definition, MessageDef):
        raise TypeError(f"{cls!r} is not a message class")
    return definition


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """The registry of this process."""
    return Registry()


def serialize(message: Any) -> bytes:
    """Pack a message into a CDR sample, little endian, with its encapsulation header.

    Raises:
        SerializationError: A field holds a value that its type cannot carry.
        TypeError: The object is not a message.
    """
    parts: list[Any] = [LITTLE_ENDIAN_HEADER]
    packer = default_registry().packer(type(message))
    try:
        packer(message, parts.append, 0)
        return b"".join(parts)
    except SerializationError as error:
        raise SerializationError(f"Cannot serialize {_fullname(message)}: {error}") from None
    except (struct.error, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise SerializationError(f"Cannot serialize {_fullname(message)}: {error}") from error


def deserialize(data: bytes | bytearray | memoryview, cls: type) -> Any:
    """Unpack a CDR sample into a message of class `cls`.

    Raises:
        DeserializationError: The bytes are not such a sample. No more memory is taken than a
            small multiple of the sample's size.
    """
    view = memoryview(data).cast("B")
    header = bytes(view[:4])
    if len(header) == 4 and header[:2] == LITTLE_ENDIAN_HEADER[:2]:
        order = "<"
    elif len(header) == 4 and header[:2] == BIG_ENDIAN_HEADER[:2]:
        order = ">"
    else:
        raise DeserializationError("The sample does not begin with a plain CDR header.")
    unpacker = default_registry().unpacker(cls, order)
    body = view[4:]
    size = len(body)
    try:
        message, pos = unpacker(body, 0, size)
    except DeserializationError as error:
        raise DeserializationError(f"Not a {message_definition(cls).fullname}: {error}") from None
    except (struct.error, ValueError) as error:
        raise DeserializationError(f"Not a {message_definition(cls).fullname}: {error}") from error
    if not pos <= size <= pos + MAX_TRAILING:
        raise DeserializationError(f"Not a {message_definition(cls).fullname}: {size} bytes where {pos} are expected")
    return message


def _fullname(message: Any) -> str:
    return message_definition(type(message)).fullname
