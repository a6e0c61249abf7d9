"""Look at topics, and publish to them."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from molmo_ros.cli.ros import qos
from molmo_ros.cli.ros.node import IncludeHiddenTopics, NoDaemon, SpinTime, UseSimTime, refuse, ros_node, wait_until

app = typer.Typer(no_args_is_help=True, add_completion=False)

TopicName = Annotated[str, typer.Argument(help="Name of the topic, such as /chatter.")]
Window = Annotated[int, typer.Option("-w", "--window", min=1, help="Number of messages to average over.")]
FIND_S = 4.0


@app.callback()
def topic() -> None:
    """Look at topics, and publish to them."""


@app.command("list")
def list_topics(
    show_types: Annotated[bool, typer.Option("-t", "--show-types", help="Additionally show the topic type.")] = False,
    count: Annotated[bool, typer.Option("-c", "--count-topics", help="Only show how many there are.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="List publishers and subscribers.")] = False,
    include_hidden_topics: IncludeHiddenTopics = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output a list of available topics."""
    del no_daemon
    from molmo_ros.cli.ros.topics import names_and_types

    with ros_node("topic_list") as node:
        found = names_and_types(node, hidden=include_hidden_topics, spin_time_s=spin_time)
        ends = [(node.count_publishers(name), node.count_subscribers(name)) for name, _ in found]
    if count:
        typer.echo(len(found))
    elif verbose:
        for title, noun, index in (("Published", "publisher", 0), ("Subscribed", "subscriber", 1)):
            typer.echo(f"{title} topics:")
            for (name, types), counts in zip(found, ends, strict=True):
                number = counts[index]
                if number:
                    typer.echo(f" * {name} [{', '.join(types)}] {number} {noun}{'s' if number > 1 else ''}")
            typer.echo()
    else:
        for name, types in found:
            typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command("type")
def topic_type(topic_name: TopicName, spin_time: SpinTime = None, no_daemon: NoDaemon = False) -> None:
    """Print a topic's type; exit code 1 when there is no such topic."""
    del no_daemon
    from molmo_ros.cli.ros.topics import names_and_types

    with ros_node("topic_type") as node:
        found = dict(names_and_types(node, hidden=True, spin_time_s=spin_time))
    if topic_name not in found:
        raise typer.Exit(1)
    for name in found[topic_name]:
        typer.echo(name)


@app.command("find")
def find(
    topic_type: Annotated[str, typer.Argument(help="Type of the topics, such as std_msgs/msg/String.")],
    count: Annotated[bool, typer.Option("-c", "--count-topics", help="Only show how many there are.")] = False,
    include_hidden_topics: IncludeHiddenTopics = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output the topics of a given type."""
    del no_daemon
    from molmo_ros.cli.ros.topics import names_and_types

    with ros_node("topic_find") as node:
        every = names_and_types(node, hidden=include_hidden_topics, spin_time_s=spin_time)
    found = [name for name, types in every if topic_type in types]
    typer.echo(len(found) if count else "\n".join(found))


@app.command("info")
def info(
    topic_name: TopicName,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show every endpoint with its QoS.")] = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Print information about a topic."""
    del no_daemon
    from molmo_ros.cli.ros.topics import full_name, names_and_types

    with ros_node("topic_info") as node:
        name = full_name(node, topic_name)
        types = dict(names_and_types(node, hidden=True, spin_time_s=spin_time)).get(name)
        if types is None:
            raise refuse(f"unknown topic '{topic_name}'")
        end = "\n" if verbose else ""
        typer.echo(f"Type: {types[0] if len(types) == 1 else types}{end}")
        typer.echo(f"Publisher count: {node.count_publishers(name)}{end}")
        for endpoint in node.get_publishers_info_by_topic(name) if verbose else ():
            typer.echo(f"{endpoint}\n")
        typer.echo(f"Subscription count: {node.count_subscribers(name)}{end}")
        for endpoint in node.get_subscriptions_info_by_topic(name) if verbose else ():
            typer.echo(f"{endpoint}\n")


@app.command("echo")
def echo(
    topic_name: TopicName,
    message_type: Annotated[
        str | None, typer.Argument(help="Type of the message; asked of the graph if absent.")
    ] = None,
    qos_profile: qos.Profile = None,
    qos_depth: qos.Depth = None,
    qos_history: qos.History = None,
    qos_reliability: qos.Reliability = None,
    qos_durability: qos.Durability = None,
    csv: Annotated[bool, typer.Option("--csv", help="All fields, separated by commas.")] = False,
    field: Annotated[str | None, typer.Option("--field", help="Only this field, such as pose.position.")] = None,
    full_length: Annotated[bool, typer.Option("-f", "--full-length", help="Do not shorten long values.")] = False,
    truncate_length: Annotated[int, typer.Option("-l", "--truncate-length", min=0, help="Longest value.")] = 128,
    no_arr: Annotated[bool, typer.Option("--no-arr", help="Do not print arrays.")] = False,
    no_str: Annotated[bool, typer.Option("--no-str", help="Do not print texts.")] = False,
    flow_style: Annotated[bool, typer.Option("--flow-style", help="One line per collection.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Print the serialized bytes.")] = False,
    filter_expr: Annotated[
        str | None, typer.Option("--filter", help="Only where this holds for the message m.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one message and exit.")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", min=0.0, help="Seconds to listen at most.")] = None,
    message_info: Annotated[bool, typer.Option("-i", "--include-message-info", help="Show the message info.")] = False,
    no_lost_messages: Annotated[bool, typer.Option("--no-lost-messages", help="Do not report lost messages.")] = False,
    use_sim_time: UseSimTime = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output messages from a topic."""
    del no_daemon, spin_time
    from molmo_ros.cli.ros import topics
    from molmo_ros.cli.ros.echo import EchoStyle, make_printer
    from molmo_ros.cli.ros.messages import load_type

    style = EchoStyle(
        csv=csv,
        field=field,
        truncate_length=None if full_length else truncate_length,
        no_arr=no_arr,
        no_str=no_str,
        flow_style=flow_style,
        filter_expression=filter_expr,
        message_info=message_info,
    )
    printer = make_printer(style)
    wishes = qos.QosWishes(
        profile=qos_profile,
        depth=qos_depth,
        history=qos_history,
        reliability=qos_reliability,
        durability=qos_durability,
    )
    with ros_node("topic_echo", use_sim_time=use_sim_time) as node:
        name = topics.full_name(node, topic_name)
        if message_type is None:
            kind = topics.find_class(node, topic_name, limit_s=FIND_S)
            if kind is None:
                raise refuse(f"could not determine the type of topic '{topic_name}'; nobody publishes it")
        else:
            kind = load_type("message", message_type)
            wait_until(node, lambda: node.count_publishers(name) > 0, 1.0)
        profile = wishes.resolve("sensor_data")
        if not wishes.explicit:
            profile, notes = qos.matching(node, name, profile)
            for note in notes:
                typer.echo(note)
        printed = [False]

        def hear(message: Any, message_info: Any) -> None:
            if not (once and printed[0]):
                printed[0] = printer(message, message_info) or printed[0]

        node.create_subscription(kind, name, hear, profile, event_callbacks=_events(no_lost_messages), raw=raw)
        wait_until(node, lambda: once and printed[0], timeout)


def _events(no_lost_messages: bool) -> Any:
    from rclpy.event_handler import SubscriptionEventCallbacks

    def lost(status: Any) -> None:
        typer.echo(
            f"A message was lost!!!\n\ttotal count change:{status.total_count_change}"
            f"\n\ttotal count: {status.total_count}\n---"
        )

    return None if no_lost_messages else SubscriptionEventCallbacks(message_lost=lost)


@app.command("hz")
def hz(
    topic_name: TopicName,
    window: Window = 10000,
    filter_expr: Annotated[
        str | None, typer.Option("--filter", help="Only where this holds for the message m.")
    ] = None,
    wall_time: Annotated[bool, typer.Option("--wall-time", help="Measure in wall time.")] = False,
    use_sim_time: UseSimTime = False,
    spin_time: SpinTime = None,
) -> None:
    """Print the average publishing rate."""
    del spin_time
    from molmo_ros.cli.ros import topics
    from molmo_ros.cli.ros.echo import holds

    with ros_node("topic_hz", use_sim_time=use_sim_time) as node:
        kind = topics.find_class(node, topic_name, limit_s=None)
        clock = node.get_clock()
        rate = topics.Rate(window, time.time_ns if wall_time else lambda: int(clock.now().nanoseconds))

        def hear(message: Any) -> None:
            if filter_expr is None or holds(filter_expr, message):
                rate.arrived()

        name = topics.full_name(node, topic_name)
        profile = qos.QosWishes().resolve("sensor_data")
        node.create_subscription(kind, name, hear, profile, raw=filter_expr is None)
        topics.report_every_second(node, rate.report)


@app.command("bw")
def bandwidth(
    topic_name: TopicName, window: Window = 100, use_sim_time: UseSimTime = False, spin_time: SpinTime = None
) -> None:
    """Display the bandwidth a topic uses."""
    del spin_time
    from molmo_ros.cli.ros import topics

    with ros_node("topic_bw", use_sim_time=use_sim_time) as node:
        kind = topics.find_class(node, topic_name, limit_s=None)
        measured = topics.Bandwidth(window)
        name = topics.full_name(node, topic_name)
        node.create_subscription(kind, name, measured.arrived, qos.QosWishes().resolve("sensor_data"), raw=True)
        typer.echo(f"Subscribed to [{name}]")
        topics.report_every_second(node, measured.report)


@app.command("pub")
def publish(
    topic_name: TopicName,
    message_type: Annotated[str, typer.Argument(help="Type of the message, such as std_msgs/msg/String.")],
    values: Annotated[str, typer.Argument(help="Values in YAML, such as '{data: Hello}'.")] = "{}",
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the values from standard input.")] = False,
    rate: Annotated[float, typer.Option("-r", "--rate", min=1e-6, help="Messages per second.")] = 1.0,
    print_nth: Annotated[int, typer.Option("-p", "--print", min=0, help="Print every N-th message.")] = 1,
    once: Annotated[bool, typer.Option("-1", "--once", help="Publish one message and exit.")] = False,
    times: Annotated[int, typer.Option("-t", "--times", min=0, help="Publish this often and exit.")] = 0,
    wait_matching_subscriptions: Annotated[
        int | None, typer.Option("-w", "--wait-matching-subscriptions", min=0, help="Wait for this many subscribers.")
    ] = None,
    max_wait_time_secs: Annotated[
        float | None, typer.Option("--max-wait-time-secs", min=0.0, help="Longest wait for subscribers.")
    ] = None,
    keep_alive: Annotated[float, typer.Option("--keep-alive", min=0.0, help="Seconds to stay after the last.")] = 0.1,
    node_name: Annotated[str | None, typer.Option("-n", "--node-name", help="Name of the publishing node.")] = None,
    qos_profile: qos.Profile = None,
    qos_depth: qos.Depth = None,
    qos_history: qos.History = None,
    qos_reliability: qos.Reliability = None,
    qos_durability: qos.Durability = None,
    use_sim_time: UseSimTime = False,
    spin_time: SpinTime = None,
) -> None:
    """Publish a message to a topic."""
    del spin_time
    from molmo_ros.cli.ros import messages, topics

    times = 1 if once else times
    wanted = wait_matching_subscriptions if wait_matching_subscriptions is not None else int(times != 0)
    if wanted == 0 and max_wait_time_secs is not None:
        raise refuse("--max-wait-time-secs needs --wait-matching-subscriptions, --once or --times")
    wishes = qos.QosWishes(
        profile=qos_profile,
        depth=qos_depth,
        history=qos_history,
        reliability=qos_reliability,
        durability=qos_durability,
    )
    kind = messages.load_type("message", message_type)
    message = kind()
    setters = messages.fill(message, messages.read_values(messages.read_stdin() if stdin else values), stamps=True)
    with ros_node("topic_pub", use_sim_time=use_sim_time, name=node_name) as node:
        publisher = node.create_publisher(kind, topics.full_name(node, topic_name), wishes.resolve("default"))
        if publisher.get_subscription_count() < wanted:
            typer.echo(f"Waiting for at least {wanted} matching subscription(s)...")
            if not wait_until(node, lambda: publisher.get_subscription_count() >= wanted, max_wait_time_secs):
                have = publisher.get_subscription_count()
                raise refuse(f"timed out waiting for subscribers: expected {wanted}, got {have}")
        typer.echo("publisher: beginning loop")
        sent = 0
        due = time.monotonic()
        while times == 0 or sent < times:
            for set_stamp in setters:
                set_stamp(node.get_clock().now().to_msg())
            sent += 1
            if print_nth and sent % print_nth == 0:
                typer.echo(f"publishing #{sent}: {message!r}\n")
            publisher.publish(message)
            due += 1.0 / rate
            if times == 0 or sent < times:
                wait_until(node, lambda: False, max(0.0, due - time.monotonic()))
        wait_until(node, lambda: False, keep_alive)
