"""Managed nodes: their states, the services that drive them and the events that show them."""

import threading

import pytest
import rclpy
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.lifecycle import LifecycleNode, ManagedEntity, SimpleManagedEntity, TransitionCallbackReturn
from ros_world import TIMEOUT_S, finished, world
from std_msgs.msg import String

SUCCESS, FAILURE, ERROR = TransitionCallbackReturn


@pytest.fixture
def context():
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


def state(node):
    return node._state_machine.current_state[1]


def test_the_ordinary_life(context):
    node = LifecycleNode("ward", context=context)
    assert state(node) == "unconfigured"
    for trigger, after in [
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("shutdown", "finalized"),
    ]:
        assert getattr(node, f"trigger_{trigger}")() is SUCCESS
        assert state(node) == after
    node.destroy_node()


@pytest.mark.parametrize("before", [(), ("configure",), ("configure", "activate")])
def test_shutdown_is_possible_from_every_resting_state(context, before):
    node = LifecycleNode("ward", context=context, enable_communication_interface=False)
    for trigger in before:
        getattr(node, f"trigger_{trigger}")()
    assert node.trigger_shutdown() is SUCCESS
    assert state(node) == "finalized"
    node.destroy_node()


@pytest.mark.parametrize("trigger", ["activate", "deactivate", "cleanup"])
def test_an_impossible_transition_is_refused(context, trigger):
    node = LifecycleNode("ward", context=context, enable_communication_interface=False)
    with pytest.raises(_rclpy.RCLError):
        getattr(node, f"trigger_{trigger}")()
    assert state(node) == "unconfigured"
    node.destroy_node()


@pytest.mark.parametrize(
    ("answer", "recovery", "after"),
    [(FAILURE, SUCCESS, "unconfigured"), (ERROR, SUCCESS, "unconfigured"), (ERROR, ERROR, "finalized")],
)
def test_a_transition_that_goes_wrong(context, answer, recovery, after):
    class Fragile(LifecycleNode):
        def on_configure(self, state):
            return answer

        def on_error(self, state):
            return recovery

    node = Fragile("ward", context=context, enable_communication_interface=False)
    assert node.trigger_configure() is answer
    assert state(node) == after
    node.destroy_node()


def test_a_callback_that_raises_is_an_error(context):
    class Broken(LifecycleNode):
        def on_configure(self, state):
            raise ValueError("no")

    node = Broken("ward", context=context, enable_communication_interface=False)
    assert node.trigger_configure() is ERROR
    assert state(node) == "unconfigured"
    node.destroy_node()


def test_callbacks_get_the_state_they_come_from(context):
    seen = []

    class Watcher(ManagedEntity):
        def on_activate(self, state):
            seen.append(state)
            return SUCCESS

    node = LifecycleNode("ward", context=context, enable_communication_interface=False)
    node.add_managed_entity(Watcher())
    node.trigger_configure()
    node.trigger_activate()
    assert [(item.state_id, item.label) for item in seen] == [(State.PRIMARY_STATE_INACTIVE, "inactive")]
    with pytest.raises(TypeError):
        node.add_managed_entity("not one")
    node.destroy_node()


def test_an_entity_that_fails_stops_the_transition(context):
    class Unwilling(ManagedEntity):
        def on_activate(self, state):
            return FAILURE

    node = LifecycleNode("ward", context=context, enable_communication_interface=False)
    node.add_managed_entity(Unwilling())
    node.trigger_configure()
    assert node.trigger_activate() is FAILURE
    assert state(node) == "inactive"
    node.destroy_node()


def test_methods_work_only_while_active():
    calls, refusals = [], []

    class Worker(SimpleManagedEntity):
        @SimpleManagedEntity.when_enabled
        def work(self, what):
            calls.append(what)

        @SimpleManagedEntity.when_enabled(when_not_enabled=lambda: refusals.append(1))
        def try_work(self):
            calls.append("tried")

    worker = Worker()
    worker.work(1)
    worker.try_work()
    worker.on_activate(None)
    worker.work(2)
    worker.try_work()
    assert (calls, refusals) == ([2, "tried"], [1])


def test_the_interface_flag_must_be_a_bool(context):
    with pytest.raises(TypeError):
        LifecycleNode("ward", context=context, enable_communication_interface="yes")


def test_a_node_is_driven_and_watched_from_outside():
    with world("nurse") as (nurse,):
        ward = LifecycleNode("ward", context=nurse.context)
        nurse.executor.add_node(ward)
        events, enough = [], threading.Event()

        def hear(event):
            events.append((event.transition.label, event.start_state.label, event.goal_state.label))
            if len(events) == 2:
                enough.set()

        nurse.create_subscription(TransitionEvent, "/ward/transition_event", hear, 10)

        def call(srv_type, name, request=None):
            client = nurse.create_client(srv_type, f"/ward/{name}")
            assert client.wait_for_service(TIMEOUT_S)
            return finished(client.call_async(request or srv_type.Request()))

        assert call(GetState, "get_state").current_state.label == "unconfigured"
        assert len(call(GetAvailableStates, "get_available_states").available_states) == 11
        configure = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
        assert call(ChangeState, "change_state", configure).success
        assert call(GetState, "get_state").current_state.id == State.PRIMARY_STATE_INACTIVE
        available = call(GetAvailableTransitions, "get_available_transitions").available_transitions
        assert {item.transition.label for item in available} == {"activate", "cleanup", "shutdown"}
        assert len(call(GetAvailableTransitions, "get_transition_graph").available_transitions) == 25
        assert not call(ChangeState, "change_state", configure).success
        by_label = ChangeState.Request(transition=Transition(label="activate"))
        assert call(ChangeState, "change_state", by_label).success
        assert call(GetState, "get_state").current_state.label == "active"
        assert enough.wait(TIMEOUT_S)
        assert events[0] == ("configure", "unconfigured", "configuring")
        ward.destroy_node()


def test_a_lifecycle_publisher_speaks_only_while_active():
    with world("listener") as (listener,):
        ward = LifecycleNode("ward", context=listener.context)
        heard, arrived = [], threading.Event()

        def hear(message):
            heard.append(message.data)
            arrived.set()

        listener.create_subscription(String, "word", hear, 10)
        publisher = ward.create_lifecycle_publisher(String, "word", 10)
        assert ward.wait_for_node("/listener", TIMEOUT_S)
        publisher.publish(String(data="too early"))
        ward.trigger_configure()
        ward.trigger_activate()
        publisher.publish(String(data="now"))
        assert arrived.wait(TIMEOUT_S)
        assert heard == ["now"]
        assert ward.destroy_lifecycle_publisher(publisher)
        ward.destroy_node()
