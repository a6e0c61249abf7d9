"""Pixels and rays of a camera whose numbers come from a real calibration (image_geometry's test)."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_geometry import PinholeCameraModel, StereoCameraModel
from sensor_msgs.msg import CameraInfo

K = [430.1543, 0.0, 311.7134, 0.0, 430.6092, 221.0682, 0.0, 0.0, 1.0]
D = [-0.36353, 0.16117, -8.111e-05, -0.00044777, 0.0]
P = [295.534, 0.0, 285.5576, 0.0, 0.0, 295.534, 223.2962, 0.0, 0.0, 0.0, 1.0, 0.0]
RIGHT_P = [295.534, 0.0, 285.5576, -26.5079, 0.0, 295.534, 223.2962, 0.0, 0.0, 0.0, 1.0, 0.0]
EYE = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]

coordinates = st.floats(-2.0, 2.0)


def info(p=P, d=D):
    message = CameraInfo(width=640, height=480, k=K, d=d, r=EYE, p=p)
    message.header.frame_id = "camera_optical"
    return message


def camera(message=None):
    model = PinholeCameraModel()
    model.fromCameraInfo(message or info())
    return model


@given(coordinates, coordinates, st.floats(0.2, 5.0))
def test_the_ray_of_a_points_pixel_leads_to_the_point(x, y, z):
    model = camera()

    ray = model.projectPixelTo3dRay(model.project3dToPixel((x, y, z)))

    assert np.linalg.norm(ray) == pytest.approx(1.0)
    np.testing.assert_allclose(np.array(ray) * z / ray[2], (x, y, z), atol=1e-9)


def test_a_point_beside_the_camera_has_no_pixel():
    assert all(math.isnan(v) for v in camera().project3dToPixel((1.0, 0.0, 0.0)))


def test_a_distorted_pixel_is_rectified_where_its_ray_is_seen():
    # The ray is distorted by OpenCV's own model and must come back to where the ideal camera sees it.
    point = np.array([[[0.3, -0.2, 1.0]]])
    raw, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), np.array(K).reshape(3, 3), np.array(D))

    found = camera().rectifyPoint(tuple(raw.ravel()))

    np.testing.assert_allclose(found, camera().project3dToPixel((0.3, -0.2, 1.0)), atol=0.05)


def test_binning_and_a_region_change_the_matrices_but_not_the_full_ones():
    message = info()
    message.binning_x = message.binning_y = 2
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 100, 50, 200, 100
    model = camera(message)

    assert model.fx() == pytest.approx(295.534 / 2)
    assert model.cx() == pytest.approx((285.5576 - 100) / 2)
    assert model.fullProjectionMatrix()[0, 0] == 295.534


def test_an_undistorted_image_stays_as_it_is():
    plain = [K[0], 0.0, K[2], 0.0, 0.0, K[4], K[5], 0.0, 0.0, 0.0, 1.0, 0.0]
    raw = np.random.default_rng(3).integers(0, 255, (480, 640), np.uint8)
    rectified = np.empty_like(raw)

    camera(info(plain, [])).rectifyImage(raw, rectified)

    np.testing.assert_array_equal(rectified[5:-5, 5:-5], raw[5:-5, 5:-5])


@given(st.floats(0, 640), st.floats(0, 480), st.floats(1, 60))
def test_a_stereo_point_is_seen_again_with_its_disparity(u, v, disparity):
    stereo = StereoCameraModel()
    stereo.fromCameraInfo(info(), info(RIGHT_P))

    point = stereo.projectPixelTo3d((u, v), disparity)
    left, right = stereo.project3dToPixel(point)

    assert left == pytest.approx((u, v), abs=1e-6)
    assert left[0] - right[0] == pytest.approx(disparity, abs=1e-6)
    assert stereo.getZ(disparity) == pytest.approx(point[2])
    assert stereo.getDisparity(point[2]) == pytest.approx(disparity)


def test_pixels_and_metres_at_a_depth():
    model = camera()

    assert model.getDeltaX(model.getDeltaU(0.3, 2.0), 2.0) == pytest.approx(0.3)
    assert model.getDeltaU(1.0, 0.0) == math.inf
    left, right = (model.projectPixelTo3dRay((model.cx() + u, model.cy())) for u in (-320, 320))
    assert model.fovX() == pytest.approx(math.acos(np.dot(left, right)))
    assert model.tfFrame() == "camera_optical"
