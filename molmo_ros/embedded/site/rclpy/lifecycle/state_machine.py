"""The life cycle of a managed node, with the services and the topic that show it.

States and transitions are those of rcl_lifecycle (rcl_lifecycle/default_state_machine.c); their
numbers are constants of ``lifecycle_msgs``.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from rclpy.impl.errors import RCLError
from rclpy.impl.handle import Handle
from rclpy.impl.qos import rmw_qos_profile_t
from rclpy.impl.services import Service
from rclpy.impl.topics import Publisher

if TYPE_CHECKING:
    from rclpy.impl.node import Node


class TransitionCallbackReturn(Enum):
    """What a transition callback returns."""

    SUCCESS = Transition.TRANSITION_CALLBACK_SUCCESS
    FAILURE = Transition.TRANSITION_CALLBACK_FAILURE
    ERROR = Transition.TRANSITION_CALLBACK_ERROR

    def to_label(self) -> str:
        """The label of the transition that follows."""
        return f"transition_{self.name.lower()}"


class TransitionRow(NamedTuple):
    """A transition with the states it leads from and to."""

    transition_id: int
    label: str
    start_id: int
    start_label: str
    goal_id: int
    goal_label: str


_STATES = {
    State.PRIMARY_STATE_UNKNOWN: "unknown",
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
    State.PRIMARY_STATE_ACTIVE: "active",
    State.PRIMARY_STATE_FINALIZED: "finalized",
    State.TRANSITION_STATE_CONFIGURING: "configuring",
    State.TRANSITION_STATE_CLEANINGUP: "cleaningup",
    State.TRANSITION_STATE_SHUTTINGDOWN: "shuttingdown",
    State.TRANSITION_STATE_ACTIVATING: "activating",
    State.TRANSITION_STATE_DEACTIVATING: "deactivating",
    State.TRANSITION_STATE_ERRORPROCESSING: "errorprocessing",
}


def _rows() -> tuple[TransitionRow, ...]:
    ids = {label: number for number, label in _STATES.items()}
    found: list[TransitionRow] = []

    def add(number: int, label: str, start: str, goal: str) -> None:
        found.append(TransitionRow(number, label, ids[start], start, ids[goal], goal))

    def add_outcomes(name: str, state: str, success: str, failure: str, error: str = "errorprocessing") -> None:
        for outcome, goal in (("success", success), ("failure", failure), ("error", error)):
            number = getattr(Transition, f"TRANSITION_ON_{name}_{outcome.upper()}")
            add(number, f"transition_{outcome}", state, goal)

    add(Transition.TRANSITION_CONFIGURE, "configure", "unconfigured", "configuring")
    add_outcomes("CONFIGURE", "configuring", "inactive", "unconfigured")
    add(Transition.TRANSITION_CLEANUP, "cleanup", "inactive", "cleaningup")
    add_outcomes("CLEANUP", "cleaningup", "unconfigured", "inactive")
    add(Transition.TRANSITION_ACTIVATE, "activate", "inactive", "activating")
    add_outcomes("ACTIVATE", "activating", "active", "inactive")
    add(Transition.TRANSITION_DEACTIVATE, "deactivate", "active", "deactivating")
    add_outcomes("DEACTIVATE", "deactivating", "inactive", "active")
    add(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "shutdown", "unconfigured", "shuttingdown")
    add(Transition.TRANSITION_INACTIVE_SHUTDOWN, "shutdown", "inactive", "shuttingdown")
    add(Transition.TRANSITION_ACTIVE_SHUTDOWN, "shutdown", "active", "shuttingdown")
    add_outcomes("SHUTDOWN", "shuttingdown", "finalized", "finalized")
    add_outcomes("ERROR", "errorprocessing", "unconfigured", "finalized", "finalized")
    return tuple(found)


_TRANSITIONS = _rows()


class LifecycleStateMachine(Handle):
    """The present state of a managed node.

    The services and the topic exist only with ``enable_com_interface``.

    Raises:
        TypeError: ``enable_com_interface`` is not a bool.
    """

    def __init__(self, node: Node, enable_com_interface: bool) -> None:
        if not isinstance(enable_com_interface, bool):
            raise TypeError(f"enable_com_interface must be a bool, not {type(enable_com_interface).__name__}")
        super().__init__()
        self._state = State.PRIMARY_STATE_UNCONFIGURED
        self._events: Publisher | None = None
        self.service_change_state: Service | None = None
        self.service_get_state: Service | None = None
        self.service_get_available_states: Service | None = None
        self.service_get_available_transitions: Service | None = None
        self.service_get_transition_graph: Service | None = None
        if enable_com_interface:
            self._open(node)

    def _open(self, node: Node) -> None:
        qos = rmw_qos_profile_t.predefined("qos_profile_services_default")

        def serve(srv_type: type, name: str) -> Service:
            return Service(node, srv_type, f"~/{name}", qos)

        self._events = Publisher(
            node, TransitionEvent, "~/transition_event", rmw_qos_profile_t.predefined("qos_profile_default")
        )
        self.service_change_state = serve(ChangeState, "change_state")
        self.service_get_state = serve(GetState, "get_state")
        self.service_get_available_states = serve(GetAvailableStates, "get_available_states")
        self.service_get_available_transitions = serve(GetAvailableTransitions, "get_available_transitions")
        self.service_get_transition_graph = serve(GetAvailableTransitions, "get_transition_graph")

    @property
    def initialized(self) -> bool:
        """Whether the machine can be used."""
        return not self._doomed

    @property
    def current_state(self) -> tuple[int, str]:
        """Number and label of the present state."""
        return self._state, _STATES[self._state]

    @property
    def available_states(self) -> list[tuple[int, str]]:
        """Numbers and labels of all states."""
        return list(_STATES.items())

    @property
    def available_transitions(self) -> list[TransitionRow]:
        """The transitions that the present state allows."""
        return [row for row in _TRANSITIONS if row.start_id == self._state]

    @property
    def transition_graph(self) -> list[TransitionRow]:
        """All transitions."""
        return list(_TRANSITIONS)

    def get_transition_by_label(self, label: str) -> int:
        """The number of a transition that the present state allows.

        Raises:
            RCLError: It allows none of this label.
        """
        for row in self.available_transitions:
            if row.label == label:
                return row.transition_id
        raise RCLError("Failed to get transition from label")

    def trigger_transition_by_id(self, transition_id: int, publish_update: bool) -> None:
        """Take a transition.

        Raises:
            RCLError: The present state does not allow it.
        """
        self._take([row for row in self.available_transitions if row.transition_id == transition_id], publish_update)

    def trigger_transition_by_label(self, label: str, publish_update: bool) -> None:
        """Take a transition.

        Raises:
            RCLError: The present state does not allow it.
        """
        self._take([row for row in self.available_transitions if row.label == label], publish_update)

    def _take(self, rows: list[TransitionRow], publish_update: bool) -> None:
        if not rows:
            raise RCLError(
                "Failed to trigger lifecycle state machine transition: it is not registered for the state"
                f" {_STATES[self._state]}"
            )
        row = rows[0]
        self._state = row.goal_id
        if publish_update and self._events is not None:
            event = TransitionEvent()
            event.transition.id, event.transition.label = row.transition_id, row.label
            event.start_state.id, event.start_state.label = row.start_id, row.start_label
            event.goal_state.id, event.goal_state.label = row.goal_id, row.goal_label
            self._events.publish(event)

    def _destroy(self) -> None:
        if self._events is not None:
            self._events.destroy_when_not_in_use()
