"""Managed nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from lifecycle_msgs.msg import State, Transition, TransitionDescription
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from rclpy.impl.errors import RCLError
from rclpy.lifecycle.managed_entity import ManagedEntity
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.lifecycle.state_machine import LifecycleStateMachine, TransitionCallbackReturn, TransitionRow
from rclpy.node import Node
from rclpy.qos import qos_profile_services_default
from rclpy.service import Service
from rclpy.type_support import check_is_valid_srv_type

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup

_SHUTDOWN = {
    "unconfigured": Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    "inactive": Transition.TRANSITION_INACTIVE_SHUTDOWN,
    "active": Transition.TRANSITION_ACTIVE_SHUTDOWN,
}


class LifecycleState(NamedTuple):
    """A state as transition callbacks get it."""

    label: str
    state_id: int


class LifecycleNodeMixin(ManagedEntity):
    """What makes a :class:`rclpy.node.Node` a managed one; of no use without it.

    Args:
        enable_communication_interface: Whether there are services and a topic for the life cycle.
        callback_group: For the services; the node's default group if not given.
    """

    def __init__(
        self, *, enable_communication_interface: bool = True, callback_group: CallbackGroup | None = None
    ) -> None:
        self._callbacks: dict[int, Callable[[LifecycleState], TransitionCallbackReturn]] = {
            State.TRANSITION_STATE_CONFIGURING: self.on_configure,
            State.TRANSITION_STATE_CLEANINGUP: self.on_cleanup,
            State.TRANSITION_STATE_SHUTTINGDOWN: self.on_shutdown,
            State.TRANSITION_STATE_ACTIVATING: self.on_activate,
            State.TRANSITION_STATE_DEACTIVATING: self.on_deactivate,
            State.TRANSITION_STATE_ERRORPROCESSING: self.on_error,
        }
        self._managed_entities: set[ManagedEntity] = set()
        with self.handle:
            self._state_machine = LifecycleStateMachine(self.handle, enable_communication_interface)
        if enable_communication_interface:
            self._serve(callback_group if callback_group is not None else self.default_callback_group)

    def _serve(self, group: CallbackGroup) -> None:
        machine = self._state_machine

        def serve(handle: Any, srv_type: type, callback: Callable[[Any, Any], Any]) -> Service:
            check_is_valid_srv_type(srv_type)
            service = Service(handle, srv_type, handle.name, callback, group, qos_profile_services_default)
            group.add_entity(service)
            self._services.append(service)
            return service

        self._service_change_state = serve(machine.service_change_state, ChangeState, self._on_change_state)
        self._service_get_state = serve(machine.service_get_state, GetState, self._on_get_state)
        self._service_get_available_states = serve(
            machine.service_get_available_states, GetAvailableStates, self._on_get_available_states
        )
        self._service_get_available_transitions = serve(
            machine.service_get_available_transitions, GetAvailableTransitions, self._on_get_available_transitions
        )
        self._service_get_transition_graph = serve(
            machine.service_get_transition_graph, GetAvailableTransitions, self._on_get_transition_graph
        )

    def destroy_node(self) -> None:
        """Leave the graph."""
        self._state_machine.destroy_when_not_in_use()
        super().destroy_node()

    def trigger_configure(self) -> TransitionCallbackReturn:
        """Configure the node."""
        return self._change_state(Transition.TRANSITION_CONFIGURE)

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """Undo the configuration."""
        return self._change_state(Transition.TRANSITION_CLEANUP)

    def trigger_activate(self) -> TransitionCallbackReturn:
        """Make the node work."""
        return self._change_state(Transition.TRANSITION_ACTIVATE)

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """Make the node rest."""
        return self._change_state(Transition.TRANSITION_DEACTIVATE)

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """End the node's life.

        Raises:
            RCLError: The present state does not allow it.
        """
        transition = _SHUTDOWN.get(self._state_machine.current_state[1])
        if transition is None:
            raise RCLError("Shutdown transition not possible")
        return self._change_state(transition)

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        """Tell an entity of the node's transitions.

        Raises:
            TypeError: It is not a managed entity.
        """
        if not isinstance(entity, ManagedEntity):
            raise TypeError("Expected a rclpy.lifecycle.ManagedEntity instance.")
        self._managed_entities.add(entity)

    def _tell_entities(self, callback_name: str, state: LifecycleState) -> TransitionCallbackReturn:
        for entity in self._managed_entities:
            answer = getattr(entity, callback_name)(state)
            if not isinstance(answer, TransitionCallbackReturn):
                raise TypeError(
                    f"{callback_name}() return value of class {type(entity)} should be"
                    f" `TransitionCallbackReturn`.\nInstance of the class that caused the failure: {entity}"
                )
            if answer is not TransitionCallbackReturn.SUCCESS:
                return answer
        return TransitionCallbackReturn.SUCCESS

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure the managed entities, up to the first that does not succeed."""
        return self._tell_entities("on_configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up the managed entities, up to the first that does not succeed."""
        return self._tell_entities("on_cleanup", state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Shut down the managed entities, up to the first that does not succeed."""
        return self._tell_entities("on_shutdown", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate the managed entities, up to the first that does not succeed."""
        return self._tell_entities("on_activate", state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate the managed entities, up to the first that does not succeed."""
        return self._tell_entities("on_deactivate", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Tell the managed entities of an error, up to the first that does not succeed."""
        return self._tell_entities("on_error", state)

    def create_lifecycle_publisher(self, *args: Any, **kwargs: Any) -> LifecyclePublisher:
        """Create a publisher that is silent while the node is not active; arguments as for ``create_publisher``.

        Raises:
            TypeError: ``publisher_class`` is given.
        """
        if "publisher_class" in kwargs:
            raise TypeError("create_publisher() got an unexpected keyword argument 'publisher_class'")
        publisher = Node.create_publisher(self, *args, **kwargs, publisher_class=LifecyclePublisher)
        self._managed_entities.add(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        """Destroy a publisher of this node."""
        self._managed_entities.discard(publisher)
        return Node.destroy_publisher(self, publisher)

    def _call_back(self, state_id: int, previous: LifecycleState) -> TransitionCallbackReturn:
        callback = self._callbacks.get(state_id)
        if callback is None:
            return TransitionCallbackReturn.SUCCESS
        try:
            answer = callback(previous)
        except Exception as error:
            self.get_logger().error(f"A transition callback raised {type(error).__name__}: {error}")
            return TransitionCallbackReturn.ERROR
        if not isinstance(answer, TransitionCallbackReturn):
            self.get_logger().error(f"A transition callback returned {answer!r}, not a TransitionCallbackReturn")
            return TransitionCallbackReturn.ERROR
        return answer

    def _change_state(self, transition_id: int) -> TransitionCallbackReturn:
        machine = self._state_machine
        state_id, label = machine.current_state
        previous = LifecycleState(state_id=state_id, label=label)
        machine.trigger_transition_by_id(transition_id, True)
        answer = self._call_back(machine.current_state[0], previous)
        machine.trigger_transition_by_label(answer.to_label(), True)
        if answer is TransitionCallbackReturn.ERROR:
            recovered = self._call_back(machine.current_state[0], previous)
            machine.trigger_transition_by_label(recovered.to_label(), True)
        return answer

    def _on_change_state(self, request: Any, response: Any) -> Any:
        try:
            transition_id = request.transition.id
            if request.transition.label:
                transition_id = self._state_machine.get_transition_by_label(request.transition.label)
            answer = self._change_state(transition_id)
        except RCLError as error:
            self.get_logger().warning(f"Refused a transition: {error}")
            response.success = False
            return response
        response.success = answer is TransitionCallbackReturn.SUCCESS
        return response

    def _on_get_state(self, request: Any, response: Any) -> Any:
        response.current_state.id, response.current_state.label = self._state_machine.current_state
        return response

    def _on_get_available_states(self, request: Any, response: Any) -> Any:
        response.available_states = [
            State(id=number, label=label) for number, label in self._state_machine.available_states
        ]
        return response

    def _on_get_available_transitions(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_describe(row) for row in self._state_machine.available_transitions]
        return response

    def _on_get_transition_graph(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_describe(row) for row in self._state_machine.transition_graph]
        return response


def _describe(row: TransitionRow) -> TransitionDescription:
    return TransitionDescription(
        transition=Transition(id=row.transition_id, label=row.label),
        start_state=State(id=row.start_id, label=row.start_label),
        goal_state=State(id=row.goal_id, label=row.goal_label),
    )


class LifecycleNode(LifecycleNodeMixin, Node):
    """A managed node; arguments as for :class:`rclpy.node.Node` and :class:`LifecycleNodeMixin`."""

    def __init__(self, node_name: str, *, enable_communication_interface: bool = True, **kwargs: Any) -> None:
        Node.__init__(self, node_name, **kwargs)
        LifecycleNodeMixin.__init__(self, enable_communication_interface=enable_communication_interface)
