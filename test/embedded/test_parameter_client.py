"""Parameters of another node: the client and the event handler."""

import threading

import pytest
from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, ParameterType
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.parameter_event_handler import ParameterEventHandler
from ros_world import TIMEOUT_S, finished, world


@pytest.fixture
def pair():
    with world("asker", "owner", namespace="/lab") as (asker, owner):
        owner.declare_parameter("speed", 0.5)
        owner.declare_parameter("arm.joints", ["a", "b"])
        client = AsyncParameterClient(asker, "owner")
        assert client.wait_for_services(TIMEOUT_S)
        yield client, owner


def test_values_are_read(pair):
    client, _ = pair
    answer = finished(client.get_parameters(["speed", "arm.joints"]))
    assert answer.values[0].double_value == 0.5
    assert answer.values[1].string_array_value == ["a", "b"]


def test_values_are_set_as_parameters_and_as_messages(pair):
    client, owner = pair
    changes = [
        Parameter("speed", value=0.7),
        Parameter("arm.joints", value=["c"]).to_parameter_msg(),
    ]
    answer = finished(client.set_parameters(changes))
    assert [result.successful for result in answer.results] == [True, True]
    assert owner.get_parameter("speed").value == 0.7
    assert owner.get_parameter("arm.joints").value == ["c"]


def test_all_or_none_is_set_atomically(pair):
    client, owner = pair
    answer = finished(client.set_parameters_atomically([Parameter("speed", value=0.9), Parameter("unknown", value=1)]))
    assert not answer.result.successful
    assert owner.get_parameter("speed").value == 0.5


def test_parameters_are_listed_described_and_typed(pair):
    client, _ = pair
    assert "arm.joints" in finished(client.list_parameters(["arm"], 2)).result.names
    assert finished(client.describe_parameters(["speed"])).descriptors[0].type == ParameterType.PARAMETER_DOUBLE
    assert list(finished(client.get_parameter_types(["speed"])).types) == [ParameterType.PARAMETER_DOUBLE]


def test_only_dynamic_parameters_are_deleted(pair):
    client, owner = pair
    owner.declare_parameter("loose", 1, ParameterDescriptor(dynamic_typing=True))
    results = finished(client.delete_parameters(["loose", "speed"])).results
    assert [result.successful for result in results] == [True, False]


def test_a_file_is_loaded(pair, tmp_path):
    client, owner = pair
    file = tmp_path / "parameters.yaml"
    file.write_text("/lab/owner:\n  ros__parameters:\n    speed: 0.25\n")
    done = threading.Event()
    answer = finished(client.load_parameter_file(str(file), callback=lambda _: done.set()))
    assert answer.results[0].successful
    assert done.wait(TIMEOUT_S)
    assert owner.get_parameter("speed").value == 0.25


def test_missing_services_are_waited_for_in_vain(pair):
    client, _ = pair
    nobody = AsyncParameterClient(client.node, "nobody")
    assert not nobody.services_are_ready()
    assert not nobody.wait_for_services(0.05)


def test_a_change_reaches_the_callbacks_it_concerns(pair):
    client, owner = pair
    handler = ParameterEventHandler(client.node)
    values, events, arrived = [], [], threading.Event()
    handler.add_parameter_callback("speed", "owner", lambda parameter: values.append(parameter.value.double_value))
    handler.add_parameter_callback("speed", "/other", lambda parameter: values.append("wrong node"))

    def hear(event):
        events.append(event.node)
        arrived.set()

    handler.add_parameter_event_callback(hear)
    owner.set_parameters([Parameter("speed", value=0.6)])
    assert arrived.wait(TIMEOUT_S)
    assert values == [0.6]
    assert events == ["/lab/owner"]
    handler.destroy()


def test_the_last_callback_is_called_first_and_can_be_removed(pair):
    handler = ParameterEventHandler(pair[0].node)
    order = []
    first = handler.add_parameter_event_callback(lambda event: order.append("first"))
    handler.add_parameter_event_callback(lambda event: order.append("second"))
    handler._callbacks.event_callback(ParameterEvent())
    handler.remove_parameter_event_callback(first)
    handler._callbacks.event_callback(ParameterEvent())
    assert order == ["second", "first", "second"]
    with pytest.raises(RuntimeError, match="Callback doesn't exist"):
        handler.remove_parameter_event_callback(first)


def test_a_parameter_callback_can_be_removed_once(pair):
    handler = ParameterEventHandler(pair[0].node)
    handle = handler.add_parameter_callback("speed", "owner", lambda parameter: None)
    handler.remove_parameter_callback(handle)
    with pytest.raises(RuntimeError, match="Callback doesn't exist"):
        handler.remove_parameter_callback(handle)
