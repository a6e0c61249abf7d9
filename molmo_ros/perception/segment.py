"""Instances above the support: connected surface patches, parted at depth jumps."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Plane
from molmo_ros.core.types import Frame
from molmo_ros.perception.config import PerceptionConfig

LabelImage = npt.NDArray[np.int32]
JUMP_SLOPE = 0.02


def foreground(
    cloud: npt.NDArray[np.float32],
    frame: Frame,
    plane: Plane,
    config: PerceptionConfig,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pixels clearly above the support, and the height of every pixel above it [m]."""
    a, b, c = (float(v) for v in plane.normal)
    height = cv2.transform(cloud, np.array([[a, b, c, -plane.offset_m]]))
    floor = 3.0 * config.noise_slope * frame.depth_m * frame.depth_m + config.min_height_m
    with np.errstate(invalid="ignore"):
        mask = (height > floor).astype(np.uint8)
    if config.workspace_min_m is not None and config.workspace_max_m is not None:
        mask &= cv2.inRange(cloud, config.workspace_min_m, config.workspace_max_m) & 1
    return mask, height


def label_instances(
    cloud: npt.NDArray[np.float32],
    frame: Frame,
    plane: Plane,
    config: PerceptionConfig,
) -> tuple[LabelImage, int]:
    """Label the instances 1..n, largest first; 0 is everything else.

    Returns:
        (H, W) int32 labels and n.
    """
    mask, height = foreground(cloud, frame, plane, config)
    depth = np.nan_to_num(frame.depth_m, nan=0.0)
    jump = np.zeros(mask.shape, np.uint8)
    step = JUMP_SLOPE * depth
    jump[:, 1:] |= (np.abs(depth[:, 1:] - depth[:, :-1]) > step[:, 1:]).astype(np.uint8)
    jump[1:, :] |= (np.abs(depth[1:, :] - depth[:-1, :]) > step[1:, :]).astype(np.uint8)
    core = mask & (1 - jump)
    core = cv2.morphologyEx(core, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    keep = []
    for i in range(1, count):
        area = stats[i, cv2.CC_STAT_AREA]
        if area < config.min_object_px:
            continue
        member = labels == i
        if float(np.percentile(height[member], 2)) > config.max_float_m:
            continue
        keep.append((int(area), i))
    keep.sort(reverse=True)
    table = np.zeros(count, np.int32)
    for new, (_, old) in enumerate(keep):
        table[old] = new + 1
    return table[labels], len(keep)
