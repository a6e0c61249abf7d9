"""Record, play, look at and convert bags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from molmo_ros.cli.multi import MultiValueCommand
from molmo_ros.cli.ros.node import UseSimTime, background_spin, refuse, ros_node

app = typer.Typer(no_args_is_help=True, add_completion=False)

BagPath = Annotated[Path, typer.Argument(help="Folder of the bag, or one of its files.")]
Regex = Annotated[str, typer.Option("-e", "--regex", help="Also topics that match this regular expression.")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude-topics", help="Not these topics.")]
Overrides = Annotated[
    Path | None, typer.Option("--qos-profile-overrides-path", help="YAML file with QoS profiles by topic.")
]
Paused = Annotated[bool, typer.Option("-p", "--start-paused", help="Begin paused.")]
NoKeys = Annotated[bool, typer.Option("--disable-keyboard-controls", help="Do not read keys.")]


class RecordCommand(MultiValueCommand):
    """`bag record` with ros2's lists of words."""

    multi = ("--topics", "--exclude-topics", "--custom-data")


class PlayCommand(MultiValueCommand):
    """`bag play` with ros2's lists of words."""

    multi = ("--topics", "--exclude-topics", "--remap", "-m")
    optional = {"--clock": "40"}  # noqa: RUF012


@app.callback()
def bag() -> None:
    """Record, play, look at and convert bags."""


@app.command("record", cls=RecordCommand)
def record(
    topics_positional: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC]...", help="Topics.")] = None,
    topics: Annotated[list[str] | None, typer.Option("--topics", help="Topics to record.")] = None,
    every: Annotated[bool, typer.Option("-a", "--all", "--all-topics", help="Record all topics.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder to create.")] = None,
    storage: Annotated[str, typer.Option("-s", "--storage", help="mcap or sqlite3.")] = "mcap",
    regex: Regex = "",
    exclude_regex: Annotated[str, typer.Option("--exclude-regex", help="Not topics that match.")] = "",
    exclude_topics: Exclude = None,
    include_hidden_topics: Annotated[bool, typer.Option("--include-hidden-topics", help="Also hidden topics.")] = False,
    compression_format: Annotated[str, typer.Option("--compression-format", help="zstd or lz4 (MCAP).")] = "",
    max_bag_size: Annotated[int, typer.Option("-b", "--max-bag-size", min=0, help="Bytes before a split.")] = 0,
    max_bag_duration: Annotated[
        float, typer.Option("-d", "--max-bag-duration", min=0.0, help="Seconds before a split.")
    ] = 0.0,
    max_cache_size: Annotated[
        int, typer.Option("--max-cache-size", min=0, help="Bytes that writing may lag behind.")
    ] = 100 * 1024 * 1024,
    qos_profile_overrides_path: Overrides = None,
    start_paused: Annotated[bool, typer.Option("--start-paused", help="Begin paused.")] = False,
    disable_keyboard_controls: NoKeys = False,
    custom_data: Annotated[list[str] | None, typer.Option("--custom-data", help="KEY=VALUE for the metadata.")] = None,
    use_sim_time: Annotated[bool, typer.Option("--use-sim-time", help="Stamp messages with /clock.")] = False,
    node_name: Annotated[str, typer.Option("--node-name", help="Name of the recording node.")] = "rosbag2_recorder",
) -> None:
    """Record topics into a bag until Ctrl-C."""
    from molmo_ros.cli.ros.goals import interrupts
    from molmo_ros.cli.ros.keyboard import SPACE, keys
    from molmo_ros.embedded import install

    install()
    from molmo_ros.embedded.bags.recorder import Recorder

    wanted = [*(topics_positional or []), *(topics or [])]
    if not (wanted or every or regex):
        raise refuse("say what to record: --all, --topics or --regex")
    folder = output or Path(datetime.now().astimezone().strftime("rosbag2_%Y_%m_%d-%H_%M_%S"))
    failures: list[Any] = []
    with ros_node(name=node_name, use_sim_time=use_sim_time) as node, interrupts() as interrupted:
        recorder = Recorder(
            node,
            folder,
            topics=[] if every else wanted,
            regex="" if every else regex,
            exclude=exclude_topics or [],
            exclude_regex=exclude_regex,
            include_hidden=include_hidden_topics,
            storage=storage,
            compression=compression_format,
            max_file_bytes=max_bag_size,
            max_file_duration_s=max_bag_duration,
            cache_bytes=max_cache_size,
            qos_overrides=_overrides(qos_profile_overrides_path),
            use_node_clock=use_sim_time,
            start_paused=start_paused,
            on_failure=failures.append,
            custom_data=_pairs(custom_data or [], "="),
        )

        def toggle() -> None:
            (recorder.resume if recorder.is_paused else recorder.pause)()
            typer.echo("Paused" if recorder.is_paused else "Resumed")

        with keys({SPACE: toggle}, enabled=not disable_keyboard_controls) as listening:
            typer.echo(f"Recording to {folder}" + (". Press SPACE for pausing/resuming" if listening else ""))
            with background_spin(node) as wait:
                wait(lambda: interrupted() or bool(failures))
        info = recorder.stop()
    if failures:
        raise failures[0]
    lost = f", {recorder.lost_count} lost" if recorder.lost_count else ""
    typer.echo(f"Recorded {info.message_count} messages of {len(info.topics)} topics{lost}")


@app.command("play", cls=PlayCommand)
def play(
    bag_path: BagPath,
    rate: Annotated[float, typer.Option("-r", "--rate", help="How much faster than recorded.")] = 1.0,
    topics: Annotated[list[str] | None, typer.Option("--topics", help="Topics to play.")] = None,
    regex: Regex = "",
    exclude_regex: Annotated[str, typer.Option("-x", "--exclude-regex", help="Not topics that match.")] = "",
    exclude_topics: Exclude = None,
    qos_profile_overrides_path: Overrides = None,
    loop: Annotated[bool, typer.Option("-l", "--loop", help="Begin again at the end.")] = False,
    remap: Annotated[list[str] | None, typer.Option("-m", "--remap", help="Topics to rename, old:=new.")] = None,
    clock: Annotated[float, typer.Option("--clock", help="Publish /clock, 40 times a second or as said.")] = 0.0,
    delay: Annotated[float, typer.Option("-d", "--delay", min=0.0, help="Seconds to wait before.")] = 0.0,
    start_offset: Annotated[float, typer.Option("--start-offset", help="Seconds to skip.")] = 0.0,
    playback_duration: Annotated[float, typer.Option("--playback-duration", help="Seconds of the bag to play.")] = -1.0,
    playback_until_sec: Annotated[
        float, typer.Option("--playback-until-sec", help="Play until this time of the bag in seconds.")
    ] = -1.0,
    playback_until_nsec: Annotated[
        int, typer.Option("--playback-until-nsec", help="Play until this time of the bag in nanoseconds.")
    ] = -1,
    start_paused: Paused = False,
    disable_keyboard_controls: NoKeys = False,
    use_sim_time: UseSimTime = False,
    storage: Annotated[str, typer.Option("--storage", help="Accepted as in ros2; the bag says it.")] = "",
) -> None:
    """Play a bag: SPACE pauses, right arrow plays the next message, up and down change the rate."""
    del storage
    from molmo_ros.cli.ros import keyboard
    from molmo_ros.cli.ros.goals import interrupts
    from molmo_ros.embedded import install

    install()
    from molmo_ros.embedded.bags.player import BagPlayer, PlayerOptions

    until_ns = playback_until_nsec if playback_until_sec < 0.0 else int(playback_until_sec * 1e9)
    options = PlayerOptions(
        rate=rate,
        start_offset_s=start_offset,
        duration_s=playback_duration,
        until_ns=until_ns,
        delay_s=delay,
        loop=loop,
        start_paused=start_paused,
        clock_hz=clock,
        topics=topics or [],
        regex=regex,
        exclude=exclude_topics or [],
        exclude_regex=exclude_regex,
        remap=_pairs(remap or [], ":="),
        qos_overrides=_overrides(qos_profile_overrides_path),
    )
    with ros_node(name="rosbag2_player", use_sim_time=use_sim_time) as node:
        player = BagPlayer(node, bag_path, options)
        actions: dict[str, Callable[[], object]] = {
            keyboard.SPACE: player.toggle_paused,
            keyboard.RIGHT: player.play_next,
            keyboard.UP: lambda: player.set_rate(player.rate * 1.1),
            keyboard.DOWN: lambda: player.set_rate(player.rate * 0.9),
        }
        with interrupts(player.stop) as interrupted, background_spin(node):
            try:
                with keyboard.keys(actions, enabled=not disable_keyboard_controls) as listening:
                    if listening:
                        typer.echo("SPACE: pause or resume, RIGHT: next message, UP and DOWN: rate")
                    count = player.play()
            finally:
                player.close()
            if interrupted():
                raise KeyboardInterrupt
    typer.echo(f"Played {count} messages")


@app.command("info")
def info(
    bag_path: BagPath,
    topic_name: Annotated[bool, typer.Option("-t", "--topic-name", help="Only the names of the topics.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Accepted as in ros2.")] = False,
    storage: Annotated[str, typer.Option("-s", "--storage", help="Accepted as in ros2; the bag says it.")] = "",
) -> None:
    """Print information about a bag."""
    del verbose, storage
    from molmo_ros.embedded.bags import bag_info, format_info

    found = bag_info(bag_path)
    if topic_name:
        for topic in sorted(found.topics, key=lambda entry: str(entry.name)):
            typer.echo(topic.name)
    else:
        typer.echo(format_info(found))


@app.command("reindex")
def reindex(bag_path: BagPath) -> None:
    """Write the metadata of a bag anew, from its files."""
    from molmo_ros.embedded import bags

    found = bags.reindex(bag_path)
    typer.echo(f"Reindexed {found.message_count} messages of {len(found.topics)} topics")


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Option("-i", "--input", help="Bag to read.")],
    output: Annotated[
        Path, typer.Option("-o", "--output-options", "--output", help="Folder to create, or rosbag2's YAML of outputs.")
    ],
    storage: Annotated[str, typer.Option("-s", "--storage", help="mcap or sqlite3, for a folder.")] = "mcap",
    compression_format: Annotated[str, typer.Option("--compression-format", help="zstd or lz4 (MCAP).")] = "",
    topics: Annotated[list[str] | None, typer.Option("--topics", help="Only these topics (repeatable).")] = None,
) -> None:
    """Copy a bag into another storage, compressed, split or only in part."""
    from molmo_ros.cli.ros.bags import outputs
    from molmo_ros.embedded import bags

    for wish in outputs(output, storage=storage, compression=compression_format, topics=topics or []):
        uri = wish.pop("target")
        done = bags.convert(source, uri, **wish)
        typer.echo(f"Wrote {done.message_count} messages of {len(done.topics)} topics to {uri}")


def _overrides(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from molmo_ros.cli.ros.bags import qos_overrides

    return qos_overrides(path)


def _pairs(words: list[str], separator: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, found, value = word.partition(separator)
        if not found or not name:
            raise refuse(f"'{word}' is not of the form name{separator}value")
        pairs[name] = value
    return pairs
