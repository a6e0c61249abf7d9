"""What the grasp and trace nodes share: a frame source, a goal to answer, one worker thread, thoughts to publish."""

from __future__ import annotations

import json
import threading

import yaml
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame, Thought
from molmo_ros.models.door import Door
from molmo_ros.models.protocols import Model
from molmo_ros.models.registry import ModelSpec, build_model
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import DECISION, EVENT
from molmo_ros.nodes.rgbd import PARAMS as RGBD_PARAMS
from molmo_ros.nodes.rgbd import RgbdSource
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.task.thinking import CachedPerception
from molmo_ros_interfaces.msg import Goal
from molmo_ros_interfaces.msg import Thought as ThoughtMsg

MODEL_PARAMS = (
    *RGBD_PARAMS,
    Param(
        name="model",
        default="{backend: geometric}",
        doc="The model as YAML: {backend: graspmolmo, checkpoint: ..., revision: ..., device: cuda, dtype: bfloat16}.",
    ),
    Param(name="deadline_s", default=30.0, doc="How long the model may think [s].", low=0.1, high=600.0),
)


class ThinkingNode(Node):
    """Answers the newest goal that wants what this node gives; an older one still in thought is given up.

    Args:
        name: Node name.
        wants: The want it answers (a constant of Goal).
        params: Parameters beyond MODEL_PARAMS.
    """

    def __init__(self, name: str, wants: str, params: tuple[Param, ...] = ()) -> None:
        super().__init__(name)
        self.values = declare(self, (*MODEL_PARAMS, *params))
        self.base_frame = self.values["base_frame"]
        self._wants = wants
        self.health = Health(self, name.removesuffix("_node"))
        self.source = RgbdSource(self, self.values)
        config = PerceptionConfig()
        self.perceive = CachedPerception(lambda frame: perceive(frame, config))
        self.model = self._build()
        self._door = Door(name)
        self._thoughts = self.create_publisher(ThoughtMsg, "thought", EVENT)
        self._condition = threading.Condition()
        self._goal: Goal | None = None
        self._closing = False
        self._worker = threading.Thread(target=self._work, name=f"{name} worker", daemon=True)
        self._worker.start()
        self.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=ReentrantCallbackGroup())

    def _build(self) -> Model:
        try:
            spec = ModelSpec.from_mapping(yaml.safe_load(self.values["model"]) or {})
        except (yaml.YAMLError, AttributeError) as error:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Parameter model is not a YAML mapping: {error}") from error
        model = build_model(spec, {"perceive": self.perceive})
        self.get_logger().info(
            f"model: {json.dumps(dict(spec.options) | {'backend': spec.backend, 'device': spec.device})}"
        )
        model.warm_up()
        return model

    def _on_goal(self, goal: Goal) -> None:
        with self._condition:
            self._goal = goal
            self._condition.notify_all()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._goal is not None or self._closing)
                if self._closing:
                    return
                goal, self._goal = self._goal, None
            if goal.active and self._wants in goal.wants:
                self._answer_or_refuse(goal)

    def _answer_or_refuse(self, goal: Goal) -> None:
        def superseded() -> bool:
            return self._superseded(goal)

        try:
            frame = self.source.newer_than(convert.stamp_ns(goal.header.stamp) - 1, 5.0, superseded)
            with self.health.timed("answer"):
                deadline = min(self.values["deadline_s"], goal.deadline_s or self.values["deadline_s"])
                self._door.call(lambda: self.answer(goal, frame), deadline, superseded)
            self.health.ok()
        except MolmoRosError as error:
            if error.code is not ErrorCode.CANCELED:
                self.health.fault(error)
                self.refuse(goal, error)

    def _superseded(self, goal: Goal) -> bool:
        newer = self._goal
        return self._closing or (newer is not None and (newer.goal_id != goal.goal_id or not newer.active))

    def publish_thought(self, goal: Goal, frame: Frame, thought: Thought | None) -> None:
        """Says what the model saw and said."""
        if thought is not None:
            self._thoughts.publish(
                convert.thought_msg(thought, goal_id=goal.goal_id, frame_id=frame.frame_id, stamp=frame.stamp_ns)
            )

    def answer(self, goal: Goal, frame: Frame) -> None:
        """Thinks about one frame and publishes the answer; runs on the model's thread."""
        raise NotImplementedError

    def refuse(self, goal: Goal, error: MolmoRosError) -> None:
        """Publishes a fault as the answer."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the worker."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._worker.join(timeout=2.0)
