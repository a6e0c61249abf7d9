"""Make any image visible: labels coloured, depth scaled."""

from __future__ import annotations

import cv2
import numpy as np

from ._conversion import cvtColor2
from ._encodings import CvBridgeError, Family, layout_of

# The inverse golden ratio spreads hues so that neighbouring labels differ clearly.
_HUE_STEP = 0.6180339887498949
_GUESSES = {
    "8UC1": "mono8",
    "16UC1": "mono16",
    "8UC3": "bgr8",
    "8UC4": "bgra8",
    "16UC3": "bgr16",
    "16UC4": "bgra16",
}


def _colour_labels(labels: np.ndarray) -> np.ndarray:
    hue = (np.mod(labels.astype(np.float64) * _HUE_STEP, 1.0) * 180.0).astype(np.uint8)
    full = np.full_like(hue, 255)
    coloured = cv2.cvtColor(cv2.merge([hue, full, full]), cv2.COLOR_HSV2BGR)
    coloured[labels == 0] = 0
    return coloured


def cvtColorForDisplay(
    source: np.ndarray,
    encoding_in: str,
    encoding_out: str,
    do_dynamic_scaling: bool = False,
    min_image_value: float = 0.0,
    max_image_value: float = 0.0,
    colormap: int = -1,
) -> np.ndarray:
    """Convert an image to one that a person can look at.

    Args:
        source: The image.
        encoding_in: Its encoding; ``32SC1`` is taken as labels, 0 as background.
        encoding_out: A colour or mono encoding of 8 bit; empty for ``bgr8``.
        do_dynamic_scaling: Take the range from the image.
        min_image_value: The value shown black.
        max_image_value: The value shown white.
        colormap: An OpenCV colour map, -1 for none.

    Returns:
        The image in ``encoding_out``.

    Raises:
        CvBridgeError: It cannot be shown.
    """
    encoding_out = encoding_out or "bgr8"
    wanted, given = layout_of(encoding_out), layout_of(encoding_in)
    plain = {Family.GRAY, Family.RGB, Family.BGR, Family.RGBA, Family.BGRA}
    if wanted.family not in plain or wanted.depth != "8U":
        raise CvBridgeError(
            "cv_bridge.cvtColorForDisplay() does not have an output encoding that is color or "
            "mono, and has is bit in depth"
        )
    if encoding_out == "bgr8" and encoding_in == "32SC1":
        return _colour_labels(source)
    if do_dynamic_scaling:
        finite = source[np.isfinite(source)]
        if finite.size == 0 or finite.min() == finite.max():
            return np.full((*source.shape[:2], 3), 127, np.uint8)
        min_image_value, max_image_value = float(finite.min()), float(finite.max())
    if min_image_value != max_image_value:
        if given.channels != 1:
            raise CvBridgeError(
                "cv_bridge.cvtColorForDisplay() scaling for images with more than one channel is unsupported"
            )
        scale = 255.0 / (max_image_value - min_image_value)
        values = np.nan_to_num((source.astype(np.float64) - min_image_value) * scale, nan=0.0)
        gray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        if colormap == -1:
            return cvtColor2(gray, "mono8", encoding_out)
        coloured = cv2.applyColorMap(gray, colormap)
        coloured[np.isnan(source)] = 0
        return cvtColor2(coloured, "bgr8", encoding_out)
    return cvtColor2(source, _GUESSES.get(encoding_in, encoding_in), encoding_out)
