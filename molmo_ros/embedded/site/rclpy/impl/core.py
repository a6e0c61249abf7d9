"""All that :mod:`rclpy.impl.implementation_singleton` offers, under the names rclpy's users know."""

# ruff: noqa: F401

from molmo_ros.embedded import typesys as _typesys
from rclpy.impl import names as _names
from rclpy.impl.args import remove_ros_args as rclpy_remove_ros_args
from rclpy.impl.clocks import Clock, ClockEvent, Timer
from rclpy.impl.context import RCL_DEFAULT_DOMAIN_ID, Context, shutdown_contexts
from rclpy.impl.errors import (
    InvalidHandle,
    NodeNameNonExistentError,
    RCLError,
    RCLInvalidROSArgsError,
    RMWError,
    UnknownROSArgsError,
    UnsupportedEventTypeError,
)
from rclpy.impl.events import (
    EventHandle,
    rcl_publisher_event_type_t,
    rcl_subscription_event_type_t,
    rmw_incompatible_type_status_t,
    rmw_liveliness_changed_status_t,
    rmw_liveliness_lost_status_t,
    rmw_matched_status_t,
    rmw_message_lost_status_t,
    rmw_offered_deadline_missed_status_t,
    rmw_requested_deadline_missed_status_t,
    rmw_requested_qos_incompatible_event_status_t,
)
from rclpy.impl.graph import (
    rclpy_get_client_names_and_types_by_node,
    rclpy_get_publisher_names_and_types_by_node,
    rclpy_get_publishers_info_by_topic,
    rclpy_get_service_names_and_types,
    rclpy_get_service_names_and_types_by_node,
    rclpy_get_subscriber_names_and_types_by_node,
    rclpy_get_subscriptions_info_by_topic,
    rclpy_get_topic_names_and_types,
)
from rclpy.impl.handle import Handle as Destroyable
from rclpy.impl.introspection import ServiceIntrospectionState as _ServiceIntrospectionState
from rclpy.impl.loggers import (
    RCUTILS_LOG_SEVERITY,
    rclpy_logging_configure,
    rclpy_logging_fini,
    rclpy_logging_get_logger_effective_level,
    rclpy_logging_get_logger_level,
    rclpy_logging_get_logging_directory,
    rclpy_logging_get_separator_string,
    rclpy_logging_initialize,
    rclpy_logging_logger_is_enabled_for,
    rclpy_logging_rcutils_log,
    rclpy_logging_rosout_add_sublogger,
    rclpy_logging_rosout_remove_sublogger,
    rclpy_logging_set_logger_level,
    rclpy_logging_severity_level_from_string,
    rclpy_logging_shutdown,
)
from rclpy.impl.node import Node
from rclpy.impl.qos import (
    RMW_DURATION_INFINITE,
    RMW_QOS_DEADLINE_BEST_AVAILABLE,
    RMW_QOS_LIVELINESS_LEASE_DURATION_BEST_AVAILABLE,
    QoSCheckCompatibleResult,
    QoSCompatibility,
    rclpy_action_get_rmw_qos_profile,
    rclpy_qos_check_compatible,
    rmw_qos_profile_t,
)
from rclpy.impl.services import Client, Service, rmw_request_id_t, rmw_service_info_t
from rclpy.impl.signal_handlers import (
    SignalHandlerOptions,
    get_current_signal_handlers_options,
    install_signal_handlers,
    register_sigint_guard_condition,
    uninstall_signal_handlers,
    unregister_sigint_guard_condition,
)
from rclpy.impl.time_types import ClockChange, ClockType, rcl_duration_t, rcl_time_point_t
from rclpy.impl.topics import Publisher, Subscription, rclpy_assert_liveliness
from rclpy.impl.type_description import TypeDescriptionService
from rclpy.impl.wait import GuardCondition, WaitSet

rclpy_get_validation_error_for_topic_name = _names.topic_problem
rclpy_get_validation_error_for_full_topic_name = _names.full_topic_problem
rclpy_get_validation_error_for_namespace = _names.namespace_problem
rclpy_get_validation_error_for_node_name = _names.node_name_problem
rclpy_expand_topic_name = _names.expand


class service_introspection:
    """Names of service introspection."""

    ServiceIntrospectionState = _ServiceIntrospectionState


def rclpy_get_rmw_implementation_identifier() -> str:
    """The middleware whose wire is spoken."""
    return "rmw_zenoh_cpp"


def rclpy_resolve_name(node: Node, name: str, only_expand: bool, is_service: bool) -> str:
    """A topic's or service's full name for a node."""
    return node.resolve(name, only_expand=only_expand, is_service=is_service)


def rclpy_remap_topic_name(node: Node, name: str) -> str:
    """A full topic name after remapping."""
    return node.remap(name)


def rclpy_serialize(message: object, message_type: type) -> bytes:
    """CDR bytes of a message."""
    return bytes(_typesys.serialize(message))


def rclpy_deserialize(data: bytes, message_type: type) -> object:
    """A message from CDR bytes."""
    try:
        return _typesys.deserialize(data, message_type)
    except _typesys.DeserializationError as error:
        raise RMWError(f"Failed to deserialize ROS message: {error}") from error
