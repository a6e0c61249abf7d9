"""Classes of interfaces by their parsed name."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from rosidl_parser.definition import NamespacedType


def import_message_from_namespaced_type(message_type: NamespacedType) -> Any:
    """The class of a namespaced type, imported from its package.

    Raises:
        ModuleNotFoundError: when there is no such package.
        AttributeError: when the package has no such interface.
    """
    if not isinstance(message_type, NamespacedType) and hasattr(message_type, "value_type"):
        message_type = message_type.value_type
        warnings.warn(
            "Passing objects containing a NamespacedType is deprecated, please pass a NamespacedType object directly",
            DeprecationWarning,
            stacklevel=2,
        )
    module = importlib.import_module(".".join(message_type.namespaces))
    name = message_type.name
    if name.endswith("_FeedbackMessage"):
        return getattr(module, name.removesuffix("_FeedbackMessage")).Impl.FeedbackMessage
    return getattr(module, name)
