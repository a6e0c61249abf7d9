"""The ``molmo2`` backend: points, tracks, free text, and progress from answer probabilities."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from molmo_ros.core.errors import MolmoRosError
from molmo_ros.core.types import Frame, Thought
from molmo_ros.models.base import CheckpointModel, torch_dtype
from molmo_ros.models.errors import AnswerError, InputError
from molmo_ros.models.grammars.coords import TrackFrame, tracks
from molmo_ros.models.grammars.pointing import Dialect, read_pointing, require_points
from molmo_ros.models.grammars.writing import seconds as written_seconds
from molmo_ros.models.images import Uint8Image
from molmo_ros.models.molmo2.engine import Molmo2Engine, Spoken, load_engine, soon
from molmo_ros.models.molmo2.prompting import Assembled
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.weights import Checkpoint, Progress

POINT = "Point to {label}\nPlease say 'There are none.' if it is not in the image."
DONE = "The robot's task is to {task}. Is the task completed in the last frame? Answer Yes or No."
SHARE = (
    "The robot's task is to {task}. How much of the task is done in the last frame, from 0 (nothing) to 9 (all)? "
    "Answer with one digit."
)
DIGITS = tuple(str(number) for number in range(10))


class Molmo2Model(CheckpointModel[Molmo2Engine]):
    """Molmo2 as a pointer, a tracker and a progress estimator.

    Options: ``max_new_tokens``, ``prompt`` (with ``{label}``), ``max_frames`` of a progress estimate, ``compiled``,
    ``quantise``.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        super().__init__(spec, context)
        self._limit = int(self.number("max_new_tokens", 448))
        self._frames = int(self.number("max_frames", 8))
        self._template = str(spec.options.get("prompt", POINT))

    def load(self, checkpoint: Checkpoint, progress: Progress | None) -> Molmo2Engine:
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
        grey = np.full((240, 320, 3), 128, dtype=np.uint8)
        with self._lock:
            engine = self.engine
            engine.answer(engine.prompts.images([grey]), "Hello", max_new_tokens=4, deadline_s=soon(600))

    def ask(self, images: Sequence[Uint8Image], text: str) -> Spoken:
        """Answer a free question about any number of images.

        Raises:
            MolmoRosError: The text may not stand in a prompt, or the deadline passed.
        """
        with self._lock:
            engine = self.engine
            return self._say(engine, engine.prompts.images(images), engine.tokens.plain(text))

    def _say(self, engine: Molmo2Engine, opened: Assembled, text: str) -> Spoken:
        return engine.answer(opened, text, max_new_tokens=self._limit, deadline_s=self.deadline())

    def point(self, frame: Frame, text: str) -> Thought:
        """Point at what a phrase names."""
        started, prompt, said = time.monotonic(), text, None
        try:
            with self._lock:
                engine = self.engine
                prompt = self._template.replace("{label}", engine.tokens.plain(" ".join(text.split())))
                said = self._say(engine, engine.prompts.images([frame.rgb]), prompt)
            answer = read_pointing(said.text, [(frame.width_px, frame.height_px)], Dialect.MOLMO2)
            require_points(answer)
        except MolmoRosError as error:
            raw, phases = (said.text, said.seconds) if said is not None else ("", {})
            return self.refusal(prompt, raw, started, error, phases=phases)
        points = np.array([(mark.u, mark.v) for mark in answer.marks])
        return self.thought(prompt, said.text, started, said.seconds, points_px=points)

    def track(
        self, frames: Sequence[Uint8Image], times_s: Sequence[float], label: str, *, fps: float
    ) -> list[TrackFrame]:
        """Follow what a phrase names through a video.

        Args:
            frames: (H, W, 3) uint8 of one size.
            times_s: Seconds of each frame.
            label: What to follow.
            fps: Rate at which positions are wanted.

        Raises:
            MolmoRosError: MODEL_ANSWER_INVALID when no track can be read.
        """
        with self._lock:
            engine = self.engine
            text = f"Track {engine.tokens.plain(label)} in {fps:g} FPS."
            said = self._say(engine, engine.prompts.video(frames, times_s), text)
        height, width = frames[0].shape[:2]
        found = tracks(said.text, width, height, fps)
        if not found:
            raise AnswerError(f"Molmo2 gave no track from {written_seconds(times_s[0])} s on.")
        return found

    def choose(self, images: Sequence[Uint8Image], question: str, answers: Sequence[str]) -> list[float]:
        """Probabilities of given answers to a question about images, relative to one another."""
        with self._lock:
            engine = self.engine
            seen = engine.look(engine.prompts.images(images))
            return engine.choose(seen, engine.tokens.plain(question), answers)

    def estimate(self, frames: Sequence[Frame], instruction: str) -> tuple[float, float]:
        """Progress and success as the model's own probabilities; the frames are read once for both questions.

        Args:
            frames: In the order of time; the newest are used.
            instruction: The task.

        Returns:
            Expected share done and probability of "Yes", both 0..1.
        """
        if not frames:
            raise InputError("An estimate of progress needs at least one frame.")
        recent = list(frames)[-self._frames :]
        times = [(frame.stamp_ns - recent[0].stamp_ns) * 1e-9 for frame in recent]
        with self._lock:
            engine = self.engine
            task = engine.tokens.plain(instruction)
            seen = engine.look(engine.prompts.video([frame.rgb for frame in recent], times))
            yes, _ = engine.choose(seen, DONE.format(task=task), ("Yes", "No"))
            shares = engine.choose(seen, SHARE.format(task=task), DIGITS)
        return sum(index * share for index, share in enumerate(shares)) / (len(DIGITS) - 1), yes


def build(spec: ModelSpec, context: dict[str, Any]) -> Molmo2Model:
    """Build the backend for the registry."""
    return Molmo2Model(spec, context)
