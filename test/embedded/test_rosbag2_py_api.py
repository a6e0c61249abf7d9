"""rosbag2_py as code for ROS 2 uses it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rosbag2_py
from bag_samples import START_NS, STEP_NS, count, counts_in, write_bag
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rosidl_runtime_py.utilities import get_message
from std_msgs.msg import String

STORAGES = ("mcap", "sqlite3")
CDR = rosbag2_py.ConverterOptions("cdr", "cdr")


def open_writer(folder, storage="mcap", **options):
    writer = rosbag2_py.SequentialWriter()
    writer.open(rosbag2_py.StorageOptions(uri=str(folder), storage_id=storage, **options), CDR)
    writer.create_topic(
        rosbag2_py.TopicMetadata(id=0, name="/count", type="std_msgs/msg/String", serialization_format="cdr")
    )
    return writer


def open_reader(folder, storage=""):
    reader = rosbag2_py.SequentialReader()
    reader.open(rosbag2_py.StorageOptions(uri=str(folder), storage_id=storage), CDR)
    return reader


def rest_of(reader):
    found = []
    while reader.has_next():
        found.append(reader.read_next())
    return found


@pytest.mark.parametrize("storage", STORAGES)
def test_what_is_written_is_read(tmp_path, storage):
    writer = open_writer(tmp_path / "bag", storage)
    for index in range(10):
        writer.write("/count", serialize_message(String(data=str(index))), index * 100)
    writer.close()

    reader = open_reader(tmp_path / "bag", storage)
    types = {topic.name: topic.type for topic in reader.get_all_topics_and_types()}
    messages = [
        (deserialize_message(data, get_message(types[topic])).data, stamp) for topic, data, stamp in rest_of(reader)
    ]

    assert messages == [(str(index), index * 100) for index in range(10)]
    with pytest.raises(RuntimeError, match="No next message"):
        reader.read_next()


@pytest.mark.parametrize("storage", STORAGES)
def test_filters_change_what_comes_next_and_not_where_it_goes_on(tmp_path, storage):
    folder = write_bag(tmp_path / "bag", 5, storage=storage)
    reader = open_reader(folder)

    reader.set_filter(rosbag2_py.StorageFilter(topics=["/pose"]))
    assert [reader.read_next()[0] for _ in range(2)] == ["/pose", "/pose"]
    reader.reset_filter()
    assert reader.read_next()[0] == "/image"
    reader.set_filter(rosbag2_py.StorageFilter(regex="/c.*"))
    assert [stamp for _, _, stamp in rest_of(reader)] == [START_NS + i * STEP_NS for i in (2, 3, 4)]


def test_a_filter_in_the_middle_of_an_instant_loses_nothing(tmp_path):
    writer = open_writer(tmp_path / "bag")
    writer.create_topic(
        rosbag2_py.TopicMetadata(id=1, name="/other", type="std_msgs/msg/String", serialization_format="cdr")
    )
    for topic in ("/count", "/other", "/count", "/other", "/count"):
        writer.write(topic, count(0), 7)
    writer.close()
    reader = open_reader(tmp_path / "bag")

    reader.set_filter(rosbag2_py.StorageFilter(topics=["/count"]))
    reader.read_next()
    reader.read_next()
    reader.has_next()
    reader.reset_filter()

    assert [topic for topic, _, _ in rest_of(reader)] == ["/other", "/count"]


@pytest.mark.parametrize("storage", STORAGES)
def test_seeking_goes_both_ways_and_keeps_the_filter(tmp_path, storage):
    reader = open_reader(write_bag(tmp_path / "bag", 6, storage=storage))
    reader.set_filter(rosbag2_py.StorageFilter(topics=["/count"]))

    reader.seek(START_NS + 3 * STEP_NS + 1)
    later = reader.read_next()[2]
    reader.seek(START_NS)

    assert later == START_NS + 4 * STEP_NS
    assert len(rest_of(reader)) == 6


@pytest.mark.parametrize("storage", STORAGES)
def test_a_bag_is_read_backwards(tmp_path, storage):
    reader = open_reader(write_bag(tmp_path / "bag", 4, storage=storage, max_file_bytes=60_000))

    assert reader.set_read_order(rosbag2_py.ReadOrder(reverse=True))
    stamps = [stamp for _, _, stamp in rest_of(reader)]

    assert stamps == sorted(stamps, reverse=True)
    assert len(stamps) == 12
    assert not reader.set_read_order(rosbag2_py.ReadOrder(sort_by=rosbag2_py.ReadOrderSortBy.PublishedTimestamp))


def test_metadata_is_in_rclpys_types_and_prints_like_ros2_bag_info(tmp_path):
    folder = write_bag(tmp_path / "bag", 10)

    metadata = rosbag2_py.Info().read_metadata(str(folder), "mcap")

    assert metadata.starting_time.nanoseconds == START_NS
    assert metadata.duration.nanoseconds == 9 * STEP_NS + 2
    assert metadata.topics_with_message_count[0].topic_metadata.name == "/count"
    assert "Topic: /pose | Type: geometry_msgs/msg/PoseStamped | Count: 10" in repr(metadata)
    io = rosbag2_py.MetadataIo()
    assert io.deserialize_metadata(io.serialize_metadata(metadata)).message_count == 30


def test_offered_quality_of_service_comes_back_as_rclpys(tmp_path):
    reader = open_reader(write_bag(tmp_path / "bag", 1))

    profiles = {
        topic.name: rosbag2_py.convert_rclcpp_qos_to_rclpy_qos(topic.offered_qos_profiles[0])
        for topic in reader.get_all_topics_and_types()
    }

    assert profiles["/pose"].durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert profiles["/image"].reliability == ReliabilityPolicy.BEST_EFFORT
    assert profiles["/count"].depth == 10


def test_quality_of_service_is_read_from_names_and_numbers():
    times = "deadline: {sec: 0, nsec: 0}, lifespan: {sec: 2147483647, nsec: 4294967295}, "
    rest = times + "liveliness_lease_duration: {sec: 1, nsec: 5}, avoid_ros_namespace_conventions: false}]"
    new = f"[{{history: keep_last, depth: 3, reliability: best_effort, durability: volatile, liveliness: automatic, {rest}"
    old = f"[{{history: 1, depth: 3, reliability: 2, durability: 2, liveliness: 1, {rest}"

    (first,), (second,) = rosbag2_py.to_rclcpp_qos_vector(new, 9), rosbag2_py.to_rclcpp_qos_vector(old, 4)

    assert first.value == second.value
    assert first.value.lifespan_ns == 2**63 - 1
    assert first.value.liveliness_lease_duration_ns == 10**9 + 5


def test_definitions_come_with_the_bag(tmp_path):
    definitions = {d.topic_type: d for d in open_reader(write_bag(tmp_path / "bag", 1)).get_all_message_definitions()}

    pose = definitions["geometry_msgs/msg/PoseStamped"]
    assert pose.encoding == "ros2msg"
    assert "MSG: geometry_msgs/Quaternion" in pose.encoded_message_definition


@pytest.mark.parametrize("preset", ["zstd_fast", "zstd_small"])
def test_presets_compress(tmp_path, preset):
    sizes = []
    for name, chosen in (("plain", ""), ("small", preset)):
        writer = open_writer(tmp_path / name, storage_preset_profile=chosen)
        for index in range(200):
            writer.write("/count", serialize_message(String(data="same " * 100)), index)
        writer.close()
        sizes.append(rosbag2_py.Info().read_metadata(str(tmp_path / name), "").bag_size)

    assert sizes[1] < sizes[0] / 5


@pytest.mark.parametrize("storage", STORAGES)
def test_messages_compressed_one_by_one_are_read_again(tmp_path, storage):
    writer = rosbag2_py.SequentialCompressionWriter(
        rosbag2_py.CompressionOptions(compression_format="zstd", compression_mode=rosbag2_py.CompressionMode.MESSAGE)
    )
    writer.open(rosbag2_py.StorageOptions(uri=str(tmp_path / "bag"), storage_id=storage), CDR)
    writer.create_topic(
        rosbag2_py.TopicMetadata(id=0, name="/count", type="std_msgs/msg/String", serialization_format="cdr")
    )
    writer.write("/count", count(3), START_NS)
    writer.close()

    assert counts_in(tmp_path / "bag") == [3]
    assert rosbag2_py.Info().read_metadata(str(tmp_path / "bag"), "").compression_mode == "MESSAGE"


def test_a_snapshot_keeps_the_last_messages(tmp_path):
    writer = open_writer(tmp_path / "bag", snapshot_mode=True, max_cache_size=500)
    for index in range(100):
        writer.write("/count", count(index), index)

    assert writer.take_snapshot()
    writer.close()

    found = counts_in(tmp_path / "bag")
    assert found == list(range(100 - len(found), 100))
    assert 0 < len(found) < 50


def test_a_bag_can_be_split_on_request(tmp_path):
    writer = open_writer(tmp_path / "bag", max_cache_size=10**6)
    for index in range(10):
        writer.write("/count", count(index), index)
        if index == 4:
            writer.split_bagfile()
    writer.close()

    assert [f.message_count for f in rosbag2_py.Info().read_metadata(str(tmp_path / "bag"), "").files] == [5, 5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"storage_id": "tape"}, "no bag storage 'tape'"),
        ({"storage_preset_profile": "tiny"}, "Unknown storage preset profile"),
        ({"snapshot_mode": True}, "needs a max_cache_size"),
    ],
)
def test_options_that_make_no_sense_are_runtime_errors(tmp_path, options, words):
    with pytest.raises(RuntimeError, match=words):
        rosbag2_py.SequentialWriter().open(rosbag2_py.StorageOptions(uri=str(tmp_path / "bag"), **options), CDR)


def test_opening_with_the_wrong_storage_is_a_runtime_error(tmp_path):
    with pytest.raises(RuntimeError, match="has storage 'mcap', not 'sqlite3'"):
        open_reader(write_bag(tmp_path / "bag", 1), "sqlite3")


def test_bags_are_merged_and_divided(tmp_path):
    one, two = write_bag(tmp_path / "one", 3), tmp_path / "two"
    writer = open_writer(two)
    writer.write("/count", count(99), START_NS + STEP_NS // 2)
    writer.close()
    config = tmp_path / "out.yaml"
    config.write_text(
        f"output_bags:\n- {{uri: {tmp_path}/merged, topics: [/count]}}\n"
        f"- {{uri: {tmp_path}/rest, storage_id: sqlite3, exclude_regex: /count}}\n"
    )

    rosbag2_py.bag_rewrite([rosbag2_py.StorageOptions(uri=str(p)) for p in (one, two)], str(config))

    assert counts_in(tmp_path / "merged") == [0, 99, 1, 2]
    assert {t.name for t in open_reader(tmp_path / "rest").get_all_topics_and_types()} == {"/pose", "/image"}


RECORD = """
import sys, threading
from molmo_ros.embedded import install
install()
import rclpy, rosbag2_py
from std_msgs.msg import String
context = rclpy.Context(); context.init(domain_id=int(sys.argv[2]))
node = rclpy.create_node("talker", context=context)
publisher = node.create_publisher(String, "chatter", 10)
def talk():
    import time
    index = 0
    while context.ok():
        publisher.publish(String(data=str(index))); index += 1
        if index == 40: print("ready", flush=True)
        time.sleep(0.02)
threading.Thread(target=talk, daemon=True).start()
import os; os.environ["ROS_DOMAIN_ID"] = sys.argv[2]
options = rosbag2_py.RecordOptions(); options.topics = ["/chatter"]
rosbag2_py.Recorder().record(rosbag2_py.StorageOptions(uri=sys.argv[1]), options)
print("ended", flush=True)
os._exit(0)
"""


def test_an_interrupted_recorder_ends_its_bag(tmp_path):
    folder = tmp_path / "bag"
    with subprocess.Popen(
        [sys.executable, "-c", RECORD, folder, "91"], stdout=subprocess.PIPE, cwd=Path(__file__).parent
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"ended\n"

    metadata = rosbag2_py.Info().read_metadata(str(folder), "mcap")
    assert metadata.message_count > 10
    assert (folder / "metadata.yaml").is_file()
