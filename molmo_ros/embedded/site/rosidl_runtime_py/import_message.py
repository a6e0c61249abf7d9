"""Classes of interfaces by their parsed name."""

from __future__ import annotations

import importlib
from typing import Any

from rosidl_parser.definition import NamespacedType


def import_message_from_namespaced_type(message_type: NamespacedType) -> Any:
    """The class of a namespaced type, imported from its package.

    Raises:
        ModuleNotFoundError: when there is no such package.
        AttributeError: when the package has no such interface.
    """
    return getattr(importlib.import_module(".".join(message_type.namespaces)), message_type.name)
