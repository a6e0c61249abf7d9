"""Checks that a class is an interface of the right kind."""

from __future__ import annotations

from typing import Any

from molmo_ros.embedded import typesys
from rclpy.exceptions import NoTypeSupportImportedException


def check_for_type_support(msg_or_srv_type: Any) -> None:
    """Check that a class is a generated interface.

    Raises:
        AttributeError: It is not one.
        NoTypeSupportImportedException: It cannot be sent.
    """
    try:
        support = msg_or_srv_type.__class__._TYPE_SUPPORT
    except AttributeError as error:
        raise AttributeError(
            f"{error} This might be a ROS 1 message type but it should be a ROS 2 message type. "
            "Make sure to source your ROS 2 workspace after your ROS 1 workspace."
        ) from error
    if support is None:
        msg_or_srv_type.__class__.__import_type_support__()
    if msg_or_srv_type.__class__._TYPE_SUPPORT is None:
        raise NoTypeSupportImportedException


def check_is_valid_msg_type(msg_type: Any) -> None:
    """Check that a class is a message.

    Raises:
        RuntimeError: It is a service or an action.
        AttributeError: It is no interface at all.
    """
    check_for_type_support(msg_type)
    if not typesys.is_message(msg_type):
        raise RuntimeError(f"The message type provided is not valid ({msg_type}), this might be a service or action")


def check_is_valid_srv_type(srv_type: Any) -> None:
    """Check that a class is a service.

    Raises:
        RuntimeError: It is a message or an action.
        AttributeError: It is no interface at all.
    """
    check_for_type_support(srv_type)
    if not typesys.is_service(srv_type):
        raise RuntimeError(f"The service type provided is not valid ({srv_type}), this might be a message or action")
