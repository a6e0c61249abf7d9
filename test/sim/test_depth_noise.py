"""Depth errors: the published size, holes where a stereo camera has them, the same for the same seed."""

import numpy as np
import pytest

from molmo_ros.sim.depth_noise import DepthNoise, DepthNoiseConfig

F_PX = 600.0


def _plane(z_m):
    return np.full((480, 640), z_m, dtype=np.float32)


def _step(near_m=0.6, far_m=1.0):
    depth = _plane(far_m)
    depth[180:300, 260:380] = near_m
    return depth


@pytest.mark.parametrize("z_m", [0.5, 0.9, 1.5])
def test_axial_noise_is_that_of_nguyen_et_al(z_m):
    # 3DIMPVT 2012, eq. 3: 0.0012 + 0.0019 (z - 0.4)^2, plus 1/sqrt(12) of the millimetre the depth is rounded to.
    out = DepthNoise(1).apply(_plane(z_m), F_PX)
    expected = np.hypot(0.0012 + 0.0019 * (z_m - 0.4) ** 2, 0.001 / np.sqrt(12))
    assert np.nanstd(out) == pytest.approx(expected, rel=0.08)
    assert np.nanmean(out) == pytest.approx(z_m, abs=1e-4)


def test_depth_comes_in_whole_millimetres():
    out = DepthNoise(1).apply(_plane(0.8), F_PX)
    known = out[np.isfinite(out)] * 1000
    assert np.abs(known - np.rint(known)).max() < 1e-3


def test_a_near_edge_has_a_blind_band_of_the_disparity_difference():
    out = DepthNoise(1, DepthNoiseConfig(dropout=0.0, lateral_px=0.0)).apply(_step(), F_PX)
    # baseline 0.05 m: 600 * 0.05 * (1 / 0.6 - 1 / 1.0) = 20 px, left of the near square.
    lost = np.isnan(out[240])
    assert lost[242:258].all()
    assert not lost[150:235].any()
    assert not lost[385:].any()


def test_edges_are_ragged_and_carry_pixels_of_the_other_side():
    out = DepthNoise(3, DepthNoiseConfig(dropout=0.0, baseline_m=0.0, grazing_deg=90.0)).apply(_step(), F_PX)
    inside = out[182:298, 260]
    assert (inside > 0.9).any()
    assert (inside < 0.7).any()


def test_what_is_unknown_stays_unknown():
    depth = _plane(0.9)
    depth[:100] = np.nan
    out = DepthNoise(1).apply(depth, F_PX)
    assert np.isnan(out[:95]).all()


def test_patches_cover_about_their_share():
    config = DepthNoiseConfig(dropout=0.05)
    out = DepthNoise(1, config).apply(_plane(0.9), F_PX)
    assert np.isnan(out).mean() == pytest.approx(0.05, abs=0.01)


def test_a_seed_gives_the_same_errors_and_each_image_others():
    one, two = DepthNoise(7), DepthNoise(7)
    first, second = one.apply(_plane(0.9), F_PX), one.apply(_plane(0.9), F_PX)
    assert np.array_equal(first, two.apply(_plane(0.9), F_PX), equal_nan=True)
    assert not np.array_equal(first, second, equal_nan=True)
