"""The whole pipeline in one process: the state machine, the thinkers and a driver, no middleware.

Thousands of evaluation episodes run this way; the same machine and thinkers run under the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, MotionResult, RobotDriver
from molmo_ros.core.scene import Plane, Scene
from molmo_ros.core.types import Frame, Grasp, Trace
from molmo_ros.models.protocols import Pointer, TracePlanner
from molmo_ros.models.registry import ModelSpec, build_model
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.gate import Gate
from molmo_ros.perception import perceive
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.robots.gated import GatedDriver
from molmo_ros.task.arm import ArmMotions
from molmo_ros.task.machine import Outcome, TaskConfig, TaskMachine
from molmo_ros.task.ports import Decision, Feedback, GraspAnswer, Motion, Question, TraceAnswer
from molmo_ros.task.thinking import CachedPerception, GraspThinker, TraceThinker


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One sentence carried out.

    Attributes:
        outcome: Its one end.
        stages: What a person was told, in order.
        gate_refused: Motions the last gate refused.
        gate_accepted: Motions it passed.
    """

    outcome: Outcome
    stages: tuple[Feedback, ...]
    gate_refused: int
    gate_accepted: int


@dataclass(frozen=True, kw_only=True)
class InProcessConfig:
    """What is put together.

    Attributes:
        robot: File in config/robots.
        pointer: Model that points.
        planner: Model that draws traces.
        perception: What perception may assume.
        task: How tasks are done.
        speed: Share of the joint limits used in free space.
        near_speed: The same near objects.
    """

    robot: str = "fr3"
    pointer: ModelSpec = field(default_factory=lambda: ModelSpec(backend="geometric"))
    planner: ModelSpec = field(default_factory=lambda: ModelSpec(backend="geometric"))
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    speed: float = 0.7
    near_speed: float = 0.5


class _Ports:
    """Ports by direct calls."""

    def __init__(
        self,
        driver: GatedDriver,
        observe: Callable[[], Frame],
        perceive_frame: CachedPerception,
        grasp: GraspThinker,
        trace: TraceThinker,
        cancelled: Callable[[], bool],
        on_feedback: Callable[[Feedback], None],
    ) -> None:
        self._driver, self._observe, self._perceive = driver, observe, perceive_frame
        self._grasp, self._trace = grasp, trace
        self._cancelled, self._on_feedback = cancelled, on_feedback
        self._frame: Frame | None = None
        self.stages: list[Feedback] = []

    def joint_state(self) -> JointState:
        return self._driver.joint_state()

    def gripper_state(self) -> GripperState:
        return self._driver.gripper_state()

    def look(self) -> tuple[Frame, Scene]:
        self._frame = self._observe()
        return self._frame, self._perceive(self._frame)

    def _seen(self) -> Frame:
        if self._frame is None:
            raise MolmoRosError(ErrorCode.CAMERA_LOST, "Nothing has been looked at yet.")
        return self._frame

    def ask_grasps(self, question: Question) -> GraspAnswer:
        return self._grasp.think(self._seen(), question)

    def ask_trace(self, question: Question) -> TraceAnswer:
        return self._trace.think(self._seen(), question)

    def move(self, motion: Motion) -> MotionResult:
        result = MotionResult()
        if motion.trajectory is not None:
            result = self._driver.execute(motion.trajectory, self._cancelled)
        if result.code is ErrorCode.NONE and motion.gripper_width_m is not None:
            result = self._driver.move_gripper(motion.gripper_width_m, motion.gripper_max_effort_n, self._cancelled)
        return result

    def confirm(self, trace: Trace | None, grasps: tuple[Grasp, ...]) -> Decision:
        del grasps
        return Decision(accepted=True, trace=trace)

    def report(self, feedback: Feedback) -> None:
        self.stages.append(feedback)
        self._on_feedback(feedback)

    def check(self) -> None:
        if self._cancelled():
            raise MolmoRosError(ErrorCode.CANCELED, "The goal was cancelled; the robot holds still.")


class InProcess:
    """One robot's whole pipeline. Building it takes seconds; running it again with another world does not.

    Args:
        config: What is put together.
        seed: Seed of the random searches.
    """

    def __init__(self, config: InProcessConfig | None = None, seed: int = 0) -> None:
        self._config = config or InProcessConfig()
        self._robot = load_robot(self._config.robot)
        self.arm = ArmMotions(self._robot, speed=self._config.speed, near_speed=self._config.near_speed, seed=seed)
        settings = self._config.perception
        self._perceive = CachedPerception(lambda frame: perceive(frame, settings))
        pointer = build_model(self._config.pointer, {"perceive": self._perceive})
        same = self._config.planner == self._config.pointer
        planner = pointer if same else build_model(self._config.planner, {"perceive": self._perceive})
        if not isinstance(pointer, Pointer) or not isinstance(planner, TracePlanner):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "These models do not point and draw traces.")
        self._grasp = GraspThinker(pointer, self._perceive, reachable=self.arm.reachable)
        self._trace = TraceThinker(planner, self._perceive)

    def run(
        self,
        driver: RobotDriver,
        observe: Callable[[], Frame],
        instruction: str,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_feedback: Callable[[Feedback], None] = lambda _: None,
    ) -> Run:
        """Does what the sentence says.

        Args:
            driver: The robot; every motion passes the last gate first.
            observe: Takes a picture now.
            instruction: The sentence.
            cancelled: Asked often; true ends in a hold.
            on_feedback: Hears of each stage.
        """
        table = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)
        gate = Gate.from_config(self.arm.model, self._robot, support=table)
        gated = GatedDriver(driver, gate, lambda: driver.joint_state().stamp_ns)
        ports = _Ports(gated, observe, self._perceive, self._grasp, self._trace, cancelled, on_feedback)
        self.arm.forget()
        outcome = TaskMachine(ports, self.arm, self._config.task).run("in-process", instruction)
        return Run(
            outcome=outcome, stages=tuple(ports.stages), gate_refused=gated.refused, gate_accepted=gated.accepted
        )


@lru_cache(maxsize=1)
def shared_in_process() -> InProcess:
    """The default pipeline, built once per process."""
    return InProcess()
