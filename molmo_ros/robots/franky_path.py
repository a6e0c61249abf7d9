"""A timed path as the waypoints of a franky motion, with a forecast of how the arm will go between them.

franky plans from waypoint to waypoint with ruckig: position and velocity of each are met at zero acceleration, no faster
than a least time, inside the robot's limits. The forecast repeats that with the same library, so that what the last
gate has passed and what the arm does differ by a stated bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointTrajectory

Array = npt.NDArray[np.float64]

SPACINGS_S = (0.2, 0.1, 0.05, 0.03)
SLOWER = 1.2
ROUNDS = 8
HEADROOM = 0.98


@dataclass(frozen=True, kw_only=True, eq=False)
class PathPoint:
    """Where the arm shall be.

    Attributes:
        position: (N,) [rad].
        velocity: (N,) [rad/s].
        duration_ms: Least time from the point before [ms].
    """

    position: Array
    velocity: Array
    duration_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Dynamics:
    """What the arm is allowed, each (N,): velocity [rad/s], acceleration [rad/s2], jerk [rad/s3]."""

    velocity: Array
    acceleration: Array
    jerk: Array


def path_points(trajectory: JointTrajectory, start: Array, dynamics: Dynamics, tolerance_rad: float) -> list[PathPoint]:
    """Waypoints along a trajectory that keep the arm within a tolerance of it.

    A trajectory faster than the dynamics is played slower, all of it by the same factor.

    Args:
        trajectory: The path; its columns in the robot's joint order.
        start: (N,) measured joints at the start [rad].
        dynamics: What the arm is allowed.
        tolerance_rad: Largest distance between the forecast and the trajectory [rad].

    Raises:
        MolmoRosError: DRIVER_REJECTED when no waypoints keep it that near.
    """
    fastest = np.max(np.abs(trajectory.velocities), axis=0)
    hardest = np.max(np.abs(trajectory.accelerations), axis=0)
    slow = max(
        1.0,
        float(np.max(fastest / (HEADROOM * dynamics.velocity))),
        float(np.sqrt(np.max(hardest / (HEADROOM * dynamics.acceleration)))),
    )
    best = np.inf
    for _ in range(ROUNDS):
        for spacing in SPACINGS_S:
            points = _points(trajectory, spacing, slow)
            off = deviation(points, trajectory, start, dynamics, slow)
            if off <= tolerance_rad:
                return points
            best = min(best, off)
        slow *= SLOWER
    near = f"{best:.3f} rad near" if np.isfinite(best) else "inside its limits"
    raise MolmoRosError(
        ErrorCode.DRIVER_REJECTED, f"The arm cannot follow this path {near}; plan a smoother or slower one."
    )


def _points(trajectory: JointTrajectory, spacing_s: float, slow: float) -> list[PathPoint]:
    total_ms = max(1, int(np.ceil(trajectory.duration_s * slow * 1e3)))
    count = max(1, int(np.ceil(total_ms / (spacing_s * 1e3))))
    at_ms = np.unique(np.round(np.linspace(0, total_ms, count + 1)).astype(int))
    points = []
    for before, now in zip(at_ms, at_ms[1:], strict=False):
        position, velocity, _ = trajectory.sample(float(trajectory.times_s[0]) + now / 1e3 / slow)
        points.append(PathPoint(position=position, velocity=velocity / slow, duration_ms=int(now - before)))
    points[-1] = PathPoint(
        position=trajectory.positions[-1],
        velocity=np.zeros_like(trajectory.positions[-1]),
        duration_ms=points[-1].duration_ms,
    )
    return points


def deviation(
    points: list[PathPoint], trajectory: JointTrajectory, start: Array, dynamics: Dynamics, slow: float
) -> float:
    """Largest distance of the forecast from the trajectory played slower by a factor [rad]; inf where it falls behind."""
    worst, begun_s = 0.0, 0.0
    position: Array = np.asarray(start, dtype=np.float64)
    velocity: Array = np.zeros(len(start))
    offset = position - trajectory.positions[0]
    for point in points:
        piece = leg(position, velocity, point, dynamics)
        least_s = point.duration_ms / 1e3
        if piece is None or piece.duration > least_s + 2e-3:
            return float("inf")
        for share in (0.25, 0.5, 0.75, 1.0):
            went = np.array(piece.at_time(share * piece.duration)[0])
            when = float(trajectory.times_s[0]) + (begun_s + share * least_s) / slow
            worst = max(worst, float(np.max(np.abs(went - trajectory.sample(when)[0]))))
        if begun_s == 0.0:
            # The arm stands where it stands: the way from there onto the path is no fault of the waypoints.
            worst = max(0.0, worst - float(np.max(np.abs(offset))))
        begun_s += least_s
        position, velocity = point.position, point.velocity
    return worst


def leg(position: Array, velocity: Array, point: PathPoint, dynamics: Dynamics) -> Any:
    """The vendor's motion to one waypoint, or None when there is none inside the limits."""
    import ruckig

    size = len(position)
    request = ruckig.InputParameter(size)
    request.current_position, request.current_velocity = list(position), list(velocity)
    request.current_acceleration = request.target_acceleration = [0.0] * size
    request.target_position, request.target_velocity = list(point.position), list(point.velocity)
    request.max_velocity = list(dynamics.velocity)
    request.max_acceleration = list(dynamics.acceleration)
    request.max_jerk = list(dynamics.jerk)
    request.minimum_duration = point.duration_ms / 1e3
    motion = ruckig.Trajectory(size)
    try:
        result = ruckig.Ruckig(size).calculate(request, motion)
    except RuntimeError:
        return None
    return motion if int(result) >= 0 else None
