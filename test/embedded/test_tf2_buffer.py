"""The transform tree over time: interpolation, limits, and errors with tf2's words."""

import math

import numpy as np
import pytest
import tf2_py
import tf_transformations as tft
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.duration import Duration

angles = st.floats(-3.0, 3.0)
lengths = st.floats(-10.0, 10.0)
poses = st.tuples(lengths, lengths, lengths, angles, angles, angles)


def stamp(seconds):
    return Time(sec=int(seconds), nanosec=round((seconds % 1) * 1e9))


def transform(parent, child, seconds=0.0, xyz=(0.0, 0.0, 0.0), rpy=(0.0, 0.0, 0.0)):
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp = stamp(seconds)
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = xyz
    q.x, q.y, q.z, q.w = tft.quaternion_from_euler(*rpy)
    return message


def matrix(message):
    t, q = message.transform.translation, message.transform.rotation
    result = tft.quaternion_matrix((q.x, q.y, q.z, q.w))
    result[:3, 3] = t.x, t.y, t.z
    return result


def x_of(message):
    return message.transform.translation.x


@given(poses, poses, poses)
def test_a_lookup_across_the_tree_is_the_product_of_matrices(a, b, c):
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("root", "a", xyz=a[:3], rpy=a[3:]), "test")
    core.set_transform_static(transform("a", "b", xyz=b[:3], rpy=b[3:]), "test")
    core.set_transform_static(transform("root", "c", xyz=c[:3], rpy=c[3:]), "test")
    root_a, a_b, root_c = (tft.compose_matrix(angles=p[3:], translate=p[:3]) for p in (a, b, c))

    found = matrix(core.lookup_transform_core("c", "b", stamp(1.0)))

    np.testing.assert_allclose(found, np.linalg.inv(root_c) @ root_a @ a_b, atol=1e-9)


@given(st.floats(0.0, 1.0), angles)
def test_between_two_samples_it_interpolates_position_and_angle(ratio, yaw):
    core = tf2_py.BufferCore()
    core.set_transform(transform("world", "arm", 1.0, xyz=(0.0, 2.0, 0.0)), "test")
    core.set_transform(transform("world", "arm", 2.0, (4.0, 2.0, 0.0), (0.0, 0.0, yaw)), "test")

    found = core.lookup_transform_core("world", "arm", stamp(1.0 + ratio))

    assert x_of(found) == pytest.approx(4.0 * ratio, abs=1e-6)
    found_yaw = tft.euler_from_matrix(matrix(found))[2]
    assert found_yaw == pytest.approx(yaw * ratio, abs=1e-6)


def test_time_zero_is_the_newest_time_that_all_links_have():
    core = tf2_py.BufferCore()
    for seconds in (1.0, 2.0, 3.0):
        core.set_transform(transform("world", "base", seconds, xyz=(seconds, 0.0, 0.0)), "test")
    for seconds in (1.0, 2.0):
        core.set_transform(transform("base", "arm", seconds), "test")

    found = core.lookup_transform_core("world", "arm", stamp(0.0))

    assert found.header.stamp == stamp(2.0)
    assert x_of(found) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "extrapolation into the past.  Requested time 0.500000 but the earliest data is at time 1.000000"),
        (2.5, "extrapolation into the future.  Requested time 2.500000 but the latest data is at time 2.000000"),
    ],
)
def test_outside_the_history_it_refuses_to_extrapolate(seconds, words):
    core = tf2_py.BufferCore()
    core.set_transform(transform("world", "arm", 1.0), "test")
    core.set_transform(transform("world", "arm", 2.0), "test")

    with pytest.raises(tf2_py.ExtrapolationException) as caught:
        core.lookup_transform_core("world", "arm", stamp(seconds))

    assert words in str(caught.value)
    assert "when looking up transform from frame [arm] to frame [world]" in str(caught.value)


def test_a_single_sample_serves_only_its_own_time():
    core = tf2_py.BufferCore()
    core.set_transform(transform("world", "arm", 1.0), "test")

    assert core.can_transform_core("world", "arm", stamp(1.0)) == (True, "")
    possible, reason = core.can_transform_core("world", "arm", stamp(1.5))
    assert not possible
    assert "but only time 1.000000 is in the buffer" in reason


def test_two_trees_are_not_connected():
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("a", "b"), "test")
    core.set_transform_static(transform("c", "d"), "test")

    with pytest.raises(tf2_py.ConnectivityException, match="not part of the same tree"):
        core.lookup_transform_core("b", "d", stamp(0.0))


def test_an_unknown_frame_is_a_lookup_error():
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("a", "b"), "test")

    with pytest.raises(tf2_py.LookupException, match='"nowhere" passed to lookupTransform'):
        core.lookup_transform_core("a", "nowhere", stamp(0.0))


@pytest.mark.parametrize("name", ["", "/a"])
def test_an_invalid_name_is_an_argument_error(name):
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("a", "b"), "test")

    with pytest.raises(tf2_py.InvalidArgumentException):
        core.lookup_transform_core(name, "b", stamp(0.0))


def test_a_loop_is_found_instead_of_followed():
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("a", "b"), "test")
    core.set_transform_static(transform("b", "a"), "test")
    core.set_transform_static(transform("x", "y"), "test")

    with pytest.raises(tf2_py.LookupException, match="contains a loop"):
        core.lookup_transform_core("x", "a", stamp(0.0))


def test_a_leading_slash_of_incoming_names_is_dropped():
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("/a", "/b", xyz=(1.0, 0.0, 0.0)), "test")

    assert x_of(core.lookup_transform_core("a", "b", stamp(0.0))) == 1.0


@pytest.mark.parametrize(
    "faulty",
    [
        transform("a", "a"),
        transform("", "b"),
        transform("a", ""),
        transform("a", "b", xyz=(math.nan, 0.0, 0.0)),
    ],
)
def test_a_faulty_transform_is_ignored(faulty):
    core = tf2_py.BufferCore()

    core.set_transform(faulty, "test")

    assert core._getFrameStrings() == []


def test_a_quaternion_that_is_not_of_unit_length_is_ignored():
    core = tf2_py.BufferCore()
    faulty = transform("a", "b")
    faulty.transform.rotation.w = 0.5

    core.set_transform(faulty, "test")

    assert not core._frameExists("b")


def test_history_is_kept_for_the_cache_time_only():
    core = tf2_py.BufferCore(Duration(seconds=2))
    for seconds in range(1, 7):
        core.set_transform(transform("world", "arm", float(seconds)), "test")

    assert core.can_transform_core("world", "arm", stamp(4.0))[0]
    assert not core.can_transform_core("world", "arm", stamp(2.0))[0]
    core.set_transform(transform("world", "arm", 1.5), "late")
    assert not core.can_transform_core("world", "arm", stamp(1.5))[0]


def test_samples_may_arrive_out_of_order():
    core = tf2_py.BufferCore()
    for seconds in (3.0, 1.0, 2.0):
        core.set_transform(transform("world", "arm", seconds, xyz=(seconds, 0.0, 0.0)), "test")

    found = core.lookup_transform_core("world", "arm", stamp(1.25))

    assert x_of(found) == pytest.approx(1.25)


def test_a_fixed_frame_joins_two_times():
    core = tf2_py.BufferCore()
    for seconds in (1.0, 2.0):
        core.set_transform(transform("world", "car", seconds, xyz=(10.0 * seconds, 0.0, 0.0)), "test")

    found = core.lookup_transform_full_core("car", stamp(2.0), "car", stamp(1.0), "world")

    assert x_of(found) == pytest.approx(-10.0)
    assert core.can_transform_full_core("car", stamp(2.0), "car", stamp(1.0), "world") == (True, "")


def test_a_frame_may_change_its_parent():
    core = tf2_py.BufferCore()
    core.set_transform_static(transform("world", "table"), "test")
    core.set_transform_static(transform("world", "hand", xyz=(1.0, 0.0, 0.0)), "test")
    core.set_transform(transform("table", "mug", 1.0), "test")
    core.set_transform(transform("hand", "mug", 2.0), "test")

    assert x_of(core.lookup_transform_core("world", "mug", stamp(1.5))) == 0.0
    assert x_of(core.lookup_transform_core("world", "mug", stamp(2.0))) == 1.0


def test_clearing_forgets_moving_frames_and_keeps_static_ones():
    core = tf2_py.BufferCore()
    core.set_transform(transform("world", "arm", 1.0), "test")
    core.set_transform_static(transform("world", "camera"), "test")

    core.clear()

    assert not core.can_transform_core("world", "arm", stamp(0.0))[0]
    assert core.can_transform_core("world", "camera", stamp(0.0))[0]


def test_velocity_is_that_of_the_motion():
    core = tf2_py.BufferCore()
    for tenth in range(21):
        seconds = tenth / 10
        core.set_transform(
            transform("world", "car", 1.0 + seconds, (3.0 * seconds, 0.0, 0.0), (0.0, 0.0, 0.5 * seconds)), "test"
        )

    linear, angular = core.lookupVelocityCore("car", "world", stamp(2.0), Duration(seconds=0.4))

    assert linear == pytest.approx((3.0, 0.0, 0.0), abs=1e-6)
    assert angular == pytest.approx((0.0, 0.0, 0.5), abs=1e-6)


def test_the_chain_names_every_frame_on_the_way():
    core = tf2_py.BufferCore()
    for parent, child in (("root", "a"), ("a", "b"), ("root", "c")):
        core.set_transform_static(transform(parent, child), "test")

    assert core._chain("c", stamp(0.0), "b", stamp(0.0), "c") == ["b", "a", "root", "c"]


def test_the_description_is_yaml_with_parent_and_broadcaster():
    import yaml

    core = tf2_py.BufferCore()
    core.set_transform(transform("world", "arm", 1.0), "arm_driver")

    described = yaml.safe_load(core.all_frames_as_yaml())

    assert described["arm"]["parent"] == "world"
    assert described["arm"]["broadcaster"] == "arm_driver"
    assert described["arm"]["most_recent_transform"] == 1.0
