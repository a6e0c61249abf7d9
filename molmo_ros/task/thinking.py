"""Perception, models and grasping put together: an answer for one question about one frame.

The grasp and trace nodes and the in-process runner call the same two thinkers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.core.types import Frame, Grasp, GraspStatus, Thought, Trace
from molmo_ros.grasping.propose import GraspConfig, Reachability, propose_grasps
from molmo_ros.models.protocols import Pointer, Steering, TracePlanner, TraceRequest
from molmo_ros.motion.lifting import lift_trace
from molmo_ros.task.ports import GraspAnswer, Question, TraceAnswer

# A point this close to an object's mask still means that object [px at 640 px width].
SNAP_PX = 12.0


class CachedPerception:
    """Perceives each frame once, whoever asks; safe to share between threads."""

    def __init__(self, perceive: Callable[[Frame], Scene]) -> None:
        self._perceive = perceive
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._scene: Scene | None = None

    def __call__(self, frame: Frame) -> Scene:
        """The scene of a frame."""
        with self._lock:
            if frame is not self._frame or self._scene is None:
                self._scene = self._perceive(frame)
                self._frame = frame
            return self._scene


def objects_at(scene: Scene, points_px: npt.NDArray[np.float64]) -> list[SceneObject]:
    """The objects under points, or next to them within a few pixels; each once, in the points' order."""
    found: dict[int, SceneObject] = {}
    for point in points_px:
        item = scene.object_at((float(point[0]), float(point[1]))) or _nearest(scene, point)
        if item is not None:
            found.setdefault(item.object_id, item)
    return list(found.values())


def _nearest(scene: Scene, point: npt.NDArray[np.float64]) -> SceneObject | None:
    best, best_px = None, SNAP_PX * scene.points_base_m.shape[1] / 640.0
    for item in scene.objects:
        v, u = np.nonzero(item.mask)
        distance = float(np.sqrt(np.min((u - point[0]) ** 2 + (v - point[1]) ** 2)))
        if distance <= best_px:
            best, best_px = item, distance
    return best


class GraspThinker:
    """From a phrase to ranked grasps.

    Args:
        pointer: Model that points.
        perceive: Frame to scene, the same the pointer uses.
        reachable: Judges tool poses, or None.
        config: How candidates are made.
        by_point: Rank by distance to the model's point (GraspMolmo's rule) instead of by geometric quality.
    """

    def __init__(
        self,
        pointer: Pointer,
        perceive: Callable[[Frame], Scene],
        reachable: Reachability | None = None,
        config: GraspConfig | None = None,
        by_point: bool = False,
    ) -> None:
        self._pointer = pointer
        self._perceive = perceive
        self._reachable = reachable
        self._config = config or GraspConfig()
        self._by_point = by_point

    def think(self, frame: Frame, question: Question) -> GraspAnswer:
        """Grasps for what the question names; a named outcome is in the answer, a fault of the frame is raised."""
        scene = self._perceive(frame)
        thought = self._pointer.point(frame, question.prompt)
        if thought.code is not ErrorCode.NONE:
            return GraspAnswer(code=thought.code, message=thought.message, thought=thought)
        point = thought.points_px[0]
        items = objects_at(scene, thought.points_px)
        if not items:
            message = f"The model points at pixel ({point[0]:.0f}, {point[1]:.0f}), where nothing stands."
            return GraspAnswer(code=ErrorCode.NOT_GROUNDED, message=message, point_px=point, thought=thought)
        grasps = propose_grasps(scene, [o.object_id for o in items], config=self._config, reachable=self._reachable)
        if self._by_point:
            grasps = rank_by_point(grasps, frame, point)
        return self._answer(grasps, items, point, thought)

    @staticmethod
    def _answer(
        grasps: tuple[Grasp, ...], items: list[SceneObject], point: npt.NDArray[np.float64], thought: Thought
    ) -> GraspAnswer:
        accepted = [g for g in grasps if g.status is GraspStatus.ACCEPTED]
        if not accepted:
            code, reason = _commonest_reason(grasps)
            message = f"I see the {items[0].colour} {items[0].shape} but can not grasp it: {reason}"
            return GraspAnswer(grasps=grasps, code=code, message=message, point_px=point, thought=thought)
        chosen = (replace(accepted[0], status=GraspStatus.CHOSEN), *[g for g in grasps if g is not accepted[0]])
        return GraspAnswer(grasps=chosen, point_px=point, thought=thought)


def rank_by_point(grasps: tuple[Grasp, ...], frame: Frame, point_px: npt.NDArray[np.float64]) -> tuple[Grasp, ...]:
    """Accepted grasps by the pixel distance of their tool centre to a point, scored 1 at the point; the rest behind."""
    T_camera_base = geometry.invert(frame.T_base_camera)
    diagonal = float(np.hypot(frame.width_px, frame.height_px))

    def score(grasp: Grasp) -> float:
        uv = geometry.project(frame.K, geometry.apply(T_camera_base, grasp.T_base_tcp[:3, 3]))
        distance = float(np.linalg.norm(uv - point_px))
        return float(np.exp(-distance / (0.05 * diagonal))) if np.isfinite(distance) else 0.0

    accepted = [replace(g, model_score=score(g)) for g in grasps if g.status is GraspStatus.ACCEPTED]
    accepted.sort(key=lambda g: -(g.model_score or 0.0))
    return (*accepted, *(g for g in grasps if g.status is not GraspStatus.ACCEPTED))


def _commonest_reason(grasps: tuple[Grasp, ...]) -> tuple[ErrorCode, str]:
    if not grasps:
        return ErrorCode.NO_GRASP, "no pair of opposite surfaces is in view."
    counts: dict[ErrorCode, int] = {}
    for grasp in grasps:
        counts[grasp.reason_code] = counts.get(grasp.reason_code, 0) + 1
    code = max(counts, key=lambda c: counts[c])
    return code, next(g.reason for g in grasps if g.reason_code is code)


class TraceThinker:
    """From a phrase for the place to a lifted trace.

    Args:
        planner: Model that draws traces.
        perceive: Frame to scene.
    """

    def __init__(self, planner: TracePlanner, perceive: Callable[[Frame], Scene]) -> None:
        self._planner = planner
        self._perceive = perceive

    def think(self, frame: Frame, question: Question, steering: Trace | None = None) -> TraceAnswer:
        """A trace for what the question names, drawn by the model or, when given, steered by a person's."""
        scene = self._perceive(frame)
        start_px = None
        if question.grasp_point_base_m is not None:
            uv = geometry.project(
                frame.K, geometry.apply(geometry.invert(frame.T_base_camera), question.grasp_point_base_m)
            )
            start_px = (float(uv[0]), float(uv[1]))
        request = TraceRequest(
            instruction=question.instruction,
            reference=question.prompt,
            relation=question.relation,
            start_px=start_px,
            held_size_m=question.held_size_m,
            steering=None if steering is None else Steering(trace=steering),
        )
        thought = self._planner.plan([frame], request)
        if thought.code is not ErrorCode.NONE:
            return TraceAnswer(code=thought.code, message=thought.message, thought=thought)
        try:
            trace = Trace(
                uv=thought.trace_px, width_px=frame.width_px, height_px=frame.height_px, stamp_ns=frame.stamp_ns
            )
            lifted = self.lift(trace, scene, frame, question)
        except MolmoRosError as error:
            return TraceAnswer(code=error.code, message=error.message, thought=thought)
        return TraceAnswer(trace=lifted, thought=thought)

    def lift(self, trace: Trace, scene: Scene, frame: Frame, question: Question) -> Trace:
        """The trace with points in the base frame.

        Raises:
            MolmoRosError: TRACE_INVALID or TRACE_NOT_LIFTED in words.
        """
        return lift_trace(trace, scene, frame, start_base_m=question.grasp_point_base_m)
