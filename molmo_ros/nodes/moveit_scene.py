"""MoveIt for a node: one MoveItPy per process, and its planning scene filled from ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from molmo_ros.motion.collision import Box, CollisionWorld
from molmo_ros.motion.description import RobotConfig
from molmo_ros.motion.model import RobotModel
from molmo_ros.motion.moveit_planner import MoveItPlanner, group_of, load_moveit, moveit_config
from molmo_ros.motion.planner import OmplPlanner, Planner
from molmo_ros.nodes import convert

HELD_ID = "held"
_IDENTITY = np.eye(4)


def planner_factory(name: str, robot: RobotConfig) -> Callable[[RobotModel, CollisionWorld], Planner]:
    """Makes the named planner: ompl or moveit.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING for moveit without moveit_py.
    """
    if name != "moveit":
        return OmplPlanner
    load_moveit()

    def make(model: RobotModel, world: CollisionWorld) -> Planner:
        from moveit.planning import MoveItPy

        moveit = MoveItPy(node_name="molmo_moveit", config_dict=moveit_config(robot, model))
        writer = SceneMessages(robot)
        return MoveItPlanner(model, world, moveit=moveit, group=group_of(robot), write_scene=writer.write)

    return make


class SceneMessages:
    """Writes boxes into a MoveIt planning scene as collision objects.

    Args:
        robot: The robot.
    """

    def __init__(self, robot: RobotConfig) -> None:
        self._base, self._tcp = robot.base_frame, robot.tcp_frame
        self._touching = sorted({robot.hand_frame, *_finger_links(robot)})
        self._attached = False

    def write(self, scene: Any, boxes: Sequence[Box], held: Box | None) -> None:
        """Replaces what the scene holds. A box let go of goes back to the world first, and is then removed."""
        from moveit_msgs.msg import AttachedCollisionObject, CollisionObject

        if self._attached:
            gone = AttachedCollisionObject(link_name=self._tcp)
            gone.object.id, gone.object.operation = HELD_ID, CollisionObject.REMOVE
            scene.process_attached_collision_object(gone)
            self._attached = False
        scene.remove_all_collision_objects()
        for index, box in enumerate(boxes):
            scene.apply_collision_object(self._object(box, f"box_{index}", self._base))
        if held is not None:
            grasped = AttachedCollisionObject(
                link_name=self._tcp, object=self._object(held, HELD_ID, self._tcp), touch_links=self._touching
            )
            scene.process_attached_collision_object(grasped)
            self._attached = True

    def _object(self, box: Box, name: str, frame: str) -> Any:
        from moveit_msgs.msg import CollisionObject
        from shape_msgs.msg import SolidPrimitive

        made = CollisionObject(id=name, operation=CollisionObject.ADD, pose=convert.pose_msg(box.T_base_box))
        made.header = convert.header(frame, 0)
        made.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=[float(s) for s in box.size_m])]
        made.primitive_poses = [convert.pose_msg(_IDENTITY)]
        return made


def _finger_links(robot: RobotConfig) -> list[str]:
    """Links that move with the hand and may touch what it holds."""
    return [link for pair in robot.never_checked if robot.hand_frame in pair for link in pair if "finger" in link]
