"""Bags from the command line: recorded from a running node, described, converted and played."""

import signal

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the bags of this file go."""
    return tmp_path_factory.mktemp("bags")


@pytest.fixture
def recorded(folder, cli_process, cli):
    """A bag of the test node's topics, recorded once."""
    bag = folder / "run"
    if not bag.exists():
        process = cli_process("bag", "record", "--topics", "/ticks", "/shop/latched", "-o", str(bag))
        assert process.stdout.readline() == f"Recording to {bag}\n"
        heard = [line for line in (process.stderr.readline(), process.stderr.readline()) if "Recording /" in line]
        assert len(heard) == 2
        cli("topic", "echo", "--once", "/ticks")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out.startswith("Recorded ")
    return bag


def test_recorded_bag_is_described(recorded, cli):
    out = cli("bag", "info", str(recorded)).out
    assert "Topic: /ticks | Type: std_msgs/msg/Header" in out
    assert "Topic: /shop/latched | Type: std_msgs/msg/String | Count: 1" in out
    assert cli("bag", "info", "-t", str(recorded)).out == "/shop/latched\n/ticks\n"


def test_bag_is_converted_to_sqlite_and_back(recorded, cli, tmp_path):
    assert cli("bag", "convert", "-i", str(recorded), "-o", str(tmp_path / "db"), "-s", "sqlite3").code == 0
    options = tmp_path / "out.yaml"
    options.write_text(f"output_bags: [{{uri: {tmp_path / 'back'}, storage_id: mcap, topics: [/shop/latched]}}]")
    done = cli("bag", "convert", "-i", str(tmp_path / "db"), "-o", str(options))
    assert done.out == f"Wrote 1 messages of 1 topics to {tmp_path / 'back'}\n"


def test_bag_is_played_under_another_name(recorded, cli, cli_process):
    echo = cli_process(
        "topic", "echo", "--once", "/again", "std_msgs/msg/String", "--qos-durability", "transient_local"
    )
    while "Subscription count: 1" not in cli("topic", "info", "/again", "--spin-time", "0.3").out:
        assert echo.poll() is None
    words = ("--topics", "/shop/latched", "-m", "/shop/latched:=/again", "--rate", "20", "--clock")
    done = cli("bag", "play", str(recorded), *words)
    assert (done.code, done.out.splitlines()[-1]) == (0, "Played 1 messages")
    out, _ = echo.communicate(timeout=30)
    assert out == "data: kept\n---\n"


def test_playing_ends_on_interrupt(recorded, cli_process):
    process = cli_process("bag", "play", str(recorded), "--loop", "--rate", "0.01")
    for line in cli_process("topic", "echo", "--once", "/ticks").stdout:
        assert line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    # A shell calls both 130: leaving with that code, and ending by the signal itself.
    assert process.returncode in (130, -signal.SIGINT)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("info", "/no/such/bag"), "BAG_INVALID"),
        (("play", "/no/such/bag"), "BAG_INVALID"),
        (("play", "/no/such/bag", "--rate", "0"), "rate must be greater than 0"),
        (("record",), "say what to record"),
        (("play", "/no/such/bag", "-m", "x"), "is not of the form name:=value"),
        (("convert", "-i", "/no/such/bag", "-o", "/no/such/options.yaml"), "cannot read"),
    ],
)
def test_refused_in_one_line(cli, words, said):
    done = cli("bag", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
