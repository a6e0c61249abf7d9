"""A person's edit of a lifted trace: a few waypoints to drag, insert, delete and undo, and the pixels they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Author, Trace

Array = npt.NDArray[np.float64]
HANDLES = 8
MOST_HANDLES = 40
MOST_UNDO = 50
FARTHEST_M = 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraPose:
    """Where a camera is and how it projects.

    Attributes:
        K: (3, 3) intrinsics [px].
        T_base_camera: (4, 4) pose of the optical frame.
        width_px: Width of the image.
        height_px: Height of the image.
    """

    K: Array
    T_base_camera: Array
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Waypoint:
    """One handle of a trace.

    Attributes:
        point_base_m: (3,) where the handle hangs.
        uv_px: (2,) the pixel it came from; None once a person has moved it.
    """

    point_base_m: Array
    uv_px: Array | None = None


def thin(trace: Trace, count: int = HANDLES) -> tuple[Waypoint, ...]:
    """A few handles of a lifted trace: its ends and others at even steps between them.

    The straight rise at the start and the straight descent at the end share one pixel each; the handles hang where the
    travel begins and ends.

    Raises:
        MolmoRosError: TRACE_NOT_LIFTED when the trace has no points in space.
    """
    if trace.points_base_m is None:
        raise MolmoRosError(ErrorCode.TRACE_NOT_LIFTED, "This trace has no points in space to drag.")
    moved = np.linalg.norm(np.diff(trace.uv, axis=0), axis=1) > 1e-9
    steps = np.flatnonzero(moved)
    first, last = (int(steps[0]), int(steps[-1]) + 1) if len(steps) else (0, len(trace.uv) - 1)
    picked = np.unique(np.linspace(first, last, min(count, last - first + 1)).round().astype(int))
    return tuple(Waypoint(point_base_m=trace.points_base_m[i], uv_px=trace.uv[i]) for i in picked)


class TraceEdit:
    """The handles of one trace, with what came before each change. Not thread-safe.

    Args:
        trace: The lifted trace.
        support_height_m: Height of the table; a moved handle means the spot on the table below it.

    Raises:
        MolmoRosError: TRACE_NOT_LIFTED when the trace has no points in space.
    """

    def __init__(self, trace: Trace, support_height_m: float = 0.0) -> None:
        self._support_height_m = support_height_m
        self.waypoints = thin(trace)
        self.past: tuple[tuple[Waypoint, ...], ...] = ()

    def renew(self, trace: Trace) -> None:
        """The same goal's trace came back changed: new handles, the past stays."""
        self.waypoints = thin(trace)

    def move(self, index: int, point_base_m: npt.ArrayLike) -> None:
        """Moves a handle.

        Raises:
            MolmoRosError: EDIT_INVALID for a handle that is not there or a point that is no place near the robot.
        """
        self._known(index)
        point = np.asarray(point_base_m, dtype=np.float64)
        if point.shape != (3,) or not np.all(np.isfinite(point)) or np.max(np.abs(point)) > FARTHEST_M:
            raise MolmoRosError(ErrorCode.EDIT_INVALID, "A waypoint was dragged to no place near the robot.")
        changed = list(self.waypoints)
        changed[index] = Waypoint(point_base_m=point)
        self._change(changed)

    def insert_after(self, index: int) -> None:
        """Puts a handle half-way to the next one; half-way to the previous one after the last.

        Raises:
            MolmoRosError: EDIT_INVALID for a handle that is not there, or when there are many already.
        """
        self._known(index)
        if len(self.waypoints) >= MOST_HANDLES:
            raise MolmoRosError(ErrorCode.EDIT_INVALID, f"A trace has at most {MOST_HANDLES} waypoints to drag.")
        at = min(index, len(self.waypoints) - 2)
        before, after = self.waypoints[at], self.waypoints[at + 1]
        pixel = None
        if before.uv_px is not None and after.uv_px is not None:
            pixel = (before.uv_px + after.uv_px) / 2
        between = Waypoint(point_base_m=(before.point_base_m + after.point_base_m) / 2, uv_px=pixel)
        self._change([*self.waypoints[: at + 1], between, *self.waypoints[at + 1 :]])

    def delete(self, index: int) -> None:
        """Takes a handle away.

        Raises:
            MolmoRosError: EDIT_INVALID for a handle that is not there, or when two are left.
        """
        self._known(index)
        if len(self.waypoints) <= 2:
            raise MolmoRosError(ErrorCode.EDIT_INVALID, "A trace needs two waypoints; this one can not be deleted.")
        self._change([w for i, w in enumerate(self.waypoints) if i != index])

    def undo(self) -> None:
        """Goes back by one change.

        Raises:
            MolmoRosError: EDIT_INVALID when nothing was changed.
        """
        if not self.past:
            raise MolmoRosError(ErrorCode.EDIT_INVALID, "There is nothing to undo.")
        *past, self.waypoints = self.past
        self.past = tuple(past)

    def _known(self, index: int) -> None:
        if not 0 <= index < len(self.waypoints):
            raise MolmoRosError(ErrorCode.EDIT_INVALID, f"There is no waypoint {index}.")

    def _change(self, waypoints: list[Waypoint]) -> None:
        self.past = (*self.past[-(MOST_UNDO - 1) :], self.waypoints)
        self.waypoints = tuple(waypoints)

    def drawn(self, camera: CameraPose, *, revision: int, stamp_ns: int = 0) -> Trace:
        """The handles as a person's polyline on the image. Untouched handles keep their pixel.

        Raises:
            MolmoRosError: EDIT_INVALID when a handle is behind the camera or off its image.
        """
        uv = np.array([self._pixel(w, camera) for w in self.waypoints])
        size = np.array([camera.width_px, camera.height_px])
        off = ~np.all(np.isfinite(uv) & (uv >= 0) & (uv < size), axis=1)
        if np.any(off):
            where = ", ".join(str(i + 1) for i in np.flatnonzero(off))
            raise MolmoRosError(
                ErrorCode.EDIT_INVALID,
                f"Waypoint {where} lies off the camera's image; drag it to where the camera looks.",
            )
        return Trace(
            uv=uv,
            width_px=camera.width_px,
            height_px=camera.height_px,
            author=Author.PERSON,
            revision=revision,
            stamp_ns=stamp_ns,
        )

    def _pixel(self, waypoint: Waypoint, camera: CameraPose) -> Array:
        if waypoint.uv_px is not None:
            return waypoint.uv_px
        spot = np.array([*waypoint.point_base_m[:2], min(self._support_height_m, waypoint.point_base_m[2])])
        seen = geometry.apply(geometry.invert(camera.T_base_camera), spot[None])
        if seen[0, 2] <= 0.0:
            return np.full(2, np.nan)
        return geometry.project(camera.K, seen)[0]
