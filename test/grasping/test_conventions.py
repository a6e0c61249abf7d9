"""Grasp frames of other projects and the way to ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.core.geometry import is_transform, make_transform, rotation_x, rotation_z, rpy_to_rotation
from molmo_ros.grasping.conventions import (
    flip,
    graspnet_to_hand_x,
    hand_x_to_link8,
    hand_x_to_tcp,
    tcp_to_hand_x,
    tcp_to_link8,
)

angle = st.floats(-3.1, 3.1)
place = st.floats(-1.0, 1.0)


@st.composite
def poses(draw):
    R = rpy_to_rotation(draw(angle), draw(angle), draw(angle))
    return make_transform(R, [draw(place), draw(place), draw(place)])


@given(poses())
def test_there_and_back_is_the_same_grasp(T):
    np.testing.assert_allclose(hand_x_to_tcp(tcp_to_hand_x(T)), T, atol=1e-12)


@given(poses())
def test_every_conversion_is_rigid(T):
    for convert in (flip, tcp_to_hand_x, hand_x_to_tcp, hand_x_to_link8, tcp_to_link8):
        assert is_transform(convert(T))
    assert is_transform(graspnet_to_hand_x(T, 0.02))


@given(poses())
def test_the_tool_lies_0_1034_m_before_the_hand_and_closes_along_its_x(T):
    tool = hand_x_to_tcp(T)
    np.testing.assert_allclose(tool[:3, 3], (T @ (0, 0, 0.1034, 1))[:3], atol=1e-12)
    assert abs(tool[:3, 1] @ T[:3, 0]) == pytest.approx(1.0)
    np.testing.assert_allclose(tool[:3, 2], T[:3, 2], atol=1e-12)


@given(poses())
def test_the_flange_is_the_hand_turned_by_135_degrees(T):
    np.testing.assert_allclose(hand_x_to_link8(T), T @ make_transform(rotation_z(np.radians(135))), atol=1e-12)


@given(poses())
def test_both_ways_to_the_flange_agree(T):
    np.testing.assert_allclose(tcp_to_link8(hand_x_to_tcp(T)), hand_x_to_link8(T), atol=1e-12)


@given(poses())
def test_two_flips_are_none(T):
    np.testing.assert_allclose(flip(flip(T)), T, atol=1e-12)


def test_graspnet_approaches_along_x_and_closes_along_y():
    T = make_transform(rotation_x(0.0), (0.1, 0.2, 0.3))
    hand = graspnet_to_hand_x(T, depth_m=0.02)
    np.testing.assert_allclose(hand[:3, 2], T[:3, 0])
    np.testing.assert_allclose(hand[:3, 0], T[:3, 1])
    # The finger tips (0.112 m from the hand's base) end where graspnet's fingers end.
    np.testing.assert_allclose((hand @ (0, 0, 0.112, 1))[:3], (T @ (0.02, 0, 0, 1))[:3], atol=1e-12)


def test_conversions_take_batches():
    T = np.stack([np.eye(4), make_transform(rotation_z(1.0), (1, 2, 3))])
    np.testing.assert_allclose(tcp_to_link8(T)[1], tcp_to_link8(T[1]))
