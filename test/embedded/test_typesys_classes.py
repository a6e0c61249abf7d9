"""Message classes behave as those rosidl generates (rosidl_generator_py, branch jazzy)."""

import array
import copy
import pickle

import numpy as np
import pytest

from molmo_ros.embedded import install
from molmo_ros.embedded.typesys import definition, get_interface


def cls(name):
    return get_interface(name)


def test_defaults():
    image = cls("sensor_msgs/msg/Image")()
    assert image.height == 0
    assert image.encoding == ""
    assert image.data == array.array("B")
    assert image.header == cls("std_msgs/msg/Header")()


def test_declared_default_is_used():
    assert cls("geometry_msgs/msg/Quaternion")().w == 1.0
    assert cls("geometry_msgs/msg/Quaternion").W__DEFAULT == 1.0


def test_constructor_takes_keywords_only():
    point = cls("geometry_msgs/msg/Point")
    assert point(x=1.0).x == 1.0
    with pytest.raises(TypeError):
        point(1.0)


def test_fixed_array_is_numpy():
    covariance = cls("geometry_msgs/msg/PoseWithCovariance")().covariance
    assert isinstance(covariance, np.ndarray)
    assert covariance.shape == (36,)
    assert covariance.dtype == np.float64


def test_fixed_array_of_wrong_size_is_refused_by_the_constructor():
    with pytest.raises(AssertionError):
        cls("geometry_msgs/msg/PoseWithCovariance")(covariance=[0.0])


def test_numeric_sequence_is_an_array():
    state = cls("sensor_msgs/msg/JointState")(position=[1, 2])
    assert state.position == array.array("d", [1.0, 2.0])


@pytest.mark.parametrize(
    "data",
    [b"\x01\x02", bytearray(b"\x01\x02"), [1, 2], np.array([1, 2], np.uint8), memoryview(b"\x01\x02"), (1, 2)],
)
def test_bytes_of_any_kind_become_an_array(data):
    assert cls("sensor_msgs/msg/Image")(data=data).data == array.array("B", [1, 2])


def test_a_numpy_array_of_another_type_is_converted():
    state = cls("sensor_msgs/msg/JointState")(position=np.array([1, 2], np.int32))
    assert state.position == array.array("d", [1.0, 2.0])


def test_octets_are_bytes():
    status = cls("diagnostic_msgs/msg/DiagnosticStatus")
    assert status().level == b"\x00"
    assert status.ERROR == b"\x02"


def test_constants_stand_on_class_and_instance_and_stay():
    marker = cls("visualization_msgs/msg/Marker")
    assert marker.ARROW == 0
    assert marker().DELETEALL == 3
    with pytest.raises(AttributeError):
        marker.ARROW = 1


def test_checks_are_off_unless_asked_for():
    cls("sensor_msgs/msg/Image")(height="tall", colour=3)


def test_checks_by_argument():
    with pytest.raises(AssertionError, match="The 'height' field must be of type 'int'"):
        cls("sensor_msgs/msg/Image")(height="tall", check_fields=True)


def test_unknown_arguments_are_named():
    with pytest.raises(AssertionError, match="Invalid arguments passed to constructor: colour"):
        cls("sensor_msgs/msg/Image")(colour=3, check_fields=True)


@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        ("sensor_msgs/msg/Image", "height", -1, r"The 'height' field must be an unsigned integer in \[0, 4294967295\]"),
        ("std_msgs/msg/Int8", "data", 200, r"The 'data' field must be an integer in \[-128, 127\]"),
        ("std_msgs/msg/Float32", "data", 1e39, r"The 'data' field must be a float in \[-3.402823466e\+38"),
        ("std_msgs/msg/Float64", "data", 1, "The 'data' field must be of type 'float'"),
        ("std_msgs/msg/Bool", "data", 1, "The 'data' field must be of type 'bool'"),
        ("std_msgs/msg/String", "data", b"x", "The 'data' field must be of type 'str'"),
        ("std_msgs/msg/Byte", "data", b"xy", "must be of type 'bytes' or 'ByteString' with length 1"),
        ("sensor_msgs/msg/Image", "header", 1, "must be a sub message of type 'Header'"),
        ("sensor_msgs/msg/Image", "data", array.array("b"), "must have the type code of 'B'"),
        ("sensor_msgs/msg/Image", "data", [256], r"each unsigned integer in \[0, 255\]"),
        ("sensor_msgs/msg/JointState", "name", ["a", 1], "each value of type 'str'"),
        ("sensor_msgs/msg/JointState", "name", "abc", "must be a set or sequence"),
        ("geometry_msgs/msg/PoseWithCovariance", "covariance", np.zeros(36, np.float32), "dtype of 'numpy.float64'"),
        ("geometry_msgs/msg/PoseWithCovariance", "covariance", np.zeros(3), "must have a size of 36"),
        ("geometry_msgs/msg/PoseWithCovariance", "covariance", [1.0], "with length 36"),
        ("shape_msgs/msg/SolidPrimitive", "dimensions", [1.0] * 4, "with length <= 3"),
        ("shape_msgs/msg/SolidPrimitive", "dimensions", array.array("d", [1.0] * 4), "must have a size <= 3"),
        ("geometry_msgs/msg/Polygon", "points", [1], "each value of type 'Point32'"),
    ],
)
def test_a_wrong_value_is_named(name, field, value, message):
    made = cls(name)(check_fields=True)
    with pytest.raises(AssertionError, match=message):
        setattr(made, field, value)


def test_a_checked_array_is_kept_an_unchecked_one_is_copied():
    data = array.array("B", [1])
    image = cls("sensor_msgs/msg/Image")
    checked, unchecked = image(check_fields=True), image()
    checked.data = unchecked.data = data
    assert checked.data is data
    assert unchecked.data is not data


def test_the_environment_switches_checks_on(tmp_path):
    import os
    import subprocess
    import sys

    code = (
        "from molmo_ros.embedded.typesys import get_interface\n"
        "try:\n    get_interface('std_msgs/msg/Bool')(data=3)\n"
        "except AssertionError as error:\n    raise SystemExit(str(error))"
    )
    environment = {**os.environ, "ROS_PYTHON_CHECK_FIELDS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "must be of type 'bool'" in ended.stderr


def test_slots_and_field_types():
    image = cls("sensor_msgs/msg/Image")
    assert image.__slots__[:2] == ["_header", "_height"]
    assert image.__slots__[-1] == "_check_fields"
    assert image.get_fields_and_field_types()["header"] == "std_msgs/Header"
    assert image.get_fields_and_field_types()["data"] == "sequence<uint8>"
    assert cls("shape_msgs/msg/SolidPrimitive").get_fields_and_field_types()["dimensions"] == "sequence<double, 3>"


def test_slot_types():
    types = cls("sensor_msgs/msg/Image").SLOT_TYPES
    assert types[0] == definition.NamespacedType(["std_msgs", "msg"], "Header")
    assert types[-1] == definition.UnboundedSequence(definition.BasicType("uint8"))
    assert cls("sensor_msgs/msg/Image")().SLOT_TYPES is types


def test_a_message_has_no_other_attributes():
    with pytest.raises(AttributeError):
        cls("geometry_msgs/msg/Point")().w = 1.0


def test_equality_looks_at_every_field():
    one, other = (cls("sensor_msgs/msg/Image")(data=[1, 2]) for _ in range(2))
    assert one == other
    other.data[1] = 3
    assert one != other
    assert one != "an image"


def test_equality_of_fixed_arrays():
    one, other = (cls("geometry_msgs/msg/PoseWithCovariance")() for _ in range(2))
    assert one == other
    other.covariance[3] = 1.0
    assert one != other


def test_repr_is_that_of_rosidl():
    state = cls("sensor_msgs/msg/JointState")(name=["a"], position=[1.0])
    assert repr(state) == (
        "sensor_msgs.msg.JointState(header=std_msgs.msg.Header(stamp=builtin_interfaces.msg.Time(sec=0, nanosec=0),"
        " frame_id=''), name=['a'], position=[1.0], velocity=[], effort=[])"
    )


def test_copies_and_pickles():
    install()
    import sensor_msgs.msg

    state = sensor_msgs.msg.JointState(name=["a"], position=[1.0])
    assert copy.deepcopy(state) == state
    assert pickle.loads(pickle.dumps(state)) == state


def test_instances_do_not_share_defaults():
    one, other = (cls("sensor_msgs/msg/JointState")() for _ in range(2))
    one.name.append("a")
    one.header.frame_id = "b"
    assert other == cls("sensor_msgs/msg/JointState")()


def test_service_class():
    service = cls("std_srvs/srv/SetBool")
    assert service.Request(data=True).data is True
    assert service.Response(message="m").message == "m"
    assert service.Event.get_fields_and_field_types()["request"] == "sequence<std_srvs/SetBool_Request, 1>"
    with pytest.raises(NotImplementedError):
        service()


def test_action_class():
    action = cls("example_interfaces/action/Fibonacci")
    assert action.Goal(order=3).order == 3
    assert list(action.Result(sequence=[1]).sequence) == [1]
    assert action.Impl.SendGoalService.Request(goal=action.Goal(order=2)).goal.order == 2
    assert action.Impl.GetResultService.Response().status == 0
    assert action.Impl.FeedbackMessage().feedback == action.Feedback()
    assert action.Impl.CancelGoalService is cls("action_msgs/srv/CancelGoal")
    assert action.Impl.GoalStatusMessage is cls("action_msgs/msg/GoalStatusArray")


def test_type_support_is_imported_when_asked_for():
    metaclass = type(cls("std_msgs/msg/ColorRGBA"))
    metaclass.__import_type_support__()
    assert metaclass._TYPE_SUPPORT is not None
    assert metaclass._CREATE_ROS_MESSAGE is not None
    assert type(cls("std_msgs/msg/Float64"))._TYPE_SUPPORT is None
