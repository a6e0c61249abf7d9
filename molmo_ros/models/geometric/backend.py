"""The ``geometric`` backend: points and traces from depth, colour and shape. No weights; never guesses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.core.types import Frame, Thought
from molmo_ros.models.geometric.grounding import ground
from molmo_ros.models.geometric.phrases import NounPhrase, parse_noun_phrase
from molmo_ros.models.geometric.placing import place_point_m
from molmo_ros.models.protocols import ModelInfo, TraceRequest

if TYPE_CHECKING:
    from molmo_ros.models.geometric.grounding import Grounded

Perceive = Callable[[Frame], Scene]
TRACE_POINTS = 5  # MolmoAct draws at most five (facts: its trace grammar)
START_WINDOW_PX = 8
CARRY_CLEARANCE_M = 0.12


class GeometricModel:
    """Points at what a phrase names and draws a straight carry to where it should go.

    Args:
        perceive: Turns a frame into a scene; injected so that models need not know perception.
    """

    def __init__(self, perceive: Perceive) -> None:
        self._perceive = perceive

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        return ModelInfo(backend="geometric", model_id="geometric", revision="1")

    def warm_up(self) -> None:
        """Nothing to load."""

    def point(self, frame: Frame, text: str) -> Thought:
        """One point per object the phrase names; NOT_GROUNDED or AMBIGUOUS in words otherwise."""
        started = time.perf_counter()
        try:
            phrase = parse_noun_phrase(text)
            scene = self._perceive(frame)
            found = ground(_only_things(phrase), scene, frame.T_base_camera)
        except MolmoRosError as error:
            return self._refusal(text, error, started)
        points = np.array([item.center_px for item in found.objects])
        return self._answer(text, f"points at {phrase.text}", points_px=points, started=started)

    def plan(self, frames: Sequence[Frame], request: TraceRequest) -> Thought:
        """A carry from the start pixel to the place; with steering, the person's own trace."""
        started = time.perf_counter()
        frame = frames[0]
        prompt = request.instruction
        if request.steering is not None:
            return self._answer(
                prompt, "follows the person's trace", trace_px=request.steering.trace.uv, started=started
            )
        try:
            if request.start_px is None:
                raise MolmoRosError(
                    ErrorCode.NOT_SUPPORTED, "The geometric planner needs to know where the trace starts."
                )
            scene = self._perceive(frame)
            found = self._reference(request, scene, frame)
            start = _start_m(scene, request.start_px)
            held = np.array([0.04, 0.04, 0.04]) if request.held_size_m is None else request.held_size_m
            end = place_point_m(scene, found, request.relation, held, start, frame.T_base_camera)
            trace = carry_trace(frame, start, end)
        except MolmoRosError as error:
            return self._refusal(prompt, error, started)
        said = f"carries {request.relation.replace('_', ' ')} {request.reference}"
        return self._answer(prompt, said, trace_px=trace, started=started)

    def _reference(self, request: TraceRequest, scene: Scene, frame: Frame) -> Grounded:
        phrase = parse_noun_phrase(request.reference)
        moved = scene.object_at(request.start_px) if request.start_px is not None else None
        if moved is not None and not phrase.surface:
            scene = without(scene, moved)
        return ground(phrase, scene, frame.T_base_camera)

    def _answer(
        self,
        prompt: str,
        said: str,
        *,
        started: float,
        points_px: npt.NDArray[np.float64] | None = None,
        trace_px: npt.NDArray[np.float64] | None = None,
    ) -> Thought:
        empty = np.zeros((0, 2))
        return Thought(
            prompt=prompt,
            raw_text=said,
            points_px=empty if points_px is None else points_px,
            trace_px=empty if trace_px is None else trace_px,
            backend="geometric",
            model_id="geometric",
            revision="1",
            phase_s={"total": time.perf_counter() - started},
        )

    def _refusal(self, prompt: str, error: MolmoRosError, started: float) -> Thought:
        return Thought(
            prompt=prompt,
            raw_text=error.message,
            backend="geometric",
            model_id="geometric",
            revision="1",
            phase_s={"total": time.perf_counter() - started},
            code=error.code,
            message=error.message,
        )


def without(scene: Scene, item: SceneObject) -> Scene:
    """The scene less one object; the others keep their ids."""
    return Scene(
        stamp_ns=scene.stamp_ns,
        points_base_m=scene.points_base_m,
        plane=scene.plane,
        objects=tuple(o for o in scene.objects if o is not item),
    )


def carry_trace(
    frame: Frame, start_m: npt.NDArray[np.float64], end_m: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(N, 2) pixels of a straight carry between two surface points, each as the camera sees it.

    Raises:
        MolmoRosError: TRACE_INVALID when an end lies outside the picture.
    """
    along = np.linspace(0.0, 1.0, TRACE_POINTS)[:, None]
    points = (1 - along) * start_m + along * end_m
    uv = geometry.project(frame.K, geometry.apply(geometry.invert(frame.T_base_camera), points))
    inside = np.all(np.isfinite(uv), axis=1) & np.all(
        (uv >= 0) & (uv <= [frame.width_px - 1, frame.height_px - 1]), axis=1
    )
    if not (inside[0] and inside[-1]):
        raise MolmoRosError(ErrorCode.TRACE_INVALID, "The place for it lies outside the camera's picture.")
    return np.asarray(uv[inside])


def _start_m(scene: Scene, start_px: tuple[float, float]) -> npt.NDArray[np.float64]:
    item = scene.object_at(start_px)
    if item is not None:
        return item.center_base_m
    v, u = round(start_px[1]), round(start_px[0])
    # A grasp of a hollow thing lies over its hole, where depth may be missing: what is known around it will do.
    rows, columns = (slice(max(0, at - START_WINDOW_PX), max(0, at + START_WINDOW_PX + 1)) for at in (v, u))
    around = scene.points_base_m[rows, columns].reshape(-1, 3).astype(np.float64)
    known = around[np.all(np.isfinite(around), axis=1)]
    if not len(known):
        raise MolmoRosError(ErrorCode.TRACE_INVALID, "The trace starts where the camera sees no depth.")
    return np.asarray(np.median(known, axis=0))


def _only_things(phrase: NounPhrase) -> NounPhrase:
    if phrase.surface:
        raise MolmoRosError(ErrorCode.NOT_GROUNDED, f'"{phrase.text}" is not a thing I can take.')
    return phrase
