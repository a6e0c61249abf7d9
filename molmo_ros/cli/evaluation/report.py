"""The report of an evaluation, as plain data; docs/reference/eval-report.md describes its fields."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = "molmo_ros/eval-report/1"

GATE_CODES = range(520, 540)
"""Codes of the last gate; a motion it refuses is one violation by the part that planned it."""


@dataclass(frozen=True, kw_only=True)
class TouchRecord:
    """A touch during an episode.

    Attributes:
        kind: "arm_table", "arm_self", "arm_object" or "finger_table".
        first: Link or object.
        second: The other.
        time_s: Simulation time of the first contact [s].
        force_n: Greatest normal force [N].
    """

    kind: str
    first: str
    second: str
    time_s: float
    force_n: float


@dataclass(frozen=True, kw_only=True)
class EpisodeResult:
    """What became of one episode.

    Attributes:
        index: Its place in the suite.
        task: Its task.
        instruction: The sentence.
        target: Colour and kind of the object meant.
        reference: Colour and kind of the receptacle or reference; "" for a pick.
        success: Whether the predicate holds at the end.
        code: Name of the stack's outcome, "NONE" when it reported success.
        message: The stack's sentence for any other code.
        failed_predicate: First rule that does not hold; "" on success.
        cause: Why it failed in one word or two: the code, or the rule where the stack believed in success.
        measured: What the predicate measured.
        gate_violations: Motions that the last gate refused.
        touches: Touches of arm, table, objects and fingers.
        sim_s: Simulation time it took [s].
        wall_s: Wall-clock time it took, scene and pictures included [s].
        details: What the stack adds: stages, attempts, timings.
    """

    index: int
    task: str
    instruction: str
    target: str
    reference: str
    success: bool
    code: str
    message: str
    failed_predicate: str
    cause: str
    measured: dict[str, float] = field(default_factory=dict)
    gate_violations: int = 0
    touches: tuple[TouchRecord, ...] = ()
    sim_s: float = 0.0
    wall_s: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), 95 % by default; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    p = successes / trials
    denominator = 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / denominator
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / denominator
    return max(0.0, middle - half), min(1.0, middle + half)


def _rate(results: Sequence[EpisodeResult]) -> dict[str, Any]:
    successes = sum(result.success for result in results)
    low, high = wilson_interval(successes, len(results))
    return {
        "episodes": len(results),
        "successes": successes,
        "success_rate": successes / len(results) if results else 0.0,
        "wilson_95": [low, high],
    }


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.floor(share * len(ordered)))] if ordered else 0.0


def summarise(
    results: Sequence[EpisodeResult], *, suite: str, seed: int, noise: bool, wall_s: float, jobs: int, version: str
) -> dict[str, Any]:
    """The report.

    Args:
        results: The episodes, by index.
        suite: Name of the suite.
        seed: Its seed.
        noise: Whether depth erred.
        wall_s: Wall-clock time of the whole run [s].
        jobs: Processes it ran in.
        version: Version of this package.
    """
    tasks = sorted({result.task for result in results}, key=[r.task for r in results].index)
    touches = Counter(touch.kind for result in results for touch in result.touches)
    times = [result.wall_s for result in results]
    return {
        "schema": SCHEMA,
        "version": version,
        "suite": suite,
        "seed": seed,
        "depth_noise": noise,
        "jobs": jobs,
        "overall": _rate(results),
        "tasks": {task: _rate([r for r in results if r.task == task]) for task in tasks},
        "causes": dict(Counter(result.cause for result in results if not result.success).most_common()),
        "violations": {
            "gate": sum(result.gate_violations for result in results),
            "arm_table": touches["arm_table"],
            "arm_self": touches["arm_self"],
            "arm_object": touches["arm_object"],
            "finger_table": touches["finger_table"],
        },
        "seconds": {
            "total": wall_s,
            "per_episode_mean": sum(times) / len(times) if times else 0.0,
            "per_episode_p50": _percentile(times, 0.5),
            "per_episode_p95": _percentile(times, 0.95),
            "simulated_mean": sum(r.sim_s for r in results) / len(results) if results else 0.0,
        },
        "episodes": [asdict(result) for result in results],
    }
