"""Nodes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent

from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.client import Client, SrvType, SrvTypeRequest, SrvTypeResponse
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context
from rclpy.exceptions import NotInitializedException
from rclpy.executors import Executor
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.logging import get_logger
from rclpy.logging_service import LoggingService
from rclpy.node_entities import NodeEntities
from rclpy.node_graph import NodeGraph
from rclpy.node_parameters import NodeParameters
from rclpy.parameter import Parameter
from rclpy.parameter_service import ParameterService
from rclpy.publisher import MsgType, Publisher
from rclpy.qos import qos_profile_parameter_events
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.time_source import TimeSource
from rclpy.timer import Timer
from rclpy.type_description_service import TypeDescriptionService
from rclpy.utilities import get_default_context
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.waitable import Waitable

__all__ = [
    "HIDDEN_NODE_PREFIX",
    "MsgType",
    "Node",
    "NodeNameNonExistentError",
    "SrvType",
    "SrvTypeRequest",
    "SrvTypeResponse",
]

HIDDEN_NODE_PREFIX = "_"

NodeNameNonExistentError = _rclpy.NodeNameNonExistentError


class Node(NodeEntities, NodeParameters, NodeGraph):
    """A participant of the graph: it publishes, subscribes, serves, calls and has parameters.

    Args:
        node_name: Its name.
        context: The context it lives in; the default one when not given.
        cli_args: Command line for this node alone.
        namespace: Its namespace.
        use_global_arguments: Whether the context's command line counts for it.
        enable_rosout: Whether its log messages go to ``/rosout``.
        start_parameter_services: Whether others can see and set its parameters.
        parameter_overrides: Initial values for parameters that will be declared.
        allow_undeclared_parameters: Whether parameters can be set without being declared.
        automatically_declare_parameters_from_overrides: Declare what the command line gives.
        enable_logger_service: Whether others can see and set the levels of its loggers.

    Raises:
        NotInitializedException: The context is not valid.
        InvalidNodeNameException: The name is not valid.
        InvalidNamespaceException: The namespace is not valid.
    """

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: list[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: list[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
        enable_logger_service: bool = False,
    ) -> None:
        self._context = get_default_context() if context is None else context
        self._init_entities()
        self._default_callback_group: CallbackGroup = MutuallyExclusiveCallbackGroup()
        self._rate_group = ReentrantCallbackGroup()
        self._executor_weakref: weakref.ReferenceType[Executor] | None = None
        self._init_parameters(allow_undeclared_parameters)
        if not self._context.ok() or self._context.handle is None:
            raise NotInitializedException("cannot create node")
        self._handle = self._create_handle(node_name, namespace or "", cli_args, use_global_arguments, enable_rosout)
        self._logger = get_logger(self._handle.logger_name())
        self._parameter_event_publisher = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events
        )
        self._parameter_overrides = self._handle.get_parameters(Parameter)
        self._parameter_overrides.update({p.name: p for p in parameter_overrides or ()})
        self._clock = ROSClock()
        if automatically_declare_parameters_from_overrides:
            self.declare_parameters(
                "",
                [(p.name, p.value, ParameterDescriptor()) for p in self._parameter_overrides.values()],
                ignore_override=True,
            )
        self._time_source = TimeSource(node=self)
        self._time_source.attach_clock(self._clock)
        if start_parameter_services:
            self._parameter_service = ParameterService(self)
        if enable_logger_service:
            self._logger_service = LoggingService(self)
        self._type_description_service = TypeDescriptionService(self)

    def _create_handle(
        self,
        node_name: str,
        namespace: str,
        cli_args: list[str] | None,
        use_global_arguments: bool,
        enable_rosout: bool,
    ) -> _rclpy.Node:
        try:
            with self._context.handle as handle:  # type: ignore[union-attr]
                return _rclpy.Node(node_name, namespace, handle, cli_args, use_global_arguments, enable_rosout)
        except ValueError:
            validate_node_name(node_name)
            validate_namespace(namespace if namespace.startswith("/") else f"/{namespace}")
            raise

    @property
    def publishers(self) -> Iterator[Publisher[Any]]:
        """Its publishers."""
        return iter(self._publishers)

    @property
    def subscriptions(self) -> Iterator[Subscription[Any]]:
        """Its subscriptions."""
        return iter(self._subscriptions)

    @property
    def clients(self) -> Iterator[Client]:
        """Its service clients."""
        return iter(self._clients)

    @property
    def services(self) -> Iterator[Service]:
        """Its services."""
        return iter(self._services)

    @property
    def timers(self) -> Iterator[Timer]:
        """Its timers."""
        return iter(self._timers)

    @property
    def guards(self) -> Iterator[GuardCondition]:
        """Its guard conditions."""
        return iter(self._guards)

    @property
    def waitables(self) -> Iterator[Waitable]:
        """Its waitables."""
        return iter(self._waitables)

    @property
    def executor(self) -> Executor | None:
        """The executor that works for it."""
        return None if self._executor_weakref is None else self._executor_weakref()

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        current = self.executor
        if current is new_executor:
            return
        if current is not None:
            current.remove_node(self)
        if new_executor is None:
            self._executor_weakref = None
        else:
            new_executor.add_node(self)
            self._executor_weakref = weakref.ref(new_executor)

    def _wake_executor(self) -> None:
        executor = self.executor
        if executor is not None:
            executor.wake()

    @property
    def context(self) -> Context:
        """The context it lives in."""
        return self._context

    @property
    def default_callback_group(self) -> CallbackGroup:
        """Where entities go that are made without a callback group."""
        return self._default_callback_group

    @property
    def handle(self) -> _rclpy.Node:
        """The core's node."""
        return self._handle

    @handle.setter
    def handle(self, value: object) -> None:
        raise AttributeError("handle cannot be modified after node creation")

    def get_name(self) -> str:
        """Its name."""
        with self._handle as handle:
            return handle.get_node_name()

    def get_namespace(self) -> str:
        """Its namespace."""
        with self._handle as handle:
            return handle.get_namespace()

    def get_clock(self) -> Clock:
        """Its clock, of ROS time."""
        return self._clock

    def get_logger(self) -> RcutilsLogger:
        """Its logger."""
        return self._logger

    def destroy_node(self) -> None:
        """Destroy the node and all it has made."""
        self._drop_all()
        self._type_description_service.destroy()
        self._handle.destroy_when_not_in_use()
        self._wake_executor()
