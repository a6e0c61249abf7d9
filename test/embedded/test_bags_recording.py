"""Recording topics of running nodes."""

import threading

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_world import TIMEOUT_S, world
from std_msgs.msg import Int32, String

from molmo_ros.embedded.bags import BagReader, RecordingError, bag_info
from molmo_ros.embedded.bags.recorder import Recorder
from molmo_ros.embedded.typesys import deserialize, serialize

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def until(condition):
    """Wait for something that other threads bring about."""
    tick = threading.Event()
    for _ in range(int(TIMEOUT_S / 0.02)):
        if condition():
            return
        tick.wait(0.02)
    raise TimeoutError("it did not happen")


def publish_until_recorded(recorder, publishers, message, count=5):
    goal = recorder.message_count + count

    def is_recorded():
        for publisher in publishers:
            publisher.publish(message)
        return recorder.message_count >= goal

    until(is_recorded)


def test_all_topics_are_found_and_recorded_byte_by_byte(tmp_path):
    with world("talker", "recorder") as (talker, node):
        text, number = talker.create_publisher(String, "text", 10), talker.create_publisher(Int32, "number", 10)
        recorder = Recorder(node, tmp_path / "bag", exclude=["/rosout", "/parameter_events"])
        until(lambda: recorder.topics == ["/number", "/text"])
        publish_until_recorded(recorder, [text], String(data="grüße"))
        number.publish(Int32(data=-7))
        until(lambda: recorder._writer._counts["/number"])
        recorder.stop()

    with BagReader(tmp_path / "bag") as reader:
        messages = list(reader.messages())
    assert {m.data for m in messages if m.topic == "/text"} == {serialize(String(data="grüße"))}
    assert [deserialize(m.data, Int32).data for m in messages if m.topic == "/number"] == [-7]
    assert all(0 <= m.log_ns - m.publish_ns < 10 * 10**9 for m in messages)


def test_latched_messages_from_before_the_recording_are_in_it(tmp_path):
    with world("talker", "recorder") as (talker, node):
        talker.create_publisher(String, "description", LATCHED).publish(String(data="5"))
        recorder = Recorder(node, tmp_path / "bag", topics=["description"])
        until(lambda: recorder.message_count == 1)
        info = recorder.stop()

    assert info.counts == {"/description": 1}
    assert bag_info(tmp_path / "bag").topics[0].offered_qos[0].durability == 1


def test_a_best_effort_publisher_is_heard_also_after_a_reliable_one(tmp_path):
    with world("talker", "recorder") as (talker, node):
        reliable = talker.create_publisher(String, "text", 10)
        recorder = Recorder(node, tmp_path / "bag", topics=["/text"])
        publish_until_recorded(recorder, [reliable], String())
        assert recorder._subscriptions["/text"][1].reliability == ReliabilityPolicy.RELIABLE

        best_effort = talker.create_publisher(String, "text", qos_profile_sensor_data)
        until(lambda: recorder._subscriptions["/text"][1].reliability == ReliabilityPolicy.BEST_EFFORT)
        publish_until_recorded(recorder, [best_effort], String(data="late"))
        recorder.stop()

    with BagReader(tmp_path / "bag") as reader:
        assert any(deserialize(m.data, String).data == "late" for m in reader.messages())


def test_hidden_and_excluded_topics_are_left_out(tmp_path):
    with world("talker", "recorder") as (talker, node):
        for name in ("seen", "_hidden", "arm/_hidden", "secret/key"):
            talker.create_publisher(String, name, 10)
        recorder = Recorder(node, tmp_path / "bag", exclude_regex="/(secret|rosout|parameter_events).*")
        until(lambda: "/seen" in recorder.topics)
        found = recorder.topics
        recorder.stop()

    assert found == ["/seen"]


def test_a_pause_leaves_a_gap(tmp_path):
    with world("talker", "recorder") as (talker, node):
        publisher = talker.create_publisher(String, "text", 10)
        recorder = Recorder(node, tmp_path / "bag", topics=["/text"], start_paused=True)
        until(lambda: recorder.topics)
        publisher.publish(String(data="unheard"))
        recorder.resume()
        publish_until_recorded(recorder, [publisher], String(data="heard"))
        recorder.stop()

    with BagReader(tmp_path / "bag") as reader:
        assert {deserialize(m.data, String).data for m in reader.messages()} <= {"heard", "unheard"}
        assert not recorder.is_paused


def test_a_full_disk_is_told_once(tmp_path, monkeypatch):
    import os

    told = []
    with world("talker", "recorder") as (talker, node):
        publisher = talker.create_publisher(String, "text", 10)
        recorder = Recorder(node, tmp_path / "bag", topics=["/text"], on_failure=told.append)
        publish_until_recorded(recorder, [publisher], String(data="x"))

        def no_space(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", no_space)

        def has_failed():
            publisher.publish(String(data="y"))
            return told

        until(has_failed)
        publisher.publish(String(data="z"))
        monkeypatch.undo()
        recorder.stop()

    assert len(told) == 1
    assert isinstance(told[0], RecordingError)
    assert "the disk is full" in str(told[0])


def test_slow_topics_are_readable_after_a_second_while_others_still_come(tmp_path):
    with world("talker", "recorder") as (talker, node):
        publisher = talker.create_publisher(String, "text", 10)
        recorder = Recorder(node, tmp_path / "bag", topics=["/text"])

        def is_on_disk():
            publisher.publish(String(data="x"))
            return recorder.message_count and bag_info(tmp_path / "bag").message_count

        until(is_on_disk)
        recorder.stop()


@pytest.mark.parametrize("max_file_bytes", [50_000])
def test_a_recording_is_split_while_it_runs(tmp_path, max_file_bytes):
    with world("talker", "recorder") as (talker, node):
        publisher = talker.create_publisher(String, "text", 10)
        recorder = Recorder(node, tmp_path / "bag", topics=["/text"], max_file_bytes=max_file_bytes)
        publish_until_recorded(recorder, [publisher], String(data="x" * 20_000), count=12)
        info = recorder.stop()

    assert len(info.files) >= 3
    assert sum(f.message_count for f in info.files) == info.message_count
