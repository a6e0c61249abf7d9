"""What the state machine needs of the world. Nodes and the in-process runner each provide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult
from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Frame, Grasp, Thought, Trace


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """What is asked of the models for one stage.

    Attributes:
        goal_id: The goal it belongs to.
        instruction: The whole sentence.
        prompt: Noun phrase to ground, or the sentence for an open-vocabulary model.
        stage: The stage that asks.
        relation: For a trace: how the thing relates to the prompt.
        grasp_point_base_m: For a trace: (3,) where the carried thing is taken [m].
        held_size_m: For a trace: (3,) box of the carried thing [m].
        deadline_s: How long an answer is of use [s].
    """

    goal_id: str
    instruction: str
    prompt: str
    stage: str
    relation: str = ""
    grasp_point_base_m: npt.NDArray[np.float64] | None = None
    held_size_m: npt.NDArray[np.float64] | None = None
    deadline_s: float = 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class GraspAnswer:
    """Ranked grasps, or why there are none.

    Attributes:
        grasps: Accepted ones first, best first; then rejected ones with their reasons.
        code: NONE when at least one is accepted.
        message: One sentence for any other code.
        point_px: (2,) the model's point, or None.
        thought: What the model said, or None when it travels apart.
    """

    grasps: tuple[Grasp, ...] = ()
    code: ErrorCode = ErrorCode.NONE
    message: str = ""
    point_px: npt.NDArray[np.float64] | None = None
    thought: Thought | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class TraceAnswer:
    """A lifted trace, or why there is none.

    Attributes:
        trace: With points in the base frame, exactly when the code is NONE.
        code: Named outcome.
        message: One sentence for a code other than NONE.
        thought: What the model said, or None when it travels apart.
    """

    trace: Trace | None = None
    code: ErrorCode = ErrorCode.NONE
    message: str = ""
    thought: Thought | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Feedback:
    """What a person is told while it runs.

    Attributes:
        stage: Name of the stage.
        message: One sentence.
        progress: 0..1.
        thought: The newest thought, or None.
        trace: The newest trace, or None.
        grasp: The chosen grasp, or None.
    """

    stage: str
    message: str
    progress: float
    thought: Thought | None = None
    trace: Trace | None = None
    grasp: Grasp | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """A person's word on a plan.

    Attributes:
        accepted: Whether to go on.
        trace: The trace to follow, perhaps edited.
        grasp_id: Another grasp to take, or empty.
        message: Why not.
    """

    accepted: bool
    trace: Trace | None = None
    grasp_id: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """One motion for the executor.

    Attributes:
        trajectory: Joint path, or None.
        gripper_width_m: Opening after it [m], or None to leave it.
        gripper_max_effort_n: Closing force [N].
        expect_contact: Closing on something counts as success.
        allowed_contacts: Links that may touch the scene meanwhile.
    """

    trajectory: JointTrajectory | None = None
    gripper_width_m: float | None = None
    gripper_max_effort_n: float = 40.0
    expect_contact: bool = False
    allowed_contacts: Sequence[str] = field(default_factory=tuple)


class Ports(Protocol):
    """The machine's hands and eyes. Every call raises ``MolmoRosError`` for a named fault, CANCELED when called off."""

    def joint_state(self) -> JointState:
        """The newest measured joints; JOINT_STATES_LOST when stale."""
        ...

    def gripper_state(self) -> GripperState:
        """The newest measured gripper."""
        ...

    def look(self) -> tuple[Frame, Scene]:
        """A frame taken from now on, and what is seen in it."""
        ...

    def ask_grasps(self, question: Question) -> GraspAnswer:
        """Where to grasp."""
        ...

    def ask_trace(self, question: Question) -> TraceAnswer:
        """How to carry it."""
        ...

    def move(self, motion: Motion) -> MotionResult:
        """Carries out one motion; returns when it has ended and the robot holds."""
        ...

    def confirm(self, trace: Trace | None, grasps: tuple[Grasp, ...]) -> Decision:
        """Waits for a person; NOT_CONFIRMED after the configured time."""
        ...

    def report(self, feedback: Feedback) -> None:
        """Tells the person."""
        ...

    def check(self) -> None:
        """Raises CANCELED, SUPERSEDED or TIME_LIMIT when the goal shall end."""
        ...
