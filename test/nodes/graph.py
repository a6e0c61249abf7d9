"""The launched FR3 graph as a test sees it: one process tree, one client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from molmo_ros.embedded import install

install()

import rclpy  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from molmo_ros_interfaces.action import ExecuteInstruction  # noqa: E402
from molmo_ros_interfaces.msg import ExecutionState  # noqa: E402
from molmo_ros_interfaces.srv import ResetScene  # noqa: E402

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
STATUS = {
    GoalStatus.STATUS_SUCCEEDED: "succeeded",
    GoalStatus.STATUS_CANCELED: "canceled",
    GoalStatus.STATUS_ABORTED: "aborted",
}


class Graph:
    """Launches the tabletop graph in its own domain, with launch arguments, and talks to it."""

    def __init__(self, runs: Path, domain: int, *arguments: str) -> None:
        self.runs = runs
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        self.log = (runs / "launch.log").open("wb")
        command = [
            sys.executable,
            "-m",
            "molmo_ros.cli",
            "launch",
            "molmo_ros",
            "fr3_tabletop.launch.xml",
            f"runs_dir:={runs}",
            "console:=false",
            *arguments,
        ]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("graph_test", context=self.context)
        self.joints: list[JointState] = []
        self.state: ExecutionState | None = None
        self.node.create_subscription(JointState, "joint_states", self.joints.append, qos_profile_sensor_data)
        self.node.create_subscription(ExecutionState, "execution_state", self._on_state, 1)
        self.client = ActionClient(self.node, ExecuteInstruction, "execute_instruction")
        self.services = {name: self.node.create_client(Trigger, name) for name in ("arm", "stop", "release_stop")}
        self.resetter = self.node.create_client(ResetScene, "reset_scene")
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def _on_state(self, message: ExecutionState) -> None:
        self.state = message

    def until(self, ready: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Waits for something to be true."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            value = ready()
            if value:
                return value
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.log.flush()
        tail = (self.runs / "launch.log").read_text(errors="replace")[-3000:]
        raise AssertionError(f"{what} did not happen; the launch says:\n{tail}")

    def ready(self) -> None:
        """The graph is up and the robot armed."""
        self.until(self.client.server_is_ready, "the action server")
        self.until(lambda: self.state is not None and self.state.armed, "arming")

    def send(self, instruction: str, **options: Any) -> Goal:
        """Sends a goal; it has been accepted when this returns."""
        goal = Goal(self, instruction, options)
        self.until(lambda: goal.handle is not None, "the answer to the goal")
        return goal

    def call(self, name: str) -> Trigger.Response:
        """Calls one of the executor's services."""
        future = self.services[name].call_async(Trigger.Request())
        self.until(future.done, f"the answer of {name}")
        return future.result()

    def reset(self, scene: str = "demo", seed: int = 0) -> None:
        """A fresh scene."""
        future = self.resetter.call_async(ResetScene.Request(scene=scene, seed=seed))
        self.until(future.done, "the new scene")
        assert future.result().success, future.result().message
        # The arm has been put elsewhere at once, as no real one could be; every node must have seen that.
        count = len(self.joints)
        self.until(lambda: len(self.joints) > count + 50, "joint states of the new scene")

    def moving(self) -> bool:
        """Whether any joint moves in the newest measurement."""
        return bool(self.joints) and max(abs(v) for v in self.joints[-1].velocity) > 0.02

    def close(self) -> None:
        """Ends everything; nothing may be left."""
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
        self.thread.join(5.0)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30.0)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        finally:
            self.log.close()


class Goal:
    """One goal as its sender sees it."""

    def __init__(self, graph: Graph, instruction: str, options: dict[str, Any]) -> None:
        self.graph = graph
        self.stages: list[str] = []
        self.handle: Any = None
        self.outcome: Any = None
        request = ExecuteInstruction.Goal(instruction=instruction, **options)
        sent = graph.client.send_goal_async(request, feedback_callback=lambda m: self.stages.append(m.feedback.stage))
        sent.add_done_callback(self._accepted)

    def _accepted(self, future: Any) -> None:
        handle = future.result()
        handle.get_result_async().add_done_callback(lambda f: setattr(self, "outcome", f.result()))
        self.handle = handle

    def reaches(self, stage: str) -> None:
        """Waits for a stage to be reported."""
        self.graph.until(lambda: stage in self.stages or self.outcome is not None, f"stage {stage}")
        assert stage in self.stages, f"ended before {stage}: {self.outcome.result.error_msg}"

    def ends(self) -> tuple[str, Any]:
        """Waits for the end: its status and result."""
        self.graph.until(lambda: self.outcome is not None, "the end of the goal")
        return STATUS[self.outcome.status], self.outcome.result
