"""Bags that other programs read: layout, metadata, definitions, splits, compression."""

import pytest
import yaml
from bag_samples import START_NS, STEP_NS, TOPICS, count, counts_in, fill, image, write_bag
from mcap.data_stream import RecordBuilder
from mcap.reader import make_reader
from mcap.records import Message
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability

from molmo_ros.embedded.bags import BagError, BagWriter, Topic, bag_info, format_info
from molmo_ros.embedded.bags.file_sink import BLOCK_BYTES, BUFFER_BYTES, FileSink
from molmo_ros.embedded.bags.gather import GatherBuilder


def rosbags_reads(folder):
    with AnyReader([folder]) as reader:
        return [(c.topic, stamp, reader.deserialize(raw, c.msgtype)) for c, stamp, raw in reader.messages()]


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}, {"compression": "lz4"}, {"storage": "sqlite3"}])
def test_another_implementation_reads_every_message(tmp_path, options):
    folder = write_bag(tmp_path / "bag", 10, **options)

    messages = rosbags_reads(folder)

    assert len(messages) == 30
    assert [m.data for topic, _, m in messages if topic == "/count"] == [str(i) for i in range(10)]
    assert [stamp for topic, stamp, _ in messages if topic == "/count"][3] == START_NS + 3 * STEP_NS
    assert all(bytes(m.data) == bytes([m.width]) * 30_000 for topic, _, m in messages if topic == "/image")


def test_another_implementation_sees_the_quality_of_service(tmp_path):
    folder = write_bag(tmp_path / "bag")

    with AnyReader([folder]) as reader:
        profiles = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}

    assert profiles["/pose"][0].durability == QosDurability.TRANSIENT_LOCAL
    assert profiles["/count"][0].depth == 10


def test_metadata_has_the_keys_and_values_of_version_9(tmp_path):
    folder = write_bag(tmp_path / "bag", 10)

    content = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]

    assert list(content) == [
        "version", "storage_identifier", "duration", "starting_time", "message_count",
        "topics_with_message_count", "compression_format", "compression_mode",
        "relative_file_paths", "files", "custom_data", "ros_distro",
    ]  # fmt: skip
    assert content["version"] == 9
    assert content["storage_identifier"] == "mcap"
    assert content["duration"] == {"nanoseconds": 9 * STEP_NS + 2}
    assert content["starting_time"] == {"nanoseconds_since_epoch": START_NS}
    assert content["relative_file_paths"] == ["bag_0.mcap"]
    first = content["topics_with_message_count"][0]
    assert first["message_count"] == 10
    assert first["topic_metadata"]["offered_qos_profiles"][0]["reliability"] == "reliable"
    # The hash that `ros2 topic info -v` prints for std_msgs/msg/String on Jazzy.
    assert first["topic_metadata"]["type_description_hash"] == (
        "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
    )


def test_the_file_has_rosbag2s_profile_channels_and_full_definitions(tmp_path):
    folder = write_bag(tmp_path / "bag")

    with (folder / "bag_0.mcap").open("rb") as file:
        reader = make_reader(file)
        header, summary = reader.get_header(), reader.get_summary()
        records = {record.name: record.metadata for record in reader.iter_metadata()}
        publish_ns = next(m.publish_time for _, c, m in reader.iter_messages(["/count"]))
    schema = next(s for s in summary.schemas.values() if s.name == "geometry_msgs/msg/PoseStamped")
    channel = next(c for c in summary.channels.values() if c.topic == "/pose")

    assert header.profile == "ros2"
    assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
    for name in ("std_msgs/Header", "geometry_msgs/Pose", "geometry_msgs/Quaternion", "builtin_interfaces/Time"):
        assert f"{'=' * 80}\nMSG: {name}\n" in schema.data.decode()
    assert "durability: transient_local" in channel.metadata["offered_qos_profiles"]
    assert channel.metadata["topic_type_hash"].startswith("RIHS01_")
    assert "storage_identifier: mcap" in records["rosbag2"]["serialized_metadata"]
    assert publish_ns == START_NS - 5


def test_a_bag_is_split_by_size_with_every_message_once(tmp_path):
    folder = write_bag(tmp_path / "bag", 40, max_file_bytes=300_000)

    info = bag_info(folder)

    assert len(info.files) > 2
    assert sum(file.message_count for file in info.files) == info.message_count == 120
    assert all((folder / f.path).stat().st_size < 600_000 for f in info.files)
    assert counts_in(folder) == list(range(40))
    assert len(rosbags_reads(folder)) == 120


def test_a_bag_is_split_by_duration(tmp_path):
    folder = write_bag(tmp_path / "bag", 30, max_file_duration_ns=10**9)

    durations = [file.duration_ns for file in bag_info(folder).files]

    assert len(durations) == 3
    assert all(duration <= 10**9 for duration in durations)


def test_a_cache_writes_everything_in_order(tmp_path):
    folder = write_bag(tmp_path / "bag", 200, cache_bytes=10**8, compression="zstd")

    assert counts_in(folder) == list(range(200))


def test_a_cache_that_is_too_small_counts_what_it_loses(tmp_path):
    with BagWriter(tmp_path / "bag", cache_bytes=1000) as writer:
        writer.create_topic(TOPICS[2])
        for index in range(300):
            writer.write("/image", image(index, 500_000), START_NS + index)
    info = bag_info(tmp_path / "bag")

    assert info.message_count + writer.lost_count == 300


def test_an_existing_folder_is_never_written_to(tmp_path):
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path)


def test_an_unknown_topic_is_refused(tmp_path):
    with BagWriter(tmp_path / "bag") as writer, pytest.raises(BagError, match="create it first"):
        writer.write("/nowhere", b"", 0)


def test_a_closed_bag_takes_nothing_more(tmp_path):
    writer = BagWriter(tmp_path / "bag")
    fill(writer, 1)
    writer.close()

    with pytest.raises(BagError, match="is closed"):
        writer.write("/count", count(1), START_NS)


def test_a_type_that_is_not_known_is_recorded_without_definition(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        writer.create_topic(Topic(name="/secret", type="nobody_msgs/msg/Knows"))
        writer.write("/secret", b"\x00\x01\x00\x00", START_NS)

    assert bag_info(tmp_path / "bag").counts == {"/secret": 1}


def test_an_empty_bag_is_a_bag(tmp_path):
    folder = write_bag(tmp_path / "bag", 0)

    info = bag_info(folder)

    assert (info.message_count, info.duration_ns, len(info.topics)) == (0, 0, 3)
    assert "Messages:          0" in format_info(info)


def test_the_description_has_the_shape_of_ros2_bag_info(tmp_path):
    text = format_info(bag_info(write_bag(tmp_path / "bag", 10)))

    assert "Files:             bag_0.mcap\n" in text
    assert "Storage id:        mcap\n" in text
    assert "Duration:          0.900000002s\n" in text
    assert "Messages:          30\n" in text
    assert "Topic: /count | Type: std_msgs/msg/String | Count: 10 | Serialization Format: cdr\n" in text


@pytest.mark.parametrize(
    "pieces",
    [[10], [BLOCK_BYTES], [BLOCK_BYTES - 1, 2], [100, BUFFER_BYTES + 17, 5, BLOCK_BYTES * 3 + 1], [1] * 50],
)
def test_a_file_holds_exactly_what_was_written(tmp_path, pieces):
    data = [bytes([index % 251]) * size for index, size in enumerate(pieces, start=1)]
    sink = FileSink(tmp_path / "file")

    for piece in data:
        sink.write(piece)
    assert sink.size == sum(pieces)
    sink.close()

    assert (tmp_path / "file").read_bytes() == b"".join(data)


@pytest.mark.parametrize("sizes", [[1], [4096, 3], [10, 100_000, 4095, 200_000, 7]])
def test_gathered_records_are_those_of_the_library(sizes):
    built = []
    for builder in (RecordBuilder(), GatherBuilder()):
        for size in sizes:
            Message(channel_id=1, log_time=2, data=b"x" * size, publish_time=3, sequence=4).write(builder)
            assert builder.count >= size
        built.append(b"".join(builder.end()) if isinstance(builder, GatherBuilder) else builder.end())

    assert built[0] == built[1]
