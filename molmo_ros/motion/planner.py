"""Joint paths: free-space plans with OMPL's RRT-Connect, and straight lines of the tool.

A path is a (K, N) array of joint positions [rad] without time; `molmo_ros.motion.timing` gives it time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.geometry import Array, is_transform
from molmo_ros.motion.chain import rotation_vectors
from molmo_ros.motion.collision import CollisionWorld, densify
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.model import IK_MARGIN, RobotModel

CHECK_STEPS = (0.03, 0.012)
VERIFY_STEP = 0.012
RANGE = 0.8
SHORTCUTS = 80
BELOW_SUPPORT_M = 0.001
GRAZE_M = 0.006  # overlap that a start may have: perception is not exact to the millimetre

Cancelled = Callable[[], bool]


def never() -> bool:
    """The cancel callable of a plan that nobody cancels."""
    return False


@runtime_checkable
class Planner(Protocol):
    """Whatever finds collision-free joint paths; the built-in one, or MoveIt."""

    def plan_free(
        self,
        q_start: Array,
        goal: Array,
        *,
        cancelled: Cancelled = never,
        time_limit_s: float = 2.0,
        seed: int = 0,
    ) -> Array:
        """A collision-free path (K, N) from joint positions to a goal: positions (N,), several (M, N), or a pose (4, 4)."""
        ...

    def plan_linear(
        self,
        q_start: Array,
        T_base_tcp: Array,
        *,
        margin_m: float | None = None,
        cancelled: Cancelled = never,
    ) -> Array:
        """A path (K, N) that takes the tool along a straight line to a pose (4, 4), turning evenly on the way."""
        ...

    def follow(
        self, q_start: Array, poses: Array, *, margin_m: float | None = None, cancelled: Cancelled = never
    ) -> Array:
        """A path (K + 1, N) through tool poses (K, 4, 4), each reached from the one before."""
        ...


def interpolate_pose(T_a: Array, T_b: Array, fractions: npt.NDArray[np.floating[Any]]) -> Array:
    """Poses (F, 4, 4) between two poses: positions on a line, rotations on the shortest arc."""
    turn = rotation_vectors(T_a[:3, :3].T @ T_b[:3, :3])
    angle = float(np.linalg.norm(turn))
    out = np.tile(np.eye(4), (len(fractions), 1, 1))
    out[:, :3, 3] = T_a[:3, 3] + np.asarray(fractions)[:, None] * (T_b[:3, 3] - T_a[:3, 3])
    if angle < 1e-9:
        out[:, :3, :3] = T_a[:3, :3]
        return out
    x, y, z = turn / angle
    K = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    a = np.asarray(fractions)[:, None, None] * angle
    out[:, :3, :3] = T_a[:3, :3] @ (np.eye(3) + np.sin(a) * K + (1 - np.cos(a)) * (K @ K))
    return out


class OmplPlanner:
    """The built-in planner.

    Straight joint-space moves are tried first, then RRT-Connect; the answer is shortened and checked again at a finer
    step. The same inputs and seed give the same path, unless the deadline cuts the search.

    Args:
        model: The robot.
        world: What to keep clear of; may be changed between plans.
    """

    def __init__(self, model: RobotModel, world: CollisionWorld) -> None:
        self.model = model
        self.world = world

    def plan_free(
        self,
        q_start: Array,
        goal: Array,
        *,
        cancelled: Cancelled = never,
        time_limit_s: float = 2.0,
        seed: int = 0,
    ) -> Array:
        """A collision-free path (K, N), see `Planner`.

        Args:
            q_start: (N,) where the arm is.
            goal: (N,) joint positions, (M, N) several of which one is enough, or a (4, 4) tool pose.
            cancelled: Asked many times a second; a true answer ends the search.
            time_limit_s: Hard deadline [s].
            seed: Seed of the random search.

        Raises:
            PlanningError: IK_FAILED, TARGET_UNREACHABLE, TARGET_BELOW_SUPPORT, GRASP_IN_COLLISION (at the goal),
                PLANNING_FAILED or CANCELED.
        """
        deadline = time.monotonic() + time_limit_s
        start = self._start(q_start)
        margin = self._start_margin(start)
        goals = self._goals(start, np.asarray(goal, dtype=np.float64), margin)
        touched = ""
        for step in CHECK_STEPS:
            for q in goals:
                if self._edge_free(start, q, margin, step) and self._edge_free(
                    start, q, min(margin, 0.5 * margin), VERIFY_STEP
                ):
                    return np.array([start, q])
            path = self._search(start, goals, margin, step, deadline, cancelled, seed)
            path = self._shorten(path, margin, step, deadline, cancelled, seed)
            touched = self.world.first_contact(path, step=VERIFY_STEP, margin_m=min(margin, 0.5 * margin))
            if not touched:
                return path
        raise PlanningError(ErrorCode.PLANNING_FAILED, f"no free path was found: {touched} on the way")

    def plan_linear(
        self,
        q_start: Array,
        T_base_tcp: Array,
        *,
        margin_m: float | None = None,
        cancelled: Cancelled = never,
        step_m: float = 0.01,
        step_rad: float = 0.05,
    ) -> Array:
        """A path whose tool moves on a straight line, see `Planner`.

        Args:
            q_start: (N,) where the arm is.
            T_base_tcp: (4, 4) where the tool goes.
            margin_m: Distance kept from everything on the way [m]; the world's when None.
            cancelled: Asked at every waypoint.
            step_m: Distance between waypoints [m].
            step_rad: Turn between waypoints [rad].

        Raises:
            PlanningError: IK_FAILED where the line leaves the arm's reach or would need a jump, PLANNING_FAILED on
                contact, TARGET_BELOW_SUPPORT, TARGET_UNREACHABLE or CANCELED.
        """
        start = self._start(q_start)
        self._above_support(T_base_tcp)
        T_start = self.model.fk(start)
        length = float(np.linalg.norm(T_base_tcp[:3, 3] - T_start[:3, 3]))
        turn = float(np.linalg.norm(rotation_vectors(T_start[:3, :3].T @ T_base_tcp[:3, :3])))
        count = max(1, int(np.ceil(max(length / step_m, turn / step_rad))))
        poses = interpolate_pose(T_start, np.asarray(T_base_tcp), np.arange(1, count + 1) / count)
        return self.follow(start, poses, margin_m=margin_m, cancelled=cancelled)

    def follow(
        self, q_start: Array, poses: Array, *, margin_m: float | None = None, cancelled: Cancelled = never
    ) -> Array:
        """A path (K + 1, N) through tool poses (K, 4, 4), each solved from the one before.

        Raises:
            PlanningError: IK_FAILED, PLANNING_FAILED or CANCELED.
        """
        path = follow_poses(self.model, np.asarray(q_start, dtype=np.float64), poses, cancelled=cancelled)
        margin = self.world.margin_m if margin_m is None else margin_m
        rows = densify(path, VERIFY_STEP)
        # What touches at the start may be left on the way, never deeper; new contact is not allowed.
        leaving = self.world.in_collision(rows[0], margin_m=margin)
        deepest = min(margin, self._start_margin(rows[0])) if leaving else margin
        for q in rows[1:]:
            _stop_if(cancelled)
            if self.world.in_collision(q, margin_m=margin):
                if leaving and not self.world.in_collision(q, margin_m=deepest):
                    continue
                touched = self.world.contact(q, margin_m=margin)
                raise PlanningError(ErrorCode.PLANNING_FAILED, f"the straight way is blocked: {touched}")
            leaving = False
        return path

    def _start(self, q_start: Array) -> Array:
        start = np.asarray(q_start, dtype=np.float64)
        if start.shape != (len(self.model.names),) or not np.all(np.isfinite(start)):
            raise PlanningError(
                ErrorCode.JOINT_STATES_INVALID, f"a plan starts from {len(self.model.names)} finite joint positions"
            )
        return start

    def _start_margin(self, start: Array) -> float:
        """The margin a plan from here can keep: the world's, or less where the arm already stands closer."""
        for margin in (self.world.margin_m, 0.5 * self.world.margin_m, 0.0, -0.5 * GRAZE_M, -GRAZE_M):
            if not self.world.in_collision(start, margin_m=margin):
                return margin
        touched = self.world.contact(start, margin_m=-GRAZE_M)
        raise PlanningError(
            ErrorCode.PLANNING_FAILED, f"the arm starts in contact ({touched}); move it clear before planning"
        )

    def _above_support(self, T: Array) -> None:
        if not is_transform(np.asarray(T)):
            raise PlanningError(ErrorCode.TARGET_UNREACHABLE, "the wanted tool pose is not a finite rigid transform")
        height = self.world.height_above_support(T[:3, 3])
        if height < -BELOW_SUPPORT_M:
            raise PlanningError(
                ErrorCode.TARGET_BELOW_SUPPORT, f"the target is {-height:.3f} m below the table's surface"
            )

    def _goals(self, start: Array, goal: Array, margin: float) -> list[Array]:
        """Goal configurations that are inside the limits and free, the nearest first."""
        if goal.shape == (4, 4):
            self._above_support(goal)
            candidates = self.model.ik_all(goal, start)
            free = [q for q in candidates if not self.world.in_collision(q, margin_m=margin)]
            if not free or not self._edge_free(start, free[0], margin, CHECK_STEPS[0]):
                candidates = self.model.ik_all(goal, start, every=True)
        else:
            candidates = np.atleast_2d(goal)
            if candidates.ndim != 2 or candidates.shape[1] != len(self.model.names):
                raise PlanningError(ErrorCode.TARGET_UNREACHABLE, "a joint goal needs one number per joint")
            if not np.all(np.isfinite(candidates)):
                raise PlanningError(ErrorCode.TARGET_UNREACHABLE, "a joint goal holds a value that is not finite")
            inside = self.model.limits.inside(candidates)
            if not np.any(inside):
                raise PlanningError(
                    ErrorCode.TARGET_UNREACHABLE,
                    f"the joint goal is out of range: {self.model.limits.violation(candidates[0])}",
                )
            candidates = candidates[inside]
        free = [q for q in candidates if not self.world.in_collision(q, margin_m=margin)]
        if not free:
            touched = self.world.contact(candidates[0], margin_m=margin)
            raise PlanningError(ErrorCode.GRASP_IN_COLLISION, f"at the goal, {touched}")
        return free

    def _edge_free(self, a: Array, b: Array, margin: float, step: float) -> bool:
        rows = densify(np.array([a, b]), step)
        # From the middle outwards, coarse to fine: a blocked edge is usually found early.
        order = np.argsort(_van_der_corput(len(rows)))
        return not any(self.world.in_collision(rows[i], margin_m=margin) for i in order)

    def _search(
        self,
        start: Array,
        goals: list[Array],
        margin: float,
        step: float,
        deadline: float,
        cancelled: Cancelled,
        seed: int,
    ) -> Array:
        from ompl import base, geometric, util

        util.setLogLevel(getattr(util, "LogLevel", util).LOG_NONE)
        util.RNG.setSeed(seed % 2**31 + 1)
        size = len(start)
        lower = np.minimum(self.model.limits.lower + IK_MARGIN, np.min([start, *goals], axis=0))
        upper = np.maximum(self.model.limits.upper - IK_MARGIN, np.max([start, *goals], axis=0))
        space = base.RealVectorStateSpace(size)
        bounds = base.RealVectorBounds(size)
        for i in range(size):
            bounds.setLow(i, float(lower[i]))
            bounds.setHigh(i, float(upper[i]))
        space.setBounds(bounds)
        information = base.SpaceInformation(space)
        q = np.empty(size)

        def free(state: Any) -> bool:
            for k in range(size):
                q[k] = state[k]
            return not self.world.in_collision(q, margin_m=margin)

        def over() -> bool:
            return bool(cancelled()) or time.monotonic() > deadline

        information.setStateValidityChecker(getattr(base, "StateValidityCheckerFn", _same)(free))
        information.setStateValidityCheckingResolution(1.7 * step / float(np.linalg.norm(upper - lower)))
        information.setup()
        problem = base.ProblemDefinition(information)
        problem.addStartState(_state(space, start))
        targets = base.GoalStates(information)
        for goal in goals:
            targets.addState(_state(space, goal))
        problem.setGoal(targets)
        planner = geometric.RRTConnect(information)
        planner.setRange(RANGE)
        planner.setProblemDefinition(problem)
        planner.setup()
        planner.solve(base.PlannerTerminationCondition(getattr(base, "PlannerTerminationConditionFn", _same)(over)))
        _stop_if(cancelled)
        if not problem.hasExactSolution():
            raise PlanningError(
                ErrorCode.PLANNING_FAILED,
                "no collision-free path to the goal was found in time; is something in the way?",
            )
        states = problem.getSolutionPath().getStates()
        return np.array([[state[k] for k in range(size)] for state in states])

    def _shorten(
        self, path: Array, margin: float, step: float, deadline: float, cancelled: Cancelled, seed: int
    ) -> Array:
        """Replaces stretches by straight lines while that is free, a fixed number of tries."""
        rng = np.random.default_rng(seed)
        rows = list(path)
        for _ in range(SHORTCUTS):
            if len(rows) <= 2 or time.monotonic() > deadline:
                break
            _stop_if(cancelled)
            lengths = np.array([float(np.max(np.abs(b - a))) for a, b in zip(rows, rows[1:], strict=False)])
            ends = np.concatenate([[0.0], np.cumsum(lengths)])
            s0, s1 = np.sort(rng.uniform(0.0, ends[-1], 2))
            i = int(np.searchsorted(ends, s0, side="right") - 1)
            j = min(int(np.searchsorted(ends, s1, side="right") - 1), len(rows) - 2)
            if i == j:
                continue
            a = rows[i] + (rows[i + 1] - rows[i]) * ((s0 - ends[i]) / max(lengths[i], 1e-12))
            b = rows[j] + (rows[j + 1] - rows[j]) * ((s1 - ends[j]) / max(lengths[j], 1e-12))
            if float(np.max(np.abs(b - a))) < 0.95 * (s1 - s0) and self._edge_free(a, b, margin, step):
                rows = [*rows[: i + 1], a, b, *rows[j + 1 :]]
        return drop_repeats(np.array(rows))


def follow_poses(model: RobotModel, q_start: Array, poses: Array, *, cancelled: Cancelled = never) -> Array:
    """A joint path (K + 1, N) through tool poses (K, 4, 4), each solved from the one before, without looking at contact.

    Raises:
        PlanningError: IK_FAILED where a pose cannot be reached without a jump of the joints, CANCELED.
    """
    rows = [np.asarray(q_start, dtype=np.float64)]
    margin = float(
        np.clip(np.min(np.minimum(rows[0] - model.limits.lower, model.limits.upper - rows[0])), 0.0, IK_MARGIN)
    )
    before = model.fk(rows[0])[:3, 3]
    for k, T in enumerate(poses):
        _stop_if(cancelled)
        q = model.ik_near(T, rows[-1], margin=margin)
        # A jump is much more joint motion than the distance explains, even near a singularity.
        allowed = 0.35 + 8.0 * float(np.linalg.norm(T[:3, 3] - before))
        if q is None or float(np.max(np.abs(q - rows[-1]))) > allowed:
            done = k / len(poses)
            raise PlanningError(
                ErrorCode.IK_FAILED,
                f"the arm cannot follow the line beyond {done:.0%} of its way without turning around",
            )
        rows.append(q)
        before = T[:3, 3]
    return np.array(rows)


def drop_repeats(path: Array, tolerance: float = 1e-6) -> Array:
    """The path without waypoints that repeat the one before; the last one stays."""
    keep = np.concatenate([[True], np.max(np.abs(np.diff(path, axis=0)), axis=1) > tolerance])
    rows = path[keep]
    if len(rows) > 1:
        rows[-1] = path[-1]
    return np.asarray(rows)


def _van_der_corput(count: int) -> Array:
    """Positions of 0..count-1 in bit-reversed order."""
    bits = max(1, int(np.ceil(np.log2(max(count, 2)))))
    index = np.arange(count)
    out = np.zeros(count)
    for bit in range(bits):
        out += ((index >> bit) & 1) * 2.0 ** (bits - 1 - bit)
    return out


def _same(function: Any) -> Any:
    """OMPL 1.x wraps Python functions in its own types; OMPL 2 takes them as they are."""
    return function


def _state(space: Any, q: Array) -> Any:
    state = space.allocState()
    for k, value in enumerate(q):
        state[k] = float(value)
    return state


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise PlanningError(ErrorCode.CANCELED, "planning was cancelled")
