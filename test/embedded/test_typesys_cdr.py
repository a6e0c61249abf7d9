"""CDR: the bytes are those of an independent implementation, and hostile bytes are refused."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore
from typesys_samples import random_message

from molmo_ros.embedded import typesys
from molmo_ros.embedded.typesys import DeserializationError, SerializationError
from molmo_ros.embedded.typesys.pack import compile_packer
from molmo_ros.embedded.typesys.registry import default_registry, message_definition
from molmo_ros.embedded.typesys.store import STORE_PACKAGES, store_names

STORE_MESSAGES = [f"{package}/msg/{name}" for package in sorted(STORE_PACKAGES) for name in store_names(package)]
HOSTILE_TARGETS = [
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/JointState",
    "visualization_msgs/msg/MarkerArray",
    "rcl_interfaces/msg/ParameterEvent",
    "nav_msgs/msg/OccupancyGrid",
    "std_msgs/msg/Empty",
    "diagnostic_msgs/msg/DiagnosticArray",
    "example_interfaces/msg/WString",
    "type_description_interfaces/msg/TypeDescription",
]


@pytest.fixture(scope="module")
def oracle():
    return get_typestore(Stores.ROS2_JAZZY)


@pytest.mark.parametrize("name", STORE_MESSAGES)
def test_rosbags_reads_the_same_values(name, oracle):
    cls = typesys.get_interface(name)
    rng = random.Random(name)
    for _ in range(3):
        data = typesys.serialize(random_message(cls, rng))
        assert bytes(oracle.serialize_cdr(oracle.deserialize_cdr(data, name), name, little_endian=True)) == data


@pytest.mark.parametrize("name", STORE_MESSAGES)
def test_message_survives_the_wire(name):
    cls = typesys.get_interface(name)
    message = random_message(cls, random.Random(name))
    assert typesys.deserialize(typesys.serialize(message), cls) == message


@pytest.mark.parametrize("name", ["sensor_msgs/msg/JointState", "geometry_msgs/msg/PoseWithCovarianceStamped"])
def test_big_endian_samples_are_read(name):
    cls = typesys.get_interface(name)
    message = random_message(cls, random.Random(1))
    parts = [b"\x00\x00\x00\x00"]
    compile_packer(message_definition(cls), default_registry()._resolve, ">")(message, parts.append, 0)
    assert typesys.deserialize(b"".join(parts), cls) == message


def test_image_bytes_by_hand():
    image = typesys.get_interface("sensor_msgs/msg/Image")(
        height=1, width=2, encoding="mono8", step=2, data=b"\x07\x08"
    )
    image.header.frame_id = "c"
    expected = bytes.fromhex(
        "00010000"  # CDR, little endian
        "00000000 00000000 02000000 6300 0000"  # stamp, "c" with its NUL, padding
        "01000000 02000000 06000000 6d6f6e6f3800 00 00"  # height, width, "mono8", is_bigendian, padding
        "02000000 02000000 0708"
    )
    assert typesys.serialize(image) == expected


def test_wide_string_takes_four_bytes_a_unit():
    # rosidl_typesupport_fastrtps (jazzy) writes every UTF-16 unit as a uint32, the length counts units.
    message = typesys.get_interface("example_interfaces/msg/WString")(data="a字")
    assert typesys.serialize(message)[4:] == bytes.fromhex("02000000 61000000 575b0000")


def test_an_empty_message_is_one_byte():
    assert typesys.serialize(typesys.get_interface("std_msgs/msg/Empty")()) == b"\x00\x01\x00\x00\x00"


@pytest.mark.parametrize("name", HOSTILE_TARGETS)
def test_every_truncation_is_refused(name):
    cls = typesys.get_interface(name)
    data = typesys.serialize(random_message(cls, random.Random(5)))
    for length in range(len(data)):
        with pytest.raises(DeserializationError):
            typesys.deserialize(data[:length], cls)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(HOSTILE_TARGETS), body=st.binary(max_size=200), endian=st.sampled_from([0, 1]))
def test_garbage_gives_a_message_or_a_refusal(name, body, endian):
    cls = typesys.get_interface(name)
    try:
        message = typesys.deserialize(bytes([0, endian, 0, 0]) + body, cls)
    except DeserializationError:
        return
    assert isinstance(message, cls)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(HOSTILE_TARGETS), seed=st.integers(0, 50), data=st.data())
def test_flipped_bytes_give_a_message_or_a_refusal(name, seed, data):
    cls = typesys.get_interface(name)
    sample = bytearray(typesys.serialize(random_message(cls, random.Random(seed))))
    for _ in range(data.draw(st.integers(1, 4))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = typesys.deserialize(sample, cls)
    except DeserializationError:
        return
    assert isinstance(message, cls)


@pytest.mark.parametrize(
    "name", ["sensor_msgs/msg/Image", "std_msgs/msg/Float64MultiArray", "std_msgs/msg/ByteMultiArray"]
)
def test_an_announced_size_is_not_believed(name):
    cls = typesys.get_interface(name)
    sample = typesys.serialize(cls())
    sample = sample[:-4] + b"\xff\xff\xff\x7f"
    tracemalloc.start()
    try:
        with pytest.raises(DeserializationError):
            typesys.deserialize(sample, cls)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_trailing_bytes_beyond_padding_are_refused():
    cls = typesys.get_interface("std_msgs/msg/String")
    sample = typesys.serialize(cls(data="abc"))
    assert typesys.deserialize(sample + bytes(3), cls).data == "abc"
    with pytest.raises(DeserializationError, match="bytes where"):
        typesys.deserialize(sample + bytes(8), cls)


def test_a_foreign_header_is_refused():
    cls = typesys.get_interface("std_msgs/msg/String")
    with pytest.raises(DeserializationError, match="CDR header"):
        typesys.deserialize(b"\x00\x03\x00\x00" + bytes(8), cls)


@pytest.mark.parametrize(
    ("field", "value"),
    [("height", 2**40), ("height", "tall"), ("encoding", 5), ("header", None)],
)
def test_a_value_the_type_cannot_carry_is_named(field, value):
    image = typesys.get_interface("sensor_msgs/msg/Image")()
    setattr(image, field, value)
    with pytest.raises(SerializationError, match="sensor_msgs/msg/Image"):
        typesys.serialize(image)


def test_deserialized_data_is_independent_of_its_sample():
    cls = typesys.get_interface("sensor_msgs/msg/Image")
    sample = bytearray(typesys.serialize(cls(data=b"\x01\x02")))
    image = typesys.deserialize(sample, cls)
    sample[:] = bytes(len(sample))
    assert bytes(image.data) == b"\x01\x02"


def test_buffers_read_from_a_sample_can_be_written():
    cls = typesys.get_interface("geometry_msgs/msg/PoseWithCovariance")
    pose = typesys.deserialize(typesys.serialize(cls()), cls)
    pose.covariance[0] = 2.0
    assert pose.covariance[0] == 2.0


def test_serialize_refuses_what_is_not_a_message():
    with pytest.raises(TypeError, match="not a ROS interface class"):
        typesys.serialize(3)
