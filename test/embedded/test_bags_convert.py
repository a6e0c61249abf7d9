"""From one storage to another and back."""

import pytest
from bag_samples import STEP_NS, counts_in, write_bag
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Writer
from rosbags.rosbag2.enums import StoragePlugin
from rosbags.typesys import Stores, get_typestore

from molmo_ros.embedded.bags import BagError, BagReader, TopicFilter, bag_info, convert


def contents(folder):
    with BagReader(folder) as reader:
        return [(m.topic, m.data, m.log_ns) for m in reader.messages()]


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_to_sqlite3_and_back_loses_nothing_but_publishing_times(tmp_path, compression):
    source = write_bag(tmp_path / "bag", 10)

    convert(source, tmp_path / "db", storage="sqlite3")
    info = convert(tmp_path / "db", tmp_path / "back", compression=compression)

    assert contents(tmp_path / "db") == contents(tmp_path / "back") == contents(source)
    assert info.topics == bag_info(source).topics
    assert info.counts == bag_info(source).counts


def test_another_implementation_reads_the_converted_definitions(tmp_path):
    source = write_bag(tmp_path / "bag", 3)
    convert(source, tmp_path / "db", storage="sqlite3")

    with AnyReader([tmp_path / "db"]) as reader:
        poses = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages() if c.topic == "/pose"]

    assert [pose.pose.position.x for pose in poses] == [0.0, 1.0, 2.0]


def test_only_chosen_topics_are_copied_and_the_copy_can_be_split(tmp_path):
    source = write_bag(tmp_path / "bag", 20)

    info = convert(
        source,
        tmp_path / "part",
        selection=TopicFilter(regex="/(count|pose)", exclude_topics=["/pose"]),
        max_file_duration_ns=5 * STEP_NS,
    )

    assert info.counts == {"/count": 20}
    assert len(info.files) == 4
    assert counts_in(tmp_path / "part") == list(range(20))


def test_progress_is_told(tmp_path):
    source = write_bag(tmp_path / "bag", 100)
    told = []

    convert(source, tmp_path / "copy", on_progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (300, 300)
    assert told == sorted(told)


def test_the_target_is_never_overwritten(tmp_path):
    source = write_bag(tmp_path / "bag", 1)

    with pytest.raises(BagError, match="exists already"):
        convert(source, source)


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("version", [8, 9])
def test_bags_of_another_implementation_are_read(tmp_path, plugin, version):
    store = get_typestore(Stores.ROS2_JAZZY)
    string = store.types["std_msgs/msg/String"]
    with Writer(tmp_path / "bag", version=version, storage_plugin=plugin) as writer:
        connection = writer.add_connection("/count", string.__msgtype__, typestore=store)
        for index in range(5):
            writer.write(connection, index * 10**9, store.serialize_cdr(string(str(index)), string.__msgtype__))

    assert counts_in(tmp_path / "bag") == list(range(5))
    info = bag_info(tmp_path / "bag")
    assert (info.message_count, info.topics[0].type) == (5, "std_msgs/msg/String")
