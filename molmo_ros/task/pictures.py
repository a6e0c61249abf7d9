"""Pictures of what was thought: points, grasps and traces on the image they belong to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame, Grasp, GraspStatus, Trace

_GREEN, _GREY, _GOLD, _WHITE = (40, 200, 60), (150, 150, 150), (255, 190, 0), (255, 255, 255)
_HALF_STROKE_M, _FINGER_M = 0.041, 0.046
_SHIFT = 4  # cv2 draws at 1/16 px

RgbImage = npt.NDArray[np.uint8]


def annotate(
    frame: Frame,
    *,
    trace: Trace | None = None,
    grasps: tuple[Grasp, ...] = (),
    point_px: npt.NDArray[np.float64] | None = None,
    caption: str = "",
) -> RgbImage:
    """The frame's image (H, W, 3) with overlays: trace from blue to red, grasps, the model's point, a caption."""
    image = np.ascontiguousarray(frame.rgb).copy()
    T_camera_base = geometry.invert(frame.T_base_camera)
    for grasp in sorted(grasps, key=lambda g: g.status is GraspStatus.CHOSEN):
        _draw_grasp(image, frame, T_camera_base, grasp)
    if trace is not None:
        _draw_trace(image, trace.uv)
    if point_px is not None:
        cv2.drawMarker(image, _pixel(point_px), (255, 0, 200), cv2.MARKER_CROSS, 18, 2, cv2.LINE_AA)
    if caption:
        _draw_caption(image, caption)
    return image


def _pixel(uv: npt.NDArray[np.float64]) -> tuple[int, int]:
    return round(float(uv[0])), round(float(uv[1]))


def _draw_trace(image: RgbImage, uv: npt.NDArray[np.float64]) -> None:
    fixed = np.rint(uv * 2**_SHIFT).astype(int)
    last = len(uv) - 1
    for i in range(last):
        share = i / max(last - 1, 1)
        colour = (int(255 * share), 50, int(255 * (1 - share)))
        cv2.line(image, tuple(map(int, fixed[i])), tuple(map(int, fixed[i + 1])), _WHITE, 5, cv2.LINE_AA, _SHIFT)
        cv2.line(image, tuple(map(int, fixed[i])), tuple(map(int, fixed[i + 1])), colour, 3, cv2.LINE_AA, _SHIFT)
    for i, point in enumerate(uv):
        share = i / max(last, 1)
        cv2.circle(image, _pixel(point), 5, _WHITE, -1, cv2.LINE_AA)
        cv2.circle(image, _pixel(point), 4, (int(255 * share), 50, int(255 * (1 - share))), -1, cv2.LINE_AA)


def _draw_grasp(image: RgbImage, frame: Frame, T_camera_base: npt.NDArray[np.float64], grasp: Grasp) -> None:
    shape = np.array(
        [
            [0, _HALF_STROKE_M, 0],
            [0, _HALF_STROKE_M, -_FINGER_M],
            [0, -_HALF_STROKE_M, -_FINGER_M],
            [0, -_HALF_STROKE_M, 0],
        ]
    )
    uv = geometry.project(frame.K, geometry.apply(T_camera_base @ grasp.T_base_tcp, shape))
    if not np.all(np.isfinite(uv)):
        return
    chosen = grasp.status is GraspStatus.CHOSEN
    colour = _GOLD if chosen else _GREY if grasp.status is GraspStatus.REJECTED else _GREEN
    points = np.rint(uv).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [points], False, colour, 3 if chosen else 1, cv2.LINE_AA)


def _draw_caption(image: RgbImage, caption: str) -> None:
    words = caption.encode("ascii", "replace").decode()[:90]
    cv2.rectangle(image, (0, 0), (image.shape[1], 24), (30, 30, 30), -1)
    cv2.putText(image, words, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.48, _WHITE, 1, cv2.LINE_AA)


def side_by_side(before: RgbImage, after: RgbImage, captions: tuple[str, str] = ("before", "after")) -> RgbImage:
    """Two pictures of one height beside each other, each with its caption."""
    left, right = before.copy(), after.copy()
    _draw_caption(left, captions[0])
    _draw_caption(right, captions[1])
    return np.concatenate([left, np.full((left.shape[0], 4, 3), 255, np.uint8), right], axis=1)


def save(path: Path, image: RgbImage) -> Path:
    """Writes a PNG.

    Raises:
        MolmoRosError: RECORDING_FAILED when it can not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise MolmoRosError(ErrorCode.RECORDING_FAILED, f"The picture {path} could not be written; is the disk full?")
    return path
