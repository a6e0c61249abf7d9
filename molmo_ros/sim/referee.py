"""Sets scenes up by name, suite episodes included, and judges them on ground truth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim.predicates import judge
from molmo_ros.sim.simulation import Simulation
from molmo_ros.sim.suite import Episode, TabletopSuite

SUITE_PREFIX = "suite:tabletop:"


class Referee:
    """Knows which episode a simulation plays, so that its end can be judged.

    Args:
        simulation: The simulation.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._suites: dict[int, TabletopSuite] = {}
        self._episode: Episode | None = None
        self._start: dict[str, Any] = {}

    def reset(self, scene: str, seed: int) -> None:
        """A named scene, or with ``suite:tabletop:<index>`` an episode of the tabletop suite of that seed.

        Raises:
            MolmoRosError: CONFIG_INVALID for a name nobody knows.
        """
        self._episode = None
        if not scene.startswith(SUITE_PREFIX):
            self._simulation.reset(scene, seed)
            return
        index = scene.removeprefix(SUITE_PREFIX)
        if not index.isdecimal() or len(index) > 6:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"'{scene[:40]}' names no episode; say {SUITE_PREFIX}7")
        suite = self._suites.setdefault(seed, TabletopSuite(seed, self._simulation.config))
        episode = suite.episode(int(index))
        self._simulation.reset(episode.scene, episode.noise_seed)
        self._episode = episode
        self._start = self._simulation.world.object_poses()

    def judge(self) -> dict[str, Any]:
        """The verdict on the episode under way, as plain data.

        Raises:
            MolmoRosError: NOT_SUPPORTED when no episode is under way.
        """
        if self._episode is None:
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, "No episode is under way; reset the scene to one first.")
        episode = self._episode
        verdict = judge(self._simulation.world, episode.task, episode.target, episode.reference, self._start)
        touches = self._simulation.world.contacts.of_kind("arm_table", "arm_self", "arm_object", "finger_table")
        return {
            **asdict(verdict),
            "task": episode.task,
            "instruction": episode.instruction,
            "touches": [f"{t.kind}: {t.first} and {t.second}" for t in touches],
        }
