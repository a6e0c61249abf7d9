"""The ROS commands against a real node in another process; output shapes are those of ros2cli (Jazzy)."""

import re
import signal

import pytest
import yaml


def test_topic_list_shows_names_and_types(cli):
    assert "/ticks" in cli("topic", "list").out.splitlines()
    done = cli("topic", "list", "-t")
    assert done.code == 0
    assert "/shop/latched [std_msgs/msg/String]" in done.out.splitlines()
    assert int(cli("topic", "list", "-c").out) >= 4


def test_topic_list_verbose_counts_the_ends(cli):
    done = cli("topic", "list", "-v")
    published, subscribed = done.out.split("Subscribed topics:")
    assert published.startswith("Published topics:\n")
    assert " * /ticks [std_msgs/msg/Header] 1 publisher" in published.splitlines()
    assert " * /say [std_msgs/msg/String] 1 subscriber" in subscribed.splitlines()


def test_topic_type_and_find(cli):
    assert cli("topic", "type", "/ticks").out == "std_msgs/msg/Header\n"
    assert cli("topic", "type", "/nowhere").code == 1
    assert cli("topic", "find", "std_msgs/msg/Header").out == "/ticks\n"


def test_topic_info_shows_type_and_counts(cli):
    assert cli("topic", "info", "/ticks").out.splitlines() == [
        "Type: std_msgs/msg/Header",
        "Publisher count: 1",
        "Subscription count: 0",
    ]


def test_topic_info_verbose_shows_the_endpoint(cli):
    out = cli("topic", "info", "-v", "/shop/latched").out
    assert "Node name: robot" in out
    assert "Node namespace: /shop" in out
    assert "Durability: TRANSIENT_LOCAL" in out


def test_unknown_topic_is_refused(cli):
    done = cli("topic", "info", "/nowhere")
    assert done.code == 2
    assert done.err == "error [CONFIG_INVALID] unknown topic '/nowhere'\n"


def test_topic_echo_adapts_to_a_latched_publisher(cli):
    done = cli("topic", "echo", "--once", "/shop/latched")
    assert (done.code, done.out) == (0, "data: kept\n---\n")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--field", "frame_id"), "clock\n---\n"),
        (("--no-str", "--field", "stamp", "--csv"), r"\d+,\d+\n"),
        (("--filter", "m.frame_id == 'clock'", "--field", "frame_id", "-l", "2"), None),
        (("--flow-style",), r"\{stamp: \{sec: \d+, nanosec: \d+\}, frame_id: clock\}\n---\n"),
    ],
)
def test_topic_echo_styles(cli, options, expected):
    done = cli("topic", "echo", "--once", "/ticks", *options)
    if expected is None:
        assert done.code == 2
        assert "not a field of a message" in done.err
    else:
        assert re.fullmatch(expected, done.out)


def test_topic_echo_filter_passes_only_what_holds(cli):
    assert cli("topic", "echo", "--once", "--filter", "m.frame_id == 'clock'", "/ticks").code == 0
    assert cli("topic", "echo", "--timeout", "0.3", "--filter", "m.frame_id == 'x'", "/ticks").out == ""


def test_topic_echo_of_nobody_is_refused(cli):
    done = cli("topic", "echo", "--once", "/nowhere")
    assert done.code == 2
    assert "could not determine the type of topic '/nowhere'" in done.err


def test_topic_hz_reports_the_rate_until_interrupted(cli_process):
    process = cli_process("topic", "hz", "/ticks", "--window", "50")
    first, second = process.stdout.readline(), process.stdout.readline()
    rate = float(re.fullmatch(r"average rate: (\d+\.\d{3})\n", first)[1])
    assert 25.0 < rate < 100.0
    assert re.fullmatch(r"\tmin: \d\.\d{3}s max: \d\.\d{3}s std dev: \d\.\d{5}s window: \d+\n", second)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


def test_topic_bw_reports_bytes(cli_process):
    process = cli_process("topic", "bw", "/ticks")
    assert process.stdout.readline() == "Subscribed to [/ticks]\n"
    assert re.fullmatch(r"[\d.]+ K?B/s from \d+ messages\n", process.stdout.readline())
    assert re.fullmatch(r"\tMessage size mean: [\d.]+ K?B min: .* max: .*\n", process.stdout.readline())


def test_topic_pub_once_reaches_the_node(cli):
    done = cli("topic", "pub", "--once", "/say", "std_msgs/msg/String", "{data: hello there}")
    assert done.code == 0
    assert done.out.splitlines()[-2] == "publishing #1: std_msgs.msg.String(data='hello there')"
    assert cli("topic", "echo", "--once", "/heard").out == "data: hello there\n---\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/say", "std_msgs/msg/Strin", "{}"), "the message type 'std_msgs/msg/Strin' is not known"),
        (("/say", "std_msgs/msg/String", "{dat: x}"), "failed to populate field"),
        (("/say", "std_msgs/msg/String", "[1]"), "is not a mapping"),
        (("/a b", "std_msgs/msg/String", "{data: x}"), "is not a topic name"),
    ],
)
def test_topic_pub_refuses_what_makes_no_sense(cli, words, said):
    done = cli("topic", "pub", "--once", "-w", "0", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_node_list_and_info(cli):
    assert cli("node", "list").out == "/shop/robot\n"
    lines = cli("node", "info", "/shop/robot").out.splitlines()
    assert lines[0] == "/shop/robot"
    assert lines.index("  Subscribers:") < lines.index("    /say: std_msgs/msg/String") < lines.index("  Publishers:")
    assert "    /shop/arm: std_srvs/srv/SetBool" in lines
    assert lines.index("    /shop/count: example_interfaces/action/Fibonacci") > lines.index("  Action Servers:")


def test_unknown_node_is_refused(cli):
    done = cli("node", "info", "/nobody", "--spin-time", "0.2")
    assert (done.code, done.err) == (2, "error [CONFIG_INVALID] unable to find node '/nobody'\n")


def test_service_list_type_and_info(cli):
    assert "/shop/arm [std_srvs/srv/SetBool]" in cli("service", "list", "-t").out.splitlines()
    assert cli("service", "type", "/shop/arm").out == "std_srvs/srv/SetBool\n"
    assert cli("service", "info", "/shop/arm").out.splitlines() == [
        "Type: std_srvs/srv/SetBool",
        "Clients count: 0",
        "Services count: 1",
    ]


def test_service_call_prints_request_and_response(cli):
    done = cli("service", "call", "/shop/arm", "std_srvs/srv/SetBool", "{data: true}")
    assert done.code == 0
    assert "requester: making request: std_srvs.srv.SetBool_Request(data=True)" in done.out
    assert "response:\nstd_srvs.srv.SetBool_Response(success=True, message='armed')" in done.out


def test_service_that_does_not_come_is_refused(cli):
    done = cli("service", "call", "/nothing", "std_srvs/srv/Empty", "--timeout", "0.2")
    assert done.code == 2
    assert "did not become available within 0.2 s" in done.err


def test_action_list_and_info(cli):
    listed = cli("action", "list", "-t").out.splitlines()
    assert "/shop/count [example_interfaces/action/Fibonacci]" in listed
    assert cli("action", "info", "/shop/count").out.splitlines() == [
        "Action: /shop/count",
        "Action clients: 0",
        "Action servers: 1",
        "    /shop/robot",
    ]


def test_goal_with_feedback_succeeds(cli):
    done = cli("action", "send_goal", "-f", "/shop/count", "example_interfaces/action/Fibonacci", "{order: 4}")
    assert done.code == 0
    assert "Sending goal:\n     order: 4\n" in done.out
    assert re.search(r"Goal accepted with ID: [0-9a-f]{32}\n", done.out)
    assert "Feedback:\n    sequence:\n- 0\n- 1\n" in done.out
    assert "Result:\n    sequence:\n- 0\n- 1\n- 1\n- 2\n" in done.out
    assert done.out.endswith("Goal finished with status: SUCCEEDED\n")


def test_goal_that_aborts_exits_1(cli):
    done = cli("action", "send_goal", "/shop/count", "example_interfaces/action/Fibonacci", "{order: 13}")
    assert done.code == 1
    assert done.out.endswith("Goal finished with status: ABORTED\n")


def test_interrupt_cancels_the_goal(cli_process):
    process = cli_process(
        "action", "send_goal", "-f", "/shop/count", "example_interfaces/action/Fibonacci", "{order: -1}"
    )
    for line in process.stdout:
        if line.startswith("Feedback"):
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert "Canceling goal...\nGoal canceled.\n" in out
    assert process.returncode == 130


def test_param_list_get_and_describe(cli):
    lines = cli("param", "list", "/shop/robot").out.splitlines()
    assert {"  arm.names", "  gain", "  speed", "  use_sim_time"} <= set(lines)
    assert "/shop/robot:" in cli("param", "list").out.splitlines()
    assert "  speed (type: integer)" in cli("param", "list", "/shop/robot", "--param-type").out.splitlines()
    assert cli("param", "get", "/shop/robot", "gain").out == "Double value is: 0.5\n"
    assert cli("param", "get", "/shop/robot", "arm.names").out == "String values are: ['left', 'right']\n"
    assert cli("param", "get", "--hide-type", "/shop/robot", "use_sim_time").out == "False\n"
    assert cli("param", "describe", "/shop/robot", "speed").out.splitlines() == [
        "Parameter name: speed",
        "  Type: integer",
        "  Description: how fast",
        "  Constraints:",
        "    Min value: 0",
        "    Max value: 9",
        "    Step: 1",
    ]


def test_param_set_and_refusal(cli):
    assert cli("param", "set", "/shop/robot", "speed", "7").out == "Set parameter successful\n"
    assert cli("param", "get", "/shop/robot", "speed").out == "Integer value is: 7\n"
    done = cli("param", "set", "/shop/robot", "speed", "70")
    assert done.code == 1
    assert done.err.startswith("Setting parameter failed: ")


def test_param_dump_and_load_are_inverse(cli, tmp_path):
    file = tmp_path / "p.yaml"
    dumped = yaml.safe_load(cli("param", "dump", "/shop/robot").out)
    values = dumped["/shop/robot"]["ros__parameters"]
    assert values["arm"]["names"] == ["left", "right"]
    file.write_text(yaml.safe_dump({"/shop/robot": {"ros__parameters": {"gain": 0.25}}}))
    assert cli("param", "load", "/shop/robot", str(file)).out == "Set parameter gain successful\n"
    assert cli("param", "get", "--hide-type", "/shop/robot", "gain").out == "0.25\n"


@pytest.mark.parametrize(
    "words", [("get", "/nobody", "x"), ("set", "/nobody", "x", "1"), ("dump", "/nobody"), ("describe", "/nobody", "x")]
)
def test_param_of_an_unknown_node_is_refused(cli, words):
    verb, *rest = words
    done = cli("param", verb, "--timeout", "0.2", *rest)
    assert (done.code, done.err) == (2, "error [CONFIG_INVALID] node '/nobody' not found\n")


def test_interface_show_nests_types(cli):
    lines = cli("interface", "show", "geometry_msgs/msg/PoseStamped", "--no-comments").out.splitlines()
    assert lines[:5] == [
        "std_msgs/Header header",
        "\tbuiltin_interfaces/Time stamp",
        "\t\tint32 sec",
        "\t\tuint32 nanosec",
        "\tstring frame_id",
    ]


def test_interface_package_and_list(cli):
    assert cli("interface", "package", "std_srvs").out.splitlines() == [
        "std_srvs/srv/Empty",
        "std_srvs/srv/SetBool",
        "std_srvs/srv/Trigger",
    ]
    assert "    example_interfaces/action/Fibonacci" in cli("interface", "list", "-a").out.splitlines()
    assert cli("interface", "package", "no_such").code == 2


def test_doctor_is_content_with_this_machine(cli):
    done = cli("doctor", "--report")
    assert "MIDDLEWARE" in done.out
    assert "error   middleware" not in done.out


def test_middleware_that_cannot_start_is_one_line(cli, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "many")
    done = cli("node", "list")
    assert done.code == 2
    assert done.err.startswith("error [CONFIG_INVALID] the middleware does not start: ")
    assert done.err.count("\n") == 1
