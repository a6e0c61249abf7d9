"""ROS 2 interfaces without ROS 2: classes, CDR and type hashes from interface definitions.

Image = get_interface("sensor_msgs/msg/Image")
data = serialize(Image(height=1))
image = deserialize(data, Image)
"""

from __future__ import annotations

from typing import Any

from .errors import (
    DefinitionError,
    DeserializationError,
    SerializationError,
    TypesysError,
    UnknownInterfaceError,
)
from .model import ActionDef, MessageDef, ServiceDef
from .modules import SourceTreeFinder, find_spec
from .registry import class_definition, default_registry, deserialize, serialize
from .sources import KINDS, current_sources

__all__ = [
    "DefinitionError",
    "DeserializationError",
    "SerializationError",
    "SourceTreeFinder",
    "TypesysError",
    "UnknownInterfaceError",
    "dds_type_name",
    "definition_text",
    "deserialize",
    "find_spec",
    "fullname",
    "get_interface",
    "is_action",
    "is_message",
    "is_service",
    "list_interfaces",
    "list_packages",
    "serialize",
    "type_description",
    "type_hash",
]


def get_interface(name: str) -> type:
    """The class of ``pkg/msg/Name``, ``pkg/srv/Name``, ``pkg/action/Name`` (or ``pkg/Name``).

    Derived names such as ``pkg/srv/Name_Request`` are known too.

    Raises:
        UnknownInterfaceError: No source has the definition.
        DefinitionError: The definition is malformed.
    """
    return default_registry().interface(name)


def fullname(cls: type) -> str:
    """``pkg/msg/Name`` of an interface class."""
    return class_definition(cls).fullname


def type_hash(cls: type) -> str:
    """The ``RIHS01_...`` type hash of an interface class."""
    return default_registry().type_hash(class_definition(cls).fullname)


def type_description(cls: type) -> dict[str, Any]:
    """The description that the type hash is computed from, as plain data."""
    return default_registry().description(class_definition(cls).fullname)


def dds_type_name(cls: type) -> str:
    """The name of a type on the wire, ``pkg::msg::dds_::Name_``."""
    package, kind, name = class_definition(cls).fullname.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def _defines(cls: object, kind: type) -> bool:
    try:
        return isinstance(class_definition(cls), kind)  # type: ignore[arg-type]
    except TypeError:
        return False


def is_message(cls: object) -> bool:
    """Whether an object is a message class."""
    return _defines(cls, MessageDef)


def is_service(cls: object) -> bool:
    """Whether an object is a service class."""
    return _defines(cls, ServiceDef)


def is_action(cls: object) -> bool:
    """Whether an object is an action class."""
    return _defines(cls, ActionDef)


def list_packages() -> list[str]:
    """Every package that has interfaces, sorted."""
    return current_sources().packages()


def list_interfaces(package: str) -> list[str]:
    """The full names of a package's messages, services and actions, sorted within each kind."""
    sources = current_sources()
    return [f"{package}/{kind}/{name}" for kind in KINDS for name in sources.names(package, kind)]


def definition_text(name: str) -> str:
    """The text of ``pkg/msg/Name``, ``pkg/srv/Name`` or ``pkg/action/Name``.

    Raises:
        UnknownInterfaceError: No source has the definition.
    """
    return current_sources().text(name)
