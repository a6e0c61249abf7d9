"""From a cancel request to an arm that stands still, in every stage of a task, through the launched graph."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from molmo_ros.cli.bench.runtime import summary

INSTRUCTION = "put the red block in the bowl"
STAGES = ("ground", "trace", "approach", "grasp", "lift", "carry", "release", "retreat", "verify")
STILL_RAD_S = 0.02
BUDGET_S = 0.1
DELAYS_S = (0.05, 0.25, 0.5)


def command(
    repetitions: Annotated[int, typer.Option(min=1, help="Cancels per stage.")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Measure how long the arm moves on after a cancel, per stage of a task; the budget is 100 ms."""
    from rich.console import Console
    from rich.table import Table

    from molmo_ros.cli.evaluation.graph import LaunchedGraph

    figures: dict[str, Any] = {}
    log = Path(tempfile.mkdtemp(prefix="molmo_ros_hold_")) / "graph.log"
    with LaunchedGraph(1 + os.getpid() % 200, log) as graph:
        watch = _Watch(graph)
        for stage in STAGES:
            times = [watch.cancel_in(stage, DELAYS_S[i % len(DELAYS_S)]) for i in range(repetitions)]
            figures[stage] = summary(times)
    table = Table(title="cancel request to standing still [ms]; budget 100")
    for heading in ("stage", "p50", "largest", "n"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, row in figures.items():
        table.add_row(stage, f"{row['p50'] * 1e3:.0f}", f"{row['max'] * 1e3:.0f}", str(row["samples"]))
    Console().print(table)
    worst = max(row["max"] for row in figures.values())
    typer.echo(f"largest {worst * 1e3:.0f} ms, budget {BUDGET_S * 1e3:.0f} ms")
    if json_file is not None:
        json_file.write_text(json.dumps({"budget_s": BUDGET_S, "stages": figures}, indent=2) + "\n", encoding="utf-8")


class _Watch:
    """Sends goals, cancels them in a stage, and watches the joints."""

    def __init__(self, graph: Any) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import JointState

        self._graph = graph
        self._still_since: float | None = None
        self._stages: list[str] = []
        graph.node.create_subscription(JointState, "joint_states", self._on_joints, qos_profile_sensor_data)

    def _on_joints(self, message: Any) -> None:
        moving = max(abs(v) for v in message.velocity[:7]) > STILL_RAD_S
        self._still_since = None if moving else (self._still_since or time.monotonic())

    def cancel_in(self, stage: str, delay_s: float) -> float:
        """Time from the cancel request to the beginning of standing still [s]."""
        graph = self._graph
        graph.reset("demo", 0)
        self._stages.clear()
        sent = graph.goals.send_goal_async(
            graph.goal(instruction=INSTRUCTION), feedback_callback=lambda m: self._stages.append(m.feedback.stage)
        )
        graph.spin(sent.done, 30.0, "take the goal")
        outcome = sent.result().get_result_async()
        graph.spin(lambda: stage in self._stages or outcome.done(), 120.0, f"reach {stage}")
        end = time.monotonic() + delay_s
        graph.spin(lambda: time.monotonic() > end, 10.0, "wait")
        asked = time.monotonic()
        sent.result().cancel_goal_async()
        graph.spin(lambda: outcome.done() and self._still_since is not None, 30.0, "stand still")
        return max(0.0, (self._still_since or asked) - asked)
