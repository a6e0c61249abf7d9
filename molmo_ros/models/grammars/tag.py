"""GraspMolmo's single point: the first ``<point x= y=>`` or ``<points x1= y1=>`` tag, in percent.

The published reader hands the tag to an XML parser and loses answers with "&", inner quotes or a missing end; this one
reads the attributes alone.
"""

from __future__ import annotations

import re
from itertools import islice

from molmo_ros.models.grammars.bounds import bounded

MAX_TAG = 512
MAX_TAGS = 64
_TAG = re.compile(r"<point(s?)\s")
_VALUE = r"""\s*=\s*["']\s*([+-]?(?:\d{1,9}(?:\.\d{0,12})?|\.\d{1,12})(?:[eE][+-]?\d{1,2})?)\s*["']"""
_SINGLE = (re.compile(rf"(?<!\S)x{_VALUE}"), re.compile(rf"(?<!\S)y{_VALUE}"))
_FIRST = (re.compile(rf"(?<!\S)x1{_VALUE}"), re.compile(rf"(?<!\S)y1{_VALUE}"))


def grasp_point(text: str, width: float, height: float) -> tuple[float, float] | None:
    """Read the first point of an answer.

    Args:
        text: The model's answer.
        width: Width [px] of the original image.
        height: Height [px] of the original image.

    Returns:
        (u, v) [px], or None if there is no point between 0 and 100 percent.
    """
    for tag in islice(_TAG.finditer(bounded(text)), MAX_TAGS):
        inside = text[tag.end() - 1 : tag.end() + MAX_TAG]
        x_pattern, y_pattern = _FIRST if tag.group(1) else _SINGLE
        x, y = x_pattern.search(inside), y_pattern.search(inside)
        if x and y:
            percent = float(x.group(1)), float(y.group(1))
            if min(percent) >= 0 and max(percent) <= 100:
                return percent[0] / 100 * width, percent[1] / 100 * height
            return None
    return None
