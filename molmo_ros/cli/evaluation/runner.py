"""Runs episodes: one by one or in several processes, always with the same results for the same seed."""

from __future__ import annotations

import functools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from molmo_ros.cli.evaluation.pictures import BeforeAfter, thumbnail
from molmo_ros.cli.evaluation.report import EpisodeResult, TouchRecord
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim.config import WorldConfig, load_world_config
from molmo_ros.sim.predicates import judge
from molmo_ros.sim.records import episode_record
from molmo_ros.sim.simulation import Simulation
from molmo_ros.sim.suite import Episode, TabletopSuite
from molmo_ros.sim.world import SimWorld

# What keeps numerical libraries from starting a thread per core in every process.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the stack says about an episode it has run.

    Attributes:
        code: NONE when it believes it has done what was asked.
        message: One sentence.
        gate_violations: Motions that the last gate refused.
        details: Anything else worth keeping: stages, attempts, timings.
    """

    code: ErrorCode
    message: str
    gate_violations: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


Solver = Callable[[Simulation, Episode], Answer]
"""Does what an episode's sentence says in its simulation."""


@dataclass(frozen=True, kw_only=True)
class EvalPlan:
    """What is evaluated.

    Attributes:
        seed: Seed of the suite.
        episodes: How many.
        tasks: Tasks that take turns.
        noise: Whether depth errs.
        pictures: Whether before and after are kept.
        world: Name or path of the world's YAML.
        records: Whether each result carries its episode in MolmoSpaces' fields.
    """

    seed: int
    episodes: int
    tasks: tuple[str, ...]
    noise: bool = True
    pictures: bool = False
    world: str = "tabletop"
    records: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """An episode's result and, where kept, its pictures."""

    result: EpisodeResult
    pictures: BeforeAfter | None = None


def run_episode(
    episode: Episode,
    config: WorldConfig,
    solve: Solver,
    *,
    noise: bool = True,
    pictures: bool = False,
    record: bool = False,
) -> Finished:
    """Sets an episode up, lets the stack do it, and judges the end.

    Args:
        episode: The episode.
        config: The world.
        solve: The stack.
        noise: Whether depth errs.
        pictures: Whether to keep before and after.
        record: Whether to add the episode in MolmoSpaces' fields to the details.
    """
    began = time.perf_counter()
    with Simulation(episode.scene, episode.noise_seed, config, noise=noise) as simulation:
        world = simulation.world
        start = world.object_poses()
        details: dict[str, Any] = {}
        if record:
            details["episode"] = episode_record(episode, config, start, world.arm_positions.tolist())
        before = thumbnail(np.asarray(world.render("front").rgb)) if pictures else None
        answer = _answer(simulation, episode, solve)
        sim_s = world.time_s
        after = thumbnail(np.asarray(world.render("front").rgb)) if pictures else None
        verdict = judge(world, episode.task, episode.target, episode.reference, start)
        touches = tuple(
            TouchRecord(kind=t.kind, first=t.first, second=t.second, time_s=t.first_time_s, force_n=t.force_n)
            for t in world.contacts.of_kind("arm_table", "arm_self", "arm_object", "finger_table")
        )
    cause = "" if verdict.success else (answer.code.name if answer.code else verdict.failed)
    result = EpisodeResult(
        index=episode.index,
        task=episode.task,
        instruction=episode.instruction,
        target=_named(world, episode.target),
        reference=_named(world, episode.reference) if episode.reference else "",
        success=verdict.success,
        code=answer.code.name,
        message=answer.message,
        failed_predicate=verdict.failed,
        cause=cause,
        measured=dict(verdict.measured),
        gate_violations=answer.gate_violations,
        touches=touches,
        sim_s=sim_s,
        wall_s=time.perf_counter() - began,
        details={**details, **answer.details},
    )
    if before is None or after is None:
        return Finished(result=result)
    note = f"{episode.key}: {'done' if verdict.success else cause}"
    pair = BeforeAfter(title=episode.instruction, note=note, success=verdict.success, before=before, after=after)
    return Finished(result=result, pictures=pair)


def _answer(simulation: Simulation, episode: Episode, solve: Solver) -> Answer:
    """The stack's answer; a fault it lets through is an INTERNAL one, not the end of the evaluation."""
    try:
        return solve(simulation, episode)
    except MolmoRosError as error:
        return Answer(code=error.code, message=error.message)
    except Exception as error:
        # One broken episode must not hide the others.
        return Answer(code=ErrorCode.INTERNAL, message=f"{type(error).__name__}: {error}")


def _named(world: SimWorld, name: str) -> str:
    model = world.scene.objects[name].model
    return f"{model.colour} {model.kind}"


def run_suite(plan: EvalPlan, make_solver: Callable[[WorldConfig], Solver], jobs: int = 1) -> Iterator[Finished]:
    """Runs all episodes; they come as they finish.

    Args:
        plan: What is evaluated.
        make_solver: Makes the stack, once per process; importable by name when jobs > 1.
        jobs: Processes.
    """
    if jobs <= 1:
        worker = _Worker(plan, make_solver)
        for index in range(plan.episodes):
            yield worker(index)
        return
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(_run_in_worker, plan, make_solver, index) for index in range(plan.episodes)]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """Runs the episodes of one process."""

    def __init__(self, plan: EvalPlan, make_solver: Callable[[WorldConfig], Solver]) -> None:
        self._plan = plan
        self._config = load_world_config(plan.world)
        self._suite = TabletopSuite(plan.seed, self._config, plan.tasks)
        self._solve = make_solver(self._config)

    def __call__(self, index: int) -> Finished:
        plan = self._plan
        return run_episode(
            self._suite.episode(index),
            self._config,
            self._solve,
            noise=plan.noise,
            pictures=plan.pictures,
            record=plan.records,
        )


@functools.cache
def _worker(plan: EvalPlan, make_solver: Callable[[WorldConfig], Solver]) -> _Worker:
    """The worker of this process; the stack is made once."""
    return _Worker(plan, make_solver)


def _run_in_worker(plan: EvalPlan, make_solver: Callable[[WorldConfig], Solver], index: int) -> Finished:
    return _worker(plan, make_solver)(index)
