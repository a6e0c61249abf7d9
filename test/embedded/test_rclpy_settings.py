"""Environment variables and command lines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from rclpy.exceptions import ParameterNotDeclaredException
from rclpy.impl import args, yaml_params
from rclpy.impl.errors import RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy_world import node

from molmo_ros.embedded.transport import config


def test_loopback_is_all_that_is_bound_by_default() -> None:
    settings = config.defaults({})
    assert all(endpoint.startswith("tcp/127.0.0.1:") for endpoint in settings["listen/endpoints"])
    assert settings["connect/endpoints"] == ["tcp/127.0.0.1:7447"]
    assert settings["scouting/multicast/enabled"] is False


def test_the_subnet_is_reached_when_asked_for() -> None:
    settings = config.defaults({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"})
    assert settings["listen/endpoints"][0] in ("tcp/[::]:0", "tcp/0.0.0.0:0")
    assert settings["scouting/multicast/enabled"] is True


def test_localhost_only_outranks_the_discovery_range() -> None:
    environ = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_LOCALHOST_ONLY": "1"}
    assert config.discovery_range(environ) == "LOCALHOST"


def test_discovery_can_be_switched_off() -> None:
    settings = config.defaults({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"})
    assert (settings["listen/endpoints"], settings["connect/endpoints"]) == ([], [])


def test_static_peers_are_called() -> None:
    settings = config.defaults({"ROS_STATIC_PEERS": "10.0.0.2;robot:7000;tls/host:1"})
    assert settings["connect/endpoints"][1:] == ["tcp/10.0.0.2:7447", "tcp/robot:7000", "tls/host:1"]


@pytest.mark.parametrize(("free", "pool"), [(10**12, 32 * 2**20), (64 * 2**20, 8 * 2**20), (16 * 2**20, 0)])
def test_shared_memory_takes_an_eighth_of_what_is_free(monkeypatch, free: int, pool: int) -> None:
    disk = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096)
    monkeypatch.setattr(config.os, "statvfs", lambda path: disk, raising=False)
    assert config.shared_memory_pool_bytes({}) == pool
    assert config.defaults({})["transport/shared_memory/enabled"] is (pool > 0)
    assert config.shared_memory_pool_bytes({"MOLMO_ROS_SHARED_MEMORY": "0"}) == 0


def test_the_override_changes_one_setting() -> None:
    conf = config.build({"ZENOH_CONFIG_OVERRIDE": 'mode="client";scouting/delay=7'})
    assert conf.get_json("mode") == '"client"'
    assert conf.get_json("scouting/delay") == "7"


@pytest.mark.parametrize("text", ["mode", "=1", "mode=", "no/such/key=1"])
def test_a_bad_override_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="ZENOH_CONFIG_OVERRIDE"):
        config.build({"ZENOH_CONFIG_OVERRIDE": text})


def test_a_configuration_file_replaces_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "session.json5"
    file.write_text('{mode: "client", connect: {endpoints: ["tcp/10.1.1.1:7447"]}}')
    conf = config.build({"ZENOH_SESSION_CONFIG_URI": str(file)})
    assert "10.1.1.1" in conf.get_json("connect/endpoints")


def test_a_missing_configuration_file_is_named() -> None:
    with pytest.raises(ValueError, match="names no file"):
        config.build({"ZENOH_SESSION_CONFIG_URI": "/nowhere.json5"})


@pytest.mark.parametrize(("text", "domain"), [("", 0), ("42", 42)])
def test_the_domain_is_read(text: str, domain: int) -> None:
    assert config.resolve_domain_id({"ROS_DOMAIN_ID": text}) == domain


@pytest.mark.parametrize("text", ["-1", "x", "1.5"])
def test_a_domain_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ROS_DOMAIN_ID"):
        config.resolve_domain_id({"ROS_DOMAIN_ID": text})


def test_only_the_part_after_ros_args_is_ros() -> None:
    line = ["prog", "-r", "--ros-args", "-r", "a:=b", "--", "-p", "--ros-args", "--log-level", "debug"]
    parsed = args.parse(line)
    assert parsed.others == ["prog", "-r", "-p"]
    assert (parsed.remaps[0].match, parsed.remaps[0].replacement) == ("a", "b")
    assert parsed.levels == {"": 10}


@pytest.mark.parametrize(
    "words",
    [("-r", "no-rule"), ("-r",), ("-p", "x"), ("--params-file", "/nowhere"), ("--log-level", "loud"), ("-r", "a:=b c")],
)
def test_malformed_ros_arguments_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(RCLInvalidROSArgsError, match="Failed to parse ROS arguments"):
        args.parse(["--ros-args", *words])


def test_unknown_ros_arguments_are_named() -> None:
    with pytest.raises(UnknownROSArgsError, match="--shout"):
        args.parse_strictly(["--ros-args", "--shout"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.", 1.0), ("true", True), ("a", "a"), ("'1'", "1"), ("[1, 2]", [1, 2]), ("[1, 2.5]", [1.0, 2.5])],
)
def test_parameter_values_have_the_types_of_yaml(text: str, value: object) -> None:
    parsed = yaml_params.parse_value(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("/**", "/a/b/n", True),
        ("/*", "/n", True),
        ("/*", "/a/n", False),
        ("/**/n", "/n", True),
        ("/**/n", "/a/b/n", True),
        ("/a/*/n", "/a/b/n", True),
        ("/a/*/n", "/a/n", False),
        ("n", "/n", True),
        ("/a/n", "/a/m", False),
    ],
)
def test_node_patterns(pattern: str, name: str, fits: bool) -> None:
    assert yaml_params.matches(pattern, name) is fits


def test_names_namespaces_and_topics_are_remapped() -> None:
    with node(
        "--ros-args", "-r", "__node:=renamed", "-r", "__ns:=/far", "-r", "in:=out/side", "-r", "/abs:=~/own"
    ) as it:
        assert it.get_fully_qualified_name() == "/far/renamed"
        assert it.resolve_topic_name("in") == "/far/out/side"
        assert it.resolve_topic_name("/abs") == "/far/renamed/own"
        assert it.resolve_topic_name("in", only_expand=True) == "/far/in"


def test_a_rule_for_another_node_does_not_count() -> None:
    with node("--ros-args", "-r", "other:in:=out", "-r", "node:left:=right") as it:
        assert it.resolve_topic_name("in") == "/in"
        assert it.resolve_topic_name("left") == "/right"


def test_parameters_come_from_files_and_the_command_line_last_wins(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "/**:\n  ros__parameters: {speed: 1.0, deep: {er: 3}}\n"
        "node:\n  ros__parameters: {speed: 2.0}\n"
        "other:\n  ros__parameters: {secret: 1}\n"
    )
    line = ("--ros-args", "--params-file", str(file), "-p", "name:=robot", "-p", "other:name:=wrong")
    with node(*line, automatically_declare_parameters_from_overrides=True) as it:
        assert it.get_parameter("speed").value == 2.0
        assert it.get_parameter("deep.er").value == 3
        assert it.get_parameter("name").value == "robot"
        with pytest.raises(ParameterNotDeclaredException):
            it.get_parameter("secret")


def test_session_ids_are_low_and_have_no_leading_zero_which_zenoh_refuses() -> None:
    ids = [config.defaults({})["id"] for _ in range(500)]
    assert not [each for each in ids if each.startswith("0")]
    assert max(int(each, 16) for each in ids) < 2**96
    assert len(set(ids)) == 500
