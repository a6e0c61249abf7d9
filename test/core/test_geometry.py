"""Rigid transforms and the pinhole camera hold their identities for any input."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.core import geometry as g
from molmo_ros.core.footprint import footprint_gap_m

ANGLES = st.tuples(*[st.floats(-np.pi, np.pi) for _ in range(3)])
POINTS = st.tuples(*[st.floats(-2, 2) for _ in range(3)])


@given(ANGLES, POINTS)
def test_inverting_undoes_a_transform(angles: tuple[float, ...], t: tuple[float, ...]) -> None:
    T = g.make_transform(g.rpy_to_rotation(*angles), t)
    assert np.allclose(g.invert(T) @ T, np.eye(4), atol=1e-12)
    assert g.is_transform(T)


@given(ANGLES)
def test_a_quaternion_gives_its_rotation_back(angles: tuple[float, ...]) -> None:
    R = g.rpy_to_rotation(*angles)
    q = g.rotation_to_quaternion(R)
    assert np.allclose(g.quaternion_to_rotation(q), R, atol=1e-9)
    assert q[3] >= 0


@given(st.floats(-np.pi + 1e-6, np.pi - 1e-6))
def test_the_angle_of_a_turn_is_its_size(angle: float) -> None:
    assert np.isclose(g.rotation_angle(g.rotation_z(angle)), abs(angle), atol=1e-7)


@given(st.floats(0, 639), st.floats(0, 479), st.floats(0.1, 5))
def test_projecting_undoes_deprojecting(u: float, v: float, z: float) -> None:
    K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    assert np.allclose(g.project(K, g.deproject(K, [u, v], z)), [u, v], atol=1e-6)


def test_a_point_behind_the_camera_has_no_pixel() -> None:
    assert np.all(np.isnan(g.project(np.eye(3), [0.0, 0.0, -1.0])))


def test_look_at_has_its_optical_axis_on_the_target() -> None:
    T = g.look_at([1.0, 0.0, 1.0], [0.0, 0.0, 0.0])
    assert np.allclose(T[:3, 2], np.array([-1, 0, -1]) / np.sqrt(2))
    assert T[2, 1] < 0  # y points down


def test_the_gap_of_footprints_is_measured_between_their_sides() -> None:
    size = np.array([0.1, 0.1, 0.1])
    a, b = np.eye(4), g.make_transform(None, [0.3, 0.0, 0.5])
    assert np.isclose(footprint_gap_m(a, size, b, size), 0.2)
    turned = g.make_transform(g.rotation_z(np.pi / 4), [0.3, 0.0, 0.0])
    assert np.isclose(footprint_gap_m(a, size, turned, size), 0.25 - 0.05 * np.sqrt(2))
    assert footprint_gap_m(a, size, g.make_transform(g.rotation_z(0.3), [0.02, 0, 0]), size) == 0.0
    crossing = np.array([0.4, 0.01, 0.1])
    assert footprint_gap_m(a, crossing, g.make_transform(g.rotation_z(np.pi / 2), [0, 0, 0]), crossing) == 0.0
