"""Judges a pointing answer: points, an explicit none, cut short, or not readable. Each is a different outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from molmo_ros.models.errors import AnswerError, RefusalError
from molmo_ros.models.grammars.bounds import bounded
from molmo_ros.models.grammars.coords import Mark, marks_per_image
from molmo_ros.models.grammars.legacy import attribute_points
from molmo_ros.models.grammars.tag import grasp_point

_NOTHING = (
    "there are none",
    "there is none",
    "isn't in the image",
    "is not in the image",
    "isn't in the video",
    "is not in the video",
    "no tracks available",
)
_COUNT = re.compile(r"(?:total of|There are|There is) ([0-9]{1,4})")


class Verdict(StrEnum):
    """What an answer amounts to."""

    ANSWERED = "answered"
    NOTHING = "nothing"
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"


class Dialect(StrEnum):
    """Who writes: the scale follows from the grammar, never from the numbers."""

    MOLMO1 = "molmo1"
    MOLMO2 = "molmo2"
    GRASPMOLMO = "graspmolmo"


@dataclass(frozen=True, kw_only=True)
class PointingAnswer:
    """A judged answer.

    Attributes:
        verdict: What it amounts to.
        marks: Points [px], inside their images; non-empty exactly when answered.
        claimed: The count that the prose names, or None.
        message: One sentence for a verdict other than answered.
    """

    verdict: Verdict
    marks: tuple[Mark, ...] = ()
    claimed: int | None = None
    message: str = ""


def _inside(mark: Mark, size: tuple[float, float]) -> Mark:
    """Move a point on the far border to the last pixel, so that it can index the image."""
    u, v = min(mark.u, size[0] - 1), min(mark.v, size[1] - 1)
    return Mark(frame=mark.frame, object_id=mark.object_id, u=max(u, 0.0), v=max(v, 0.0))


def read_pointing(text: str, sizes: Sequence[tuple[float, float]], dialect: Dialect) -> PointingAnswer:
    """Judge an answer about one or several images.

    Args:
        text: The model's answer.
        sizes: (width, height) [px] of each original image.
        dialect: Who wrote it.
    """
    try:
        bounded(text)
        found = _marks(text, sizes, dialect)
    except AnswerError as error:
        return PointingAnswer(verdict=Verdict.UNREADABLE, message=error.message)
    count = _COUNT.search(text)
    claimed = int(count.group(1)) if count else None
    if found:
        kept = tuple(_inside(mark, sizes[int(mark.frame) - 1]) for mark in found)
        return PointingAnswer(verdict=Verdict.ANSWERED, marks=kept, claimed=claimed)
    lowered = text.lower()
    if any(phrase in lowered for phrase in _NOTHING):
        return PointingAnswer(verdict=Verdict.NOTHING, message="The model says that it is not there.")
    if text.rfind("<") > text.rfind(">") or "<point" in lowered or "<track" in lowered:
        return PointingAnswer(
            verdict=Verdict.TRUNCATED, claimed=claimed, message="The model's answer ends inside its points."
        )
    return PointingAnswer(
        verdict=Verdict.UNREADABLE, claimed=claimed, message="The model's answer holds no point that can be read."
    )


def _marks(text: str, sizes: Sequence[tuple[float, float]], dialect: Dialect) -> list[Mark]:
    width, height = sizes[0]
    if dialect is Dialect.MOLMO2:
        return marks_per_image(_closed(text), sizes)
    if dialect is Dialect.GRASPMOLMO:
        point = grasp_point(text, width, height)
        return [] if point is None else [Mark(frame=1, object_id="1", u=point[0], v=point[1])]
    points = attribute_points(text, width, height)
    return [Mark(frame=1, object_id=str(i), u=u, v=v) for i, (u, v) in enumerate(points, 1)]


def _closed(text: str) -> str:
    """Close a coordinate list that the token limit cut, less its last number, which may be cut too."""
    start = text.rfind(' coords="')
    if start < 0 or '"' in text[start + len(' coords="') :]:
        return text
    return text[: text.rfind(" ")] + '">'


def require_points(answer: PointingAnswer) -> None:
    """Turn a verdict other than answered into its named outcome.

    Raises:
        RefusalError: The model says that it is not there.
        AnswerError: The answer cannot be read.
    """
    if answer.verdict is Verdict.NOTHING:
        raise RefusalError(answer.message)
    if answer.verdict is not Verdict.ANSWERED:
        raise AnswerError(answer.message)
