"""Motions from one state to another with ruckig: braking to rest, and moving straight to a configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.robot import JointTrajectory
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.limits import JointLimits


def _sample(trajectory: Any, names: tuple[str, ...], dt_s: float) -> JointTrajectory:
    count = int(np.ceil(trajectory.duration / dt_s - 1e-9))
    times = np.asarray(np.arange(count + 1) * dt_s, dtype=np.float64)
    states = [trajectory.at_time(min(t, trajectory.duration)) for t in times]
    q, v, a = (np.array([np.asarray(state[k], dtype=np.float64) for state in states]) for k in range(3))
    v[-1] = 0.0
    a[-1] = 0.0
    return JointTrajectory(names=names, times_s=times, positions=q, velocities=v, accelerations=a)


def stop_trajectory(
    q: npt.NDArray[np.floating[Any]],
    v: npt.NDArray[np.floating[Any]],
    a: npt.NDArray[np.floating[Any]],
    limits: JointLimits,
    *,
    dt_s: float = 0.01,
) -> JointTrajectory:
    """The quickest way to rest from a state, every joint braking on its own.

    Args:
        q: (N,) positions.
        v: (N,) velocities.
        a: (N,) accelerations; clipped to the limits.
        limits: Joint limits.
        dt_s: Time between samples [s].

    Raises:
        PlanningError: PLANNING_FAILED when the state is not finite.
    """
    import ruckig

    size = len(limits.names)
    request = ruckig.InputParameter(size)
    request.control_interface = ruckig.ControlInterface.Velocity
    request.synchronization = ruckig.Synchronization.No
    request.current_position = [float(x) for x in q]
    request.current_velocity = [float(x) for x in v]
    request.current_acceleration = [float(x) for x in np.clip(a, -limits.acceleration, limits.acceleration)]
    request.target_velocity = [0.0] * size
    request.target_acceleration = [0.0] * size
    request.max_acceleration = [float(x) for x in limits.acceleration]
    request.max_jerk = [float(x) for x in limits.jerk]
    return _solve(request, limits.names, dt_s)


def point_to_point(
    q: npt.NDArray[np.floating[Any]],
    v: npt.NDArray[np.floating[Any]],
    a: npt.NDArray[np.floating[Any]],
    goal: npt.NDArray[np.floating[Any]],
    limits: JointLimits,
    *,
    dt_s: float = 0.01,
) -> JointTrajectory:
    """The quickest motion from a state to rest at a configuration; from rest it is a straight line in joint space.

    The velocity bound of each joint is the lowest that its position-dependent limit takes between start and goal.

    Args:
        q: (N,) positions.
        v: (N,) velocities.
        a: (N,) accelerations.
        goal: (N,) positions at the end.
        limits: Joint limits.
        dt_s: Time between samples [s].

    Raises:
        PlanningError: TARGET_UNREACHABLE for a goal outside the limits, PLANNING_FAILED when ruckig refuses the state.
    """
    import ruckig

    if not limits.inside(np.asarray(goal)):
        raise PlanningError(ErrorCode.TARGET_UNREACHABLE, f"the joint goal is out of range: {limits.violation(goal)}")
    ends = np.array([np.minimum(q, goal), np.maximum(q, goal)])
    lowest, highest = limits.velocity_bounds(ends)
    bound = np.where(np.asarray(goal) > q, np.min(highest, axis=0), np.min(-lowest, axis=0))
    size = len(limits.names)
    request = ruckig.InputParameter(size)
    request.synchronization = ruckig.Synchronization.Phase
    request.current_position = [float(x) for x in q]
    request.current_velocity = [float(x) for x in v]
    request.current_acceleration = [float(x) for x in a]
    request.target_position = [float(x) for x in goal]
    request.max_velocity = [float(x) for x in np.maximum(bound, 0.01)]
    request.max_acceleration = [float(x) for x in limits.acceleration]
    request.max_jerk = [float(x) for x in limits.jerk]
    return _solve(request, limits.names, dt_s)


def _solve(request: Any, names: tuple[str, ...], dt_s: float) -> JointTrajectory:
    import ruckig

    trajectory = ruckig.Trajectory(len(names))
    try:
        result = ruckig.Ruckig(len(names)).calculate(request, trajectory)
    except Exception as error:
        raise PlanningError(
            ErrorCode.PLANNING_FAILED, f"no motion leaves the present state: {' '.join(str(error).split())}"
        ) from error
    if result not in {ruckig.Result.Working, ruckig.Result.Finished}:
        raise PlanningError(ErrorCode.PLANNING_FAILED, f"no motion leaves the present state ({result.name})")
    return _sample(trajectory, names, dt_s)
