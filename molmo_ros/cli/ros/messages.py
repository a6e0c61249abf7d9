"""Types by name and messages as text."""

from __future__ import annotations

import sys
from typing import Any

from molmo_ros.cli.ros.node import refuse


def load_type(kind: str, name: str) -> Any:
    """The class of a message, service or action.

    Args:
        kind: `message`, `service` or `action`.
        name: such as `std_msgs/msg/String` or `std_msgs/String`.

    Raises:
        MolmoRosError: when there is no such type.
    """
    from molmo_ros.embedded import install

    install()
    from rosidl_runtime_py import utilities

    try:
        return getattr(utilities, f"get_{kind}")(name)
    except (AttributeError, ImportError, ValueError, AssertionError) as error:
        text = f"the {kind} type '{name}' is not known; see molmo-ros interface list, or name its package folder in "
        raise refuse(f"{text}MOLMO_ROS_INTERFACES_PATH") from error


def read_values(text: str) -> dict[str, Any]:
    """The YAML mapping a person typed.

    Raises:
        MolmoRosError: when it is no mapping.
    """
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise refuse(f"'{text}' is not YAML") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise refuse(f"'{text}' is not a mapping in YAML, such as '{{data: 1}}'")
    return values


def fill(message: Any, values: dict[str, Any], *, stamps: bool = False) -> list[Any]:
    """Set the fields of a message; returns setters of the fields that want the current time.

    Raises:
        MolmoRosError: when a field does not exist or a value does not fit.
    """
    from rosidl_runtime_py import set_message_fields

    try:
        setters: list[Any] = set_message_fields(message, values, expand_header_auto=stamps, expand_time_now=stamps)
    except Exception as error:
        raise refuse(f"failed to populate field: {error}") from error
    return setters


def read_stdin() -> str:
    """Everything that is piped in."""
    return sys.stdin.read()


def as_yaml(message: Any, **options: Any) -> str:
    """A message as YAML."""
    from rosidl_runtime_py import message_to_yaml

    return str(message_to_yaml(message, **options))
