"""Parameters: declaring, types, ranges, callbacks, events and services."""

from __future__ import annotations

import pytest
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterEvent,
    SetParametersResult,
)
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.parameter import Parameter
from rclpy_world import node, spinning


def test_a_parameter_is_declared_once() -> None:
    with node() as it:
        it.declare_parameter("gain", 1.5)
        assert it.get_parameter("gain").value == 1.5
        with pytest.raises(ParameterAlreadyDeclaredException):
            it.declare_parameter("gain", 2.0)
        with pytest.raises(ParameterNotDeclaredException):
            it.get_parameter("other")


def test_the_type_of_a_parameter_does_not_change() -> None:
    with node() as it:
        it.declare_parameter("gain", 1.5)
        [result] = it.set_parameters([Parameter("gain", value=2)])
        assert not result.successful
        assert "Wrong parameter type" in result.reason


def test_the_type_may_change_when_the_descriptor_says_so() -> None:
    with node() as it:
        it.declare_parameter("any", 1, ParameterDescriptor(dynamic_typing=True))
        assert it.set_parameters([Parameter("any", value="text")])[0].successful


def test_a_parameter_declared_by_type_has_no_value_yet() -> None:
    with node() as it:
        it.declare_parameter("count", Parameter.Type.INTEGER)
        with pytest.raises(ParameterUninitializedException):
            it.get_parameter("count")


def test_an_override_of_another_type_is_refused() -> None:
    with (
        node(parameter_overrides=[Parameter("gain", value="loud")]) as it,
        pytest.raises(InvalidParameterTypeException),
    ):
        it.declare_parameter("gain", 1.5)


@pytest.mark.parametrize(("value", "allowed"), [(0, True), (10, True), (4, True), (5, False), (-1, False), (11, False)])
def test_an_integer_meets_its_range_and_step(value: int, allowed: bool) -> None:
    with node() as it:
        descriptor = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10, step=2)])
        it.declare_parameter("n", 2, descriptor)
        assert it.set_parameters([Parameter("n", value=value)])[0].successful is allowed


@pytest.mark.parametrize(("value", "allowed"), [(0.0, True), (0.3, True), (0.31, False), (1.1, False)])
def test_a_double_meets_its_range_and_step(value: float, allowed: bool) -> None:
    with node() as it:
        ranges = [FloatingPointRange(from_value=0.0, to_value=1.0, step=0.1)]
        it.declare_parameter("x", 0.5, ParameterDescriptor(floating_point_range=ranges))
        assert it.set_parameters([Parameter("x", value=value)])[0].successful is allowed


def test_a_value_outside_its_range_cannot_be_declared() -> None:
    descriptor = ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10, step=1)])
    with node() as it, pytest.raises(InvalidParameterValueException):
        it.declare_parameter("n", 11, descriptor)


def test_a_read_only_parameter_stays() -> None:
    with node() as it:
        it.declare_parameter("fixed", 1, ParameterDescriptor(read_only=True))
        assert not it.set_parameters([Parameter("fixed", value=2)])[0].successful
        with pytest.raises(ParameterImmutableException):
            it.undeclare_parameter("fixed")


def test_all_parameters_are_set_or_none() -> None:
    with node() as it:
        it.declare_parameters("", [("a", 1), ("b", 1)])
        result = it.set_parameters_atomically([Parameter("a", value=2), Parameter("b", value="two")])
        assert not result.successful
        assert it.get_parameter("a").value == 1


def test_callbacks_change_refuse_and_hear_of_values() -> None:
    heard = []
    with node() as it:
        it.declare_parameter("n", 1)
        it.add_pre_set_parameters_callback(lambda ps: [Parameter(p.name, value=p.value + 1) for p in ps])
        it.add_on_set_parameters_callback(
            lambda ps: SetParametersResult(successful=all(p.value < 10 for p in ps), reason="too large")
        )
        it.add_post_set_parameters_callback(lambda ps: heard.extend(p.value for p in ps))
        assert it.set_parameters([Parameter("n", value=5)])[0].successful
        refused = it.set_parameters([Parameter("n", value=9)])[0]
        assert (refused.successful, refused.reason) == (False, "too large")
        assert (heard, it.get_parameter("n").value) == ([6], 6)


def test_undeclared_parameters_are_set_only_where_allowed() -> None:
    with node() as it, pytest.raises(ParameterNotDeclaredException):
        it.set_parameters([Parameter("new", value=1)])
    with node(allow_undeclared_parameters=True) as it:
        assert it.set_parameters([Parameter("new", value=1)])[0].successful
        assert it.get_parameter("new").value == 1


def test_events_tell_of_new_changed_and_deleted_parameters() -> None:
    events = []
    with node() as it, spinning(it) as until:
        it.create_subscription(ParameterEvent, "/parameter_events", events.append, 10)
        it.declare_parameter("n", 1, ParameterDescriptor(dynamic_typing=True))
        it.set_parameters([Parameter("n", value=2)])
        it.set_parameters([Parameter("n", Parameter.Type.NOT_SET)])
        assert until(lambda: len(events) == 3)
    kinds = ("new_parameters", "changed_parameters", "deleted_parameters")
    assert [[len(getattr(event, kind)) for kind in kinds] for event in events] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert {event.node for event in events} == {"/node"}


def test_parameters_are_listed_by_prefix_and_depth() -> None:
    with node(start_parameter_services=False) as it:
        it.declare_parameters("", [("a", 1), ("b.c", 1), ("b.d.e", 1)])
        assert set(it.list_parameters(["b"], 0).names) == {"b.c", "b.d.e"}
        assert it.list_parameters(["b"], 1).names == ["b.c"]
        assert set(it.list_parameters(["b"], 0).prefixes) == {"b", "b.d"}


def test_others_read_and_set_parameters_through_the_services() -> None:
    with node() as it, spinning(it) as until:
        it.declare_parameter("n", 1)

        def call(kind, name, request):
            future = it.create_client(kind, f"/node/{name}").call_async(request)
            assert until(future.done)
            return future.result()

        new = [Parameter("n", value=7).to_parameter_msg(), Parameter("absent", value=1).to_parameter_msg()]
        results = call(SetParameters, "set_parameters", SetParameters.Request(parameters=new)).results
        assert [result.successful for result in results] == [True, False]
        values = call(GetParameters, "get_parameters", GetParameters.Request(names=["n"])).values
        assert values[0].integer_value == 7
        assert "n" in call(ListParameters, "list_parameters", ListParameters.Request()).result.names
