"""Plans of one arm for one task: approach, insert, lift, carry along a trace, lower, retreat.

Everything here is planning; nothing moves. Each plan is a ``JointTrajectory`` that starts where it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState, JointTrajectory
from molmo_ros.core.scene import Plane, Scene, SceneObject
from molmo_ros.core.types import Author, Frame, Grasp, Trace
from molmo_ros.motion.collision import Box, CollisionWorld
from molmo_ros.motion.description import RobotConfig
from molmo_ros.motion.model import RobotModel
from molmo_ros.motion.planner import OmplPlanner, Planner, interpolate_pose
from molmo_ros.motion.timing import time_parameterise
from molmo_ros.task.placing import PlaceSpot, place_spot

if TYPE_CHECKING:
    from molmo_ros.task.machine import TaskConfig

Array = npt.NDArray[np.float64]

AT_HOME_RAD = 0.02
CLOSE_MARGIN_M = 0.002  # kept while the fingers reach around the target
HELD_SHRINK_M = 0.006  # what a held box is smaller than seen, so that its own support does not count as contact
MAX_SOLUTIONS = 6
ON_PATH_RAD = 0.1
REST_STRIDE = 8
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class HeldObject:
    """What is in the hand.

    Attributes:
        T_tcp_box: (4, 4) its box in the tool frame.
        size_m: (3,) extents of the box [m].
    """

    T_tcp_box: Array
    size_m: Array


@dataclass(frozen=True, kw_only=True)
class GraspPlan:
    """From anywhere to a lifted thing."""

    approach: JointTrajectory
    insert: JointTrajectory
    q_lifted: Array


@dataclass(frozen=True, kw_only=True)
class PlacePlan:
    """From a lifted thing to where it is let go."""

    carry: JointTrajectory
    lower: JointTrajectory
    release_width_m: float
    around: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PushPlan:
    """Beside a thing, down, along, and up."""

    approach: JointTrajectory
    insert: JointTrajectory
    push: JointTrajectory
    retreat: JointTrajectory


class ArmMotions:
    """Plans with one robot.

    Args:
        config: The robot.
        speed: Share of the joint limits used in free space, 0..1.
        near_speed: The same near objects.
        home: Joint positions out of the camera's view; the robot's "ready" where None.
        seed: Seed of the random searches.
        support: The table before anything was seen; z = 0 of the base where None.
        planner: Makes the planner.
    """

    def __init__(
        self,
        config: RobotConfig,
        *,
        speed: float = 0.5,
        near_speed: float = 0.3,
        home: npt.ArrayLike | None = None,
        seed: int = 0,
        support: Plane | None = None,
        planner: Callable[[RobotModel, CollisionWorld], Planner] = OmplPlanner,
    ) -> None:
        self._config = config
        self.model = RobotModel.from_config(config)
        self._world = CollisionWorld.from_config(self.model, config)
        self._planner = planner(self.model, self._world)
        self._speed, self._near_speed, self._seed = speed, near_speed, seed
        self.home = np.asarray(config.poses["ready"] if home is None else home, dtype=np.float64)
        self._table = support or Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)
        self._scene: Scene | None = None
        self._held: HeldObject | None = None
        self.hand_links = tuple(sorted({config.hand_frame, *config.gripper_joints}))
        self._world.set_support(self._table)

    def see(self, scene: Scene, _frame: Frame | None = None) -> None:
        """Plans around what is seen from now on."""
        self._scene = scene
        self._around()

    def forget(self) -> None:
        """Nothing has been seen yet and nothing is held."""
        self._scene = None
        self._held = None
        self._world.set_obstacles()
        self._around()

    def _around(self, without: Sequence[int] = (), seen_only: Sequence[int] = ()) -> None:
        """Sets the obstacles: boxes of all objects but some, and for a few of them only their visible points."""
        self._world.detach()
        if self._held is not None:
            self._world.attach(self._held.T_tcp_box, np.maximum(self._held.size_m - HELD_SHRINK_M, 0.004))
        if self._scene is None:
            self._world.set_support(self._table)
            return
        self._world.set_support(self._scene.plane)
        boxes, points = [], []
        for item in self._scene.objects:
            if item.object_id in without:
                continue
            if item.object_id in seen_only:
                points.append(item.points_base_m)
                continue
            boxes.append(Box(T_base_box=item.T_base_box, size_m=item.size_m, name=f"the {item.colour} {item.shape}"))
        self._world.set_obstacles(boxes, np.vstack(points) if points else None, voxel_m=0.006)

    def _arm(self, state: JointState) -> Array:
        return state.select(self.model.names)

    def _timed(self, path: Array, speed: float) -> JointTrajectory:
        return time_parameterise(path, self.model.limits, speed=speed)

    def _free(self, q: Array, goal: Array, speed: float | None = None) -> tuple[JointTrajectory, Array]:
        path = self._planner.plan_free(q, goal, seed=self._seed)
        free = self._world.all_free
        return time_parameterise(path, self.model.limits, speed=speed or self._speed, free=free), path[-1]

    def reachable(self, T_base_tcp: Array) -> list[tuple[bool, ErrorCode, str]]:
        """Whether the arm reaches tool poses (K, 4, 4) and the straight way in, one verdict each."""
        if not len(T_base_tcp):
            return []
        at = self.model.ik_batch(T_base_tcp, self.home)
        before = T_base_tcp.copy()
        before[:, :3, 3] -= 0.10 * T_base_tcp[:, :3, 2]
        way_in = self.model.ik_batch(before, at.q)
        verdicts = []
        for i in range(len(T_base_tcp)):
            if not at.ok[i]:
                verdicts.append((False, ErrorCode.GRASP_UNREACHABLE, "the arm can not reach this grasp"))
            elif not way_in.ok[i]:
                verdicts.append((False, ErrorCode.GRASP_UNREACHABLE, "the arm can not reach the start of the way in"))
            else:
                verdicts.append((True, ErrorCode.NONE, ""))
        return verdicts

    def plan_home(self, state: JointState) -> JointTrajectory | None:
        """To the home pose; None when there already."""
        q = self._arm(state)
        if np.max(np.abs(q - self.home)) < AT_HOME_RAD:
            return None
        self._around()
        return self._free(q, self.home)[0]

    def plan_grasp(
        self, state: JointState, grasp: Grasp, target: SceneObject, approach_m: float, lift_m: float
    ) -> GraspPlan:
        """To a grasp and up again.

        Raises:
            MolmoRosError: IK_FAILED, PLANNING_FAILED, GRASP_UNREACHABLE, GRASP_IN_COLLISION in words.
        """
        q_start = self._arm(state)
        ways = self._ways_in(grasp.T_base_tcp, target, approach_m, lift_m)
        self._around()
        approach, q_pre = self._free(q_start, np.array([w[0][0] for w in ways]))
        insert, lift = min(ways, key=lambda w: float(np.max(np.abs(w[0][0] - q_pre))))
        return GraspPlan(
            approach=approach,
            insert=self._timed(insert, self._near_speed),
            q_lifted=lift[-1],
        )

    def _ways_in(self, T: Array, target: SceneObject, approach_m: float, lift_m: float) -> list[tuple[Array, Array]]:
        """Straight joint paths in and up, one per arm configuration for which both exist."""
        self._around(without=[target.object_id])
        ways: list[tuple[Array, Array]] = []
        problem: MolmoRosError | None = None
        for goal in (T, T @ FLIP):
            T_pre = goal.copy()
            T_pre[:3, 3] -= approach_m * goal[:3, 2]
            T_up = goal.copy()
            T_up[2, 3] += lift_m
            try:
                starts = self.model.ik_all(T_pre, self.home, every=True)[:MAX_SOLUTIONS]
            except MolmoRosError as error:
                problem = error
                continue
            for q in starts:
                try:
                    insert = self._planner.plan_linear(q, goal, margin_m=CLOSE_MARGIN_M)
                    lift = self._planner.plan_linear(insert[-1], T_up, margin_m=CLOSE_MARGIN_M)
                except MolmoRosError as error:
                    problem = error
                    continue
                ways.append((insert, lift))
        if not ways:
            raise problem or MolmoRosError(ErrorCode.GRASP_UNREACHABLE, "The arm can not reach this grasp.")
        return ways

    def plan_rest(self, state: JointState, trajectory: JointTrajectory) -> JointTrajectory | None:
        """What is left of a trajectory that was broken off, from where the arm is; None when it is at its end.

        Raises:
            MolmoRosError: TRACKING_ERROR when the arm is not on the path any more.
        """
        q = state.select(trajectory.names)
        distances = np.max(np.abs(trajectory.positions - q), axis=1)
        nearest = int(np.argmin(distances))
        if distances[nearest] > ON_PATH_RAD:
            raise MolmoRosError(ErrorCode.TRACKING_ERROR, "The arm has left its path while it could not be seen.")
        left = trajectory.positions[nearest + 1 :: REST_STRIDE]
        path = np.vstack([q, left, trajectory.positions[-1]])
        path = path[np.concatenate([[True], np.max(np.abs(np.diff(path, axis=0)), axis=1) > 1e-4])]
        return self._timed(path, self._near_speed) if len(path) > 1 else None

    def plan_lift(self, state: JointState, lift_m: float, target: SceneObject) -> JointTrajectory:
        """Straight up from where the closed hand really is.

        Raises:
            MolmoRosError: IK_FAILED or PLANNING_FAILED in words.
        """
        held, self._held = self._held, None
        self._around(without=[target.object_id])
        self._held = held
        return self._straight(self._arm(state), np.array([0.0, 0.0, lift_m]))

    def plan_off(self, state: JointState, retreat_m: float, without: Sequence[int]) -> JointTrajectory:
        """Out along the approach, or straight up where that is blocked, from where the opened hand really is.

        Raises:
            MolmoRosError: IK_FAILED or PLANNING_FAILED in words.
        """
        self._held = None
        self._around(without=without)
        q = self._arm(state)
        try:
            return self._straight(q, -retreat_m * self.model.fk(q)[:3, 2])
        except MolmoRosError:
            return self._straight(q, np.array([0.0, 0.0, retreat_m]))

    def _straight(self, q: Array, offset_m: Array) -> JointTrajectory:
        T = self.model.fk(q)
        T[:3, 3] += offset_m
        return self._timed(self._planner.plan_linear(q, T, margin_m=CLOSE_MARGIN_M), self._near_speed)

    def held(self, grasp: Grasp, target: SceneObject) -> HeldObject:
        """The target as a box in the hand; it moves with the tool in every later plan."""
        self._held = HeldObject(
            T_tcp_box=geometry.invert(grasp.T_base_tcp) @ target.T_base_box, size_m=np.asarray(target.size_m)
        )
        return self._held

    def let_go(self) -> None:
        """Nothing is in the hand from now on."""
        self._held = None

    def check_place(
        self,
        plan: GraspPlan,
        grasp: Grasp,
        target: SceneObject,
        trace: Trace,
        relation: str,
        config: TaskConfig,
    ) -> None:
        """Whether a thing taken so can be set down at the end of the trace; raises when not."""
        spot = self._spot(target, trace, relation)
        held = HeldObject(T_tcp_box=geometry.invert(grasp.T_base_tcp) @ target.T_base_box, size_m=target.size_m)
        self._lowering(plan.q_lifted, grasp, target, spot, held, config)

    def _spot(self, target: SceneObject, trace: Trace, relation: str) -> PlaceSpot:
        if self._scene is None or trace.points_base_m is None:
            raise MolmoRosError(ErrorCode.TRACE_NOT_LIFTED, "The trace has no place in space.")
        return place_spot(self._scene, target, trace.points_base_m[-1], relation)

    def _tool_poses(self, grasp: Grasp, target: SceneObject, spot: PlaceSpot) -> list[Array]:
        """Tool poses with the thing standing on the spot: as grasped first, then turned about the vertical."""
        T = grasp.T_base_tcp
        bottom = float(target.center_base_m[2] - target.size_m[2] / 2)
        poses = []
        for yaw in np.radians([0, 30, -30, 60, -60, 90, -90, 120, -120, 150, -150, 180]):
            R = geometry.rotation_z(float(yaw))
            pose = T.copy()
            pose[:3, :3] = R @ T[:3, :3]
            pose[:3, 3] = spot.point_m + R @ (T[:3, 3] - [*target.center_base_m[:2], bottom])
            poses.append(pose)
        return poses

    def _lowering(
        self,
        q_lifted: Array,
        grasp: Grasp,
        target: SceneObject,
        spot: PlaceSpot,
        held: HeldObject,
        config: TaskConfig,
    ) -> tuple[Array, Array, Array]:
        """(waypoint above, straight path down, pose let go at) of the first way of setting it down that is free."""
        self._held = held
        problem: MolmoRosError | None = None
        try:
            self._around(without=[target.object_id], seen_only=spot.support_ids)
            for pose in self._tool_poses(grasp, target, spot):
                for height in spot.drop_heights_m(config.release_clearance_m):
                    down = pose.copy()
                    down[2, 3] += height
                    above = down.copy()
                    above[2, 3] = max(down[2, 3] + 0.05, spot.clear_z_m + held_below_m(held, down) + 0.02)
                    try:
                        q_above = self.model.ik(above, q_lifted)
                        if self._world.in_collision(q_above):
                            raise MolmoRosError(ErrorCode.PLANNING_FAILED, "There is no room above the place.")
                        return above, self._planner.plan_linear(q_above, down, margin_m=CLOSE_MARGIN_M), down
                    except MolmoRosError as error:
                        problem = problem or error
        finally:
            self._held = None
        raise problem or MolmoRosError(ErrorCode.TARGET_UNREACHABLE, "The arm can not reach the place.")

    def plan_place(
        self,
        state: JointState,
        grasp: Grasp,
        target: SceneObject,
        trace: Trace,
        relation: str,
        held: HeldObject,
        config: TaskConfig,
    ) -> PlacePlan:
        """Along the trace to its end, down, and off again.

        Raises:
            MolmoRosError: IK_FAILED, PLANNING_FAILED or TARGET_UNREACHABLE in words.
        """
        q = self._arm(state)
        spot = self._spot(target, trace, relation)
        above, lower, _ = self._lowering(q, grasp, target, spot, held, config)
        self._held = held
        # What shall carry the thing is in the way until it is reached from above: a swing through it would take it along.
        self._around(without=[target.object_id], seen_only=spot.support_ids)
        carry = self._carry_path(q, above, lower[0], trace, held)
        return PlacePlan(
            carry=self._timed(carry, self._near_speed),
            lower=self._timed(lower, self._near_speed),
            release_width_m=config.open_width_m,
            around=(target.object_id, *spot.support_ids),
        )

    def _carry_path(self, q: Array, above: Array, q_above: Array, trace: Trace, held: HeldObject) -> Array:
        """Joint path from here along the trace's inner points to the pose above the place.

        A model's trace is a proposal: where the arm can not follow it, a free plan with the same ends serves. A
        person's trace is an order: it is followed or refused.
        """
        try:
            poses = self._trace_poses(self.model.fk(q), above, trace, held)
            path = self._planner.follow(q, poses)
            if np.max(np.abs(path[-1] - q_above)) > 0.05:
                tail = self._planner.plan_free(path[-1], q_above, seed=self._seed)
                path = np.vstack([path, tail[1:]])
            return np.vstack([path, q_above])
        except MolmoRosError:
            if trace.author is Author.PERSON:
                raise
        return np.asarray(self._planner.plan_free(q, q_above, seed=self._seed))

    def _trace_poses(self, T_start: Array, T_end: Array, trace: Trace, held: HeldObject) -> Array:
        """(K, 4, 4) tool poses along the trace, never lower than clears what the trace passes over."""
        if trace.points_base_m is None:
            raise MolmoRosError(ErrorCode.TRACE_NOT_LIFTED, "The trace has no place in space.")
        inner = np.asarray(trace.points_base_m, dtype=np.float64)[1:-1]
        low = min(float(T_start[2, 3]), float(T_end[2, 3]))
        points = inner.copy()
        points[:, 2] = np.maximum(inner[:, 2] + held_below_m(held, T_start), low)
        points = np.vstack([T_start[:3, 3], points, T_end[:3, 3]])
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        count = max(2, int(np.ceil(length[-1] / 0.01)))
        s = np.linspace(0.0, length[-1], count + 1)[1:]
        along = np.column_stack([np.interp(s, length, points[:, k]) for k in range(3)])
        share = s / max(length[-1], 1e-9)
        poses = interpolate_pose(T_start, T_end, share)
        poses[:, :3, 3] = along
        return np.asarray(poses)

    def plan_retreat(self, state: JointState, distance_m: float) -> JointTrajectory | None:
        """Straight up from wherever the hand is; None when it is high already."""
        q = self._arm(state)
        T = self.model.fk(q)
        if T[2, 3] - self._table.offset_m > 0.25:
            return None
        self._around()
        self._world.set_obstacles()
        T_up = T.copy()
        T_up[2, 3] += distance_m
        try:
            return self._timed(self._planner.plan_linear(q, T_up, margin_m=-0.005), self._near_speed)
        except MolmoRosError:
            return None

    def plan_push(
        self, state: JointState, target: SceneObject, direction: str, distance_m: float, T_base_camera: Array
    ) -> PushPlan:
        """Closed fingers behind the thing, down, along, up.

        Raises:
            MolmoRosError: IK_FAILED, PLANNING_FAILED or NOT_SUPPORTED in words.
        """
        right = T_base_camera[:2, 0] / np.linalg.norm(T_base_camera[:2, 0])
        away = np.array([-right[1], right[0]])
        if away @ T_base_camera[:2, 2] < 0:
            away = -away
        way = {"left": -right, "right": right, "away": away, "near": -away}.get(direction)
        if way is None:
            raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f'I can not push "{direction}".')
        half = float(np.abs(target.T_base_box[:2, :2].T @ way) @ target.size_m[:2] / 2)
        # The fingers' broad side is x of the tool, so x points along the push.
        R = np.column_stack([[*way, 0.0], np.cross([0.0, 0.0, -1.0], [*way, 0.0]), [0.0, 0.0, -1.0]])
        ground = float(target.center_base_m[2] - target.size_m[2] / 2)
        height = ground + max(0.015, min(0.5 * float(target.size_m[2]), 0.04))
        start = np.append(target.center_base_m[:2] - way * (half + 0.035), height)
        end = np.append(target.center_base_m[:2] + way * (distance_m - half - 0.012), height)
        T_start, T_end = geometry.make_transform(R, start), geometry.make_transform(R, end)
        T_high = geometry.make_transform(R, start + [0.0, 0.0, 0.12])
        T_off = geometry.make_transform(R, end + [0.0, 0.0, 0.12])
        q = self._arm(state)
        self._around()
        approach, q_high = self._free(q, self.model.ik_all(T_high, q, flip=True))
        flipped = bool(np.linalg.norm(self.model.fk(q_high)[:3, 0] - R[:, 0]) > 1.0)
        turn = FLIP if flipped else np.eye(4)
        insert = self._planner.plan_linear(q_high, T_start @ turn, margin_m=CLOSE_MARGIN_M)
        self._around(without=[target.object_id])
        push = self._planner.plan_linear(insert[-1], T_end @ turn, margin_m=CLOSE_MARGIN_M)
        retreat = self._planner.plan_linear(push[-1], T_off @ turn, margin_m=CLOSE_MARGIN_M)
        near = self._near_speed
        return PushPlan(
            approach=approach,
            insert=self._timed(insert, near),
            push=self._timed(push, near),
            retreat=self._timed(retreat, near),
        )


def held_below_m(held: HeldObject, T_base_tcp: Array) -> float:
    """How far the held box reaches below the tool centre [m]."""
    half = held.size_m / 2
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    world = geometry.apply(T_base_tcp @ held.T_tcp_box, corners)
    return max(0.0, float(T_base_tcp[2, 3] - world[:, 2].min()))
