"""MoveIt as the planner, through moveit_py. Not yet run against an installed MoveIt.

MoveIt searches the free-space paths; inverse kinematics, straight lines and the last look at every path stay ours, so a
path is judged by the same collision world whoever found it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import Array
from molmo_ros.core.scene import Plane
from molmo_ros.motion.collision import SUPPORT, Box, CollisionWorld
from molmo_ros.motion.description import RobotConfig
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.model import RobotModel
from molmo_ros.motion.planner import GRAZE_M, VERIFY_STEP, Cancelled, OmplPlanner, drop_repeats, never

GOALS_TRIED = 3
MEETS_RAD = 0.01
SUPPORT_SIZE_M = (3.0, 3.0, 0.1)

SceneWriter = Callable[[Any, Sequence[Box], Box | None], None]
"""Replaces what a MoveIt planning scene holds: boxes in the base frame, and a box held in the tool frame."""


def load_moveit() -> tuple[Any, Any]:
    """moveit_py's `moveit.planning` and `moveit.core.robot_state`.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING when it is not installed.
    """
    try:
        import moveit.core.robot_state as states
        from moveit import planning
    except ImportError as error:
        distribution = os.environ.get("ROS_DISTRO", "jazzy")
        raise MolmoRosError(
            ErrorCode.DEPENDENCY_MISSING,
            f"moveit_py is not installed; apt install ros-{distribution}-moveit-py, or use the planner ompl.",
        ) from error
    return planning, states


def group_of(robot: RobotConfig) -> str:
    """Name of the planning group, as the vendors' SRDFs have it."""
    return f"{robot.name}_arm"


def srdf(robot: RobotConfig, adjacent: Sequence[tuple[str, str]]) -> str:
    """The robot's semantic description: one chain, its named poses, pairs of links that are never checked.

    Args:
        robot: The robot.
        adjacent: Links joined by one joint.
    """
    group = group_of(robot)
    lines = [
        f"<robot name={quoteattr(robot.name)}>",
        f"  <group name={quoteattr(group)}>",
        f"    <chain base_link={quoteattr(robot.base_frame)} tip_link={quoteattr(robot.tcp_frame)}/>",
        "  </group>",
    ]
    for name, pose in robot.poses.items():
        lines.append(f"  <group_state name={quoteattr(name)} group={quoteattr(group)}>")
        lines += [
            f'    <joint name={quoteattr(joint)} value="{value:.9g}"/>'
            for joint, value in zip(robot.limits.names, pose, strict=True)
        ]
        lines.append("  </group_state>")
    never_checked = {tuple(sorted(pair)) for pair in robot.never_checked}
    for first, second in sorted(never_checked | {tuple(sorted(pair)) for pair in adjacent}):
        lines.append(
            f'  <disable_collisions link1={quoteattr(first)} link2={quoteattr(second)} reason="Never"/>',
        )
    return "\n".join([*lines, "</robot>"]) + "\n"


def moveit_config(robot: RobotConfig, model: RobotModel) -> dict[str, Any]:
    """Parameters of MoveItPy for a robot: both descriptions, limits, and the OMPL pipeline."""
    frames = model.model.frames
    links = {f.name for f in frames if str(f.type) == "BODY"}
    adjacent = [
        (frames[parent].name, f.name)
        for f in frames
        if f.name in links and (parent := _body_above(frames, f.parentFrame, links)) is not None
    ]
    limits = robot.limits
    return {
        "robot_description": robot.urdf_text,
        "robot_description_semantic": srdf(robot, adjacent),
        "robot_description_planning": {
            "joint_limits": {
                name: {
                    "has_velocity_limits": True,
                    "max_velocity": float(v),
                    "has_acceleration_limits": True,
                    "max_acceleration": float(a),
                }
                for name, v, a in zip(limits.names, limits.velocity, limits.acceleration, strict=True)
            }
        },
        "planning_scene_monitor_options": {
            "name": "planning_scene_monitor",
            "robot_description": "robot_description",
            "joint_state_topic": "joint_states",
            "wait_for_initial_state_timeout": 10.0,
        },
        "planning_pipelines": {"pipeline_names": ["ompl"]},
        "plan_request_params": {
            "planning_attempts": 1,
            "planning_pipeline": "ompl",
            "planner_id": "RRTConnectkConfigDefault",
            "max_velocity_scaling_factor": 1.0,
            "max_acceleration_scaling_factor": 1.0,
        },
        "ompl": {
            "planning_plugins": ["ompl_interface/OMPLPlanner"],
            "request_adapters": [
                "default_planning_request_adapters/ValidateWorkspaceBounds",
                "default_planning_request_adapters/CheckStartStateBounds",
                "default_planning_request_adapters/CheckStartStateCollision",
            ],
            "response_adapters": ["default_planning_response_adapters/ValidateSolution"],
            "planner_configs": {"RRTConnectkConfigDefault": {"type": "geometric::RRTConnect", "range": 0.0}},
            group_of(robot): {"planner_configs": ["RRTConnectkConfigDefault"]},
        },
    }


def _body_above(frames: Any, index: int, links: set[str]) -> int | None:
    while index > 0 and frames[index].name not in links:
        index = frames[index].parentFrame
    return index if frames[index].name in links else None


def support_box(plane: Plane) -> Box:
    """A thick plate just below a plane."""
    normal = np.asarray(plane.normal, dtype=np.float64)
    across = np.eye(3)[int(np.argmin(np.abs(normal)))]
    x = np.cross(across, normal)
    x /= np.linalg.norm(x)
    T = np.eye(4)
    T[:3, :3] = np.column_stack([x, np.cross(normal, x), normal])
    T[:3, 3] = normal * (float(plane.offset_m) - 0.5 * SUPPORT_SIZE_M[2])
    return Box(T_base_box=T, size_m=np.array(SUPPORT_SIZE_M), name=SUPPORT)


class MoveItPlanner:
    """A `Planner` that lets MoveIt search.

    Args:
        model: The robot.
        world: What to keep clear of; boxes, support and held object go to MoveIt before each plan. Point clouds do not:
            a path through one is refused afterwards.
        moveit: A MoveItPy of this robot; one per process.
        group: Planning group whose joints are the model's, in its order.
        write_scene: Puts boxes into MoveIt's scene.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING without moveit_py.
    """

    def __init__(
        self, model: RobotModel, world: CollisionWorld, *, moveit: Any, group: str, write_scene: SceneWriter
    ) -> None:
        self._planning, self._states = load_moveit()
        self.model, self.world = model, world
        self._moveit, self._group, self._write = moveit, group, write_scene
        self._lines = OmplPlanner(model, world)
        self._component = moveit.get_planning_component(group)

    def plan_free(
        self,
        q_start: Array,
        goal: Array,
        *,
        cancelled: Cancelled = never,
        time_limit_s: float = 2.0,
        seed: int = 0,  # noqa: ARG002
    ) -> Array:
        """A collision-free path (K, N), see `Planner`.

        MoveIt takes no seed, and a search under way ends only at its time limit: ``cancelled`` is asked between goals.

        Args:
            q_start: (N,) where the arm is.
            goal: (N,) joint positions, (M, N) several of which one is enough, or a (4, 4) tool pose.
            cancelled: Asked before each of the goals.
            time_limit_s: For all goals together [s].
            seed: Of no effect.

        Raises:
            PlanningError: IK_FAILED, TARGET_UNREACHABLE, PLANNING_FAILED or CANCELED.
        """
        deadline = time.monotonic() + time_limit_s
        start = np.asarray(q_start, dtype=np.float64)
        goals = self._goals(start, np.asarray(goal, dtype=np.float64))
        self._send_scene()
        why = "MoveIt found no collision-free path to the goal in time; is something in the way?"
        for q in goals[:GOALS_TRIED]:
            left = deadline - time.monotonic()
            if cancelled():
                raise PlanningError(ErrorCode.CANCELED, "planning was cancelled")
            if left <= 0:
                break
            path = self._search(start, q, left)
            if path is None:
                continue
            touched = self._contact(path)
            if not touched:
                return path
            why = f"MoveIt's path would touch something it does not know: {touched}"
        raise PlanningError(ErrorCode.PLANNING_FAILED, why)

    def plan_linear(
        self, q_start: Array, T_base_tcp: Array, *, margin_m: float | None = None, cancelled: Cancelled = never
    ) -> Array:
        """A path whose tool moves on a straight line, see `Planner`: the built-in one, for MoveIt promises no margin."""
        return self._lines.plan_linear(q_start, T_base_tcp, margin_m=margin_m, cancelled=cancelled)

    def follow(
        self, q_start: Array, poses: Array, *, margin_m: float | None = None, cancelled: Cancelled = never
    ) -> Array:
        """A path through tool poses, see `Planner`: the built-in one."""
        return self._lines.follow(q_start, poses, margin_m=margin_m, cancelled=cancelled)

    def _goals(self, start: Array, goal: Array) -> list[Array]:
        if start.shape != (len(self.model.names),) or not np.all(np.isfinite(start)):
            raise PlanningError(ErrorCode.JOINT_STATES_INVALID, "a plan starts from finite joint positions")
        rows = list(self.model.ik_all(goal, start)) if goal.shape == (4, 4) else list(np.atleast_2d(goal))
        good = [q for q in rows if q.shape == start.shape and np.all(np.isfinite(q)) and self.model.limits.inside(q)]
        if not good:
            raise PlanningError(ErrorCode.TARGET_UNREACHABLE, "no goal lies inside the joint limits")
        return sorted(good, key=lambda q: float(np.max(np.abs(q - start))))

    def _send_scene(self) -> None:
        boxes = list(self.world.boxes)
        if self.world.support is not None:
            boxes.append(support_box(self.world.support))
        with self._moveit.get_planning_scene_monitor().read_write() as scene:
            self._write(scene, boxes, self.world.held)
            scene.current_state.update()

    def _state(self, q: Array) -> Any:
        state = self._states.RobotState(self._moveit.get_robot_model())
        # A fresh state holds whatever was in memory; the fingers are not in the group.
        state.set_to_default_values()
        state.set_joint_group_positions(self._group, np.asarray(q, dtype=np.float64))
        state.update()
        return state

    def _search(self, start: Array, goal: Array, time_limit_s: float) -> Array | None:
        parameters = self._planning.PlanRequestParameters(self._moveit, "plan_request_params")
        parameters.planning_time = time_limit_s
        self._component.set_start_state(robot_state=self._state(start))
        self._component.set_goal_state(robot_state=self._state(goal))
        result = self._component.plan(single_plan_parameters=parameters)
        if not result:
            return None
        found = result.trajectory
        rows = [np.asarray(found[k].get_joint_group_positions(self._group)) for k in range(len(found))]
        path = np.array(rows, dtype=np.float64)
        meets = len(path) > 1 and path.shape[1] == len(start) and bool(np.all(np.isfinite(path)))
        if not meets or max(np.max(np.abs(path[0] - start)), np.max(np.abs(path[-1] - goal))) > MEETS_RAD:
            raise PlanningError(
                ErrorCode.PLANNING_FAILED, "MoveIt's path does not lead from the start to the goal; check its group."
            )
        path[0], path[-1] = start, goal
        return drop_repeats(path)

    def _contact(self, path: Array) -> str:
        margin = -GRAZE_M if self.world.in_collision(path[0], margin_m=0.0) else 0.0
        return str(self.world.first_contact(path, step=VERIFY_STEP, margin_m=margin) or "")
