"""Clouds as arrays: layouts, byte order, selections."""

import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import PointCloud2, PointField
from sensor_msgs_py import point_cloud2 as pc2
from std_msgs.msg import Header

coordinates = st.floats(-100.0, 100.0, width=32)


def field(name, offset, datatype=PointField.FLOAT32, count=1):
    return PointField(name=name, offset=offset, datatype=datatype, count=count)


@given(st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1, max_size=20))
def test_points_survive_a_round_trip(points):
    cloud = pc2.create_cloud_xyz32(Header(frame_id="lidar"), points)

    assert (cloud.width, cloud.height, cloud.point_step) == (len(points), 1, 12)
    assert pc2.read_points_numpy(cloud).tolist() == [list(point) for point in points]


def test_fields_of_different_types_keep_their_types():
    fields = [field("x", 0), field("intensity", 8, PointField.UINT16), field("t", 16, PointField.FLOAT64)]

    cloud = pc2.create_cloud(Header(), fields, [(1.5, 300, 1e-9)], point_step=24)

    point = pc2.read_points(cloud)[0]
    assert (point["x"], point["intensity"], point["t"]) == (1.5, 300, 1e-9)
    assert len(cloud.data) == 24


def test_big_endian_clouds_are_read_without_changing_them():
    data = array.array("B", np.array([1.0, 2.0], ">f4").tobytes())
    cloud = PointCloud2(
        height=1, width=2, fields=[field("x", 0)], is_bigendian=True, point_step=4, row_step=8, data=data
    )
    before = bytes(cloud.data)

    assert pc2.read_points(cloud)["x"].tolist() == [1.0, 2.0]
    assert bytes(cloud.data) == before


def test_padding_at_the_end_of_rows_is_left_out():
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    cloud = PointCloud2(
        height=2,
        width=3,
        fields=[field("x", 0)],
        point_step=4,
        row_step=16,
        data=array.array("B", rows.tobytes()),
    )

    assert pc2.read_points(cloud)["x"].tolist() == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0]


def test_points_with_gaps_can_be_left_out():
    points = [(0.0, 0.0, 0.0), (np.nan, 1.0, 1.0), (2.0, 2.0, np.nan)]
    cloud = pc2.create_cloud_xyz32(Header(), points)

    assert len(pc2.read_points(cloud, skip_nans=True)) == 1
    assert len(pc2.read_points(cloud, ["x"], skip_nans=True)) == 2


def test_points_can_be_chosen_by_index_and_field():
    cloud = pc2.create_cloud_xyz32(Header(), [(i, 10 * i, 0) for i in range(5)])

    chosen = pc2.read_points(cloud, ["y"], uvs=[3, 1])

    assert chosen["y"].tolist() == [30.0, 10.0]


def test_a_field_of_several_values_becomes_several_fields():
    cloud = pc2.create_cloud(Header(), [field("n", 0, count=3)], np.ones((2, 3), np.float32))

    assert pc2.read_points(cloud).dtype.names == ("n_0", "n_1", "n_2")


def test_points_come_as_named_tuples_on_request():
    cloud = pc2.create_cloud_xyz32(Header(), [(1, 2, 3)])

    assert pc2.read_points_list(cloud)[0]._asdict() == {"x": 1.0, "y": 2.0, "z": 3.0}


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(AssertionError, match="not in the fields"):
        pc2.read_points(pc2.create_cloud_xyz32(Header(), [(1, 2, 3)]), ["rgb"])
