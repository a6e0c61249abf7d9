"""The functions that the original compiles, under the names it gives them."""

from cv_bridge._conversion import cvtColor2
from cv_bridge._display import cvtColorForDisplay
from cv_bridge._encodings import getCvType


def CV_MAT_CNWrap(i: int) -> int:
    """Return the number of channels of an OpenCV type."""
    return (i >> 3) + 1


def CV_MAT_DEPTHWrap(i: int) -> int:
    """Return the depth code of an OpenCV type."""
    return i & 7


__all__ = ["CV_MAT_CNWrap", "CV_MAT_DEPTHWrap", "cvtColor2", "cvtColorForDisplay", "getCvType"]
