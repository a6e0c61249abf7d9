"""The drawn robot stands where Pinocchio says, and bad descriptions are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.console.robot import read_urdf
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.description import load_robot
from molmo_ros.motion.model import RobotModel

ROBOT = load_robot("fr3")
MODEL = RobotModel.from_config(ROBOT)
LOW, HIGH = ROBOT.limits.lower, ROBOT.limits.upper


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7))
def test_the_drawn_tool_is_where_pinocchio_says(shares: list[float]) -> None:
    q = LOW + np.array(shares) * (HIGH - LOW)
    positions = dict(zip(ROBOT.limits.names, q, strict=True))
    joints, _ = read_urdf(ROBOT.urdf_text)
    by_child = {j.child: j for j in joints}
    T, link = np.eye(4), ROBOT.tcp_frame
    while link in by_child:
        joint = by_child[link]
        T = joint.pose(positions.get(joint.name, 0.0)) @ T
        link = joint.parent
    assert link == ROBOT.base_frame
    np.testing.assert_allclose(T, MODEL.fk(q, ROBOT.tcp_frame), atol=1e-9)


def test_every_link_with_a_body_has_shapes_of_positive_size() -> None:
    _, links = read_urdf(ROBOT.urdf_text)
    shapes = [shape for link in links.values() for shape in link]
    assert len(shapes) > 10
    assert all(min(shape.size) > 0 for shape in shapes)


@pytest.mark.parametrize("text", ["", "<robot", "<robot><joint name='a'/></robot>", "<robot><link/>"])
def test_what_is_no_urdf_is_refused_in_words(text: str) -> None:
    with pytest.raises(MolmoRosError, match="not a valid URDF") as caught:
        read_urdf(text)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
