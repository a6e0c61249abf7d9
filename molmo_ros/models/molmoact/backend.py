"""The ``molmoact`` backend: traces and steering, and actions behind a sanity gate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, ActionKind, Frame, Thought
from molmo_ros.models.base import CheckpointModel, image_digest, torch_dtype
from molmo_ros.models.errors import AnswerError
from molmo_ros.models.images import Uint8Image
from molmo_ros.models.molmoact import prompts
from molmo_ros.models.molmoact.actions import ActionStats, SanityGate, action_stats
from molmo_ros.models.molmoact.engine import Answer, MolmoActEngine, load_engine
from molmo_ros.models.molmoact.parsers import ParsedAnswer, parse_answer
from molmo_ros.models.molmoact.traces import draw, is_scribble, to_pixels
from molmo_ros.models.protocols import Observation, TraceRequest
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.weights import Checkpoint, Progress

ACTION_NAMES = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")


class MolmoActModel(CheckpointModel[MolmoActEngine]):
    """MolmoAct v1 as a trace planner and a policy.

    Options: ``unnorm_key``, ``chunk`` (action steps per answer, 1 or 8), ``dt_s``, ``max_new_tokens``, ``image_px``
    ([width, height] the frames are brought to, [320, 240] as in mid-training), ``compiled``, ``quantise``.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        size = spec.options.get("image_px", (320, 240))
        if len(size) != 2 or not all(isinstance(n, int) and 16 <= n <= 4096 for n in size):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "molmoact: image_px must be [width, height] in pixels.")
        self._size = (int(size[0]), int(size[1]))
        self._chunk = int(self.number("chunk", 1))
        self._dt_s = self.number("dt_s", 1 / 5)
        self._limit = int(self.number("max_new_tokens", 512))
        self._gate: SanityGate | None = None
        self._sequence = 0

    def load(self, checkpoint: Checkpoint, progress: Progress | None) -> MolmoActEngine:
        """Load model and tokenizer."""
        return load_engine(
            checkpoint,
            device=self.spec.device,
            dtype=torch_dtype(self.spec.dtype),
            compiled=bool(self.spec.options.get("compiled", True)),
            quantise_to=str(self.spec.options.get("quantise", "")),
            progress=progress,
        )

    def warm_up(self) -> None:
        """Load, compile and answer once about a grey picture."""
        grey = np.full((self._size[1], self._size[0], 3), 128, dtype=np.uint8)
        with self._lock:
            self.engine.answer(
                [grey], prompts.reasoning("move", images=1), max_new_tokens=4, deadline_s=time.monotonic() + 600
            )

    def _stats(self) -> ActionStats:
        return action_stats(self.engine.model.config.norm_stats, self.spec.options.get("unnorm_key"))

    def _shrink(self, image: Uint8Image) -> Uint8Image:
        if (image.shape[1], image.shape[0]) == self._size:
            return image
        return np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _ask(self, images: Sequence[Uint8Image], prompt: str) -> Answer:
        return self.engine.answer(images, prompt, max_new_tokens=self._limit, deadline_s=self.deadline())

    def _dim(self) -> int:
        """Number of action symbols per step; 7 where the checkpoint carries no statistics."""
        try:
            return self._stats().dim
        except MolmoRosError:
            return len(ACTION_NAMES)

    def plan(self, frames: Sequence[Frame], request: TraceRequest) -> Thought:
        """Draw the path of the end effector on the first image.

        With steering, the person's trace is drawn as published and the model is asked for the action along it; the
        trace of the thought is then the person's.
        """
        started, prompt, answer = time.monotonic(), "", None
        parts: dict[str, Any] = {}
        try:
            with self._lock:
                images = [self._shrink(frame.rgb) for frame in frames]
                steered = request.steering is not None
                task = self.engine.tokens.plain(prompts.instruction_text(request.instruction))
                write = prompts.steering if steered else prompts.reasoning
                prompt = write(task, images=len(images))
                if request.steering is not None:
                    trace = request.steering.trace
                    scale = np.array([(self._size[0] - 1) / max(trace.width_px - 1, 1)] * 2)
                    scale[1] = (self._size[1] - 1) / max(trace.height_px - 1, 1)
                    images[0] = draw(images[0], trace.uv * scale)
                    parts["trace_px"] = trace.uv
                answer = self._ask(images, prompt)
                parsed = parse_answer(answer.text, action_dim=self._dim())
                parts["depth_tokens"] = parsed.depth
                if parsed.steps:
                    parts["actions"] = np.array(parsed.steps)
                if not steered:
                    parts["trace_px"] = _trace(parsed, frames[0], answer)
        except MolmoRosError as error:
            raw, phases = (answer.text, answer.seconds) if answer is not None else ("", {})
            parts.pop("trace_px", None)
            return self.refusal(prompt, raw, started, error, phases=phases, **parts)
        return self.thought(prompt, answer.text, started, answer.seconds, **parts)

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """Decode the next end-effector deltas, in base-frame metres and radians; gripper 1 is open."""
        started, prompt, answer = time.monotonic(), "", None
        parts: dict[str, Any] = {}
        try:
            with self._lock:
                images = [self._shrink(image) for image in observation.images.values()]
                task = self.engine.tokens.plain(prompts.instruction_text(instruction))
                prompt = prompts.reasoning(task, images=len(images))
                stats = self._stats()
                if self._gate is None:
                    self._gate = SanityGate(stats)
                answer = self._ask(images, prompt)
                parsed = parse_answer(answer.text, action_dim=stats.dim)
                parts["depth_tokens"] = parsed.depth
                if parsed.trace_uv:
                    first = next(iter(observation.images.values()))
                    parts["trace_px"] = to_pixels(parsed.trace_uv, first.shape[1], first.shape[0])
                actions = self._gate.check(
                    parsed.steps, expected_steps=self._chunk, image_digest=image_digest(images[0])
                )
                self._sequence += 1
                names = ACTION_NAMES if stats.dim == len(ACTION_NAMES) else tuple(f"a{i}" for i in range(stats.dim))
                chunk = ActionChunk(
                    names=names,
                    values=actions,
                    kind=ActionKind.EE_DELTA,
                    dt_s=self._dt_s,
                    observation_stamp_ns=observation.stamp_ns,
                    sequence=self._sequence,
                )
        except MolmoRosError as error:
            raw, phases = (answer.text, answer.seconds) if answer is not None else ("", {})
            return self.refusal(prompt, raw, started, error, phases=phases, **parts), None
        return self.thought(prompt, answer.text, started, answer.seconds, actions=actions, **parts), chunk


def _trace(parsed: ParsedAnswer, frame: Frame, answer: Answer) -> Any:
    """Pixels of the trace in the frame's own size.

    Raises:
        AnswerError: There is none, it is a single point, or scribble.
    """
    if not parsed.trace_uv:
        why = "; ".join(parsed.notes) or ("it was cut off" if not answer.ended else "it holds no list of points")
        raise AnswerError(f"The model's answer has no trace: {why}.")
    if len(parsed.trace_uv) < 2:
        raise AnswerError("The model's trace is a single point: it sees nothing to move.")
    if is_scribble(parsed.trace_uv):
        raise AnswerError("The model's trace turns back and forth; it is not executed.")
    return to_pixels(parsed.trace_uv, frame.width_px, frame.height_px)


def build(spec: ModelSpec, context: dict[str, Any]) -> MolmoActModel:
    """Build the backend for the registry."""
    return MolmoActModel(spec, context)
