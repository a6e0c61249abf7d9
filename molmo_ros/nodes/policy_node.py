"""policy_node: cameras, joints and a goal to action chunks; the next one is asked for while the last one plays."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace

import yaml
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.contract import EmbodimentContract, compare, load_contract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, Thought
from molmo_ros.models.door import Door
from molmo_ros.models.protocols import Observation
from molmo_ros.models.registry import ModelSpec, build_model
from molmo_ros.models.servers.act_client import on_the_wire
from molmo_ros.motion.chunks import RequestClock
from molmo_ros.motion.description import load_robot, share_file
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param, declare, exit_with, run
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.policy_inputs import PolicyInputs
from molmo_ros.nodes.qos import COMMAND, DECISION, EVENT
from molmo_ros_interfaces.msg import ActionChunk as ActionChunkMsg
from molmo_ros_interfaces.msg import Goal
from molmo_ros_interfaces.msg import Thought as ThoughtMsg

PARAMS = (
    Param(name="robot", default="fr3", doc="Robot that is driven, by its file in config/robots."),
    Param(
        name="model",
        default="{backend: molmobot, url: 'ws://127.0.0.1:8000'}",
        doc="The policy as YAML: {backend: molmobot, url: ...}, {backend: molmoact2, checkpoint: ..., norm_tag: ...}.",
    ),
    Param(name="contract", default="molmobot_droid_fr3", doc="Contract: a file of config/contracts, or a path."),
    Param(
        name="cameras",
        default="{}",
        doc="Topic prefix of each camera of the contract, as YAML; its own name where it is absent.",
    ),
    Param(name="base_frame", default="fr3_link0", doc="The robot's base (REP 105)."),
    Param(name="odom_frame", default="", doc="Frame of the odometry; empty for a fixed robot."),
    Param(name="deadline_s", default=5.0, doc="How long an answer is of use [s].", low=0.05, high=60.0),
    Param(name="camera_max_age_s", default=0.3, doc="Oldest image that may be acted upon [s].", low=0.02, high=5.0),
    Param(name="joint_states_max_age_s", default=0.1, doc="Oldest joint_states to act upon [s].", low=0.01, high=5.0),
    Param(name="warm_up", default=True, doc="Whether the policy is warmed up before the first goal."),
    Param(name="crop", default=False, doc="Whether images are cut to the contract's aspect ratio about their centre."),
    Param(
        name="allow_mismatch",
        default=False,
        doc="Goes on despite a mismatch with the contract, which is then only a warning. For experiments.",
    ),
)
POLL_S = 0.01
RETRY_S = 0.1
AGAIN_S = 0.5


def find_contract(name: str) -> EmbodimentContract:
    """A contract by the name of its file in config/contracts, or by its path.

    Raises:
        MolmoRosError: CONFIG_INVALID.
    """
    return load_contract(name if name.endswith((".yaml", ".yml")) else share_file(f"config/contracts/{name}.yaml"))


def _yaml(text: str, name: str) -> dict[str, object]:
    try:
        value = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Parameter {name} is not YAML: {error}") from error
    if not isinstance(value, dict):
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"Parameter {name} is not a YAML mapping.")
    return value


class PolicyNode(Node):
    """Publishes action_chunk and thought for the newest goal that wants actions."""

    def __init__(self) -> None:
        super().__init__("policy_node")
        values = declare(self, PARAMS)
        self._values = values
        robot = load_robot(values["robot"])
        self._contract = find_contract(values["contract"])
        self._tell(compare(self._contract, robot=values["robot"], urdf_joints=robot.limits.names + robot.gripper_joints,
                           gripper_max_width_m=robot.gripper_width_m))  # fmt: skip
        topics = {str(k): str(v) for k, v in _yaml(values["cameras"], "cameras").items()}
        spec = ModelSpec.from_mapping(_yaml(values["model"], "model"))
        self.model = build_model(spec, {"contract": self._contract})
        if not hasattr(self.model, "act"):
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f'The backend "{spec.backend}" gives no actions.')
        self._health = Health(self, "policy")
        self._door = Door("policy_node")
        self._condition = threading.Condition()
        self._goal: Goal | None = None
        self._warm, self._checked, self._closing = not values["warm_up"], False, False
        self._said: tuple[ErrorCode, float] = (ErrorCode.NONE, 0.0)
        self._thoughts = self.create_publisher(ThoughtMsg, "thought", EVENT)
        self._chunks = self.create_publisher(ActionChunkMsg, "action_chunk", COMMAND)
        self._inputs = PolicyInputs(
            self,
            self._contract,
            topics=topics,
            gripper_joints=robot.gripper_joints,
            camera_max_age_s=values["camera_max_age_s"],
            joints_max_age_s=values["joint_states_max_age_s"],
            base_frame=values["base_frame"],
            odom_frame=values["odom_frame"],
        )
        group = ReentrantCallbackGroup()
        self.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=group)
        self._timer = self.create_timer(0.2, self._check, group)
        self._worker = threading.Thread(target=self._work, name="policy worker", daemon=True)
        self._worker.start()
        self.get_logger().info(f"{spec.backend} under the contract {self._contract.name} {self._contract.hash[:12]}")

    def _tell(self, mismatches: list[str]) -> None:
        """Every mismatch in words; then the end, unless they are allowed."""
        for sentence in mismatches:
            self.get_logger().error(f"contract {self._contract.name}: {sentence}")
        if mismatches and not self._values["allow_mismatch"]:
            raise MolmoRosError(ErrorCode.CONTRACT_MISMATCH, f"{self._contract.name}: {'; '.join(mismatches)}.")

    def _check(self) -> None:
        """Once everything has come, compares it with the contract; a mismatch ends this node."""
        if self._inputs.complete:
            self._timer.cancel()
            self._tell(self._inputs.mismatches(crop=self._values["crop"]))
            self._checked = True

    def _on_goal(self, goal: Goal) -> None:
        with self._condition:
            wanted = goal.active and Goal.WANT_ACTIONS in goal.wants
            if not wanted and (self._goal is None or goal.goal_id != self._goal.goal_id):
                return
            self._goal = goal if wanted else None
            self._condition.notify_all()

    def close(self) -> None:
        """Ends the worker."""
        with self._condition:
            self._closing, self._goal = True, None
            self._condition.notify_all()
        self._worker.join(timeout=2.0)

    def _work(self) -> None:
        self._warm_up()
        while not self._closing:
            with self._condition:
                self._condition.wait_for(lambda: self._goal is not None or self._closing)
                goal = self._goal
            if goal is None:
                continue
            try:
                self._run(goal)
            except Exception as error:
                self.get_logger().error(f"unexpected: {type(error).__name__}: {error}")
                self._fault(goal, MolmoRosError(ErrorCode.INTERNAL, f"An unexpected fault in the policy: {error}"))
                time.sleep(RETRY_S)

    def _warm_up(self) -> None:
        """Loads and runs the model once, so that the first goal does not wait; tried again until it succeeds."""
        while not self._warm and not self._closing:
            try:
                with self._health.timed("warm-up"):
                    self._door.call(self.model.warm_up, 600.0, lambda: self._closing)
                self._warm = True
                self._health.ok()
                self.get_logger().info("warmed up")
            except MolmoRosError as error:
                self._health.fault(error)
                goal = self._goal
                if goal is not None:
                    self._fault(goal, error)
                time.sleep(AGAIN_S)

    def _over(self, goal: Goal) -> bool:
        newest = self._goal
        return self._closing or newest is None or newest.goal_id != goal.goal_id

    def _run(self, goal: Goal) -> None:
        contract = self._contract
        clock = RequestClock(
            execute_s=contract.execute_length * contract.dt_s, horizon_s=contract.chunk_length * contract.dt_s
        )
        if hasattr(self.model, "start"):
            self.model.start()
        last: ActionChunk | None = None
        asked_once = False
        while not self._over(goal):
            if not clock.due(self._now()):
                if asked_once and not getattr(self.model, "alive", True):
                    last = None
                    clock.forget()
                    self._fault(goal, MolmoRosError(ErrorCode.MODEL_UNAVAILABLE, "The policy server is gone."))
                time.sleep(POLL_S)
                continue
            try:
                last = self._step(goal, clock, last)
                asked_once = last is not None
                if last is not None:
                    clock.horizon_s = last.horizon * last.dt_s
            except MolmoRosError as error:
                if error.code is ErrorCode.CANCELED:
                    continue
                if error.code is ErrorCode.BUSY:
                    # An answer that came too late for us is still on its way; the first reason stands.
                    time.sleep(RETRY_S)
                    continue
                last = None
                clock.forget()
                self._fault(goal, error)
                time.sleep(RETRY_S)

    def _now(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _step(self, goal: Goal, clock: RequestClock, last: ActionChunk | None) -> ActionChunk | None:
        """One question and its answer; None when the policy refused."""
        if not self._checked:
            missing = ", ".join(self._inputs.missing)
            raise MolmoRosError(
                ErrorCode.CAMERA_LOST, f"The contract cannot be checked yet; nothing comes of {missing}."
            )
        seen = self._inputs.observation()
        clock.asked(seen.stamp_ns)
        started = self._now()
        with self._health.timed("answer"):
            thought, chunk = self._door.call(
                lambda: self._ask(seen, goal.instruction, clock, last),
                self._values["deadline_s"],
                lambda: self._over(goal),
            )
        clock.answered((self._now() - started) * 1e-9)
        self._thoughts.publish(convert.thought_msg(thought, goal_id=goal.goal_id, frame_id="", stamp=seen.stamp_ns))
        if chunk is None:
            raise MolmoRosError(thought.code, thought.message)
        chunk = self._wired(chunk)
        self._chunks.publish(convert.chunk_msg(chunk, goal_id=goal.goal_id, stamp=self._now()))
        self._health.ok()
        self._health.fact("answer to action [s]", f"{clock.latency_s:.3f}")
        self._said = (ErrorCode.NONE, 0.0)
        return chunk

    def _ask(
        self, seen: Observation, instruction: str, clock: RequestClock, last: ActionChunk | None
    ) -> tuple[Thought, ActionChunk | None]:
        """The next chunk; a policy that can continue the running one is told how far that has come."""
        if last is not None and hasattr(self.model, "act_continuing"):
            executed = round((seen.stamp_ns - last.observation_stamp_ns) * 1e-9 / last.dt_s)
            delay = math.ceil(clock.latency_s / last.dt_s)
            if 0 <= executed < last.horizon:
                return self.model.act_continuing(seen, instruction, executed=executed, delay=delay)
        return self.model.act(seen, instruction)

    def _wired(self, chunk: ActionChunk) -> ActionChunk:
        """The chunk with grippers as openings."""
        if chunk.names != self._contract.action_names:
            return chunk
        names, values = on_the_wire(self._contract, chunk.values)
        return replace(chunk, names=names, values=values)

    def _fault(self, goal: Goal, error: MolmoRosError) -> None:
        """The executor is told at once, so that the robot holds; not more often than it helps."""
        self._health.fault(error)
        code, when = self._said
        if code is error.code and time.monotonic() - when < AGAIN_S:
            return
        self._said = (error.code, time.monotonic())
        message = ActionChunkMsg(goal_id=goal.goal_id, error_code=int(error.code), error_msg=error.message)
        message.header.stamp = convert.time_msg(self._now())
        self._chunks.publish(message)


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(PolicyNode, args))
