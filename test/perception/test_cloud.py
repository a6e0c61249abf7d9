"""Depth to cloud, and the faults of depth images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import apply, deproject, look_at
from molmo_ros.core.types import Frame
from molmo_ros.perception import PerceptionConfig, make_cloud, perceive

K = np.array([[300.0, 0.0, 79.5], [0.0, 310.0, 59.5], [0.0, 0.0, 1.0]])


def frame_of(depth_m, T=None):
    rgb = np.zeros((*depth_m.shape, 3), np.uint8)
    return Frame(
        rgb=rgb, depth_m=depth_m, K=K, T_base_camera=np.eye(4) if T is None else T, stamp_ns=0, frame_id="camera"
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_cloud_is_the_deprojected_depth_moved_to_the_base(seed):
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.3, 2.0, (120, 160)).astype(np.float32)
    T = look_at(rng.uniform(-1, 1, 3) + (0, 0, 2), rng.uniform(-0.3, 0.3, 3))
    u, v = np.meshgrid(np.arange(160), np.arange(120))
    expected = apply(T, deproject(K, np.stack([u, v], -1), depth_m))
    np.testing.assert_allclose(make_cloud(frame_of(depth_m, T)), expected, atol=2e-6)


@pytest.mark.parametrize("hole", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_unknown_depth_becomes_nan_points(hole):
    depth_m = np.full((120, 160), 0.8, np.float32)
    depth_m[3, 4] = hole
    cloud = make_cloud(frame_of(depth_m))
    assert np.isnan(cloud[3, 4]).all()
    assert np.isfinite(np.delete(cloud.reshape(-1, 3), 3 * 160 + 4, axis=0)).all()


def test_readings_beyond_the_range_are_dropped():
    depth_m = np.full((120, 160), 0.8, np.float32)
    depth_m[0] = 4.0
    cloud = make_cloud(frame_of(depth_m), max_depth_m=3.0)
    assert np.isnan(cloud[0]).all()
    assert np.isfinite(cloud[1:]).all()


def test_the_frame_stays_untouched():
    depth_m = np.full((120, 160), 5.0, np.float32)
    frame = frame_of(depth_m)
    make_cloud(frame, max_depth_m=3.0)
    assert (frame.depth_m == 5.0).all()


@pytest.mark.parametrize(
    ("depth_m", "code"),
    [
        (np.zeros((120, 160)), ErrorCode.DEPTH_INVALID),
        (np.full((120, 160), np.nan), ErrorCode.DEPTH_INVALID),
        (np.full((120, 160), np.inf), ErrorCode.DEPTH_INVALID),
        (np.full((120, 160), 850.0), ErrorCode.DEPTH_UNITS),
        (np.full((120, 160), 0.00085), ErrorCode.DEPTH_UNITS),
    ],
    ids=["all zero", "all NaN", "all infinite", "millimetres as metres", "scaled twice"],
)
def test_bad_depth_is_refused_by_name_in_one_sentence(depth_m, code):
    with pytest.raises(MolmoRosError) as fault:
        perceive(frame_of(depth_m.astype(np.float32)), PerceptionConfig())
    assert fault.value.code is code
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) > 20


def test_depth_with_a_few_known_pixels_is_refused():
    depth_m = np.full((120, 160), np.nan, np.float32)
    depth_m[:1, :8] = 0.8
    with pytest.raises(MolmoRosError) as fault:
        perceive(frame_of(depth_m), PerceptionConfig())
    assert fault.value.code is ErrorCode.DEPTH_INVALID


def test_a_config_with_half_a_workspace_is_refused():
    with pytest.raises(MolmoRosError) as fault:
        replace(PerceptionConfig(), workspace_min_m=(0.0, 0.0, 0.0))
    assert fault.value.code is ErrorCode.CONFIG_INVALID
