"""Waiting for transforms: in a thread, as a future, and over topics."""

import threading

import pytest
import tf2_geometry_msgs  # noqa: F401 - registers the types
import tf2_ros
from geometry_msgs.msg import PointStamped, TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from ros_world import TIMEOUT_S, world

LONG = Duration(seconds=TIMEOUT_S)


def transform(parent, child, x, seconds=1):
    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp.sec = seconds
    message.transform.translation.x = float(x)
    message.transform.rotation.w = 1.0
    return message


def test_a_lookup_waits_for_another_thread_to_store_the_transform():
    buffer = tf2_ros.Buffer()
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(buffer.lookup_transform("world", "arm", Time(seconds=1), LONG))
    )
    waiting.start()

    buffer.set_transform(transform("world", "arm", 2.0), "test")
    waiting.join(TIMEOUT_S)

    assert found[0].transform.translation.x == 2.0


def test_a_wait_that_ends_in_vain_says_why():
    buffer = tf2_ros.Buffer()

    possible, reason = buffer.can_transform("world", "arm", Time(), Duration(nanoseconds=1000), return_debug_tuple=True)

    assert not possible
    assert 'Invalid frame ID "world"' in reason


def test_a_future_is_done_as_soon_as_the_transform_is_known():
    buffer = tf2_ros.Buffer()
    future = buffer.wait_for_transform_async("world", "arm", Time(seconds=1))
    assert not future.done()

    buffer.set_transform(transform("world", "other", 1.0), "test")
    assert not future.done()
    buffer.set_transform(transform("world", "arm", 2.0), "test")

    assert future.result().transform.translation.x == 2.0


def test_a_cancelled_future_is_left_alone():
    buffer = tf2_ros.Buffer()
    future = buffer.wait_for_transform_async("world", "arm", Time(seconds=1))
    future.cancel()

    buffer.set_transform(transform("world", "arm", 2.0), "test")

    assert future.cancelled()


def test_an_object_is_transformed_by_its_registered_function():
    buffer = tf2_ros.Buffer()
    buffer.set_transform_static(transform("world", "camera", 3.0), "test")
    point = PointStamped()
    point.header.frame_id = "camera"
    point.point.x = 1.0

    moved = buffer.transform(point, "world")

    assert (moved.header.frame_id, moved.point.x) == ("world", 4.0)


def test_an_object_without_a_registered_function_is_refused():
    with pytest.raises(tf2_ros.TypeException):
        tf2_ros.Buffer().transform(object(), "world")


def test_transforms_reach_a_listener_in_another_node():
    with world("robot", "viewer") as (robot, viewer):
        buffer = tf2_ros.Buffer(node=viewer)
        listener = tf2_ros.TransformListener(buffer, viewer)
        static = tf2_ros.StaticTransformBroadcaster(robot)
        moving = tf2_ros.TransformBroadcaster(robot)
        static.sendTransform(transform("base", "camera", 1.0))
        # The static one is latched; the moving one is sent again until it arrives.
        timer = robot.create_timer(0.05, lambda: moving.sendTransform([transform("world", "base", 2.0)]))

        found = buffer.lookup_transform("world", "camera", Time(seconds=1), LONG)

        assert found.transform.translation.x == 3.0
        robot.destroy_timer(timer)
        listener.unregister()


def test_a_late_listener_gets_all_static_transforms():
    with world("robot", "viewer") as (robot, viewer):
        static = tf2_ros.StaticTransformBroadcaster(robot)
        static.sendTransform(transform("base", "camera", 1.0))
        static.sendTransform(transform("base", "lidar", 2.0))

        buffer = tf2_ros.Buffer()
        listener = tf2_ros.TransformListener(buffer, viewer)

        assert buffer.lookup_transform("camera", "lidar", Time(), LONG).transform.translation.x == 1.0
        listener.unregister()


def test_the_buffer_of_a_node_describes_its_frames_on_request():
    from ros_world import finished
    from tf2_msgs.srv import FrameGraph

    with world("robot", "viewer") as (robot, viewer):
        buffer = tf2_ros.Buffer(node=robot)
        buffer.set_transform_static(transform("base", "camera", 1.0), "test")
        client = viewer.create_client(FrameGraph, "tf2_frames")
        assert client.wait_for_service(TIMEOUT_S)

        assert "parent: 'base'" in finished(client.call_async(FrameGraph.Request())).frame_yaml
