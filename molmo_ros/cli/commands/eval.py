"""Run seeded episodes in simulation and report how many end in success."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

if TYPE_CHECKING:
    from molmo_ros.cli.evaluation.runner import EvalPlan, Finished

SUITES = ("tabletop",)


def command(
    suite: Annotated[str, typer.Option(help="Which suite.")] = "tabletop",
    episodes: Annotated[int, typer.Option(min=1, max=100_000, help="How many episodes.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="What scenes, sentences and depth errors are drawn from.")] = 0,
    task: Annotated[
        list[str] | None, typer.Option(help="Only this task; may be repeated. pick, pnp, next_to, colour.")
    ] = None,
    noise: Annotated[bool, typer.Option(help="Whether the depth camera errs as a real one does.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report to this file.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Write contact sheets of before and after to this folder.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 for one per core.")] = 0,
    world: Annotated[str, typer.Option(help="World: a name below config/sim, or a YAML file.")] = "tabletop",
    graph: Annotated[
        bool, typer.Option(help="Run the episodes through the launched multi-process graph instead of in process.")
    ] = False,
    records: Annotated[bool, typer.Option(help="Add each episode in MolmoSpaces' fields to the report.")] = False,
) -> None:
    """Run seeded episodes in simulation and report how many end in success.

    Each episode draws a scene and a sentence, lets the whole stack act on it in one process, and judges the end on
    ground truth. The same seed gives the same episodes and the same report, whatever the number of processes.
    """
    from importlib.metadata import version

    from molmo_ros.cli.evaluation.pictures import write_sheets
    from molmo_ros.cli.evaluation.report import summarise
    from molmo_ros.cli.evaluation.runner import EvalPlan, run_suite
    from molmo_ros.cli.evaluation.stack import make_solver
    from molmo_ros.cli.evaluation.view import progress_bar, show
    from molmo_ros.sim.rendering import backend
    from molmo_ros.sim.suite import TASKS

    if suite not in SUITES:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"no suite '{suite}'; there is {', '.join(SUITES)}")
    wanted = tuple(task or TASKS)
    if graph and task:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, "through the graph all tasks take turns; leave --task out")
    unknown = [name for name in wanted if name not in TASKS]
    if unknown:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"no task '{unknown[0]}'; there are {', '.join(TASKS)}")
    _writable(json_file)
    backend()
    plan = EvalPlan(
        seed=seed,
        episodes=episodes,
        tasks=wanted,
        noise=noise,
        pictures=pictures is not None,
        world=world,
        records=records,
    )
    processes = min(jobs or os.cpu_count() or 1, episodes)
    began = time.perf_counter()
    finished: list[Finished] = []
    with progress_bar(episodes) as advance:
        for one in _through_graph(plan) if graph else run_suite(plan, make_solver, processes):
            finished.append(one)
            advance(one.result)
    finished.sort(key=lambda one: one.result.index)
    report = summarise(
        [one.result for one in finished],
        suite=suite,
        seed=seed,
        noise=noise,
        wall_s=time.perf_counter() - began,
        jobs=processes,
        version=version("molmo_ros"),
    )
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sheets = write_sheets([one.pictures for one in finished if one.pictures], pictures) if pictures else []
    show(report, json_file, sheets)


def _through_graph(plan: EvalPlan) -> Iterator[Finished]:
    """The episodes through one launched graph; its pictures are those the recorder makes."""
    from molmo_ros.cli.evaluation.graph import run_graph
    from molmo_ros.cli.evaluation.runner import Finished

    log = Path(tempfile.mkdtemp(prefix="molmo_ros_eval_")) / "graph.log"
    for result in run_graph(plan, log):
        yield Finished(result=result)


def _writable(path: Path | None) -> None:
    """Refuses at once what would fail after an hour."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the report can not be written to {path}: {error}") from error
