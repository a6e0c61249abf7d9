"""Trace and grasps drawn on the live camera image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.console.edit import CameraPose
from molmo_ros.console.scene import COLOURS, GRIPPER
from molmo_ros.core import geometry
from molmo_ros.core.types import Grasp, GraspStatus, Trace

WIDTH_PX = 480


def overlaid(
    rgb: npt.NDArray[np.uint8], trace: Trace | None, grasps: Sequence[Grasp], camera: CameraPose | None
) -> npt.NDArray[np.uint8]:
    """The image (H, W, 3) scaled to the panel's width, with the trace and the accepted grasps."""
    scale = WIDTH_PX / rgb.shape[1]
    image = cv2.resize(rgb, (WIDTH_PX, round(rgb.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    if camera is not None:
        T_camera_base = geometry.invert(camera.T_base_camera)
        shown = [g for g in grasps if g.status is not GraspStatus.REJECTED]
        for grasp in sorted(shown, key=lambda g: g.status is GraspStatus.CHOSEN):
            uv = geometry.project(camera.K, geometry.apply(T_camera_base @ grasp.T_base_tcp, GRIPPER)) * scale
            if np.all(np.isfinite(uv)) and np.all(np.abs(uv) < 1e4):
                chosen = grasp.status is GraspStatus.CHOSEN
                cv2.polylines(
                    image, [np.rint(uv).astype(np.int32)], False, COLOURS[grasp.status], 3 if chosen else 1, cv2.LINE_AA
                )
    if trace is not None:
        uv = np.rint(trace.uv * [image.shape[1] / trace.width_px, image.shape[0] / trace.height_px]).astype(int)
        share = np.linspace(0, 1, len(uv))
        for s, a, b in zip(share, uv[:-1], uv[1:], strict=False):
            colour = (int(255 * s), 50, int(255 * (1 - s)))
            cv2.line(image, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), colour, 3, cv2.LINE_AA)
    return image  # type: ignore[no-any-return]
