"""The stack under evaluation: the in-process pipeline on a simulated robot."""

from __future__ import annotations

from collections.abc import Callable

from molmo_ros.cli.evaluation.runner import Answer
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.simulation import Simulation
from molmo_ros.sim.suite import Episode
from molmo_ros.task.in_process import InProcess


def make_solver(config: WorldConfig) -> Callable[[Simulation, Episode], Answer]:
    """The default pipeline for a world's robot, built once and used for every episode."""
    del config
    pipeline = InProcess()

    def solve(simulation: Simulation, episode: Episode) -> Answer:
        run = pipeline.run(SimRobot(simulation), lambda: simulation.render("front"), episode.instruction)
        return Answer(
            code=run.outcome.code,
            message=run.outcome.message,
            gate_violations=run.gate_refused,
            details={"stages": [stage.stage for stage in run.stages]},
        )

    return solve
