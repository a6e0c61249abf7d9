"""Callbacks for quality of service events."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import rclpy.logging
from rclpy.impl import events as _events
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.qos import qos_policy_name_from_kind
from rclpy.waitable import NumberOfEntities, Waitable

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.impl.wait import WaitSet

QoSPublisherEventType = _events.rcl_publisher_event_type_t
QoSSubscriptionEventType = _events.rcl_subscription_event_type_t
QoSRequestedDeadlineMissedInfo = _events.rmw_requested_deadline_missed_status_t
QoSLivelinessChangedInfo = _events.rmw_liveliness_changed_status_t
QoSMessageLostInfo = _events.rmw_message_lost_status_t
QoSRequestedIncompatibleQoSInfo = _events.rmw_requested_qos_incompatible_event_status_t
QoSSubscriptionMatchedInfo = _events.rmw_matched_status_t
QoSOfferedDeadlineMissedInfo = _events.rmw_offered_deadline_missed_status_t
QoSLivelinessLostInfo = _events.rmw_liveliness_lost_status_t
QoSPublisherMatchedInfo = _events.rmw_matched_status_t
QoSOfferedIncompatibleQoSInfo = QoSRequestedIncompatibleQoSInfo
IncompatibleTypeInfo = _events.rmw_incompatible_type_status_t
UnsupportedEventTypeError = _rclpy.UnsupportedEventTypeError

Callback = Callable[[Any], Any]


class EventHandler(Waitable):
    """Calls back when one kind of event happens to a publisher or subscription."""

    def __init__(
        self, *, callback_group: CallbackGroup, callback: Callback, event_type: IntEnum, parent_impl: Any
    ) -> None:
        super().__init__(callback_group)
        self.event_type = event_type
        self.callback = callback
        with parent_impl:
            self._event = _rclpy.EventHandle(parent_impl, event_type)
        self.poll = self._event.is_ready
        self.due = self._event.wait_ns
        self._index: int | None = None

    def is_ready(self, wait_set: WaitSet) -> bool:
        """Whether the event happened."""
        return self._index is not None and wait_set.is_ready("event", self._index)

    def take_data(self) -> Any:
        """The event's status."""
        with self._event:
            return self._event.take_event() if self._event.is_ready() else None

    async def execute(self, taken_data: Any) -> None:
        """Call back."""
        from rclpy.executors import await_or_execute

        if taken_data:
            await await_or_execute(self.callback, taken_data)

    def get_num_entities(self) -> NumberOfEntities:
        """One event."""
        return NumberOfEntities(num_events=1)

    def add_to_wait_set(self, wait_set: WaitSet) -> None:
        """Wait for the event."""
        with self._event:
            self._index = wait_set.add_event(self._event)

    def __enter__(self) -> None:
        self._event.__enter__()

    def __exit__(self, t: Any, v: Any, tb: Any) -> None:
        self._event.__exit__(t, v, tb)

    def destroy(self) -> None:
        """Stop."""
        self.poll, self.due = _never, None
        self._event.destroy_when_not_in_use()


def _never() -> bool:
    return False


class QoSEventHandler(EventHandler):
    """The old name of :class:`EventHandler`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        warnings.warn("QoSEventHandler foo is deprecated, use EventHandler instead.", DeprecationWarning, stacklevel=2)
        super().__init_subclass__(**kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn("QoSEventHandler is deprecated, use EventHandler instead.", DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)


class _EventCallbacks:
    """What the two sets of callbacks have in common."""

    def _handlers(
        self,
        callback_group: CallbackGroup,
        endpoint: Any,
        wanted: list[tuple[IntEnum, Callback | None]],
    ) -> list[EventHandler]:
        return [
            EventHandler(callback_group=callback_group, callback=callback, event_type=kind, parent_impl=endpoint)
            for kind, callback in wanted
            if callback
        ]


class SubscriptionEventCallbacks(_EventCallbacks):
    """Callbacks for a subscription's events; mismatches are logged unless one is given for them."""

    def __init__(
        self,
        *,
        deadline: Callback | None = None,
        incompatible_qos: Callback | None = None,
        liveliness: Callback | None = None,
        message_lost: Callback | None = None,
        incompatible_type: Callback | None = None,
        matched: Callback | None = None,
        use_default_callbacks: bool = True,
    ) -> None:
        self.deadline = deadline
        self.incompatible_qos = incompatible_qos
        self.liveliness = liveliness
        self.message_lost = message_lost
        self.incompatible_type = incompatible_type
        self.matched = matched
        self.use_default_callbacks = use_default_callbacks

    def create_event_handlers(
        self, callback_group: CallbackGroup, subscription: _rclpy.Subscription, topic_name: str
    ) -> list[EventHandler]:
        """The handlers of a new subscription."""
        with subscription:
            logger = rclpy.logging.get_logger(subscription.get_logger_name())

        def log_qos(event: Any) -> None:
            logger.warn(
                f"New publisher discovered on topic '{topic_name}', offering incompatible QoS. "
                "No messages will be received from it. "
                f"Last incompatible policy: {qos_policy_name_from_kind(event.last_policy_kind)}"
            )

        def log_type(event: Any) -> None:
            logger.warn(f"Incompatible type on topic '{topic_name}', no messages will be sent to it.", once=True)

        default = self.use_default_callbacks
        kind = QoSSubscriptionEventType
        return self._handlers(
            callback_group,
            subscription,
            [
                (kind.RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED, self.deadline),
                (
                    kind.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS,
                    self.incompatible_qos or (log_qos if default else None),
                ),
                (kind.RCL_SUBSCRIPTION_LIVELINESS_CHANGED, self.liveliness),
                (kind.RCL_SUBSCRIPTION_MESSAGE_LOST, self.message_lost),
                (
                    kind.RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE,
                    self.incompatible_type or (log_type if default else None),
                ),
                (kind.RCL_SUBSCRIPTION_MATCHED, self.matched),
            ],
        )


class PublisherEventCallbacks(_EventCallbacks):
    """Callbacks for a publisher's events; mismatches are logged unless one is given for them."""

    def __init__(
        self,
        *,
        deadline: Callback | None = None,
        liveliness: Callback | None = None,
        incompatible_qos: Callback | None = None,
        incompatible_type: Callback | None = None,
        matched: Callback | None = None,
        use_default_callbacks: bool = True,
    ) -> None:
        self.deadline = deadline
        self.liveliness = liveliness
        self.incompatible_qos = incompatible_qos
        self.incompatible_type = incompatible_type
        self.matched = matched
        self.use_default_callbacks = use_default_callbacks

    def create_event_handlers(
        self, callback_group: CallbackGroup, publisher: _rclpy.Publisher, topic_name: str
    ) -> list[EventHandler]:
        """The handlers of a new publisher."""
        with publisher:
            logger = rclpy.logging.get_logger(publisher.get_logger_name())

        def log_qos(event: Any) -> None:
            logger.warn(
                f"New subscription discovered on topic '{topic_name}', requesting incompatible QoS. "
                "No messages will be sent to it. "
                f"Last incompatible policy: {qos_policy_name_from_kind(event.last_policy_kind)}"
            )

        def log_type(event: Any) -> None:
            logger.warn(f"Incompatible type on topic '{topic_name}', no messages will be sent to it.", once=True)

        default = self.use_default_callbacks
        kind = QoSPublisherEventType
        return self._handlers(
            callback_group,
            publisher,
            [
                (kind.RCL_PUBLISHER_OFFERED_DEADLINE_MISSED, self.deadline),
                (kind.RCL_PUBLISHER_LIVELINESS_LOST, self.liveliness),
                (
                    kind.RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS,
                    self.incompatible_qos or (log_qos if default else None),
                ),
                (
                    kind.RCL_PUBLISHER_INCOMPATIBLE_TYPE,
                    self.incompatible_type or (log_type if default else None),
                ),
                (kind.RCL_PUBLISHER_MATCHED, self.matched),
            ],
        )
