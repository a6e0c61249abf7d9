"""The ``replay`` backend: says again what a bag holds, in the order it was said; what it lacks is REPLAY_MISSING."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, Frame, Thought
from molmo_ros.models.protocols import ModelInfo, Observation, TraceRequest
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.replay.recorded import Entry, Recording, normal, read_bag

WORDS = {"grasps": "point at", "trace": "trace to", "actions": "actions for"}


class ReplayModel:
    """A recorded run as a model of every ability.

    The same questions in the same order get the same answers. A question is what was asked to be grounded, or for
    actions the whole sentence; answers to one question are given in the order of recording.

    Options: ``bag`` (folder or file).
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        del context
        self._bag = str(spec.options.get("bag") or spec.checkpoint)
        if not self._bag:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "replay: name the recorded run with bag.")
        self._recording: Recording | None = None
        self._given: dict[tuple[str, str], int] = {}
        self._sequence = 0
        self._lock = threading.Lock()

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        return ModelInfo(backend="replay", model_id=self._bag)

    def warm_up(self) -> None:
        """Reads the bag."""
        with self._lock:
            self._read()

    def _read(self) -> Recording:
        if self._recording is None:
            self._recording = read_bag(self._bag)
        return self._recording

    def _next(self, want: str, question: str) -> Entry:
        with self._lock:
            key = want, normal(question)
            entries = self._read().answers.get(key, ())
            at = self._given.get(key, 0)
            if at >= len(entries):
                often = "no" if not entries else f"only {len(entries)}"
                raise MolmoRosError(
                    ErrorCode.REPLAY_MISSING,
                    f'The bag holds {often} answer{"s" if len(entries) > 1 else ""} to "{WORDS[want]} {question[:80]}".',
                )
            self._given[key] = at + 1
            return entries[at]

    def _missing(self, prompt: str, error: MolmoRosError) -> Thought:
        return Thought(
            prompt=prompt, raw_text="", backend="replay", model_id=self._bag, code=error.code, message=error.message
        )

    def point(self, frame: Frame, text: str) -> Thought:
        """The recorded points for a phrase."""
        del frame
        try:
            return self._next("grasps", text).thought
        except MolmoRosError as error:
            return self._missing(text, error)

    def plan(self, frames: Sequence[Frame], request: TraceRequest) -> Thought:
        """The recorded trace to a place; a new trace of a person's has no recorded answer."""
        del frames
        try:
            if request.steering is not None:
                raise MolmoRosError(ErrorCode.REPLAY_MISSING, "The bag holds no answer to a trace drawn now.")
            return self._next("trace", request.reference).thought
        except MolmoRosError as error:
            return self._missing(request.instruction, error)

    def act(self, observation: Observation, instruction: str) -> tuple[Thought, ActionChunk | None]:
        """The recorded actions for a sentence, as answers to the present observation."""
        try:
            entry = self._next("actions", instruction)
            if entry.chunk is None and entry.thought.code is ErrorCode.NONE:
                raise MolmoRosError(ErrorCode.REPLAY_MISSING, "The bag holds the thought but not its actions.")
        except MolmoRosError as error:
            return self._missing(instruction, error), None
        if entry.chunk is None:
            return entry.thought, None
        self._sequence += 1
        stamp = observation.stamp_ns
        return entry.thought, replace(entry.chunk, observation_stamp_ns=stamp, sequence=self._sequence)

    def estimate(self, frames: Sequence[Frame], instruction: str) -> tuple[float, float]:
        """The next recorded progress."""
        del frames, instruction
        with self._lock:
            progress = self._read().progress
            at = self._given.get(("progress", ""), 0)
            if at >= len(progress):
                raise MolmoRosError(
                    ErrorCode.REPLAY_MISSING, f"The bag holds only {len(progress)} estimates of progress."
                )
            self._given["progress", ""] = at + 1
            return progress[at]


def build(spec: ModelSpec, context: dict[str, Any]) -> ReplayModel:
    """Build the backend for the registry."""
    return ReplayModel(spec, context)
