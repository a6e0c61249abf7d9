"""Conversion between encodings: colour by OpenCV, depth by scaling the full range."""

from __future__ import annotations

import cv2
import numpy as np

from ._encodings import CvBridgeError, Family, Layout, layout_of

_PLAIN = ("GRAY", "RGB", "BGR", "RGBA", "BGRA")
# OpenCV names a Bayer pattern by the second pixels of its first two rows, ROS by its first two.
_BAYER = {"RGGB": "BG", "BGGR": "RG", "GBRG": "GR", "GRBG": "GB"}


def _colour_codes() -> dict[tuple[Family, Family], int]:
    codes: dict[tuple[Family, Family], int] = {}
    for source in _PLAIN:
        for target in _PLAIN:
            if source != target:
                codes[Family[source], Family[target]] = getattr(cv2, f"COLOR_{source}2{target}")
    for source in ("UYVY", "YUY2"):
        for target in _PLAIN:
            codes[Family[source], Family[target]] = getattr(cv2, f"COLOR_YUV2{target}_{source}")
    for source, name in _BAYER.items():
        for target in ("GRAY", "RGB", "BGR"):
            code = getattr(cv2, f"COLOR_Bayer{name}2{target}")
            codes[Family[f"BAYER_{source}"], Family[target]] = code
    return codes


_COLOUR_CODES = _colour_codes()


def _change_depth(image: np.ndarray, source: Layout, target: Layout) -> np.ndarray:
    """Change the type of the channels, scaling between the full ranges of 8 and 16 bit."""
    if source.depth == target.depth:
        return image
    bits = int(source.depth[:-1]), int(target.depth[:-1])
    dtype = np.dtype(target.dtype)
    if bits == (16, 8) and source.depth == "16U" and target.depth == "8U":
        return cv2.convertScaleAbs(image, alpha=1.0 / 257.0)
    if bits == (8, 16):
        image = image.astype(np.float64) * 257.0
    elif bits == (16, 8):
        image = image / 257.0
    if dtype.kind == "f":
        return image.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.nan_to_num(np.rint(image), nan=0.0, posinf=limits.max, neginf=limits.min)
    return np.clip(rounded, limits.min, limits.max).astype(dtype)


def cvtColor2(image: np.ndarray, encoding_in: str, encoding_out: str) -> np.ndarray:
    """Convert an image from one encoding to another.

    Args:
        image: (H, W) or (H, W, channels).
        encoding_in: What it is.
        encoding_out: What it shall be.

    Returns:
        A new image.

    Raises:
        CvBridgeError: The conversion makes no sense or does not exist.
    """
    if encoding_out in ("", encoding_in):
        return image.copy()
    source, target = layout_of(encoding_in), layout_of(encoding_out)
    if Family.OPAQUE in (source.family, target.family):
        _require_same_shape(encoding_in, source, encoding_out, target)
        converted = _change_depth(image, source, target)
        return converted.copy() if converted is image else converted
    if source.family == target.family:
        if source.family not in {Family[name] for name in _PLAIN} | {Family.UYVY, Family.YUY2}:
            raise CvBridgeError(f"Unsupported conversion from [{encoding_in}] to [{encoding_out}]")
        converted = _change_depth(image, source, target)
        return converted.copy() if converted is image else converted
    code = _COLOUR_CODES.get((source.family, target.family))
    if code is None:
        raise CvBridgeError(f"Unsupported conversion from [{encoding_in}] to [{encoding_out}]")
    try:
        coloured = cv2.cvtColor(np.ascontiguousarray(image), code)
    except cv2.error as error:
        raise CvBridgeError(f"OpenCV cannot convert [{encoding_in}] to [{encoding_out}]: {error}") from error
    return _change_depth(coloured, source, target)


def _require_same_shape(encoding_in: str, source: Layout, encoding_out: str, target: Layout) -> None:
    if source.family is Family.OPAQUE and target.family is not Family.OPAQUE:
        raise CvBridgeError(
            f"[{encoding_in}] is not a color format. but [{encoding_out}] is. The conversion does not make sense"
        )
    if source.channels == target.channels:
        return
    if source.family is Family.OPAQUE:
        raise CvBridgeError(f"[{encoding_in}] and [{encoding_out}] do not have the same number of channel")
    raise CvBridgeError(
        f"[{encoding_in}] is a color format but [{encoding_out}] is not so they must have the "
        "same OpenCV type, CV_8UC3, CV16UC1 ...."
    )
