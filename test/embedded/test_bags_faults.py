"""Recordings that end badly: killed, on a full disk, cut off, or tampered with."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bag_samples import START_NS, TOPICS, count, counts_in, fill, image, write_bag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader

from molmo_ros.core.errors import ErrorCode
from molmo_ros.embedded.bags import (
    BagError,
    BagReader,
    BagWriter,
    RecordingError,
    bag_info,
    reindex,
)

WRITE_UNTIL_KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from molmo_ros.embedded import install
install()
from bag_samples import START_NS, TOPICS, count, image
from molmo_ros.embedded.bags import BagWriter
writer = BagWriter(sys.argv[1], compression=sys.argv[3], cache_bytes=10**8)
for topic in TOPICS:
    writer.create_topic(topic)
for index in range(10**6):
    writer.write("/count", count(index), START_NS + 2 * index)
    writer.write("/image", image(index), START_NS + 2 * index + 1)
    if index == 300:
        writer._cache.wait_until_empty()
        print("ready", flush=True)
        sys.stdin.read()
"""


def kill_a_recording(folder, compression=""):
    """A bag whose writer was killed after 301 pairs of messages had gone to the disk."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, folder, Path(__file__).parent, compression],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_after_a_kill_everything_up_to_the_last_chunk_is_read(tmp_path, compression):
    kill_a_recording(tmp_path / "bag", compression)

    found = counts_in(tmp_path / "bag")

    # A chunk is 1 MiB: at most 34 of the 30 kB images, and as many counts, were not yet in one.
    assert found == list(range(len(found)))
    assert len(found) >= 301 - 36
    assert bag_info(tmp_path / "bag").counts["/count"] == len(found)


def test_a_killed_recording_is_made_whole_for_others(tmp_path):
    kill_a_recording(tmp_path / "bag")
    readable = len(counts_in(tmp_path / "bag"))

    info = reindex(tmp_path / "bag")

    assert info.counts["/count"] == readable
    with AnyReader([tmp_path / "bag"]) as reader:
        assert sum(1 for c, _, _ in reader.messages() if c.topic == "/count") == readable
    with BagReader(tmp_path / "bag") as reader:
        assert not reader.is_damaged


def test_lost_metadata_is_rebuilt_from_the_files(tmp_path):
    folder = write_bag(tmp_path / "bag", 40, max_file_bytes=300_000)
    before = bag_info(folder)
    (folder / "metadata.yaml").unlink()

    after = reindex(folder)

    assert after.counts == before.counts
    assert (after.start_ns, after.duration_ns) == (before.start_ns, before.duration_ns)
    assert [f.path for f in after.files] == [f.path for f in before.files]
    assert after.topics == before.topics


def test_files_are_numbered_by_value_not_by_letters(tmp_path):
    folder = write_bag(tmp_path / "bag", 40, max_file_bytes=60_000)
    assert len(bag_info(folder).files) > 10
    (folder / "metadata.yaml").unlink()

    assert counts_in(folder) == list(range(40))


def full_disk(limit_bytes):
    """An os.pwrite that runs out of space after so many bytes."""
    written = 0
    real = os.pwrite

    def pwrite(descriptor, data, offset):
        nonlocal written
        written += len(data)
        if written > limit_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    return pwrite


@pytest.mark.parametrize("cache_bytes", [0, 10**8])
def test_a_full_disk_is_one_clear_error_and_keeps_what_was_written(tmp_path, monkeypatch, cache_bytes):
    writer = BagWriter(tmp_path / "bag", cache_bytes=cache_bytes)
    for topic in TOPICS:
        writer.create_topic(topic)
    monkeypatch.setattr(os, "pwrite", full_disk(3 * 2**20))

    def write_until_it_fails():
        for index in range(10_000):
            writer.write("/image", image(index), START_NS + index)

    with pytest.raises(RecordingError, match="the disk is full") as caught:
        write_until_it_fails()
    monkeypatch.undo()
    writer.close()

    assert caught.value.code == ErrorCode.RECORDING_FAILED
    with BagReader(tmp_path / "bag") as reader:
        assert sum(1 for _ in reader.messages()) > 30


def test_a_file_that_may_not_grow_ends_the_recording_with_a_reason(tmp_path):
    script = (
        "import resource, sys; sys.path.insert(0, sys.argv[2])\n"
        "from molmo_ros.embedded import install; install()\n"
        "from bag_samples import fill\n"
        "from molmo_ros.embedded.bags import BagWriter, RecordingError\n"
        "writer = BagWriter(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, 2**21))\n"
        "try:\n    fill(writer, 1000)\n"
        "except RecordingError as error:\n    print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "bag", Path(__file__).parent],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "stopped because File too large" in done.stdout
    assert len(counts_in(tmp_path / "bag")) > 10


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cut=st.integers(0, 400_000))
def test_a_file_cut_off_anywhere_is_read_to_the_cut_or_refused(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("cut") / "bag"
    write_bag(folder, 12, chunk_bytes=50_000)
    path = folder / "bag_0.mcap"
    data = path.read_bytes()
    path.write_bytes(data[: min(cut, len(data))])

    try:
        found = counts_in(folder)
    except BagError:
        assert cut < 100
        return

    assert found == list(range(len(found)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(position=st.floats(0.0, 1.0), garbage=st.binary(min_size=1, max_size=64))
def test_a_file_with_garbage_in_it_raises_nothing_but_bag_errors(tmp_path_factory, position, garbage):
    folder = tmp_path_factory.mktemp("garbage") / "bag"
    write_bag(folder, 6, chunk_bytes=50_000, compression="zstd")
    path = folder / "bag_0.mcap"
    data = bytearray(path.read_bytes())
    start = int(position * (len(data) - len(garbage)))
    data[start : start + len(garbage)] = garbage
    path.write_bytes(data)

    try:
        with BagReader(folder) as reader:
            reader.info()
            list(reader.messages())
    except BagError:
        pass


@pytest.mark.parametrize(
    "content",
    ["", "[]", "a: [", "rosbag2_bagfile_information: 3", "rosbag2_bagfile_information: {version: 99}"],
)
def test_metadata_that_cannot_be_understood_is_a_bag_error(tmp_path, content):
    folder = write_bag(tmp_path / "bag", 1)
    (folder / "metadata.yaml").write_text(content)

    with pytest.raises(BagError):
        bag_info(folder)


def test_a_path_in_metadata_cannot_leave_the_folder(tmp_path):
    folder = write_bag(tmp_path / "bag", 3)
    other = write_bag(tmp_path / "other", 5)
    text = (folder / "metadata.yaml").read_text().replace("bag_0.mcap", f"../other/{other.name}_0.mcap")
    (folder / "metadata.yaml").write_text(text)

    assert counts_in(folder) == [0, 1, 2]


def test_a_folder_without_a_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="is no bag"):
        bag_info(tmp_path)
    with pytest.raises(BagError, match="There is no bag"):
        bag_info(tmp_path / "nowhere")


def test_a_file_that_is_no_bag_is_refused(tmp_path):
    for name in ("notes.mcap", "notes.db3"):
        (tmp_path / name).write_bytes(b"not a bag" * 100)
        with pytest.raises(BagError):
            bag_info(tmp_path / name)


def test_an_open_recording_can_be_read_while_it_runs(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        fill(writer, 5)
        writer.flush()

        assert counts_in(tmp_path / "bag") == list(range(5))
        writer.write("/count", count(5), START_NS + 10**9)
    assert counts_in(tmp_path / "bag") == list(range(6))
