"""What every model gives, whatever its family. One small protocol per ability.

A named outcome ("I do not see it", "which one?") is a ``Thought`` with a code; only a fault raises ``MolmoRosError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from molmo_ros.core.robot import JointState
from molmo_ros.core.types import ActionChunk, Frame, Thought, Trace


@dataclass(frozen=True, kw_only=True, eq=False)
class Steering:
    """How a person wants the path to go: their own trace on the asked image."""

    trace: Trace


@dataclass(frozen=True, kw_only=True, eq=False)
class TraceRequest:
    """What the trace is for.

    Attributes:
        instruction: The whole sentence.
        reference: Noun phrase of the place, e.g. "the bowl"; empty when nothing is placed.
        relation: How the carried thing relates to the reference, e.g. "in", "next_to".
        start_px: (u, v) where the carried thing is now [px], or None.
        held_size_m: (3,) box of the carried thing [m], or None.
        steering: A person's trace to follow, or None.
    """

    instruction: str
    reference: str = ""
    relation: str = ""
    start_px: tuple[float, float] | None = None
    held_size_m: npt.NDArray[np.float64] | None = None
    steering: Steering | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What a policy sees.

    Attributes:
        images: (H, W, 3) uint8 per camera name, in the order the contract names.
        joints: Measured joints.
        gripper_width_m: Measured opening [m].
        T_base_tcp: (4, 4) measured tool pose, or None.
        stamp_ns: Time of the oldest part [ns].
        points_px: Point prompts on the first image, (N, 2) [px].
        T_odom_base: (4, 4) base pose in odom, or None.
    """

    images: Mapping[str, npt.NDArray[np.uint8]]
    joints: JointState
    gripper_width_m: float
    stamp_ns: int
    T_base_tcp: npt.NDArray[np.float64] | None = None
    points_px: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    T_odom_base: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """Who answers.

    Attributes:
        backend: Name in the registry.
        model_id: Name of the checkpoint.
        revision: Pinned revision.
        device: Where it runs.
    """

    backend: str
    model_id: str = ""
    revision: str = ""
    device: str = "cpu"


@runtime_checkable
class Model(Protocol):
    """Common to all: a name, and a warm-up that makes the first answer as fast as the next."""

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        ...

    def warm_up(self) -> None:
        """Loads, compiles and runs once on made-up input."""
        ...


@runtime_checkable
class Pointer(Model, Protocol):
    """Points at what a phrase names."""

    def point(self, frame: Frame, text: str) -> Thought:
        """Points in the frame's image; ``points_px`` is non-empty exactly when the code is NONE."""
        ...


@runtime_checkable
class TracePlanner(Model, Protocol):
    """Draws the path of the end effector on the first image."""

    def plan(self, frames: Sequence[Frame], request: TraceRequest) -> Thought:
        """A trace in the first frame's image; ``trace_px`` has two points or more exactly when the code is NONE."""
        ...


@runtime_checkable
class Policy(Model, Protocol):
    """Turns what it sees into the next actions."""

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """The next chunk; None exactly when the thought's code is not NONE."""
        ...


@runtime_checkable
class ProgressEstimator(Model, Protocol):
    """Judges how far a task has come."""

    def estimate(self, frames: Sequence[Frame], instruction: str) -> tuple[float, float]:
        """Progress 0..1 and success probability 0..1 (NaN when it gives none)."""
        ...
