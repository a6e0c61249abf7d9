"""Matrices, Euler angles and quaternions, against the values that the classic module documents."""

import math

import numpy as np
import pytest
import tf_transformations as tft
from hypothesis import given
from hypothesis import strategies as st

angles = st.floats(-math.pi, math.pi)
lengths = st.floats(-5.0, 5.0)
vectors = st.tuples(lengths, lengths, lengths)
directions = vectors.filter(lambda v: np.linalg.norm(v) > 0.1)
AXES = sorted(tft._AXES2TUPLE)


def test_there_are_all_24_conventions():
    assert len(AXES) == 24
    assert tft._AXES2TUPLE["sxyz"] == (0, 0, 0, 0)
    assert tft._AXES2TUPLE["rzxz"] == (2, 0, 1, 1)


# The four values below are those in the docstrings of Gohlke's transformations.py.
def test_documented_euler_matrices():
    assert np.sum(tft.euler_matrix(1, 2, 3, "syxz")[0]) == pytest.approx(-1.34786452)
    assert np.sum(tft.euler_matrix(1, 2, 3, (0, 1, 0, 1))[0]) == pytest.approx(-0.383436184)


def test_documented_quaternion_of_angles():
    found = tft.quaternion_from_euler(1, 2, 3, "ryxz")

    assert found == pytest.approx((0.310622, -0.718287, 0.444435, 0.435953), abs=1e-6)


def test_documented_angles_of_a_quaternion():
    assert tft.euler_from_quaternion([0.06146124, 0, 0, 0.99810947]) == pytest.approx((0.123, 0, 0))


def test_documented_quaternion_product():
    assert tft.quaternion_multiply([1, -2, 3, 4], [-5, 6, 7, 8]) == (-44, -14, 48, 28)


def test_documented_cell_matrix():
    matrix = tft.orthogonalization_matrix([9.8, 12.0, 15.5], [87.2, 80.7, 69.7])

    assert np.sum(matrix) == pytest.approx(43.063229)


@given(st.sampled_from(AXES), angles, angles, angles)
def test_angles_of_a_matrix_make_the_same_matrix(axes, a, b, c):
    matrix = tft.euler_matrix(a, b, c, axes)

    found = tft.euler_matrix(*tft.euler_from_matrix(matrix, axes), axes)

    np.testing.assert_allclose(found, matrix, atol=1e-7)


@given(st.sampled_from(AXES), angles, angles, angles)
def test_quaternions_and_matrices_of_angles_agree(axes, a, b, c):
    quaternion = tft.quaternion_from_euler(a, b, c, axes)

    np.testing.assert_allclose(tft.quaternion_matrix(quaternion), tft.euler_matrix(a, b, c, axes), atol=1e-12)


@pytest.mark.parametrize("axes", AXES)
def test_at_the_singularity_one_angle_is_zero(axes):
    middle = 0.0 if axes[1] == axes[3] else math.pi / 2
    matrix = tft.euler_matrix(0.3, middle, 0.4, axes)

    found = tft.euler_from_matrix(matrix, axes)

    assert found[2 if axes[0] == "s" else 0] == pytest.approx(0.0, abs=1e-7)
    np.testing.assert_allclose(tft.euler_matrix(*found, axes), matrix, atol=1e-7)


def test_an_unknown_convention_is_refused():
    with pytest.raises(KeyError):
        tft.euler_matrix(0, 0, 0, "sxxy")


@given(angles, directions, vectors)
def test_a_rotation_is_found_again(angle, direction, point):
    matrix = tft.rotation_matrix(angle, direction, point)

    found_angle, found_direction, found_point = tft.rotation_from_matrix(matrix)

    assert 0.0 <= found_angle <= math.pi
    again = tft.rotation_matrix(found_angle, found_direction, found_point)
    np.testing.assert_allclose(again, matrix, atol=1e-5)


@given(directions, vectors)
def test_a_mirror_is_found_again(normal, point):
    matrix = tft.reflection_matrix(point, normal)

    assert tft.is_same_transform(tft.reflection_matrix(*tft.reflection_from_matrix(matrix)), matrix)


@given(st.floats(-3.0, 3.0).filter(lambda f: abs(f) > 0.1 and abs(f - 1.0) > 0.1), vectors, directions)
def test_a_scaling_is_found_again(factor, origin, direction):
    for matrix in (tft.scale_matrix(factor, origin), tft.scale_matrix(factor, origin, direction)):
        np.testing.assert_allclose(tft.scale_matrix(*tft.scale_from_matrix(matrix)), matrix, atol=1e-7)


@given(st.floats(0.1, 1.4), directions, vectors, directions)
def test_a_shear_is_found_again(angle, direction, point, other):
    normal = np.cross(direction, other)
    if np.linalg.norm(normal) < 0.1:
        return
    matrix = tft.shear_matrix(angle, direction, point, normal)

    found = tft.shear_matrix(*tft.shear_from_matrix(matrix))

    np.testing.assert_allclose(found, matrix, atol=1e-6)


def test_a_shear_direction_off_the_plane_is_refused():
    with pytest.raises(ValueError, match="not orthogonal"):
        tft.shear_matrix(0.1, (1, 0, 0), (0, 0, 0), (1, 1, 0))


@given(vectors, directions, vectors)
def test_a_projection_lands_on_its_plane(point, normal, probe):
    matrix = tft.projection_matrix(point, normal)

    landed = (matrix @ [*probe, 1.0])[:3]

    assert np.dot(landed - point, tft.unit_vector(normal)) == pytest.approx(0.0, abs=1e-9)


def test_projections_of_every_kind_are_found_again():
    point, normal, eye = (0.1, -0.4, 0.3), (0.2, 0.5, -0.6), (2.0, 1.0, 3.0)
    for arguments, pseudo in (
        ({}, False),
        ({"direction": (0.3, 0.2, 0.9)}, False),
        ({"perspective": eye}, False),
        ({"perspective": eye, "pseudo": True}, True),
    ):
        matrix = tft.projection_matrix(point, normal, **arguments)
        found = tft.projection_from_matrix(matrix, pseudo)
        assert tft.is_same_transform(tft.projection_matrix(*found), matrix)


@pytest.mark.parametrize("perspective", [False, True])
def test_the_corners_of_a_volume_become_those_of_the_cube(perspective):
    matrix = tft.clip_matrix(0.1, 0.5, -0.3, 0.2, 0.4, 2.0, perspective)

    corner = matrix @ [0.1, -0.3, 0.4, 1.0]

    np.testing.assert_allclose(corner / corner[3], (-1, -1, -1, 1), atol=1e-12)


def test_an_empty_volume_is_refused():
    with pytest.raises(ValueError, match="invalid frustrum"):
        tft.clip_matrix(1, 0, 0, 1, 0, 1)


@given(st.tuples(*[st.floats(0.2, 3.0)] * 3), vectors, st.tuples(angles, angles, angles), vectors)
def test_a_composition_is_taken_apart_again(scale, shear, rotation, shift):
    matrix = tft.compose_matrix(scale, shear, rotation, shift)

    parts = tft.decompose_matrix(matrix)

    np.testing.assert_allclose(parts[0], scale, rtol=1e-7)
    np.testing.assert_allclose(parts[1], shear, atol=1e-7)
    np.testing.assert_allclose(parts[3], shift)
    np.testing.assert_allclose(tft.compose_matrix(*parts), matrix, atol=1e-7)


@given(angles, directions)
def test_quaternions_about_an_axis_agree_with_matrices(angle, axis):
    quaternion = tft.quaternion_about_axis(angle, axis)

    np.testing.assert_allclose(tft.quaternion_matrix(quaternion), tft.rotation_matrix(angle, axis), atol=1e-12)
    found = np.array(tft.quaternion_from_matrix(tft.quaternion_matrix(quaternion)))
    assert found[3] >= 0.0
    assert abs(np.dot(found, quaternion)) == pytest.approx(1.0)


def test_a_quaternion_times_its_inverse_is_none():
    quaternion = np.array([0.1, -0.7, 2.0, 1.3])

    product = tft.quaternion_multiply(quaternion, tft.quaternion_inverse(quaternion))

    assert product == pytest.approx((0, 0, 0, 1))


@given(st.floats(0.0, 1.0), st.floats(0.1, 3.0))
def test_slerp_turns_at_constant_speed(fraction, angle):
    start, end = (0, 0, 0, 1), tft.quaternion_about_axis(angle, (0, 0, 1))

    between = tft.quaternion_slerp(start, end, fraction)

    np.testing.assert_allclose(between, tft.quaternion_about_axis(fraction * angle, (0, 0, 1)), atol=1e-7)


@pytest.mark.parametrize("usesvd", [True, False])
def test_points_are_brought_onto_moved_points(usesvd):
    rng = np.random.default_rng(7)
    points = rng.normal(size=(3, 12))
    matrix = tft.compose_matrix(None, None, (0.4, -1.0, 2.0), (1.0, 2.0, 3.0))
    matrix[:3, :3] *= 1.7
    moved = matrix[:3, :3] @ points + matrix[:3, 3:]

    found = tft.superimposition_matrix(points, moved, scaling=True, usesvd=usesvd)

    np.testing.assert_allclose(found, matrix, atol=1e-9)


def test_mirrored_points_are_not_matched_by_a_mirror():
    points = np.diag([1.0, 2.0, 3.0])

    found = tft.superimposition_matrix(points, -points)

    assert np.linalg.det(found[:3, :3]) == pytest.approx(1.0)


def test_dragging_a_trackball_from_the_middle_to_its_rim_is_a_quarter_turn():
    ball = tft.Arcball()
    ball.place((100, 100), 50)

    ball.down((100, 100))
    ball.drag((150, 100))

    np.testing.assert_allclose(ball.matrix(), tft.euler_matrix(0, math.pi, 0), atol=1e-9)


def test_a_constrained_trackball_turns_about_its_axis_only():
    ball = tft.Arcball(initial=np.identity(4))
    ball.place((100, 100), 50)
    ball.setaxes((1, 0, 0))
    ball.setconstrain(True)

    ball.down((100, 100))
    ball.drag((120, 80))

    np.testing.assert_allclose(ball.matrix()[:3, 0], (1, 0, 0), atol=1e-9)


def test_norms_and_unit_vectors_along_an_axis():
    data = np.array([[3.0, 4.0], [0.0, 2.0]])
    out = np.empty(2)

    tft.vector_norm(data, axis=1, out=out)

    assert out.tolist() == [5.0, 2.0]
    np.testing.assert_allclose(tft.unit_vector(data, axis=1), [[0.6, 0.8], [0.0, 1.0]])
