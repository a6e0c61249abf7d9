"""The hand's boxes against points a millimetre inside and outside them, and against the table."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ros.core.geometry import make_transform, rotation_x
from molmo_ros.core.scene import Plane
from molmo_ros.grasping.collision import count_contacts, voxelise
from molmo_ros.grasping.hand import FRANKA_HAND as HAND
from molmo_ros.grasping.suppress import suppress

TABLE = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)
DOWN = make_transform(rotation_x(np.pi), (0.0, 0.0, 0.3))


def contacts(points_tcp, T=DOWN, target=False):
    points = np.asarray(points_tcp, float) @ T[:3, :3].T + T[:3, 3]
    return count_contacts(T[None], points, np.full(len(points), target), TABLE, HAND, approach_m=0.1, margin_m=0.0)


def plate(y, z, n=20):
    """A small plate across the closing axis at y, between two depths z."""
    x = np.linspace(-0.006, 0.006, n)
    return np.array([(a, y, b) for a in x for b in np.linspace(*z, 5)])


@pytest.mark.parametrize("side", [-1, 1])
def test_a_plate_a_millimetre_outside_the_pad_is_free_and_inside_collides(side):
    outer = 0.04 + HAND.pad_thickness_m
    # Beside the pad proper, below the wider finger above it.
    depth = (0.0, 0.009)
    assert contacts(plate(side * (outer + 0.001), depth)).in_hand[0] == 0
    assert contacts(plate(side * (outer - 0.001), depth)).in_hand[0] > 0


@pytest.mark.parametrize("side", [-1, 1])
def test_the_inner_face_of_the_open_finger_lies_at_40_mm(side):
    depth = (-0.008, 0.009)
    assert contacts(plate(side * 0.039, depth)).in_hand[0] == 0
    assert contacts(plate(side * 0.041, depth)).in_hand[0] > 0


def test_points_in_the_palm_collide():
    assert contacts([(0.0, 0.0, -0.05)]).in_hand[0] == 1
    assert contacts([(0.0, 0.0, -0.03)]).in_hand[0] == 0


def test_points_met_only_on_the_way_in_are_told_apart():
    found = contacts([(0.0, 0.09, -0.18)])
    assert found.in_hand[0] == 0
    assert found.in_way[0] == 1


def test_what_lies_between_the_fingers_counts_for_the_target_alone():
    points = [(0.0, y, 0.0) for y in (-0.02, 0.0, 0.015)]
    found = contacts(points, target=True)
    assert found.between[0] == 3
    np.testing.assert_allclose(sorted(np.abs(found.extent_m[0])), (0.015, 0.02), atol=1e-6)
    assert contacts(points).between[0] == 0


def test_the_lowest_corner_is_the_finger_tip():
    found = contacts([(5.0, 5.0, 5.0)])
    assert found.lowest_m[0] == pytest.approx(0.3 - HAND.tip_m, abs=1e-9)


def test_voxelising_keeps_one_point_per_cell_and_its_index():
    points = np.array([(0.0, 0, 0), (0.001, 0, 0), (0.02, 0, 0)])
    kept, index = voxelise(points, 0.005)
    assert len(kept) == 2
    np.testing.assert_allclose(kept, points[index])


def test_suppression_counts_the_half_turn_as_the_same_grasp():
    T = np.stack([DOWN, DOWN @ make_transform(np.diag([-1.0, -1.0, 1.0])), DOWN @ make_transform(None, (0.05, 0, 0))])
    assert list(suppress(T, 0.015, 0.35)) == [0, 2]
