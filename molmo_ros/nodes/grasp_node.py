"""grasp_node: a goal and an RGB-D frame to ranked grasps, with a reason for every rejection."""

from __future__ import annotations

from visualization_msgs.msg import MarkerArray

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame
from molmo_ros.motion.description import load_robot
from molmo_ros.nodes import convert, markers
from molmo_ros.nodes.base import Param, exit_with, run
from molmo_ros.nodes.qos import DECISION
from molmo_ros.nodes.thinking_node import ThinkingNode
from molmo_ros.task.arm import ArmMotions
from molmo_ros.task.ports import Question
from molmo_ros.task.thinking import GraspThinker
from molmo_ros_interfaces.msg import Goal, GraspArray

PARAMS = (
    Param(name="robot", default="fr3", doc="Robot whose reach decides, by its file in config/robots."),
    Param(
        name="selection",
        default="quality",
        doc="How grasps are ranked: by geometric quality, or by distance to the model's point.",
        choices=("quality", "point"),
    ),
)


class GraspNode(ThinkingNode):
    """Publishes grasps, grasp_markers and thought."""

    def __init__(self) -> None:
        super().__init__("grasp_node", Goal.WANT_GRASPS, PARAMS)
        arm = ArmMotions(load_robot(self.values["robot"]))
        self._thinker = GraspThinker(
            self.model, self.perceive, reachable=arm.reachable, by_point=self.values["selection"] == "point"
        )
        self._grasps = self.create_publisher(GraspArray, "grasps", DECISION)
        self._markers = self.create_publisher(MarkerArray, "grasp_markers", DECISION)

    def answer(self, goal: Goal, frame: Frame) -> None:
        """Publishes ranked grasps."""
        question = Question(goal_id=goal.goal_id, instruction=goal.instruction, prompt=goal.prompt, stage=goal.stage)
        answer = self._thinker.think(frame, question)
        self.publish_thought(goal, frame, answer.thought)
        self._grasps.publish(
            convert.grasp_array_msg(
                answer.grasps,
                frame_id=self.base_frame,
                stamp=frame.stamp_ns,
                goal_id=goal.goal_id,
                code=answer.code,
                message=answer.message,
                point_px=() if answer.point_px is None else tuple(answer.point_px),
            )
        )
        self._markers.publish(markers.grasps(answer.grasps, self.base_frame, frame.stamp_ns))

    def refuse(self, goal: Goal, error: MolmoRosError) -> None:
        """Publishes why there are no grasps."""
        stamp = convert.stamp_ns(goal.header.stamp)
        self._grasps.publish(
            convert.grasp_array_msg(
                (),
                frame_id=self.base_frame,
                stamp=stamp,
                goal_id=goal.goal_id,
                code=ErrorCode(error.code),
                message=error.message,
            )
        )


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(GraspNode, args))
