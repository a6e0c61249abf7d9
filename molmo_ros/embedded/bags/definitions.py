"""Message definitions as bags carry them: complete, so that a reader needs nothing else."""

from __future__ import annotations

from functools import lru_cache

from molmo_ros.embedded.typesys import TypesysError, definition_text, get_interface, type_hash
from molmo_ros.embedded.typesys.model import MessageDef, ServiceDef
from molmo_ros.embedded.typesys.registry import default_registry

from .model import Definition

_SEPARATOR = "=" * 80


@lru_cache(maxsize=1024)
def definition_of(type_name: str) -> Definition:
    """Return the definition of a message or service with every definition it refers to appended.

    An unknown type gives a definition with the encoding ``unknown`` and no text.
    """
    try:
        names = _with_dependencies(type_name)
        texts = [definition_text(name) for name in names]
        found_hash = type_hash(get_interface(type_name))
    except TypesysError:
        return Definition(type=type_name)
    parts = [texts[0].rstrip("\n") + "\n"]
    if "/srv/" in type_name:
        parts.insert(0, f"{_SEPARATOR}\nSRV: {type_name}\n")
    for name, text in zip(names[1:], texts[1:], strict=True):
        package, _, message = name.split("/")
        parts.append(f"\n{_SEPARATOR}\nMSG: {package}/{message}\n{text.rstrip(chr(10))}\n")
    return Definition(type=type_name, encoding="ros2msg", text="".join(parts), type_hash=found_hash)


def _messages_of(name: str) -> tuple[MessageDef, ...]:
    definition = default_registry().definition(name)
    if isinstance(definition, ServiceDef):
        return definition.request, definition.response
    return (definition,) if isinstance(definition, MessageDef) else ()


def _with_dependencies(type_name: str) -> list[str]:
    """Return a type and all those it contains, in the order in which they appear."""
    found = [type_name]
    for name in found:
        for message in _messages_of(name):
            for field in message.fields:
                if field.type.is_nested and field.type.base not in found:
                    found.append(field.type.base)
    return found
