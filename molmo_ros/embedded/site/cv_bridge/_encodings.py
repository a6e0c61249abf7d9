"""What the names in ``sensor_msgs/Image.encoding`` mean."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple


class CvBridgeError(TypeError):
    """An image cannot be converted."""


class Family(Enum):
    """How the channels of a pixel encode colour."""

    OPAQUE = "none"
    GRAY = "gray"
    RGB = "rgb"
    BGR = "bgr"
    RGBA = "rgba"
    BGRA = "bgra"
    UYVY = "uyvy"
    YUY2 = "yuy2"
    BAYER_RGGB = "bayer_rggb"
    BAYER_BGGR = "bayer_bggr"
    BAYER_GBRG = "bayer_gbrg"
    BAYER_GRBG = "bayer_grbg"


class Layout(NamedTuple):
    """The type of a pixel."""

    depth: str
    channels: int
    family: Family = Family.OPAQUE

    @property
    def dtype(self) -> str:
        """The numpy type of a channel, without byte order."""
        return NUMPY_TYPES[self.depth]

    @property
    def cv_type(self) -> int:
        """OpenCV's number for this type (``CV_MAKETYPE``)."""
        return DEPTHS.index(self.depth) + ((self.channels - 1) << 3)


# In the order of OpenCV's depth codes.
DEPTHS = ("8U", "8S", "16U", "16S", "32S", "32F", "64F")
NUMPY_TYPES = {
    "8U": "uint8",
    "8S": "int8",
    "16U": "uint16",
    "16S": "int16",
    "32S": "int32",
    "32F": "float32",
    "64F": "float64",
}

_GENERIC = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C([0-9]{1,3}))?")
_BY_DEPTH = (("8U", "8"), ("16U", "16"))
_NAMED = {
    **{f"mono{n}": Layout(d, 1, Family.GRAY) for d, n in _BY_DEPTH},
    **{f"rgb{n}": Layout(d, 3, Family.RGB) for d, n in _BY_DEPTH},
    **{f"bgr{n}": Layout(d, 3, Family.BGR) for d, n in _BY_DEPTH},
    **{f"rgba{n}": Layout(d, 4, Family.RGBA) for d, n in _BY_DEPTH},
    **{f"bgra{n}": Layout(d, 4, Family.BGRA) for d, n in _BY_DEPTH},
    **{
        f"{family.value}{n}": Layout(d, 1, family)
        for d, n in _BY_DEPTH
        for family in (
            Family.BAYER_RGGB,
            Family.BAYER_BGGR,
            Family.BAYER_GBRG,
            Family.BAYER_GRBG,
        )
    },
    "yuv422": Layout("8U", 2, Family.UYVY),
    "uyvy": Layout("8U", 2, Family.UYVY),
    "yuv422_yuy2": Layout("8U", 2, Family.YUY2),
    "yuyv": Layout("8U", 2, Family.YUY2),
}


@lru_cache(maxsize=256)
def layout_of(encoding: str) -> Layout:
    """Return what an encoding means.

    Raises:
        CvBridgeError: There is no such encoding.
    """
    named = _NAMED.get(encoding)
    if named is not None:
        return named
    generic = _GENERIC.fullmatch(encoding)
    channels = int(generic[2] or 1) if generic else 0
    if generic is None or not 1 <= channels <= 512:
        raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
    return Layout(generic[1], channels)


def getCvType(encoding: str) -> int:
    """Return OpenCV's number for the pixel type of an encoding."""
    return layout_of(encoding).cv_type
