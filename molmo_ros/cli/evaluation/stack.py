"""The whole stack as the evaluation runs it: perception, models, grasping, motion, task, last gate; no middleware."""

from __future__ import annotations

import time

from molmo_ros.cli.evaluation.runner import Answer, Solver
from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.types import Frame
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.simulation import Simulation
from molmo_ros.sim.suite import Episode


def make_solver(config: WorldConfig) -> Solver:
    """The default pipeline for a world's robot; models and planners are built once."""
    from molmo_ros.task.in_process import InProcess, InProcessConfig

    pipeline = InProcess(InProcessConfig(robot=config.robot))

    def solve(simulation: Simulation, episode: Episode) -> Answer:
        began = time.perf_counter()
        looking_s = 0.0

        def observe() -> Frame:
            nonlocal looking_s
            started = time.perf_counter()
            frame = simulation.render("front")
            looking_s += time.perf_counter() - started
            return frame

        def out_of_time() -> bool:
            return simulation.world.time_s > episode.horizon_s

        run = pipeline.run(SimRobot(simulation), observe, episode.instruction, cancelled=out_of_time)
        code, message = run.outcome.code, run.outcome.message
        if code is ErrorCode.CANCELED and out_of_time():
            code, message = ErrorCode.TIME_LIMIT, f"The task took longer than {episode.horizon_s:.0f} s."
        return Answer(
            code=code,
            message=message,
            gate_violations=run.gate_refused,
            details={
                "stages": [stage.stage for stage in run.stages],
                "attempts": 1 + sum(stage.stage == "recover" for stage in run.stages),
                "gate_accepted": run.gate_accepted,
                "rendering_s": looking_s,
                "stack_s": time.perf_counter() - began,
                "recoveries": [stage.message for stage in run.stages if stage.stage == "recover"],
            },
        )

    return solve
