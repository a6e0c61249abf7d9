"""The executor with the franky driver: it says joint states, moves, and recovers only when nobody may move it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("franky", reason="the vendor's wheel is the reference of this test: pip install franky-control")
from molmo_ros.embedded import install

install()
sys.path.insert(0, str(Path(__file__).parents[1] / "robots"))

import rclpy  # noqa: E402
from fake_franky import READY, FakeRobot, fake_franky  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.executors import MultiThreadedExecutor  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from molmo_ros.core.errors import ErrorCode  # noqa: E402
from molmo_ros.motion.description import load_robot  # noqa: E402
from molmo_ros.motion.timing import time_parameterise  # noqa: E402
from molmo_ros.nodes import convert  # noqa: E402
from molmo_ros_interfaces.action import ExecuteMotion  # noqa: E402

LIMITS = load_robot("fr3").limits


class World:
    """An executor node and a client of it in one process."""

    def __init__(self) -> None:
        from molmo_ros.nodes.executor_node import ExecutorNode

        parameters = ["driver:=franky", "robot_ip:=robot", "relative_dynamics:=1.0", "support_height_m:=-1.0"]
        arguments = [part for p in parameters for part in ("-p", p)]
        rclpy.init(args=["test", "--ros-args", *arguments], domain_id=100 + os.getpid() % 100)
        self.node = ExecutorNode()
        self.robot: FakeRobot = self.node._raw._robot
        self.client = rclpy.create_node("client")
        self.joints: list[JointState] = []
        self.client.create_subscription(JointState, "joint_states", self.joints.append, 10)
        self.action = ActionClient(self.client, ExecuteMotion, "execute_motion")
        self.executor = MultiThreadedExecutor(num_threads=6)
        self.executor.add_node(self.node)
        self.executor.add_node(self.client)
        threading.Thread(target=self.executor.spin, daemon=True).start()

    def until(self, ready: Callable[[], object]) -> None:
        end = time.monotonic() + 20.0
        while not ready():
            assert time.monotonic() < end, "it never came about"
            time.sleep(0.01)

    def call(self, name: str) -> Trigger.Response:
        client = self.client.create_client(Trigger, name)
        assert client.wait_for_service(timeout_sec=10.0)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def move(self, by: float) -> ExecuteMotion.Result:
        assert self.action.wait_for_server(timeout_sec=10.0)
        start = np.asarray(self.robot.state.q)
        path = time_parameterise(np.array([start, start + by * np.array([1.0, 0, 0, 0, 0, 0, 0])]), LIMITS)
        goal = ExecuteMotion.Goal(commander="test", gripper_width_m=float("nan"))
        goal.trajectory = convert.trajectory_msg(path)
        sent = self.action.send_goal_async(goal)
        self.until(sent.done)
        done = sent.result().get_result_async()
        self.until(done.done)
        return done.result().result

    def close(self) -> None:
        self.executor.shutdown(timeout_sec=2.0)
        self.node.close()
        self.node.destroy_node()
        self.client.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(sys.modules, "franky", fake_franky())
    made = World()
    yield made
    made.close()


def test_bring_up_motion_reflex_and_recovery(world: World) -> None:
    world.until(lambda: len(world.joints) > 3)
    assert list(world.joints[0].name)[:7] == list(LIMITS.names)
    np.testing.assert_allclose(world.joints[0].position[:7], READY, atol=1e-9)

    assert world.move(0.1).error_code == ErrorCode.NOT_ARMED
    assert world.call("arm").success
    assert world.move(0.2).error_code == ErrorCode.NONE
    assert abs(world.robot.state.q[0] - READY[0] - 0.2) < 1e-6

    threading.Timer(0.3, world.robot.reflex).start()
    assert world.move(0.8).error_code == ErrorCode.REFLEX
    assert world.move(0.1).error_code == ErrorCode.REFLEX, "the fault stays until somebody recovers"
    assert not world.call("recover").success, "an armed robot is not recovered"
    assert "recover" not in world.robot.log
    assert world.call("stop").success
    assert world.call("recover").success
    before = np.asarray(world.robot.state.q)
    assert world.move(0.1).error_code == ErrorCode.STOPPED, "recovery neither releases nor arms"
    np.testing.assert_array_equal(world.robot.state.q, before)
    assert world.call("release_stop").success
    assert world.call("arm").success
    assert world.move(-0.1).error_code == ErrorCode.NONE
