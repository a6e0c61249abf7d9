"""Molmo2's pointing grammar: ``<points coords="FRAME (ID XXX YYY)+ ...">label</points>`` and ``<tracks ...>``.

FRAME is the number of an image from 1 on, or the time in seconds in a video; groups are parted by a tab, ";", ":" or
","; coordinates run from 000 to 1000 over the image. Source: github allenai/molmo2 ``point_formatter.py``.
Reads in time linear in the text: no pattern here can begin at two places of one run of digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from molmo_ros.models.errors import AnswerError
from molmo_ros.models.grammars.bounds import bounded, finite

_COORDS = re.compile(r' coords="([0-9\t:;, .]+)"/?>')
_TAG = re.compile(r"<(?:points|tracks)")
_GROUP = re.compile(r"(?:^|[\t:,;])([0-9.]+) ([0-9. ]+)")
_DIGITS = re.compile(r"[0-9]+")
_PAIR = re.compile(r" ([0-9]{3,4}) ([0-9]{3,4})")
SCALE = 1000.0
MAX_IMAGES = 1024


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One point of an answer.

    Attributes:
        frame: Number of the image from 1 on, or seconds in a video.
        object_id: As written; the same for one object over a track.
        u: Column [px] of the original image.
        v: Row [px] of the original image.
    """

    frame: float
    object_id: str
    u: float
    v: float


@dataclass(frozen=True, kw_only=True)
class TrackFrame:
    """Where the objects are at one time.

    Attributes:
        time_s: Seconds.
        frame: Number of the video frame at the given rate.
        points: (u, v) [px] by object id.
    """

    time_s: float
    frame: int
    points: dict[str, tuple[float, float]]


def coordinate_strings(text: str) -> Iterator[str]:
    """Yield the contents of the ``coords`` attributes of point and track tags."""
    consumed = 0
    for match in _COORDS.finditer(bounded(text)):
        line = text.rfind("\n", 0, match.start()) + 1
        if _TAG.search(text, max(line, consumed), match.start()):
            consumed = match.end()
            yield match.group(1)


def _triples(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (id, x, y): a run of digits, then two numbers of three or four digits, single spaces between."""
    at = 0
    while run := _DIGITS.search(text, at):
        pair = _PAIR.match(text, run.end())
        if pair:
            yield run.group(), pair.group(1), pair.group(2)
        at = pair.end() if pair else run.end()


def _inside(marks: Iterator[tuple[str, str, str]], frame: float, width: float, height: float) -> Iterator[Mark]:
    for object_id, x, y in marks:
        u, v = float(x) / SCALE * width, float(y) / SCALE * height
        if 0 <= u <= width and 0 <= v <= height:
            yield Mark(frame=frame, object_id=object_id, u=u, v=v)


def marks(text: str, width: float, height: float) -> list[Mark]:
    """Read all points of an answer about one image or video size.

    Args:
        text: The model's answer.
        width: Width [px] of the original image.
        height: Height [px] of the original image.

    Raises:
        AnswerError: A frame is not a number, or the text is too long.
    """
    found: list[Mark] = []
    for coords in coordinate_strings(text):
        for group in _GROUP.finditer(coords):
            found += _inside(_triples(group.group(2)), finite(group.group(1)), width, height)
    return found


def marks_per_image(text: str, sizes: Sequence[tuple[float, float]]) -> list[Mark]:
    """Read all points of an answer about several images.

    Args:
        text: The model's answer.
        sizes: (width, height) [px] of each original image.

    Raises:
        AnswerError: A group names an image that was not shown.
    """
    found: list[Mark] = []
    for coords in coordinate_strings(text):
        for group in _GROUP.finditer(coords):
            number = group.group(1)
            index = int(number) if number.isdigit() and len(number) <= 6 else 0
            if not 1 <= index <= len(sizes):
                raise AnswerError(f"The answer points into image {number[:12]}, but {len(sizes)} were shown.")
            width, height = sizes[index - 1]
            found += _inside(_triples(group.group(2)), index, width, height)
    return found


def tracks(text: str, width: float, height: float, fps: float) -> list[TrackFrame]:
    """Read a tracking answer.

    Args:
        text: The model's answer.
        width: Width [px] of the video.
        height: Height [px] of the video.
        fps: Frames per second of the original video.

    Returns:
        Frames by rising time; of an object named twice in one frame the first counts.
    """
    by_time: dict[float, dict[str, tuple[float, float]]] = {}
    for mark in marks(text, width, height):
        by_time.setdefault(mark.frame, {}).setdefault(mark.object_id, (mark.u, mark.v))
    return [TrackFrame(time_s=t, frame=round(t * fps), points=by_time[t]) for t in sorted(by_time)]
