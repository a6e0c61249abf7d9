"""What a node is made of: the part of :class:`rclpy.node.Node` that makes and destroys entities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock
from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle, InvalidServiceNameException, InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_services_default
from rclpy.qos_overriding_options import QoSOverridingOptions, _declare_qos_parameters
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Rate, Timer
from rclpy.type_support import check_is_valid_msg_type, check_is_valid_srv_type
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_topic_name import validate_topic_name
from rclpy.waitable import Waitable


class NodeEntities:
    """Makes and destroys publishers, subscriptions, services, clients, timers and guard conditions."""

    _clock: Clock
    _context: Context
    _default_callback_group: CallbackGroup
    _handle: _rclpy.Node
    _rate_group: CallbackGroup
    _wake_executor: Callable[[], None]
    get_name: Callable[[], str]
    get_namespace: Callable[[], str]

    def _init_entities(self) -> None:
        self._publishers: list[Publisher[Any]] = []
        self._subscriptions: list[Subscription[Any]] = []
        self._clients: list[Client] = []
        self._services: list[Service] = []
        self._timers: list[Timer] = []
        self._guards: list[GuardCondition] = []
        self._waitables: list[Waitable] = []

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

    def _drop_all(self) -> None:
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
