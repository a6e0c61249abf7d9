"""trace_node: a goal and an RGB-D frame to a lifted trace; a person's edit is lifted, or given back to the model."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from cv_bridge import CvBridge
from nav_msgs.msg import Path
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Author, Frame, Trace
from molmo_ros.nodes import convert, markers
from molmo_ros.nodes.base import Param, exit_with, run
from molmo_ros.nodes.qos import COMMAND, DECISION
from molmo_ros.nodes.thinking_node import ThinkingNode
from molmo_ros.task.pictures import annotate
from molmo_ros.task.ports import Question, TraceAnswer
from molmo_ros.task.thinking import TraceThinker
from molmo_ros_interfaces.msg import Goal
from molmo_ros_interfaces.msg import Trace as TraceMsg

PARAMS = (
    Param(
        name="edited_trace",
        default="geometric",
        doc="What becomes of a person's trace: executed as drawn, or drawn on the image and given back to the model.",
        choices=("geometric", "steer"),
    ),
)


class TraceNode(ThinkingNode):
    """Publishes trace, trace/path, trace/markers, trace/image and thought; listens to trace/edited."""

    def __init__(self) -> None:
        super().__init__("trace_node", Goal.WANT_TRACE, PARAMS)
        self._thinker = TraceThinker(self.model, self.perceive)
        self._bridge = CvBridge()
        self._asked: tuple[Goal, Frame] | None = None
        self._traces = self.create_publisher(TraceMsg, "trace", DECISION)
        self._paths = self.create_publisher(Path, "trace/path", DECISION)
        self._markers = self.create_publisher(MarkerArray, "trace/markers", DECISION)
        self._images = self.create_publisher(Image, "trace/image", DECISION)
        self.create_subscription(
            TraceMsg, "trace/edited", self._on_edit, COMMAND, callback_group=ReentrantCallbackGroup()
        )

    def answer(self, goal: Goal, frame: Frame) -> None:
        """Publishes the model's trace."""
        self._asked = (goal, frame)
        answer = self._thinker.think(frame, question_of(goal))
        self.publish_thought(goal, frame, answer.thought)
        self._publish(goal, frame, answer)

    def refuse(self, goal: Goal, error: MolmoRosError) -> None:
        """Publishes why there is no trace."""
        self._traces.publish(
            convert.trace_msg(
                None,
                frame_id=self.base_frame,
                goal_id=goal.goal_id,
                stamp=convert.stamp_ns(goal.header.stamp),
                code=ErrorCode(error.code),
                message=error.message,
            )
        )

    def _on_edit(self, message: TraceMsg) -> None:
        try:
            if self._asked is None or self._asked[0].goal_id != message.goal_id:
                raise MolmoRosError(ErrorCode.EDIT_STALE, "This trace belongs to a goal that is over.")
            goal, frame = self._asked
            edit = replace(convert.trace_from(message), author=Author.PERSON, points_base_m=None)
            if (edit.width_px, edit.height_px) != (frame.width_px, frame.height_px):
                raise MolmoRosError(
                    ErrorCode.EDIT_INVALID,
                    f"The edit is for a {edit.width_px}x{edit.height_px} image, "
                    f"the trace was drawn on {frame.width_px}x{frame.height_px}.",
                )
            self._publish(goal, frame, self._edited(goal, frame, edit))
        except MolmoRosError as error:
            self.get_logger().warning(f"edit refused: [{error.code.name}] {error.message}")
            refused = convert.trace_msg(
                None,
                frame_id=self.base_frame,
                goal_id=message.goal_id,
                code=ErrorCode(error.code),
                message=error.message,
            )
            refused.revision, refused.author = message.revision, TraceMsg.AUTHOR_PERSON
            self._traces.publish(refused)

    def _edited(self, goal: Goal, frame: Frame, edit: Trace) -> TraceAnswer:
        question = question_of(goal)
        if self.values["edited_trace"] == "steer":
            answer = self._thinker.think(frame, question, steering=edit)
            self.publish_thought(goal, frame, answer.thought)
            return answer
        lifted = self._thinker.lift(edit, self.perceive(frame), frame, question)
        return TraceAnswer(trace=lifted)

    def _publish(self, goal: Goal, frame: Frame, answer: TraceAnswer) -> None:
        self._traces.publish(
            convert.trace_msg(
                answer.trace,
                frame_id=self.base_frame,
                goal_id=goal.goal_id,
                stamp=frame.stamp_ns,
                code=answer.code,
                message=answer.message,
            )
        )
        if answer.trace is None:
            return
        self._paths.publish(convert.path_msg(answer.trace, self.base_frame))
        self._markers.publish(markers.trace(answer.trace, self.base_frame))
        picture = annotate(frame, trace=answer.trace)
        self._images.publish(
            self._bridge.cv2_to_imgmsg(picture, "rgb8", header=convert.header(frame.frame_id, frame.stamp_ns))
        )


def question_of(goal: Goal) -> Question:
    """The question a goal message asks."""
    start = convert.point_array(goal.grasp_point_base)
    size = np.array([goal.held_size.x, goal.held_size.y, goal.held_size.z])
    return Question(
        goal_id=goal.goal_id,
        instruction=goal.instruction,
        prompt=goal.prompt,
        stage=goal.stage,
        relation=goal.relation,
        grasp_point_base_m=None if math.isnan(start[0]) else start,
        held_size_m=size if np.all(size > 0) else None,
    )


def main(args: list[str] | None = None) -> None:
    """Entry point."""
    exit_with(run(TraceNode, args))
