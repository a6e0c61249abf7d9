"""Start and stop a two-node graph many times and show what is left behind."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

GRAPH = """
<launch>
  <node pkg="demo_nodes_py" exec="talker"><param name="period_s" value="0.02"/></node>
  <node pkg="demo_nodes_py" exec="listener" on_exit="shutdown"><param name="exit_after" value="1"/></node>
</launch>
"""
_MARK = "MOLMO_ROS_LAUNCH_CYCLES"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What this process and the machine hold, before and after.

    Attributes:
        processes: processes that a launch of this process started.
        descriptors: open file descriptors of this process.
        files: temporary folders of launches.
        segments: shared memory segments of the machine.
        resident_kib: resident memory of this process.
    """

    processes: int
    descriptors: int
    files: int
    segments: int
    resident_kib: int


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Result of a series of launches.

    Attributes:
        failed: launches that did not end with exit code 0.
        seconds: duration of each launch.
        before: after two launches to warm up.
        after: at the end.
    """

    count: int
    failed: int
    seconds: list[float]
    before: Leftovers
    after: Leftovers


def measure() -> Leftovers:
    """Count what is there now (Linux)."""
    gc.collect()
    mark = f"{_MARK}={os.getpid()}".encode()
    processes = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                processes += mark in (entry / "environ").read_bytes().split(b"\0")
    return Leftovers(
        processes=processes,
        descriptors=len(os.listdir("/proc/self/fd")),
        files=len(list(Path(tempfile.gettempdir()).glob("molmo_ros_launch_*"))),
        segments=len(os.listdir(_SHARED_MEMORY)) if _SHARED_MEMORY.is_dir() else 0,
        resident_kib=int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024,
    )


def run_cycles(count: int, *, graph: str = GRAPH, preload: bool = True, progress: bool = False) -> Cycles:
    """Launch the graph `count` times; each launch ends when the listener has heard the talker.

    Args:
        count: number of launches.
        graph: text of the launch file.
        preload: as in `molmo-ros launch`.
        progress: show a progress bar on stderr.
    """
    from rich.console import Console
    from rich.progress import track

    from molmo_ros.embedded.launch.evaluate import make_plan
    from molmo_ros.embedded.launch.output import Screen
    from molmo_ros.embedded.launch.supervisor import run_plan

    os.environ[_MARK] = str(os.getpid())
    failed = 0
    seconds: list[float] = []

    def once(path: Path) -> int:
        silent = Screen(io.StringIO(), io.StringIO())
        return run_plan(make_plan(path), screen=silent, preload=preload, handle_signals=False)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.launch.xml"
        path.write_text(graph, encoding="utf-8")
        for _ in range(2):
            once(path)
        before = measure()
        console = Console(file=sys.stderr)
        for _ in track(range(count), "launching", console=console, disable=not progress):
            start = time.monotonic()
            failed += once(path) != 0
            seconds.append(time.monotonic() - start)
    return Cycles(count=count, failed=failed, seconds=seconds, before=before, after=measure())


def command(
    cycles: Annotated[int, typer.Option("--cycles", "-n", min=1, help="How many launches.")] = 100,
    preload: Annotated[bool, typer.Option("--preload/--no-preload", help="As in molmo-ros launch.")] = True,
) -> None:
    """Start and stop a two-node graph many times; fails when anything is left behind."""
    import statistics

    result = run_cycles(cycles, preload=preload, progress=True)
    typer.echo(f"{result.count} launches, {result.failed} failed")
    typer.echo(f"seconds per launch: median {statistics.median(result.seconds):.2f}, longest {max(result.seconds):.2f}")
    for field in fields(Leftovers):
        typer.echo(f"{field.name}: {getattr(result.before, field.name)} -> {getattr(result.after, field.name)}")
    counted = ("processes", "descriptors", "files", "segments")
    left = any(getattr(result.after, name) > getattr(result.before, name) for name in counted)
    if result.failed or left:
        raise typer.Exit(1)
