"""Interfaces by their full names, such as `std_msgs/msg/String`."""

from __future__ import annotations

from typing import Any

from rosidl_parser.definition import NamespacedType

from .import_message import import_message_from_namespaced_type


def get_namespaced_type(identifier: str) -> NamespacedType:
    """The parsed form of an interface's full name."""
    return _namespaced(identifier, None)


def get_message_namespaced_type(identifier: str) -> NamespacedType:
    """The parsed form of a message's name; `msg` may be left out."""
    return _namespaced(identifier, "msg")


def get_service_namespaced_type(identifier: str) -> NamespacedType:
    """The parsed form of a service's name; `srv` may be left out."""
    return _namespaced(identifier, "srv")


def get_action_namespaced_type(identifier: str) -> NamespacedType:
    """The parsed form of an action's name; `action` may be left out."""
    return _namespaced(identifier, "action")


def get_interface(identifier: str) -> Any:
    """The class of an interface."""
    return import_message_from_namespaced_type(get_namespaced_type(identifier))


def get_message(identifier: str) -> Any:
    """The class of a message.

    Raises:
        ValueError: when the name is of something else.
    """
    return _checked(identifier, get_message_namespaced_type(identifier), is_message, "a message")


def get_service(identifier: str) -> Any:
    """The class of a service.

    Raises:
        ValueError: when the name is of something else.
    """
    return _checked(identifier, get_service_namespaced_type(identifier), is_service, "a service")


def get_action(identifier: str) -> Any:
    """The class of an action.

    Raises:
        ValueError: when the name is of something else.
    """
    return _checked(identifier, get_action_namespaced_type(identifier), is_action, "an action")


def is_message(interface: Any) -> bool:
    """Whether a class is a message."""
    return hasattr(interface, "SLOT_TYPES")


def is_service(interface: Any) -> bool:
    """Whether a class is a service."""
    return hasattr(interface, "Request") and hasattr(interface, "Response")


def is_action(interface: Any) -> bool:
    """Whether a class is an action."""
    return all(hasattr(interface, part) for part in ("Goal", "Result", "Feedback"))


def _namespaced(identifier: str, default: str | None) -> NamespacedType:
    *namespaces, name = identifier.split("/")
    if len(namespaces) == 1 and default is not None:
        namespaces.append(default)
    return NamespacedType(namespaces, name)


def _checked(identifier: str, namespaced: NamespacedType, check: Any, what: str) -> Any:
    interface = import_message_from_namespaced_type(namespaced)
    if not check(interface):
        raise ValueError(f"Expected the full name of {what}, got '{identifier}'")
    return interface
