"""Molmo 1's pointing forms, and the older forms that Molmo2's reader still takes.

Percent of the image, 0..100, written as attributes (``<point x="23.0" y="17.7" alt="...">``), as ``Click(x, y)``, as
``(x, y)``, as tenths (``p=123,456``) or as compact lists. Source: github allenai/molmo2 ``point_formatter.py`` and
allenai/molmo. All of it runs in time linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from molmo_ros.models.errors import AnswerError
from molmo_ros.models.grammars.bounds import bounded, finite
from molmo_ros.models.grammars.coords import Mark, marks

Point = tuple[float, float]

_CLICK = re.compile(r"Click\(([0-9]+\.[0-9]), ?([0-9]+\.[0-9])\)")
_ROUND = re.compile(r"\(([0-9]+\.[0-9]),? ?([0-9]+\.[0-9])\)")
_NUMBER = r'"\s*([0-9]+(?:\.[0-9]+)?)"'
_ATTRIBUTES = re.compile(rf"x\d*={_NUMBER}\s+y\d*={_NUMBER}")
_TENTHS = re.compile(r"=\s*([0-9]{3})\s*,\s*([0-9]{3})")
_RUN = re.compile(r"[0-9]+")
_THOUSANDTHS_AFTER = re.compile(r" ([0-9]{3}) ([0-9]{3})")
_DECIMALS_AFTER = re.compile(r" ([0-9]+\.[0-9]) ([0-9]+\.[0-9])")
_STOP = re.compile(r"[/>]")


def _after_runs(text: str, tail: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Yield matches of ``tail`` that directly follow a run of digits."""
    at = 0
    while run := _RUN.search(text, at):
        found = tail.match(text, run.end())
        if found:
            yield found
        at = found.end() if found else run.end()


def _tenths(text: str) -> Iterator[re.Match[str]]:
    """Yield ``= ddd, ddd`` that follow a digit or a "p"."""
    consumed = 0
    for match in _TENTHS.finditer(text):
        before = text[consumed : match.start()].rstrip()
        if before and (before[-1].isdecimal() or before[-1] == "p"):
            consumed = match.end()
            yield match


def _scaled(
    matches: Iterator[re.Match[str]], top: float, width: float, height: float, unit: float = 1.0
) -> list[Point]:
    points = []
    for match in matches:
        x, y = float(match.group(1)) / unit, float(match.group(2)) / unit
        if max(x, y) <= top:
            points.append((x / top * width, y / top * height))
    return points


def legacy_points(text: str, width: float, height: float) -> list[Point]:
    """Read points in any of the older forms; the first form that gives points wins, the last three add up.

    Args:
        text: The model's answer.
        width: Width [px] of the original image.
        height: Height [px] of the original image.

    Returns:
        (u, v) [px].
    """
    bounded(text)
    for found in (
        _scaled(_CLICK.finditer(text), 100.0, width, height),
        _scaled(_after_runs(text, _THOUSANDTHS_AFTER), 1000.0, width, height),
        _scaled(_after_runs(text, _DECIMALS_AFTER), 100.0, width, height),
    ):
        if found:
            return found
    return [
        *_scaled(_ROUND.finditer(text), 100.0, width, height),
        *_scaled(_ATTRIBUTES.finditer(text), 100.0, width, height),
        *_scaled(_tenths(text), 100.0, width, height, unit=10.0),
    ]


def attribute_points(text: str, width: float, height: float) -> list[Point]:
    """Read Molmo 1's ``x="..." y="..."`` pairs alone, as (u, v) [px]; pairs beyond 100 percent are dropped."""
    return _scaled(_ATTRIBUTES.finditer(bounded(text)), 100.0, width, height)


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the words of ``<points WORDS/>``."""
    stops = [match.start() for match in _STOP.finditer(text)]
    at = text.find("<points")
    while at >= 0:
        begin = at + len("<points")
        place = bisect_left(stops, begin)
        end = stops[place] if place < len(stops) else -1
        closed = end >= 0 and text.startswith("/>", end) and text[begin : begin + 1].isspace()
        if closed and end > begin:
            yield text[begin:end].split()
        at = text.find("<points", end + 2 if closed else begin)


def legacy_marks(text: str, width: float, height: float) -> list[Mark]:
    """Read ``<points TIME ID X Y .../>`` blocks; a malformed block voids the answer.

    Returns:
        Points [px] with their time in seconds as frame.
    """
    found: list[Mark] = []
    try:
        for words in _blocks(bounded(text)):
            if not words:
                continue
            time_s, triples = finite(words[0]), words[1:]
            if len(triples) % 3:
                return []
            for number, x_text, y_text in zip(triples[::3], triples[1::3], triples[2::3], strict=True):
                x, y = finite(x_text), finite(y_text)
                if max(x, y) <= 100:
                    found.append(Mark(frame=time_s, object_id=number, u=x / 100.0 * width, v=y / 100.0 * height))
    except AnswerError:
        return []
    return found


def any_points(text: str, width: float, height: float) -> list[Point]:
    """Read points in Molmo2's form, else in an older one."""
    return [(m.u, m.v) for m in marks(text, width, height)] or legacy_points(text, width, height)


def any_marks(text: str, width: float, height: float) -> list[Mark]:
    """Read points with their frame in Molmo2's form, else in the older block form."""
    return marks(text, width, height) or legacy_marks(text, width, height)
