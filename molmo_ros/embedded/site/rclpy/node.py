"""Nodes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent

from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock, ROSClock
from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidHandle,
    InvalidServiceNameException,
    InvalidTopicNameException,
    NotInitializedException,
)
from rclpy.executors import Executor
from rclpy.expand_topic_name import expand_topic_name
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.logging import get_logger
from rclpy.logging_service import LoggingService
from rclpy.node_graph import NodeGraph
from rclpy.node_parameters import NodeParameters
from rclpy.parameter import Parameter
from rclpy.parameter_service import ParameterService
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_parameter_events, qos_profile_services_default
from rclpy.qos_overriding_options import QoSOverridingOptions, _declare_qos_parameters
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.time_source import TimeSource
from rclpy.timer import Rate, Timer
from rclpy.type_description_service import TypeDescriptionService
from rclpy.type_support import check_is_valid_msg_type, check_is_valid_srv_type
from rclpy.utilities import get_default_context
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_topic_name import validate_topic_name
from rclpy.waitable import Waitable

HIDDEN_NODE_PREFIX = "_"

NodeNameNonExistentError = _rclpy.NodeNameNonExistentError


class Node(NodeParameters, NodeGraph):
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
        self._publishers: list[Publisher[Any]] = []
        self._subscriptions: list[Subscription[Any]] = []
        self._clients: list[Client] = []
        self._services: list[Service] = []
        self._timers: list[Timer] = []
        self._guards: list[GuardCondition] = []
        self._waitables: list[Waitable] = []
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

    def _validate_topic_or_service_name(self, name: str, *, is_service: bool = False) -> None:
        node_name, namespace = self.get_name(), self.get_namespace()
        validate_node_name(node_name)
        validate_namespace(namespace)
        validate_topic_name(name, is_service=is_service)
        full = expand_topic_name(name, node_name, namespace)
        validate_full_topic_name(full, is_service=is_service)

    def _validate_qos_or_depth_parameter(self, qos_or_depth: QoSProfile | int) -> QoSProfile:
        if isinstance(qos_or_depth, QoSProfile):
            return qos_or_depth
        if not isinstance(qos_or_depth, int):
            raise TypeError(f"Expected QoSProfile or int, but received {type(qos_or_depth)!r}")
        if qos_or_depth < 0:
            raise ValueError("history depth must be greater than or equal to zero")
        return QoSProfile(depth=qos_or_depth)

    def add_waitable(self, waitable: Waitable) -> None:
        """Let the executor wait for something of one's own."""
        self._waitables.append(waitable)
        self._wake_executor()

    def remove_waitable(self, waitable: Waitable) -> None:
        """Undo :meth:`add_waitable`."""
        self._waitables.remove(waitable)
        self._wake_executor()

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """A topic's full name, remapped unless ``only_expand``."""
        with self._handle as handle:
            return _rclpy.rclpy_resolve_name(handle, topic, only_expand, False)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """A service's full name, remapped unless ``only_expand``."""
        with self._handle as handle:
            return _rclpy.rclpy_resolve_name(handle, service, only_expand, True)

    def _resolve_or_explain(self, name: str, *, is_service: bool) -> str:
        """A full name; a bad one is refused with the place of its fault."""
        try:
            with self._handle as handle:
                return _rclpy.rclpy_resolve_name(handle, name, False, is_service)
        except ValueError:
            try:
                self._validate_topic_or_service_name(name, is_service=is_service)
            except (InvalidTopicNameException, InvalidServiceNameException) as error:
                raise error from None
            raise

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        publisher_class: type[Publisher[Any]] = Publisher,
    ) -> Publisher[Any]:
        """Make a publisher.

        Args:
            msg_type: Class of the messages.
            topic: The topic.
            qos_profile: Quality of service, or the depth of the history.
            callback_group: Group of the event callbacks.
            event_callbacks: Callbacks for events.
            qos_overriding_options: Policies that parameters may override.
            publisher_class: A subclass of :class:`rclpy.publisher.Publisher`.

        Raises:
            InvalidTopicNameException: The name is not valid.
        """
        qos_profile = self._validate_qos_or_depth_parameter(qos_profile)
        group = callback_group or self._default_callback_group
        full = self._resolve_or_explain(topic, is_service=False)
        options = qos_overriding_options or QoSOverridingOptions([])
        _declare_qos_parameters(Publisher, self, full, qos_profile, options)
        check_is_valid_msg_type(msg_type)
        with self._handle as handle:
            endpoint = _rclpy.Publisher(handle, msg_type, topic, qos_profile.get_c_qos_profile())
        try:
            publisher = publisher_class(
                endpoint,
                msg_type,
                topic,
                qos_profile,
                event_callbacks=event_callbacks or PublisherEventCallbacks(),
                callback_group=group,
            )
        except Exception:
            endpoint.destroy_when_not_in_use()
            raise
        self._publishers.append(publisher)
        self._waitables.extend(publisher.event_handlers)
        self._wake_executor()
        return publisher

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription[Any]:
        """Make a subscription.

        Args:
            msg_type: Class of the messages.
            topic: The topic.
            callback: Called with each message, and with where it came from if it takes two arguments.
            qos_profile: Quality of service, or the depth of the history.
            callback_group: Group of the callback.
            event_callbacks: Callbacks for events.
            qos_overriding_options: Policies that parameters may override.
            raw: Give the callback the serialised message.

        Raises:
            InvalidTopicNameException: The name is not valid.
        """
        qos_profile = self._validate_qos_or_depth_parameter(qos_profile)
        group = callback_group or self._default_callback_group
        full = self._resolve_or_explain(topic, is_service=False)
        options = qos_overriding_options or QoSOverridingOptions([])
        _declare_qos_parameters(Subscription, self, full, qos_profile, options)
        check_is_valid_msg_type(msg_type)
        with self._handle as handle:
            endpoint = _rclpy.Subscription(handle, msg_type, topic, qos_profile.get_c_qos_profile())
        try:
            subscription = Subscription(
                endpoint,
                msg_type,
                topic,
                callback,
                group,
                qos_profile,
                raw,
                event_callbacks=event_callbacks or SubscriptionEventCallbacks(),
            )
        except Exception:
            endpoint.destroy_when_not_in_use()
            raise
        group.add_entity(subscription)
        self._subscriptions.append(subscription)
        self._waitables.extend(subscription.event_handlers)
        self._wake_executor()
        return subscription

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Make a client of a service.

        Raises:
            InvalidServiceNameException: The name is not valid.
        """
        group = callback_group or self._default_callback_group
        check_is_valid_srv_type(srv_type)
        self._resolve_or_explain(srv_name, is_service=True)
        with self._handle as handle:
            endpoint = _rclpy.Client(handle, srv_type, srv_name, qos_profile.get_c_qos_profile())
        client = Client(self._context, endpoint, srv_type, srv_name, qos_profile, group)
        group.add_entity(client)
        self._clients.append(client)
        self._wake_executor()
        return client

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Serve a service; ``callback`` takes a request and a response, and returns a response.

        Raises:
            InvalidServiceNameException: The name is not valid.
        """
        group = callback_group or self._default_callback_group
        check_is_valid_srv_type(srv_type)
        self._resolve_or_explain(srv_name, is_service=True)
        with self._handle as handle:
            endpoint = _rclpy.Service(handle, srv_type, srv_name, qos_profile.get_c_qos_profile())
        service = Service(endpoint, srv_type, srv_name, callback, group, qos_profile)
        group.add_entity(service)
        self._services.append(service)
        self._wake_executor()
        return service

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any] | None,
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """Make a timer on a clock, the node's unless another is given."""
        group = callback_group or self._default_callback_group
        timer = Timer(
            callback,
            group,
            int(float(timer_period_sec) * S_TO_NS),
            self._clock if clock is None else clock,
            context=self._context,
            autostart=autostart,
        )
        group.add_entity(timer)
        self._timers.append(timer)
        self._wake_executor()
        return timer

    def create_guard_condition(
        self, callback: Callable[[], Any], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """Make a guard condition."""
        group = callback_group or self._default_callback_group
        guard = GuardCondition(callback, group, context=self._context)
        group.add_entity(guard)
        self._guards.append(guard)
        self._wake_executor()
        return guard

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Make a rate, in cycles per second.

        Raises:
            ValueError: The frequency is not positive.
        """
        if frequency <= 0:
            raise ValueError("frequency must be > 0")
        timer = self.create_timer(1.0 / frequency, None, self._rate_group, clock)
        return Rate(timer, context=self._context)

    def _drop(self, entities: list[Any], entity: Any) -> bool:
        """Destroy one of the node's entities; ``False`` when it is not one."""
        if entity not in entities:
            return False
        entities.remove(entity)
        for handler in getattr(entity, "event_handlers", ()):
            self._waitables.remove(handler)
        try:
            entity.destroy()
        except InvalidHandle:
            return False
        self._wake_executor()
        return True

    def destroy_publisher(self, publisher: Publisher[Any]) -> bool:
        """Destroy a publisher; ``False`` when it is not this node's."""
        return self._drop(self._publishers, publisher)

    def destroy_subscription(self, subscription: Subscription[Any]) -> bool:
        """Destroy a subscription; ``False`` when it is not this node's."""
        return self._drop(self._subscriptions, subscription)

    def destroy_client(self, client: Client) -> bool:
        """Destroy a client; ``False`` when it is not this node's."""
        return self._drop(self._clients, client)

    def destroy_service(self, service: Service) -> bool:
        """Destroy a service; ``False`` when it is not this node's."""
        return self._drop(self._services, service)

    def destroy_timer(self, timer: Timer) -> bool:
        """Destroy a timer; ``False`` when it is not this node's."""
        return self._drop(self._timers, timer)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """Destroy a guard condition; ``False`` when it is not this node's."""
        return self._drop(self._guards, guard)

    def destroy_rate(self, rate: Rate) -> bool:
        """Destroy a rate; its sleepers wake."""
        destroyed = self.destroy_timer(rate._timer)
        rate.destroy()
        return destroyed

    def destroy_node(self) -> None:
        """Destroy the node and all it has made."""
        for entities in (
            self._publishers,
            self._subscriptions,
            self._clients,
            self._services,
            self._timers,
            self._guards,
        ):
            while entities:
                self._drop(entities, entities[0])
        self._type_description_service.destroy()
        self._handle.destroy_when_not_in_use()
        self._wake_executor()
