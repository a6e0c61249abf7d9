"""Callbacks for changes of parameters, of this node or another."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ParameterEvent

from rclpy.qos import QoSProfile, qos_profile_parameter_events

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.event_handler import SubscriptionEventCallbacks
    from rclpy.node import Node
    from rclpy.qos_overriding_options import QoSOverridingOptions


class ParameterCallbackHandle:
    """A callback for one parameter; keep it to remove the callback."""

    def __init__(self, parameter_name: str, node_name: str, callback: Callable[[Any], Any]) -> None:
        self.parameter_name = parameter_name
        self.node_name = node_name
        self.callback = callback
        self.mutex = threading.Lock()


class ParameterEventCallbackHandle:
    """A callback for every parameter event; keep it to remove the callback."""

    def __init__(self, callback: Callable[[ParameterEvent], Any]) -> None:
        self.callback = callback
        self.mutex = threading.Lock()


class ParameterEventHandler:
    """Watches parameter events; the callback that was added last is called first.

    Args:
        node: The node whose subscription is used.
        qos_profile: For the subscription.
        callback_group: For the subscription; the node's default group if not given.
        event_callbacks: For the subscription's middleware events.
        qos_overriding_options: For the subscription.
        raw: Whether callbacks get serialised events.
    """

    class Callbacks:
        """The callbacks of a handler."""

        def __init__(self) -> None:
            self.parameter_callbacks: dict[tuple[str, str], list[ParameterCallbackHandle]] = defaultdict(list)
            self.event_callbacks: list[ParameterEventCallbackHandle] = []
            # A callback may add or remove callbacks.
            self.mutex = threading.RLock()

        def event_callback(self, event: ParameterEvent) -> None:
            """Call whom an event concerns."""
            with self.mutex:
                concerned = [
                    (handle, parameter)
                    for (name, node), handles in self.parameter_callbacks.items()
                    if (parameter := ParameterEventHandler.get_parameter_from_event(event, name, node)) is not None
                    for handle in handles
                ]
                everyone = list(self.event_callbacks)
            for handle, argument in chain(concerned, ((handle, event) for handle in everyone)):
                with handle.mutex:
                    handle.callback(argument)

        def add_parameter_callback(
            self, parameter_name: str, node_name: str, callback: Callable[[Any], Any]
        ) -> ParameterCallbackHandle:
            """Add a callback for one parameter; `node_name` is a full name."""
            handle = ParameterCallbackHandle(parameter_name, node_name, callback)
            with self.mutex:
                self.parameter_callbacks[parameter_name, node_name].insert(0, handle)
            return handle

        def remove_parameter_callback(self, handle: ParameterCallbackHandle) -> None:
            """Remove a callback.

            Raises:
                RuntimeError: It was not added here.
            """
            key = handle.parameter_name, handle.node_name
            with self.mutex:
                handles = self.parameter_callbacks.get(key, [])
                if handle not in handles:
                    raise RuntimeError("Callback doesn't exist")
                handles.remove(handle)
                if not handles:
                    del self.parameter_callbacks[key]

        def add_parameter_event_callback(
            self, callback: Callable[[ParameterEvent], Any]
        ) -> ParameterEventCallbackHandle:
            """Add a callback for every event."""
            handle = ParameterEventCallbackHandle(callback)
            with self.mutex:
                self.event_callbacks.insert(0, handle)
            return handle

        def remove_parameter_event_callback(self, handle: ParameterEventCallbackHandle) -> None:
            """Remove a callback.

            Raises:
                RuntimeError: It was not added here.
            """
            with self.mutex:
                if handle not in self.event_callbacks:
                    raise RuntimeError("Callback doesn't exist")
                self.event_callbacks.remove(handle)

    def __init__(
        self,
        node: Node,
        qos_profile: QoSProfile = qos_profile_parameter_events,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> None:
        self.node = node
        self.qos_profile = qos_profile
        self._callbacks = ParameterEventHandler.Callbacks()
        self.parameter_event_subscription = node.create_subscription(
            ParameterEvent,
            "/parameter_events",
            self._callbacks.event_callback,
            qos_profile,
            callback_group=callback_group,
            event_callbacks=event_callbacks,
            qos_overriding_options=qos_overriding_options,
            raw=raw,
        )

    def destroy(self) -> None:
        """Stop watching."""
        self.node.destroy_subscription(self.parameter_event_subscription)

    @staticmethod
    def get_parameter_from_event(event: ParameterEvent, parameter_name: str, node_name: str) -> Any | None:
        """The new value of a node's parameter in an event, or None where the event has none."""
        if event.node != node_name:
            return None
        parameters = ParameterEventHandler.get_parameters_from_event(event)
        return next((parameter for parameter in parameters if parameter.name == parameter_name), None)

    @staticmethod
    def get_parameters_from_event(event: ParameterEvent) -> Iterable[Any]:
        """The new and the changed parameters of an event."""
        parameters: Iterator[Any] = chain(event.new_parameters, event.changed_parameters)
        return parameters

    def add_parameter_callback(
        self, parameter_name: str, node_name: str, callback: Callable[[Any], Any]
    ) -> ParameterCallbackHandle:
        """Call back when a node's parameter is set; a relative `node_name` is in this node's namespace."""
        return self._callbacks.add_parameter_callback(parameter_name, self._resolve_path(node_name), callback)

    def remove_parameter_callback(self, handle: ParameterCallbackHandle) -> None:
        """Do not call back any more.

        Raises:
            RuntimeError: The callback was not added here.
        """
        self._callbacks.remove_parameter_callback(handle)

    def add_parameter_event_callback(self, callback: Callable[[ParameterEvent], Any]) -> ParameterEventCallbackHandle:
        """Call back for every parameter event."""
        return self._callbacks.add_parameter_event_callback(callback)

    def remove_parameter_event_callback(self, handle: ParameterEventCallbackHandle) -> None:
        """Do not call back any more.

        Raises:
            RuntimeError: The callback was not added here.
        """
        self._callbacks.remove_parameter_event_callback(handle)

    def _resolve_path(self, node_path: str | None = None) -> str:
        if not node_path:
            return self.node.get_fully_qualified_name()
        if node_path.startswith("/"):
            return node_path
        return f"{self.node.get_namespace().rstrip('/')}/{node_path}"
