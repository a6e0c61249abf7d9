"""The executor's half of the policy strategy: listens to chunks, streams them, holds when they stop coming."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.chunks import ChunkRules
from molmo_ros.motion.description import RobotConfig
from molmo_ros.nodes import convert
from molmo_ros.nodes.base import Param
from molmo_ros.nodes.health import Health
from molmo_ros.nodes.qos import COMMAND, DECISION
from molmo_ros.robots.gated import GatedDriver
from molmo_ros.robots.streaming import ChunkStreamer
from molmo_ros_interfaces.msg import ActionChunk, Goal

PARAMS = (
    Param(
        name="chunk_first_rad",
        default=0.35,
        doc="Largest distance of a first target from the measured joint [rad].",
        low=0.01,
        high=1.0,
    ),
    Param(
        name="chunk_step_rad",
        default=0.2,
        doc="Largest step between actions; longer ones are shortened [rad].",
        low=0.01,
        high=0.5,
    ),
    Param(name="chunk_blend_s", default=0.1, doc="Time over which a new chunk takes over [s].", low=0.0, high=1.0),
    Param(
        name="chunk_grip_effort_n",
        default=40.0,
        doc="Force with which a policy closes the gripper [N].",
        low=1.0,
        high=140.0,
    ),
)
PERIOD_S = 0.01
GRIPPER_POLL_S = 0.02


class ChunkStream:
    """Streams the chunks of the newest goal that wants actions, while the executor lets it own the robot.

    Args:
        node: Node that listens.
        values: Values of PARAMS.
        robot: The robot's description.
        driver: The robot behind the gate.
        health: Where the counts are shown.
        claim: Takes the robot for (commander, goal id), or gives the refusal.
        release: Gives it back.
        allowed: Whether the robot is armed and not stopped.
    """

    def __init__(
        self,
        node: Node,
        values: dict[str, object],
        robot: RobotConfig,
        driver: GatedDriver,
        health: Health,
        claim: Callable[[str, str], MolmoRosError | None],
        release: Callable[[], None],
        allowed: Callable[[], bool],
    ) -> None:
        self._node, self._values, self._robot, self._driver, self._health = node, values, robot, driver, health
        self._claim, self._release, self._allowed = claim, release, allowed
        self._condition = threading.Condition()
        self._goal_id = ""
        self._arrived: ActionChunk | None = None
        self._width: float | None = None
        self._closing = False
        self.problem: tuple[ErrorCode, str] = (ErrorCode.NONE, "")
        self.playing = False
        limits = robot.limits
        self._rules = ChunkRules(
            names=limits.names,
            lower=tuple(limits.lower.tolist()),
            upper=tuple(limits.upper.tolist()),
            step_rad=float(values["chunk_step_rad"]),
            first_rad=float(values["chunk_first_rad"]),
            blend_s=float(values["chunk_blend_s"]),
            gripper_open_m=robot.gripper_width_m,
        )
        group = ReentrantCallbackGroup()
        node.create_subscription(Goal, "goal", self._on_goal, DECISION, callback_group=group)
        node.create_subscription(ActionChunk, "action_chunk", self._on_chunk, COMMAND, callback_group=group)
        self._threads = [
            threading.Thread(target=self._work, name="chunk stream", daemon=True),
            threading.Thread(target=self._grip, name="chunk gripper", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _on_goal(self, goal: Goal) -> None:
        wanted = goal.goal_id if goal.active and Goal.WANT_ACTIONS in goal.wants else ""
        with self._condition:
            if wanted != self._goal_id:
                self._goal_id, self._arrived = wanted, None
            self._condition.notify_all()

    def _on_chunk(self, message: ActionChunk) -> None:
        with self._condition:
            if message.goal_id == self._goal_id and self._goal_id:
                self._arrived = message
                self._condition.notify_all()

    def close(self) -> None:
        """Ends the loops; the arm is braked first."""
        with self._condition:
            self._closing, self._goal_id = True, ""
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def _work(self) -> None:
        while not self._closing:
            with self._condition:
                self._condition.wait_for(lambda: self._arrived is not None or self._closing)
                goal_id = self._goal_id
            if self._closing or not goal_id:
                continue
            refusal = self._claim("policy_node", goal_id)
            if refusal is not None:
                self.problem = refusal.code, refusal.message
                with self._condition:
                    self._arrived = None
                continue
            try:
                self._stream(goal_id)
            except Exception as error:
                self._driver.hold()
                self._node.get_logger().error(f"unexpected: {type(error).__name__}: {error}")
                self.problem = ErrorCode.INTERNAL, f"An unexpected fault while playing actions: {error}"
            finally:
                self.playing = False
                self._release()

    def _stream(self, goal_id: str) -> None:
        streamer = ChunkStreamer(
            self._driver, self._robot.limits, self._rules, period_s=PERIOD_S, gripper=self._ask_gripper
        )
        self.playing, next_look = True, 0.0
        due = time.monotonic()
        while self._goal_id == goal_id:
            if not self._allowed():
                # Held by the executor. The stop is latched for this goal: it never goes on by itself.
                streamer.release()
                self._forget(goal_id, ErrorCode.STOPPED, "The robot was stopped; the actions of this goal are over.")
                return
            self._take(streamer)
            streamer.tick()
            self.problem = streamer.problem
            now = time.monotonic()
            if now >= next_look:
                next_look = now + 0.1
                self._show(streamer)
                if self._node.count_publishers("goal") == 0:
                    self._forget(
                        goal_id, ErrorCode.COMMANDER_LOST, "The task that commands the robot is gone; it holds."
                    )
            due = max(due + PERIOD_S, now)
            time.sleep(max(0.0, due - time.monotonic()))
        while not streamer.brake():
            time.sleep(PERIOD_S / 2)
        self._show(streamer)
        self._node.get_logger().info(streamer.player.counts.sentence())

    def _forget(self, goal_id: str, code: ErrorCode, message: str) -> None:
        with self._condition:
            if self._goal_id == goal_id:
                self._goal_id, self._arrived = "", None
        self.problem = code, message

    def _take(self, streamer: ChunkStreamer) -> None:
        with self._condition:
            message, self._arrived = self._arrived, None
        if message is None:
            return
        if message.error_code:
            streamer.player.fault(_code(message.error_code), message.error_msg)
            return
        try:
            code, reason = streamer.offer(convert.chunk_from(message))
        except MolmoRosError as error:
            code, reason = error.code, error.message
        if code is not ErrorCode.NONE:
            self._node.get_logger().warning(f"chunk refused: [{code.name}] {reason}", throttle_duration_sec=1.0)

    def _show(self, streamer: ChunkStreamer) -> None:
        counts = streamer.player.counts
        self._health.fact("actions played [1/s]", f"{counts.effective_rate_hz:.1f}")
        self._health.fact("stale share of the time", f"{counts.stale_ratio:.3f}")
        self._health.fact("chunks accepted", counts.accepted)
        self._health.fact("chunks refused", counts.refused)
        self._health.fact("actions dropped as late", counts.rows_dropped)
        self._health.fact("actions shortened", counts.rows_shortened)

    def _ask_gripper(self, _: str, width_m: float) -> None:
        self._width = width_m

    def _grip(self) -> None:
        """Gripper commands block, so they have a thread of their own; a newer one ends the older."""
        while not self._closing:
            width = self._width
            if width is None or not self.playing:
                time.sleep(GRIPPER_POLL_S)
                continue
            self._width = None
            effort = float(self._values["chunk_grip_effort_n"])
            result = self._driver.move_gripper(
                width, effort, lambda: self._width is not None or not self.playing or not self._allowed()
            )
            if result.code not in (ErrorCode.NONE, ErrorCode.CANCELED):
                self._node.get_logger().warning(f"gripper: [{result.code.name}] {result.message}")


def _code(number: int) -> ErrorCode:
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.INTERNAL
