"""Episodes through the launched multi-process graph, judged by the simulator on ground truth."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from molmo_ros.cli.evaluation.report import EpisodeResult
from molmo_ros.cli.evaluation.runner import EvalPlan
from molmo_ros.core.errors import ErrorCode, MolmoRosError

READY_S = 90.0
STOP_S = 20.0
RESET_SEEN_S = 0.5


class LaunchedGraph:
    """The FR3 tabletop graph in a domain of its own, and one client.

    Args:
        domain: ROS domain id.
        log: Where the graph's output goes.
    """

    def __init__(self, domain: int, log: Path) -> None:
        self._domain, self._log = domain, log

    def __enter__(self) -> LaunchedGraph:
        from molmo_ros.embedded import install

        install()
        import rclpy
        from rclpy.action import ActionClient
        from std_srvs.srv import Trigger

        from molmo_ros_interfaces.action import ExecuteInstruction
        from molmo_ros_interfaces.srv import ResetScene

        environment = {**os.environ, "ROS_DOMAIN_ID": str(self._domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        command = [
            sys.executable,
            "-m",
            "molmo_ros.cli",
            "launch",
            "molmo_ros",
            "fr3_tabletop.launch.xml",
            "record:=false",
            "console:=false",
        ]
        self._output = self._log.open("wb")
        self._process = subprocess.Popen(
            command, env=environment, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._rclpy = rclpy
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=self._domain)
        self.node: Any = rclpy.create_node("evaluation", context=self._context)
        self._executor: Any = rclpy.executors.SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.goals: Any = ActionClient(self.node, ExecuteInstruction, "execute_instruction")
        self.goal: Any = ExecuteInstruction.Goal
        self._resetter: Any = self.node.create_client(ResetScene, "reset_scene")
        self._reset_request: Any = ResetScene.Request
        self._judge: Any = self.node.create_client(Trigger, "judge")
        self._trigger: Any = Trigger.Request
        self.spin(lambda: self.goals.server_is_ready() and self._resetter.service_is_ready(), READY_S, "come up")
        return self

    def reset(self, scene: str, seed: int) -> None:
        """A fresh scene.

        Raises:
            MolmoRosError: CONFIG_INVALID when there is no such scene.
        """
        done = self._ask(self._resetter, self._reset_request(scene=scene, seed=seed), 60.0, "reset")
        if not done.success:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, done.message)
        # The arm has been put elsewhere at once, as no real one could be; every node must have seen that.
        seen = time.monotonic() + RESET_SEEN_S
        self.spin(lambda: time.monotonic() > seen, 2 * RESET_SEEN_S + 5.0, "show the new scene")

    def spin(self, ready: Callable[[], bool], patience_s: float, what: str) -> None:
        """Works until something is true.

        Raises:
            MolmoRosError: LAUNCH_INVALID when the graph died or took too long.
        """
        end = time.monotonic() + patience_s
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise MolmoRosError(ErrorCode.LAUNCH_INVALID, f"The graph did not {what}; see {self._log}.")
            self._executor.spin_once(timeout_sec=0.05)

    def _ask(self, client: Any, request: Any, patience_s: float, what: str) -> Any:
        future = client.call_async(request)
        self.spin(future.done, patience_s, what)
        return future.result()

    def run(self, seed: int, index: int, horizon_s: float = 240.0) -> EpisodeResult:
        """One episode of the suite."""
        began = time.perf_counter()
        self.reset(f"suite:tabletop:{index}", seed)
        first = json.loads(self._ask(self._judge, self._trigger(), 30.0, "judge").message)
        sent = self.goals.send_goal_async(self.goal(instruction=first["instruction"], time_limit_s=horizon_s))
        self.spin(sent.done, 30.0, "take the goal")
        outcome = sent.result().get_result_async()
        self.spin(outcome.done, horizon_s + 60.0, "end the goal")
        result = outcome.result().result
        verdict = json.loads(self._ask(self._judge, self._trigger(), 30.0, "judge").message)
        code = ErrorCode(result.error_code)
        return EpisodeResult(
            index=index,
            task=verdict["task"],
            instruction=verdict["instruction"],
            target="",
            reference="",
            success=bool(verdict["success"]),
            code=code.name,
            message=result.error_msg,
            failed_predicate=verdict["failed"],
            cause="" if verdict["success"] else (code.name if code else verdict["failed"]),
            gate_violations=int(code in range(520, 540)),
            wall_s=time.perf_counter() - began,
            details={"touches": verdict["touches"]},
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._rclpy.shutdown(context=self._context)
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._output.close()


def run_graph(plan: EvalPlan, log: Path) -> Iterator[EpisodeResult]:
    """The plan's episodes through one launched graph."""
    with LaunchedGraph(1 + os.getpid() % 200, log) as graph:
        for index in range(plan.episodes):
            yield graph.run(plan.seed, index)
