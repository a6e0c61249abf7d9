"""A URDF and joint positions become transforms."""

import math
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import tf_transformations as tft
from hypothesis import given
from hypothesis import strategies as st
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from ros_world import TIMEOUT_S, world
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from test_bags_recording import until
from tf2_ros import Buffer, TransformListener

from molmo_ros.core.errors import MolmoRosError
from molmo_ros.embedded.executables.robot_state_publisher import RobotStatePublisher
from molmo_ros.embedded.executables.urdf_tree import parse_urdf

URDF = """<?xml version="1.0"?>
<robot name="arm">
  <link name="base"/><link name="upper"/><link name="slide"/><link name="finger"/><link name="camera"/>
  <joint name="shoulder" type="revolute">
    <origin xyz="0 0 1" rpy="0 0 0"/><parent link="base"/><child link="upper"/><axis xyz="0 0 2"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="slider" type="prismatic">
    <origin xyz="1 0 0" rpy="0 0 1.5707963267948966"/><parent link="upper"/><child link="slide"/><axis xyz="1 0 0"/>
  </joint>
  <joint name="finger_joint" type="prismatic">
    <parent link="slide"/><child link="finger"/><axis xyz="0 1 0"/>
    <mimic joint="slider" multiplier="-2" offset="0.5"/>
  </joint>
  <joint name="camera_mount" type="fixed">
    <origin xyz="0 0 0.2" rpy="0 0.5 0"/><parent link="upper"/><child link="camera"/>
  </joint>
</robot>"""


def description(text):
    return [Parameter("robot_description", value=text)]


@contextmanager
def publishing(node, *parameters):
    """The publisher in the context of another node, spun in the background."""
    publisher = RobotStatePublisher(context=node.context, parameter_overrides=[*description(URDF), *parameters])
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(publisher)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        executor.shutdown()
        thread.join(TIMEOUT_S)
        publisher.destroy_node()


def joint_states(seconds, **positions):
    message = JointState(name=list(positions), position=list(positions.values()))
    message.header.stamp = Time(seconds=seconds).to_msg()
    return message


def lookup(buffer, target, source, seconds=0.0):
    found = buffer.lookup_transform(target, source, Time(seconds=seconds), Duration(seconds=TIMEOUT_S))
    t, q = found.transform.translation, found.transform.rotation
    matrix = tft.quaternion_matrix((q.x, q.y, q.z, q.w))
    matrix[:3, 3] = t.x, t.y, t.z
    return matrix


def expected_tip(shoulder, slider):
    """The finger in the base frame, by matrices."""
    return tft.concatenate_matrices(
        tft.translation_matrix((0, 0, 1)),
        tft.rotation_matrix(shoulder, (0, 0, 1)),
        tft.compose_matrix(angles=(0, 0, math.pi / 2), translate=(1, 0, 0)),
        tft.translation_matrix((slider, 0, 0)),
        tft.translation_matrix((0, 0.5 - 2 * slider, 0)),
    )


def test_positions_become_transforms_mimic_joints_included():
    with world("robot", "viewer") as (robot, viewer), publishing(robot):
        buffer = Buffer()
        listener = TransformListener(buffer, viewer)
        states = robot.create_publisher(JointState, "joint_states", 10)
        timer = robot.create_timer(0.05, lambda: states.publish(joint_states(5, shoulder=0.3, slider=0.2)))

        found = lookup(buffer, "base", "finger", 5)

        np.testing.assert_allclose(found, expected_tip(0.3, 0.2), atol=1e-9)
        robot.destroy_timer(timer)
        listener.unregister()


def test_fixed_joints_need_no_positions():
    with world("robot", "viewer") as (robot, viewer), publishing(robot):
        buffer = Buffer()
        listener = TransformListener(buffer, viewer)

        found = lookup(buffer, "upper", "camera")

        np.testing.assert_allclose(found, tft.compose_matrix(angles=(0, 0.5, 0), translate=(0, 0, 0.2)), atol=1e-9)
        listener.unregister()


def test_the_description_waits_for_whoever_comes_late():
    heard = []
    arrived = threading.Event()
    with world("robot", "viewer") as (robot, viewer), publishing(robot):
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        viewer.create_subscription(
            String, "robot_description", lambda m: (heard.append(m.data), arrived.set()), latched
        )

        assert arrived.wait(TIMEOUT_S)

    assert heard == [URDF]


def test_frames_get_their_prefix():
    with world("robot", "viewer") as (robot, viewer), publishing(robot, Parameter("frame_prefix", value="left/")):
        buffer = Buffer()
        listener = TransformListener(buffer, viewer)

        assert lookup(buffer, "left/upper", "left/camera")[2, 3] == 0.2
        listener.unregister()


def test_another_description_moves_what_is_fixed():
    with world("robot", "viewer") as (robot, viewer), publishing(robot) as publisher:
        buffer = Buffer()
        listener = TransformListener(buffer, viewer)
        assert lookup(buffer, "upper", "camera")[2, 3] == 0.2

        (result,) = publisher.set_parameters(description(URDF.replace("0 0 0.2", "0 0 0.9")))

        assert result.successful
        until(lambda: lookup(buffer, "upper", "camera")[2, 3] == 0.9)
        listener.unregister()


@pytest.mark.parametrize(
    "parameter",
    [
        Parameter("robot_description", value="<robot"),
        Parameter("robot_description", value=""),
        Parameter("publish_frequency", value=-1.0),
        Parameter("publish_frequency", value=5000.0),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(parameter):
    with world("robot") as (robot,), publishing(robot) as publisher:
        (result,) = publisher.set_parameters([parameter])

        assert not result.successful
        assert publisher.get_parameter("robot_description").value == URDF


class Recorder:
    """Stands in for the publisher of /tf."""

    def __init__(self):
        self.messages = []

    def publish(self, message):
        self.messages.append(message)


def test_joints_are_published_no_faster_than_asked():
    with world("robot") as (robot,), publishing(robot) as publisher:
        publisher._tf = Recorder()
        for hundredth in range(100):
            publisher._on_joint_states(joint_states(1 + hundredth / 100, shoulder=0.1))

        # 20 Hz over one second of messages at 100 Hz.
        assert len(publisher._tf.messages) == 20


def test_all_messages_count_where_stamps_are_ignored():
    with world("robot") as (robot,), publishing(robot, Parameter("ignore_timestamp", value=True)) as publisher:
        publisher._tf = Recorder()
        for _ in range(5):
            publisher._on_joint_states(joint_states(1, shoulder=0.1))

        assert len(publisher._tf.messages) == 5


def test_a_malformed_message_is_ignored():
    with world("robot") as (robot,), publishing(robot) as publisher:
        publisher._tf = Recorder()
        publisher._on_joint_states(JointState(name=["shoulder"], position=[]))
        publisher._on_joint_states(JointState(name=["shoulder"], position=[1.0, 2.0]))
        publisher._on_joint_states(joint_states(1, shoulder=math.nan, unknown=1.0))

        assert [len(m.transforms) for m in publisher._tf.messages] == [0]


@given(st.floats(-3.0, 3.0), st.floats(-1.0, 1.0))
def test_joint_transforms_agree_with_matrices(shoulder, slider):
    joints = {joint.name: joint for joint in parse_urdf(URDF)}
    tip = np.identity(4)
    for name, position in (("shoulder", shoulder), ("slider", slider), ("finger_joint", 0.5 - 2 * slider)):
        translation, rotation = joints[name].transform(position)
        tip = tip @ tft.translation_matrix(translation) @ tft.quaternion_matrix(rotation)

    np.testing.assert_allclose(tip, expected_tip(shoulder, slider), atol=1e-9)


@given(st.floats(-3.0, 3.0), st.floats(-1.5, 1.5), st.floats(-3.0, 3.0))
def test_roll_pitch_and_yaw_are_about_static_axes(roll, pitch, yaw):
    joint = parse_urdf(URDF.replace("0 0.5 0", f"{roll!r} {pitch!r} {yaw!r}"))[-1]

    np.testing.assert_allclose(tft.quaternion_matrix(joint.rotation), tft.euler_matrix(roll, pitch, yaw), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<robot", "<!DOCTYPE x [<!ENTITY a 'b'>]><robot"), "document type"),
        (("</robot>", ""), "it is no XML"),
        (('<link name="base"/>', ""), "unknown link 'base'"),
        (("0 0 2", "0 0 0"), "axis of joint 'shoulder' is zero"),
        (("0 0 0.2", "0 0 x"), "where a number belongs"),
        (("0 0 0.2", "0 0"), "where three numbers belong"),
        (("0 0 0.2", "0 0 inf"), "not finite"),
        (('<link name="base"/>', '<link name="base"/><link name="lost"/>'), "2 root links"),
        (('<child link="camera"/>', '<child link="slide"/>'), "two parents"),
        (('<child link="camera"/>', ""), "names no child link"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_with_a_reason(change, words):
    with pytest.raises(MolmoRosError, match=words):
        parse_urdf(URDF.replace('<?xml version="1.0"?>\n', "").replace(*change))


def test_comments_are_no_harm():
    assert len(parse_urdf(URDF.replace("</robot>", "<!-- the end --></robot>"))) == 4


def test_without_a_description_it_does_not_start():
    with world("robot") as (robot,), pytest.raises(MolmoRosError, match="must not be empty"):
        RobotStatePublisher(context=robot.context)
