"""The embedded runtime beside a real rclpy: latencies, processor time, start-up, and their ratios."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

WORKER = Path(__file__).with_name("_runtime_worker.py")
ROS_VARIABLES = (
    "PYTHONPATH",
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "RMW_IMPLEMENTATION",
    "ROS_DISTRO",
)
# figure -> (role that measures, role on the other side, samples, unit, factor)
FIGURES: dict[str, tuple[str, str, int, str, float]] = {
    "640x480 rgb8, publish to callback": ("receive", "stream", 200, "ms", 1e3),
    "60 B topic round trip": ("topic", "echo", 1000, "ms", 1e3),
    "service round trip": ("service", "echo", 1000, "ms", 1e3),
    "action goal to result": ("action", "echo", 200, "ms", 1e3),
    "processor, idle node": ("idle", "", 1, "% of a core", 100.0),
    "processor, 30 Hz RGB-D subscriber": ("rgbd", "stream_rgbd", 1, "% of a core", 100.0),
}


def command(
    samples: Annotated[float, typer.Option(min=0.01, help="Factor on the number of samples.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; both runtimes take turns in each.")] = 3,
    real_python: Annotated[
        str, typer.Option(help="Interpreter with a real rclpy, its environment sourced; this one if empty.")
    ] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure the embedded runtime, side by side with a real rclpy where one is present."""
    from rich.console import Console
    from rich.table import Table

    sides = {"embedded": embedded_command()}
    real = real_command(real_python or sys.executable)
    if real is not None:
        sides["rclpy"] = real
    measured: dict[str, dict[str, list[float]]] = {
        name: {figure: [] for figure in (*FIGURES, "start-up of a node")} for name in sides
    }
    for turn in range(rounds):
        for name, side in sides.items():
            for figure, values in measure(side, samples, domain=1 + (os.getpid() + turn) % 100).items():
                measured[name][figure] += values
    report = {name: {figure: summary(values) for figure, values in rows.items()} for name, rows in measured.items()}
    table = Table(
        title=f"median of {rounds} rounds" + ("" if real else "; not compared: no real rclpy is present here")
    )
    for heading in ("figure", "embedded p50", "p99", *(["rclpy p50", "p99", "ratio p50", "ratio p99"] if real else [])):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure in (*FIGURES, "start-up of a node"):
        unit, factor = (FIGURES[figure][3], FIGURES[figure][4]) if figure in FIGURES else ("s", 1.0)
        cells = [f"{figure} [{unit}]"]
        for name in sides:
            cells += [f"{report[name][figure][key] * factor:.3f}" for key in ("p50", "p99")]
        if real:
            cells += [
                f"{report['embedded'][figure][key] / max(report['rclpy'][figure][key], 1e-9):.2f}"
                for key in ("p50", "p99")
            ]
        table.add_row(*cells)
    Console().print(table)
    if json_file is not None:
        json_file.write_text(
            json.dumps({"real_rclpy": bool(real), "figures": report}, indent=2) + "\n", encoding="utf-8"
        )


def embedded_command() -> tuple[list[str], dict[str, str]]:
    """How to run the worker on the embedded runtime, whatever ROS 2 is sourced."""
    environment = {k: v for k, v in os.environ.items() if k not in ROS_VARIABLES}
    return [sys.executable, "-m", "molmo_ros.embedded", str(WORKER)], environment


def real_command(python: str) -> tuple[list[str], dict[str, str]] | None:
    """How to run the worker on a real rclpy, or None where there is none."""
    probe = "import importlib.util as u; s = u.find_spec('rclpy'); print(s.origin if s else '')"
    done = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False)
    origin = done.stdout.strip()
    if not origin or "embedded" in origin:
        return None
    return [python, str(WORKER)], dict(os.environ)


def measure(side: tuple[list[str], dict[str, str]], samples: float, domain: int) -> dict[str, list[float]]:
    """All figures of one runtime, once."""
    command_line, environment = side
    environment = {**environment, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    out: dict[str, list[float]] = {}
    for figure, (role, other, count, _, _) in FIGURES.items():
        peer = subprocess.Popen([*command_line, other], env=environment) if other else None
        try:
            answer = run(command_line, environment, role, max(5, int(count * samples)))
        finally:
            if peer is not None:
                end(peer)
        out[figure] = answer["samples"]
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        run(command_line, environment, "start", 1)
        starts.append(time.perf_counter() - began)
    out["start-up of a node"] = starts
    return out


def end(peer: subprocess.Popen[bytes]) -> None:
    """Ends the other side; a process that does not heed SIGTERM is killed."""
    peer.terminate()
    try:
        peer.wait(3.0)
    except subprocess.TimeoutExpired:
        peer.kill()
        peer.wait()


def run(command_line: list[str], environment: dict[str, str], role: str, count: int) -> dict[str, Any]:
    """One worker's answer."""
    done = subprocess.run(
        [*command_line, role, str(count)], env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        tail = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise MolmoRosError(ErrorCode.INTERNAL, f"The measurement {role} gave no figures: {tail[0]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def summary(values: list[float]) -> dict[str, float]:
    """p50, p99 and the largest of some samples."""
    ordered = sorted(values)
    return {
        "p50": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": ordered[-1],
        "samples": len(ordered),
    }
