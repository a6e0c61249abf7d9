"""Bringing messages together by their stamps."""

import threading

import message_filters
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.clock import ClockType
from rclpy.time import Time
from ros_world import TIMEOUT_S, world
from sensor_msgs.msg import Image
from std_msgs.msg import String


def image(milliseconds):
    message = Image()
    message.header.stamp = Time(nanoseconds=int(milliseconds) * 10**6).to_msg()
    return message


def milliseconds(message):
    return message.header.stamp.sec * 1000 + message.header.stamp.nanosec // 10**6


class Collector:
    """Two inputs, a synchronizer, and the stamps (ms) of what it put together."""

    def __init__(self, make):
        self.colour, self.depth = message_filters.SimpleFilter(), message_filters.SimpleFilter()
        self.sync = make([self.colour, self.depth])
        self.sets = []
        self.sync.registerCallback(lambda *msgs: self.sets.append(tuple(map(milliseconds, msgs))))


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_equal_stamps_meet_in_whatever_order_they_come(first, second):
    both = Collector(lambda inputs: message_filters.TimeSynchronizer(inputs, 8))

    for stamp in first:
        both.colour.signalMessage(image(stamp))
    for stamp in second:
        both.depth.signalMessage(image(stamp))

    assert both.sets == [(stamp, stamp) for stamp in second]


def test_what_was_pushed_out_of_the_queue_is_not_matched():
    both = Collector(lambda inputs: message_filters.TimeSynchronizer(inputs, 2))

    for stamp in (1, 2, 3):
        both.colour.signalMessage(image(stamp))
    for stamp in (1, 3):
        both.depth.signalMessage(image(stamp))

    assert both.sets == [(3, 3)]


def test_close_stamps_meet_with_the_nearest_first():
    both = Collector(lambda inputs: message_filters.ApproximateTimeSynchronizer(inputs, 10, 0.02))

    for stamp in (100, 133, 166):
        both.colour.signalMessage(image(stamp))
    for stamp in (140, 105):
        both.depth.signalMessage(image(stamp))

    assert both.sets == [(133, 140), (100, 105)]


def test_stamps_beyond_the_slop_do_not_meet():
    both = Collector(lambda inputs: message_filters.ApproximateTimeSynchronizer(inputs, 10, 0.02))

    both.colour.signalMessage(image(100))
    both.depth.signalMessage(image(121))

    assert both.sets == []


@given(st.lists(st.integers(0, 500), unique=True, max_size=15), st.lists(st.integers(0, 500), unique=True, max_size=15))
def test_no_message_is_used_twice_and_no_set_exceeds_the_slop(first, second):
    both = Collector(lambda inputs: message_filters.ApproximateTimeSynchronizer(inputs, 20, 0.03))

    for stamp in first:
        both.colour.signalMessage(image(stamp))
    for stamp in second:
        both.depth.signalMessage(image(stamp))

    assert all(abs(a - b) < 30 for a, b in both.sets)
    assert len({a for a, _ in both.sets}) == len({b for _, b in both.sets}) == len(both.sets)


def test_messages_without_a_header_are_refused_unless_allowed():
    strict = Collector(lambda inputs: message_filters.ApproximateTimeSynchronizer(inputs, 5, 10.0))
    sets = []
    colour, text = message_filters.SimpleFilter(), message_filters.SimpleFilter()
    lenient = message_filters.ApproximateTimeSynchronizer([colour, text], 5, 10.0, allow_headerless=True)
    lenient.registerCallback(lambda *msgs: sets.append(msgs))

    strict.colour.signalMessage(String())
    text.signalMessage(String(data="a"))
    text.signalMessage(String(data="b"))

    assert strict.sync.queues == [{}, {}]
    assert len(lenient.queues[1]) == 2


def test_a_callback_that_fails_does_not_block_the_next_set():
    both = Collector(lambda inputs: message_filters.TimeSynchronizer(inputs, 5))
    both.sync.registerCallback(lambda *_: 1 / 0)
    both.colour.signalMessage(image(1))
    with pytest.raises(ZeroDivisionError):
        both.depth.signalMessage(image(1))

    both.colour.signalMessage(image(2))
    with pytest.raises(ZeroDivisionError):
        both.depth.signalMessage(image(2))

    assert both.sets == [(1, 1), (2, 2)]


def test_a_cache_answers_by_time():
    source = message_filters.SimpleFilter()
    cache = message_filters.Cache(source, 3)
    for stamp in (1, 2, 3, 4):
        source.signalMessage(image(stamp))

    def at(stamp):
        return Time(nanoseconds=int(stamp * 10**6), clock_type=ClockType.ROS_TIME)

    assert [milliseconds(m) for m in cache.getInterval(at(2), at(3))] == [2, 3]
    assert milliseconds(cache.getElemAfterTime(at(2.5))) == 3
    assert milliseconds(cache.getElemBeforeTime(at(2.5))) == 2
    assert cache.getElemBeforeTime(at(1)) is None
    assert milliseconds(cache.getLast()) == 4
    assert cache.getOldestTime().nanoseconds == 2 * 10**6


def test_callbacks_get_the_arguments_they_were_registered_with():
    source = message_filters.SimpleFilter()
    heard = []
    source.registerCallback(lambda *args: heard.append(args), "left", 7)

    source.signalMessage("message")

    assert heard == [("message", "left", 7)]


def test_subscriptions_of_a_node_are_synchronized():
    done = threading.Event()
    with world("camera", "viewer") as (camera, viewer):
        inputs = [message_filters.Subscriber(viewer, Image, topic, qos_profile=5) for topic in ("rgb", "depth")]
        sync = message_filters.TimeSynchronizer(inputs, 5)
        sync.registerCallback(lambda *_: done.set())
        publishers = [camera.create_publisher(Image, topic, 5) for topic in ("rgb", "depth")]
        timer = camera.create_timer(0.05, lambda: [p.publish(image(1)) for p in publishers])

        assert done.wait(TIMEOUT_S)

        assert inputs[0].getTopic() == "rgb"
        assert inputs[0].topic_name == "/rgb"
        camera.destroy_timer(timer)
