"""progress_node: how far a task has come, as a model judges it while the goal runs."""

from __future__ import annotations

import threading
import time

import yaml
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame
from molmo_ros.models.door import Door
from molmo_ros.models.registry import ModelSpec, build_model
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import DECISION, EVENT
from molmo_ros.nodes.rgbd import PARAMS as RGBD_PARAMS
from molmo_ros.nodes.rgbd import RgbdSource
from molmo_ros_interfaces.msg import Goal, Progress

PARAMS = (
    *RGBD_PARAMS,
    Param(
        name="model",
        default="{backend: none}",
        doc="The estimator as YAML: {backend: molmo2, checkpoint: ...}, {backend: replay, bag: ...}; none judges nothing.",
    ),
    Param(name="rate_hz", default=0.5, doc="How often it judges [1/s].", low=0.01, high=10.0),
    Param(name="frames", default=8, doc="Newest frames that are judged together.", low=1, high=64),
    Param(name="deadline_s", default=20.0, doc="How long an estimate may take [s].", low=0.1, high=600.0),
)


class ProgressNode(Node):
    """Publishes progress for the newest goal that wants it."""

    def __init__(self) -> None:
        super().__init__("progress_node")
        self._values = declare(self, PARAMS)
        try:
            mapping = yaml.safe_load(self._values["model"]) or {}
            named = str(mapping.get("backend", "none"))
        except (yaml.YAMLError, AttributeError) as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Parameter model is not a YAML mapping: {error}") from error
        self._model = None if named == "none" else build_model(ModelSpec.from_mapping(mapping))
        if self._model is not None and not hasattr(self._model, "estimate"):
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f'The backend "{named}" does not estimate progress.')
        self._health = Health(self, "progress")
        self._door = Door("progress_node")
        self._source = RgbdSource(self, self._values)
        self._publisher = self.create_publisher(Progress, "progress", EVENT)
        self._condition = threading.Condition()
        self._goal: Goal | None = None
        self._closing = False
        self.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=ReentrantCallbackGroup())
        self._worker = threading.Thread(target=self._work, name="progress worker", daemon=True)
        self._worker.start()
        if self._model is None:
            self.get_logger().info("no estimator is configured: goals end by their limit or by verification")

    def _on_goal(self, goal: Goal) -> None:
        with self._condition:
            self._goal = goal if goal.active and Goal.WANT_PROGRESS in goal.wants else None
            self._condition.notify_all()

    def close(self) -> None:
        """Ends the worker."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._worker.join(timeout=2.0)

    def _work(self) -> None:
        frames: list[Frame] = []
        goal_id = ""
        while not self._closing:
            with self._condition:
                self._condition.wait_for(lambda: self._goal is not None or self._closing)
                goal = self._goal
            if goal is None or self._model is None:
                with self._condition:
                    self._condition.wait(0.5)
                continue
            if goal.goal_id != goal_id:
                goal_id, frames = goal.goal_id, []
            started = time.monotonic()
            try:
                frames = [*frames, self._source.latest()][-self._values["frames"] :]
                self._judge(goal, frames)
                self._health.ok()
            except MolmoRosError as error:
                self._health.fault(error)
            with self._condition:
                self._condition.wait(max(0.05, 1.0 / self._values["rate_hz"] - (time.monotonic() - started)))

    def _judge(self, goal: Goal, frames: list[Frame]) -> None:
        with self._health.timed("estimate"):
            progress, success = self._door.call(
                lambda: self._model.estimate(frames, goal.instruction),
                self._values["deadline_s"],
                lambda: self._closing,
            )
        message = Progress(goal_id=goal.goal_id, progress=float(progress), success_probability=float(success))
        message.header = convert.header(frames[-1].frame_id, frames[-1].stamp_ns)
        self._publisher.publish(message)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(ProgressNode, args))
