"""The errors of a stereo depth camera, as a function of a perfect depth image.

- Axial noise grows with the square of the distance: ``sigma = a + b (z - 0.4)^2`` and more at grazing angles, with
  a = 1.2 mm, b = 1.9 mm/m^2 (Nguyen, Izadi, Lovell: "Modeling Kinect Sensor Noise for Improved 3D Reconstruction and
  Tracking", 3DIMPVT 2012, eq. 3). The same paper's lateral noise, sigma 0.8 px, makes edges ragged and lets pixels of
  one side appear on the other. Neighbouring pixels share their errors, for a stereo matcher compares windows.
- Where only one of the two imagers sees a surface there is no depth: a band beside near edges whose width is the
  difference of the disparities (baseline 0.050 m: RealSense D435 data sheet).
- Surfaces seen at more than about 80 degrees and at random small patches have no depth.
- The result is in whole millimetres, as the 16UC1 topic is (REP 118).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

Depth = npt.NDArray[np.float32]

_MARGIN_PX = 160


@dataclass(frozen=True, kw_only=True)
class DepthNoiseConfig:
    """Strength of each error; 0 turns one off.

    Attributes:
        axial_m: Noise at 0.4 m [m].
        axial_per_m: Growth with (z - 0.4 m)^2 [1/m].
        correlation_px: Radius over which errors are shared [px].
        lateral_px: Standard deviation of the edge displacement [px].
        baseline_m: Distance between the imagers, for the blind band beside near edges [m].
        grazing_deg: Angle between ray and normal beyond which depth is lost.
        dropout: Share of the surface that is lost in small patches.
        dropout_px: Size of such a patch.
        quantum_m: Depth resolution [m].
    """

    axial_m: float = 0.0012
    axial_per_m: float = 0.0019
    correlation_px: float = 1.0
    lateral_px: float = 0.8
    baseline_m: float = 0.05
    grazing_deg: float = 80.0
    dropout: float = 0.002
    dropout_px: int = 4
    quantum_m: float = 0.001


class DepthNoise:
    """Draws depth errors from a seed; the n-th image of a seed always gets the same errors.

    Args:
        seed: What they are drawn from.
        config: How strong they are.
    """

    def __init__(self, seed: int = 0, config: DepthNoiseConfig | None = None) -> None:
        self.config = config or DepthNoiseConfig()
        self._rng = np.random.Generator(np.random.SFC64(seed))
        self._axial: Depth | None = None
        self._lateral: npt.NDArray[np.int32] | None = None

    def apply(self, depth_m: Depth, f_px: float) -> Depth:
        """The depth a real camera would give.

        Args:
            depth_m: (H, W) true depth [m], NaN where nothing is.
            f_px: Focal length [px].

        Returns:
            (H, W) float32 [m], NaN where unknown.
        """
        config = self.config
        true = np.nan_to_num(depth_m, nan=0.0)
        shape = (true.shape[0], true.shape[1])
        axial, lateral = self._fields(shape)
        lost = true <= 0.0
        if config.baseline_m > 0:
            lost |= _blind(true, f_px * config.baseline_m)
        slope = _slope(true, f_px)
        if config.grazing_deg < 90:
            lost |= slope > np.tan(np.radians(config.grazing_deg))
        if config.lateral_px > 0:
            true, lost = _displaced(true, lost, lateral)
        # A window on a slope mixes depths: the noise grows with the tangent of the angle, bounded at 60 degrees.
        sigma = config.axial_m + config.axial_per_m * (true - 0.4) ** 2
        sigma *= 1.0 + 0.3 * np.minimum(slope, 1.7)
        out = true + axial * sigma
        if config.dropout > 0:
            lost |= _patches(shape, config.dropout, config.dropout_px, self._rng)
        if config.quantum_m > 0:
            out = np.rint(out / config.quantum_m) * config.quantum_m
        out[lost | (out <= 0)] = np.nan
        return np.asarray(out, dtype=np.float32)

    def _fields(self, shape: tuple[int, int]) -> tuple[Depth, npt.NDArray[np.int32]]:
        """Axial errors (H, W) of unit strength and lateral ones (2, H, W) [px] for one image.

        Drawing them anew costs more than all the rest, so each image gets another window of one large field.
        """
        config = self.config
        height, width = shape
        if self._axial is None or self._axial.shape != (height + _MARGIN_PX, width + _MARGIN_PX):
            large = (height + _MARGIN_PX, width + _MARGIN_PX)
            self._axial = _correlated(self._rng.standard_normal(large, dtype=np.float32), config.correlation_px)
            self._lateral = np.rint(
                self._rng.standard_normal((2, *large), dtype=np.float32) * config.lateral_px
            ).astype(np.int32)
        y, x, v, u = self._rng.integers(0, _MARGIN_PX, 4)
        axial = self._axial[y : y + height, x : x + width]
        lateral = cast("npt.NDArray[np.int32]", self._lateral)[:, v : v + height, u : u + width]
        return (axial if self._rng.random() < 0.5 else -axial), lateral


def _correlated(white: Depth, radius_px: float) -> Depth:
    """Noise of unit strength that neighbours share."""
    if radius_px <= 0:
        return white
    # Blurring white noise with a Gaussian of radius s leaves 1 / (2 sqrt(pi) s) of its standard deviation.
    smooth = cv2.GaussianBlur(white, (0, 0), radius_px)
    return np.asarray(smooth * np.float32(2.0 * np.sqrt(np.pi) * radius_px), dtype=np.float32)


def _slope(depth_m: Depth, f_px: float) -> Depth:
    """(H, W) tangent of the angle between the optical axis and the surface normal."""
    pixel_m = np.maximum(depth_m, 1e-3) / f_px
    dx = cv2.Sobel(depth_m, cv2.CV_32F, 1, 0, ksize=1) * 0.5
    dy = cv2.Sobel(depth_m, cv2.CV_32F, 0, 1, ksize=1) * 0.5
    return np.asarray(cv2.magnitude(dx, dy) / pixel_m, dtype=np.float32)


def _blind(depth_m: Depth, disparity_at_1m_px: float) -> npt.NDArray[np.bool_]:
    """Pixels the second imager cannot see: something nearer, to their right, covers them there."""
    with np.errstate(divide="ignore"):
        shifted = np.arange(depth_m.shape[1], dtype=np.float32) - np.where(
            depth_m > 0, disparity_at_1m_px / depth_m, 0.0
        ).astype(np.float32)
    nearest = np.minimum.accumulate(shifted[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(nearest < shifted - 0.5)


def _displaced(
    depth_m: Depth, lost: npt.NDArray[np.bool_], offsets_px: npt.NDArray[np.int32]
) -> tuple[Depth, npt.NDArray[np.bool_]]:
    """Looks every pixel up at a slightly wrong place."""
    height, width = depth_m.shape
    rows = np.clip(np.arange(height, dtype=np.int32)[:, None] + offsets_px[0], 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.int32)[None] + offsets_px[1], 0, width - 1)
    index = rows * width + columns
    return depth_m.ravel()[index], lost.ravel()[index]


def _patches(shape: tuple[int, int], share: float, size_px: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Random small patches that cover a share of the image."""
    coarse = rng.random((-(-shape[0] // size_px), -(-shape[1] // size_px)), dtype=np.float32) < share
    return np.repeat(np.repeat(coarse, size_px, axis=0), size_px, axis=1)[: shape[0], : shape[1]]
