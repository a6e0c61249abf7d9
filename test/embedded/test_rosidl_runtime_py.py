"""Messages as text and back, with the behaviour of rosidl_runtime_py (Jazzy)."""

import pytest

from molmo_ros.embedded import install

install()

from builtin_interfaces.msg import Time  # noqa: E402
from geometry_msgs.msg import PoseArray, PoseStamped  # noqa: E402
from rosidl_runtime_py import (  # noqa: E402
    get_interface_path,
    get_interfaces,
    message_to_csv,
    message_to_ordereddict,
    message_to_yaml,
    set_message_fields,
    utilities,
)
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Header, String, UInt8MultiArray  # noqa: E402


def test_yaml_keeps_the_order_of_fields():
    message = JointState(header=Header(frame_id="base"), name=["a", "b"], position=[1.0, 2.5])
    assert message_to_yaml(message).splitlines() == [
        *("header:", "  stamp:", "    sec: 0", "    nanosec: 0", "  frame_id: base"),
        *("name:", "- a", "- b", "position:", "- 1.0", "- 2.5", "velocity: []", "effort: []"),
    ]


def test_long_values_are_cut():
    assert message_to_yaml(String(data="hello world"), truncate_length=5) == "data: hello...\n"
    cut = message_to_ordereddict(UInt8MultiArray(data=[1, 2, 3, 4]), truncate_length=2)
    assert cut["data"] == [1, 2, "..."]


def test_arrays_and_texts_are_described_on_request():
    assert message_to_yaml(JointState(name=["a"]), no_arr=True).splitlines()[-4:] == [
        "name: '<sequence type: string, length: 1>'",
        "position: '<sequence type: double, length: 0>'",
        "velocity: '<sequence type: double, length: 0>'",
        "effort: '<sequence type: double, length: 0>'",
    ]
    assert message_to_yaml(String(data="abc"), no_str=True) == "data: '<string length: <3>>'\n"


def test_csv_holds_every_value():
    assert message_to_csv(PoseStamped(header=Header(frame_id="m"))) == "0,0,m,0.0,0.0,0.0,0.0,0.0,0.0,1.0"


def test_nested_values_fill_a_message():
    message = PoseArray()
    assert set_message_fields(message, {"poses": [{"position": {"x": 1}}, {"orientation": {"w": 0.5}}]}) == []
    assert message.poses[0].position.x == 1.0
    assert message.poses[1].orientation.w == 0.5


def test_auto_header_and_time_now_are_set_later():
    stamped, time = PoseStamped(), Header()
    setters = set_message_fields(stamped, {"header": "auto"}, expand_header_auto=True)
    setters += set_message_fields(time, {"stamp": "now"}, expand_time_now=True)
    for setter in setters:
        setter(Time(sec=7))
    assert (stamped.header.stamp.sec, time.stamp.sec) == (7, 7)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"nothing": 1}, AttributeError),
        ({"position": "x"}, TypeError),
        ({"header": "auto"}, TypeError),
        ({"header": {"stamp": {"sec": "later"}}}, ValueError),
        ("text", TypeError),
    ],
)
def test_values_that_do_not_fit_raise(values, error):
    with pytest.raises(error):
        set_message_fields(JointState(), values)


def test_interfaces_are_found_by_name():
    assert utilities.get_message("std_msgs/String") is String
    assert utilities.get_message("std_msgs/msg/String") is String
    assert utilities.is_action(utilities.get_action("molmo_ros_interfaces/action/ExecuteInstruction"))
    with pytest.raises(ValueError, match="full name of a message"):
        utilities.get_message("std_srvs/srv/Empty")
    assert get_interfaces(["std_srvs"]) == {"std_srvs": ["srv/Empty", "srv/SetBool", "srv/Trigger"]}
    with pytest.raises(LookupError):
        get_interfaces(["no_such_package"])


def test_definition_file_of_our_own_interface_exists():
    assert get_interface_path("molmo_ros_interfaces/action/ExecuteInstruction").endswith("ExecuteInstruction.action")
    with pytest.raises(ValueError, match="Invalid name"):
        get_interface_path("std_msgs//String")
