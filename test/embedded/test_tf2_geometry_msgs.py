"""Stamped geometry and clouds in another frame."""

import numpy as np
import pytest
import tf2_geometry_msgs as tgm
import tf_transformations as tft
from geometry_msgs.msg import (
    Point32,
    PolygonStamped,
    PoseStamped,
    PoseWithCovarianceStamped,
    TransformStamped,
    Vector3Stamped,
)
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs_py.point_cloud2 import create_cloud, read_points
from std_msgs.msg import Header
from tf2_sensor_msgs import do_transform_cloud

numbers = st.floats(-3.0, 3.0)
six = st.tuples(*[numbers] * 6)


def transform(xyz=(0.0, 0.0, 0.0), rpy=(0.0, 0.0, 0.0)):
    message = TransformStamped()
    message.header.frame_id = "world"
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = xyz
    q.x, q.y, q.z, q.w = tft.quaternion_from_euler(*rpy)
    return message


def pose_matrix(pose):
    p, q = pose.position, pose.orientation
    matrix = tft.quaternion_matrix((q.x, q.y, q.z, q.w))
    matrix[:3, 3] = p.x, p.y, p.z
    return matrix


@given(six, six)
def test_a_pose_is_multiplied_from_the_left(by, at):
    pose = PoseStamped()
    pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = at[:3]
    q = pose.pose.orientation
    q.x, q.y, q.z, q.w = tft.quaternion_from_euler(*at[3:])
    expected = tft.compose_matrix(angles=by[3:], translate=by[:3]) @ pose_matrix(pose.pose)

    moved = tgm.do_transform_pose_stamped(pose, transform(by[:3], by[3:]))

    np.testing.assert_allclose(pose_matrix(moved.pose), expected, atol=1e-9)
    assert moved.pose.orientation.w >= 0.0
    assert moved.header.frame_id == "world"


@given(six)
def test_a_vector_turns_but_does_not_move(by):
    vector = Vector3Stamped()
    vector.vector.y = 1.0
    given_transform = transform(by[:3], by[3:])

    moved = tgm.do_transform_vector3(vector, given_transform).vector

    expected = tft.euler_matrix(*by[3:])[:3, 1]
    np.testing.assert_allclose((moved.x, moved.y, moved.z), expected, atol=1e-9)
    assert given_transform.transform.translation.x == by[0]


@given(six)
def test_covariance_turns_with_the_pose_and_keeps_its_trace(by):
    pose = PoseWithCovarianceStamped()
    pose.pose.pose.orientation.w = 1.0
    pose.pose.covariance = np.diag([4.0, 1.0, 1.0, 0.5, 0.1, 0.1]).reshape(36)

    moved = tgm.do_transform_pose_with_covariance_stamped(pose, transform(by[:3], by[3:]))

    covariance = np.asarray(moved.pose.covariance).reshape(6, 6)
    axis = tft.euler_matrix(*by[3:])[:3, 0]
    assert axis @ covariance[:3, :3] @ axis == pytest.approx(4.0)
    assert axis @ covariance[3:, 3:] @ axis == pytest.approx(0.5)
    assert np.trace(covariance) == pytest.approx(6.7)


def test_an_unset_orientation_counts_as_none():
    pose = PoseStamped()
    pose.pose.orientation.w = 0.0

    moved = tgm.do_transform_pose_stamped(pose, transform(rpy=(0.0, 0.0, 1.0)))

    np.testing.assert_allclose(pose_matrix(moved.pose)[:3, :3], tft.euler_matrix(0.0, 0.0, 1.0)[:3, :3])


def test_every_corner_of_a_polygon_moves():
    polygon = PolygonStamped()
    polygon.polygon.points = [Point32(x=1.0), Point32(y=2.0)]

    moved = tgm.do_transform_polygon_stamped(polygon, transform((0.5, 0.0, 0.0)))

    assert [(p.x, p.y) for p in moved.polygon.points] == [(1.5, 0.0), (0.5, 2.0)]


def test_a_cloud_keeps_its_other_fields():
    fields = [
        PointField(name=name, offset=offset, datatype=datatype, count=1)
        for name, offset, datatype in (
            ("x", 0, PointField.FLOAT32),
            ("y", 4, PointField.FLOAT32),
            ("z", 8, PointField.FLOAT32),
            ("label", 16, PointField.UINT8),
        )
    ]
    cloud = create_cloud(Header(frame_id="camera"), fields, [(1, 2, 3, 7), (4, 5, 6, 8)], 20)

    moved = do_transform_cloud(cloud, transform((10.0, 0.0, 0.0)))

    points = read_points(moved)
    assert points["x"].tolist() == [11.0, 14.0]
    assert points["label"].tolist() == [7, 8]
    assert (moved.header.frame_id, moved.point_step) == ("world", 20)
    assert read_points(cloud)["x"].tolist() == [1.0, 4.0]


def test_a_cloud_without_coordinates_is_refused():
    with pytest.raises(AssertionError, match="fields x, y, and z"):
        do_transform_cloud(PointCloud2(), transform())
