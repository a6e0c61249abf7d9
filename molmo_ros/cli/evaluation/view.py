"""What an evaluation shows in the terminal: a bar while it runs, a table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from molmo_ros.cli.evaluation.report import EpisodeResult


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[EpisodeResult], None]]:
    """A bar on stderr; the function it gives advances it by one episode."""
    done = {"episodes": 0, "successes": 0}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("episodes", total=total)

        def advance(result: EpisodeResult) -> None:
            done["episodes"] += 1
            done["successes"] += result.success
            progress.update(bar, advance=1, description=f"{done['successes']}/{done['episodes']} done")

        yield advance


def show(report: dict[str, Any], json_file: Path | None, sheets: Sequence[Path]) -> None:
    """Prints the report's figures."""
    console = Console()
    table = Table(
        title=f"{report['suite']}, seed {report['seed']}, depth noise {'on' if report['depth_noise'] else 'off'}"
    )
    for heading in ("task", "success", "rate", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for name, rate in (*report["tasks"].items(), ("all", report["overall"])):
        low, high = rate["wilson_95"]
        table.add_row(
            name,
            f"{rate['successes']}/{rate['episodes']}",
            f"{rate['success_rate']:.1%}",
            f"{low:.1%} to {high:.1%}",
        )
    console.print(table)
    for result in report["episodes"]:
        if not result["success"]:
            console.print(
                f'  {result["task"]}_{result["index"]:04d} {result["cause"]}: "{result["instruction"]}" '
                f"{result['message']}",
                markup=False,
                highlight=False,
            )
    counts = report["violations"]
    console.print(
        f"gate violations {counts['gate']}, arm on table {counts['arm_table']}, arm on itself {counts['arm_self']}, "
        f"arm on objects {counts['arm_object']}, fingers on table {counts['finger_table']}"
    )
    seconds = report["seconds"]
    console.print(
        f"{seconds['total']:.1f} s in {report['jobs']} processes; {seconds['per_episode_mean']:.2f} s per episode "
        f"(p95 {seconds['per_episode_p95']:.2f} s) for {seconds['simulated_mean']:.1f} s of simulation"
    )
    for path in (json_file, *sheets):
        if path is not None:
            console.print(str(path), highlight=False)
