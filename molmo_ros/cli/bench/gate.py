"""Send random and hostile commands through the last gate and check what reaches the driver."""

from __future__ import annotations

import json as json_format
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from molmo_ros.core.scene import Plane

if TYPE_CHECKING:
    from molmo_ros.cli.bench._adversary import Command
    from molmo_ros.motion.gate import Gate, GateMemory

MOST_COUNTED_US = 2000
BATCH = 20_000
SESSION = 150
NOISE_EVERY = 64
NOISE_LOOP = 500


def run_share(commands: int, seed: int) -> dict[str, Any]:
    """One process's share: commands through a gate, and the audit of what came out.

    Args:
        commands: How many commands.
        seed: Seed of this share.

    Returns:
        Plain counts, so that shares can be added up: accepted, refused by code, violations, histograms of the cost.
    """
    from molmo_ros.cli.bench._adversary import Corpus, Session
    from molmo_ros.cli.bench._audit import Auditor, RecordingDriver
    from molmo_ros.motion.description import load_robot
    from molmo_ros.motion.gate import Gate
    from molmo_ros.motion.model import RobotModel

    rng = np.random.default_rng(seed)
    robot = load_robot("fr3")
    model = RobotModel.from_config(robot)
    gate = Gate.from_config(model, robot, support=Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0))
    auditor = Auditor(model.fk_batch)
    starts = _starts(rng, robot, gate)
    corpus = Corpus(rng)
    refused: Counter[str] = Counter()
    by_mode: dict[str, list[int]] = {}
    violations: Counter[str] = Counter()
    wall = np.zeros(MOST_COUNTED_US * 10 + 1, dtype=np.int64)
    noise, again = np.zeros_like(wall), np.zeros_like(wall)
    silent = misnamed = accepted = moving = sent = 0
    while sent < commands:
        driver = RecordingDriver(gate.names, BATCH + SESSION)
        measured_rows, stamps, firsts = [], [], []
        while driver.count < BATCH and sent < commands:
            ticket = corpus.ticket()
            stream, attacks = (np.random.default_rng(part) for part in ticket)
            start = starts[int(stream.integers(len(starts)))]
            session = Session(stream, robot.limits, start, SESSION, chance=attacks)
            memory = None
            outcomes: set[tuple[str, ...]] = set()
            previous = ""
            counts = by_mode.setdefault(session.mode, [0, 0])
            for _ in range(min(SESSION, commands - sent)):
                command = session.next(memory)
                before = time.perf_counter_ns()
                verdict = gate.check(
                    command.names, command.positions, measured=command.measured, now_ns=command.now_ns, memory=memory
                )
                wall[min((time.perf_counter_ns() - before) // 100, len(wall) - 1)] += 1
                sent += 1
                counts[0] += 1
                if sent % NOISE_EVERY == 0:
                    before = time.perf_counter_ns()
                    _fixed_work()
                    noise[min((time.perf_counter_ns() - before) // 100, len(noise) - 1)] += 1
                    again[min(_median_ns(gate, command, memory) // 100, len(again) - 1)] += 1
                if verdict.positions is not None:
                    driver.stream(gate.names, verdict.positions)
                    measured_rows.append(session.measured)
                    stamps.append(command.now_ns)
                    firsts.append(memory is None)
                    counts[1] += 1
                else:
                    refused[verdict.code.name] += 1
                    silent += not verdict.reason.strip()
                outcome = verdict.code.name
                outcomes.add((session.mode, previous, outcome, verdict.reason.partition(" ")[0]))
                previous, memory = outcome, verdict.memory
            corpus.learn(ticket, outcomes)
        misnamed += driver.misnamed
        audit = auditor.judge(
            driver.targets[: driver.count],
            np.array(measured_rows).reshape(driver.count, len(gate.names)),
            np.array(stamps, dtype=np.int64),
            np.array(firsts, dtype=bool),
        )
        accepted += audit.checked
        moving += audit.moving
        violations.update(audit.violations)
    return {
        "commands": sent,
        "accepted": accepted,
        "moving": moving,
        "refused": dict(refused),
        "by_mode": by_mode,
        "outcomes": corpus.seen,
        "violations": {**violations, "names": misnamed},
        "without_reason": silent,
        "wall": wall,
        "noise": noise,
        "again": again,
    }


def _median_ns(gate: Gate, command: Command, memory: GateMemory | None) -> int:
    """Median cost of the same question asked five times: the gate is pure, so what differs is the machine."""
    costs = []
    for _ in range(5):
        before = time.perf_counter_ns()
        gate.check(command.names, command.positions, measured=command.measured, now_ns=command.now_ns, memory=memory)
        costs.append(time.perf_counter_ns() - before)
    return sorted(costs)[2]


def _fixed_work() -> float:
    """About as long as one decision of the gate, and always the same: its spread is the machine's, not the gate's."""
    total = 0.0
    for i in range(NOISE_LOOP):
        total += i * 0.5
    return total


def _starts(rng: np.random.Generator, robot: Any, gate: Any) -> list[np.ndarray[Any, Any]]:
    """Configurations all over the arm's range where it touches nothing and the tool is in the workspace."""
    limits = robot.limits
    lower, upper = robot.workspace_lower_m, robot.workspace_upper_m
    out: list[np.ndarray[Any, Any]] = [robot.poses["ready"]]
    while len(out) < 300:
        q = limits.lower + (limits.upper - limits.lower) * rng.uniform(0.02, 0.98, len(limits.names))
        if gate.world.touching(q) is None:
            tool = np.array(gate.model.tool_position())
            if np.all((tool >= lower) & (tool <= upper)):
                out.append(q)
    return out


def run(commands: int, seed: int, jobs: int) -> dict[str, Any]:
    """The whole bench on a number of processes; the same commands, seed and jobs give the same counts.

    Args:
        commands: How many commands.
        seed: Seed of all shares.
        jobs: How many processes.
    """
    share = [commands // jobs + (k < commands % jobs) for k in range(jobs)]
    seeds = [int(s.generate_state(1)[0]) for s in np.random.SeedSequence(seed).spawn(jobs)]
    begin = time.perf_counter()
    if jobs == 1:
        parts = [run_share(share[0], seeds[0])]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(run_share, share, seeds))
    seconds = time.perf_counter() - begin
    total: dict[str, Counter[str]] = {"refused": Counter(), "violations": Counter()}
    modes: dict[str, list[int]] = {}
    for part in parts:
        for key, counter in total.items():
            counter.update(part[key])
        for mode, (asked, passed) in part["by_mode"].items():
            counts = modes.setdefault(mode, [0, 0])
            counts[0] += asked
            counts[1] += passed
    report = {key: sum(part[key] for part in parts) for key in ("commands", "accepted", "moving", "without_reason")}
    report |= {key: dict(sorted(counter.items())) for key, counter in total.items()}
    report["accepted_share_by_mode"] = {mode: round(b / max(a, 1), 4) for mode, (a, b) in sorted(modes.items())}
    for key in ("wall", "again", "noise"):
        histogram = sum(part[key] for part in parts)
        report[f"{key}_us"] = {
            name: _percentile(histogram, p) for name, p in (("p50", 50), ("p99", 99), ("p99.9", 99.9))
        }
    report["distinct_outcomes"] = len(set[tuple[str, ...]]().union(*(part["outcomes"] for part in parts)))
    report |= {"seed": seed, "jobs": jobs, "seconds": round(seconds, 2)}
    report["commands_per_s"] = round(report["commands"] / max(seconds, 1e-9))
    report["held"] = not any(total["violations"].values()) and report["without_reason"] == 0
    return report


def _percentile(histogram: Any, percent: float) -> float:
    """The upper edge [us] of the histogram's bin of 0.1 us that holds the percentile."""
    edge = int(np.searchsorted(np.cumsum(histogram), histogram.sum() * percent / 100.0)) + 1
    return round(edge * 0.1, 1)


def command(
    commands: Annotated[int, typer.Option("--commands", "-n", min=1, help="How many commands.")] = 200_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the commands.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 2,
    json: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
) -> None:
    """Send random and hostile commands through the last gate and check what reaches the driver."""
    from rich.console import Console
    from rich.table import Table

    report = run(commands, seed, min(jobs, commands))
    if json is not None:
        json.write_text(json_format.dumps(report, indent=2) + "\n", encoding="utf-8")
    console = Console()
    console.print(
        f"{report['commands']} commands in {report['seconds']} s ({report['commands_per_s']}/s on {jobs} processes): "
        f"{report['accepted']} accepted, {report['moving']} of them moving"
    )
    for title, key in (("refused", "refused"), ("broken bounds among the accepted", "violations")):
        table = Table("code" if key == "refused" else "bound", "count", title=title)
        for name, count in report[key].items():
            table.add_row(name, str(count))
        console.print(table)
    console.print(f"distinct outcomes (stream, refusal before, refusal, joint or link): {report['distinct_outcomes']}")
    console.print(f"refusals without a reason: {report['without_reason']}")
    for key, what in (
        ("wall_us", "gate, wall clock"),
        ("again_us", "gate, median of five times the same question"),
        ("noise_us", "fixed work, wall clock"),
    ):
        cost = report[key]
        console.print(f"{what}: p50 {cost['p50']} us, p99 {cost['p99']} us, p99.9 {cost['p99.9']} us")
    console.print("budget: p99 50 us; the fixed work shows how much of the spread is the machine's")
    if not report["held"]:
        raise typer.Exit(1)
