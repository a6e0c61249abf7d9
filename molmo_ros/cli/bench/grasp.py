"""Time the filters of grasp candidates, a thousand at a time, and whole proposals, on simulated tables."""

from __future__ import annotations

import json as json_format
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

if TYPE_CHECKING:
    from molmo_ros.core.scene import Scene
    from molmo_ros.grasping.candidates import Candidates

CANDIDATES = 1000
BUDGET_MS = 150.0


def simulated_scenes(count: int, seed: int) -> list[Scene]:
    """Perceived scenes of the simulated tabletop, with depth noise.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING without the simulator.
    """
    from molmo_ros.perception import PerceptionConfig, perceive
    from molmo_ros.sim.config import load_world_config
    from molmo_ros.sim.depth_noise import DepthNoise
    from molmo_ros.sim.rendering import Renderer
    from molmo_ros.sim.scene import ObjectSpec, SceneSpec, build_scene
    from molmo_ros.sim.world import SimWorld

    config = load_world_config()
    kinds = (
        ("block", "red"),
        ("can", "blue"),
        ("bottle", "green"),
        ("mug", "yellow"),
        ("bowl", "cyan"),
        ("box", "pink"),
    )
    spec = SceneSpec(objects=tuple(ObjectSpec(kind=kind, colour=colour) for kind, colour in kinds))
    scenes = []
    with Renderer() as renderer:
        for k in range(count):
            with SimWorld(build_scene(spec, seed + k, config), config, DepthNoise(seed + k), renderer) as world:
                scenes.append(perceive(world.render(), PerceptionConfig()))
    return scenes


def exactly(parts: list[Candidates], count: int) -> list[Candidates]:
    """Per-object candidates repeated or cut so that all of them together are ``count``."""
    parts = [part for part in parts if len(part)]
    shares = np.diff(np.linspace(0, count, len(parts) + 1).astype(int))
    return [part.take(np.arange(share) % len(part)) for part, share in zip(parts, shares, strict=True)]


def run(scenes: list[Scene], repeats: int) -> dict[str, Any]:
    """Time the filter of exactly 1000 candidates per scene, and whole proposals.

    The filter is everything after sampling: obstacles, collisions, way in, grip, suppression and reasons.
    """
    import cv2

    from molmo_ros.cli.bench.perception import percentiles
    from molmo_ros.grasping import FRANKA_HAND, GraspConfig, propose_grasps
    from molmo_ros.grasping.propose import filter_candidates, sample_candidates

    cv2.setNumThreads(1)
    settings = GraspConfig()
    times: dict[str, list[float]] = {name: [] for name in ("filter", "filter_cpu", "propose", "propose_cpu")}
    accepted = 0
    for scene in scenes:
        sampled = exactly([sample_candidates(item, scene, FRANKA_HAND, 250) for item in scene.objects], CANDIDATES)
        works: dict[str, Callable[[], Any]] = {
            "filter": partial(filter_candidates, sampled, scene, FRANKA_HAND, settings),
            "propose": partial(propose_grasps, scene),
        }
        for name, work in works.items():
            work()
            for _ in range(repeats):
                start, start_cpu = time.perf_counter(), time.thread_time()
                grasps = work()
                times[name].append(time.perf_counter() - start)
                times[f"{name}_cpu"].append(time.thread_time() - start_cpu)
        accepted += sum(grasp.status.value == "accepted" for grasp in grasps)
    return {
        "candidates": CANDIDATES,
        "scenes": len(scenes),
        "accepted_per_scene": accepted / max(len(scenes), 1),
        "budget_ms": BUDGET_MS,
        "times_ms": {name: percentiles(values) for name, values in times.items()},
    }


def command(
    json: Annotated[Path | None, typer.Option(help="Write the report here as well.")] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Simulated scenes.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Timed passes over each.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the first scene.")] = 0,
) -> None:
    """Time the filters of grasp candidates, a thousand at a time, and whole proposals, on simulated tables."""
    from rich.console import Console

    report = run(simulated_scenes(scenes, seed), repeats)
    console = Console()
    for name, words in (("filter", f"{CANDIDATES} candidates filtered"), ("propose", "whole proposal")):
        wall, cpu = report["times_ms"][name], report["times_ms"][f"{name}_cpu"]
        console.print(
            f"{words}: p50 {wall['p50']:.1f}, p95 {wall['p95']:.1f}, p99 {wall['p99']:.1f} ms "
            f"(processor time p95 {cpu['p95']:.1f} ms)"
        )
    console.print(f"budget {BUDGET_MS:.0f} ms; {report['accepted_per_scene']:.0f} grasps accepted per scene")
    if json is not None:
        try:
            json.write_text(json_format.dumps(report, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{json} cannot be written: {error.strerror}") from error
