"""The simulated FR3 does what a sentence says: launch, goal, bag and pictures, in one command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

INSTRUCTION = "put the red block in the bowl"
STOP_S = 15.0


def command(
    instruction: Annotated[str, typer.Argument(help="What to do, in a sentence.")] = INSTRUCTION,
    seed: Annotated[int, typer.Option(min=0, help="What the scene is drawn from.")] = 0,
    scene: Annotated[str, typer.Option(help="Name of the scene.")] = "demo",
    runs_dir: Annotated[Path, typer.Option(help="Where bag, pictures and the log go.")] = Path("runs"),
    keep: Annotated[bool, typer.Option(help="Leave the graph running afterwards, until Ctrl-C.")] = False,
    argument: Annotated[
        list[str] | None, typer.Option("--arg", help="Further launch argument NAME:=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Launch the FR3 tabletop graph in simulation, send one sentence, and show what came of it."""
    runs_dir = runs_dir.expanduser().absolute()
    runs_dir.mkdir(parents=True, exist_ok=True)
    log = runs_dir / "demo.log"
    began = time.monotonic()
    cli = [sys.executable, "-m", "molmo_ros.cli"]
    environment = own_graph(os.environ)
    launch = [
        *cli,
        "launch",
        "molmo_ros",
        "fr3_tabletop.launch.xml",
        "robot:=sim",
        f"scene:={scene}",
        f"seed:={seed}",
        f"runs_dir:={runs_dir}",
        *(argument or []),
    ]
    typer.echo(f"launching the simulated FR3 (log: {log})")
    with log.open("wb") as output:
        graph = subprocess.Popen(
            launch, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            goal = subprocess.Popen([*cli, "goal", instruction, "--wait", "60"], env=environment)
            code = _wait(goal, graph, log)
            typer.echo(f"{time.monotonic() - began:.1f} s from launch to end")
            time.sleep(1.0)
            _show(runs_dir)
            if keep:
                typer.echo("the graph keeps running; Ctrl-C ends it")
                graph.wait()
        finally:
            _stop(graph)
    raise typer.Exit(code)


def own_graph(environment: os._Environ[str]) -> dict[str, str]:
    """The environment with loopback-only discovery, unless the person chose otherwise."""
    out = dict(environment)
    out.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return out


def _wait(goal: subprocess.Popen[bytes], graph: subprocess.Popen[bytes], log: Path) -> int:
    while goal.poll() is None:
        if graph.poll() is not None:
            goal.terminate()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            typer.echo(tail, err=True)
            raise MolmoRosError(
                ErrorCode.LAUNCH_INVALID,
                f"The graph ended with code {graph.returncode} before the goal did; see {log}.",
            )
        time.sleep(0.1)
    return goal.returncode


def _show(runs_dir: Path) -> None:
    folders = sorted((p for p in runs_dir.iterdir() if (p / "bag").is_dir()), key=lambda p: p.stat().st_mtime)
    if not folders:
        typer.echo("nothing was recorded")
        return
    newest = folders[-1]
    typer.echo(f"bag:      {newest / 'bag'}")
    for picture in sorted(newest.glob("*.png")):
        typer.echo(f"picture:  {picture}")


def _stop(graph: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGINT, STOP_S), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        if graph.poll() is not None:
            return
        graph.send_signal(number)
        try:
            graph.wait(patience)
        except subprocess.TimeoutExpired:
            continue
