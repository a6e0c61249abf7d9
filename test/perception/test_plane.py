"""The support plane: near a known height, dominant, or not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import Box, World

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import make_transform, rotation_y
from molmo_ros.perception import PerceptionConfig, level_frame, make_cloud, perceive

TABLE = World([Box((0.5, 0.0, 0.03), (0.06, 0.06, 0.06))])


def test_a_table_near_the_known_height_is_found_to_a_millimetre():
    frame, _ = TABLE.render()
    plane = perceive(frame, PerceptionConfig(support_height_m=0.015)).plane
    assert plane.offset_m == pytest.approx(0.0, abs=1e-3)
    assert plane.normal @ (0, 0, 1) > np.cos(0.003)


def test_the_normal_points_to_the_camera():
    frame, _ = TABLE.render()
    plane = perceive(frame, PerceptionConfig()).plane
    assert plane.height_m(frame.T_base_camera[:3, 3]) > 0


def test_a_table_at_another_height_is_not_taken_for_the_known_one():
    frame, _ = TABLE.render()
    with pytest.raises(MolmoRosError) as fault:
        perceive(frame, PerceptionConfig(support_height_m=0.2))
    assert fault.value.code is ErrorCode.NO_SUPPORT_PLANE


def test_a_leaning_table_speaks_of_the_camera_pose():
    frame, _ = TABLE.render()
    leaning = replace(frame, T_base_camera=make_transform(rotation_y(0.12)) @ frame.T_base_camera)
    with pytest.raises(MolmoRosError) as fault:
        perceive(leaning, PerceptionConfig(support_tolerance_m=0.1))
    assert fault.value.code is ErrorCode.NO_SUPPORT_PLANE


def test_without_a_pose_the_dominant_plane_becomes_the_base():
    frame, _ = TABLE.render(noise=0.5)
    lost = replace(frame, T_base_camera=np.eye(4))
    level = level_frame(lost, PerceptionConfig())
    cloud = make_cloud(level)
    assert np.nanmedian(np.abs(cloud[..., 2])) < 0.003
    assert level.T_base_camera[2, 3] == pytest.approx(TABLE.eye[2], abs=0.01)
    np.testing.assert_allclose(level.T_base_camera[:2, 3], 0.0, atol=1e-6)


def test_noise_without_any_plane_is_refused():
    rng = np.random.default_rng(3)
    frame, _ = TABLE.render()
    wild = replace(frame, depth_m=rng.uniform(0.4, 2.5, frame.depth_m.shape).astype(np.float32))
    with pytest.raises(MolmoRosError) as fault:
        perceive(wild, PerceptionConfig())
    assert fault.value.code is ErrorCode.NO_SUPPORT_PLANE
