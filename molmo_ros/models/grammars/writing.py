"""Writes Molmo2's pointing grammar: prompts that start a track, fixtures, and answers to compare with.

Rounding, order and wording are those of github allenai/molmo2 ``point_formatter.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Separator = Literal["\t", ";"]
Mode = Literal["point", "pointing", "point_then_count", "point_count", "count_then_point", "count_point", "count"]
Size = float | tuple[float, float]
NONE = "There are none."
NO_TRACKS = "No tracks available."


def _thousandths(point: Sequence[float], size: Size) -> tuple[int, int]:
    width, height = size if isinstance(size, tuple) else (size, size)
    x, y = float(point[0]) / width, float(point[1]) / height
    # The training data clamps only where x is outside and y is not.
    if not 0 <= x <= 1.0 and 0 <= y <= 1.0:
        x, y = max(0.0, min(x, 1.0)), max(0.0, min(y, 1.0))
    return round(1000 * x), round(1000 * y)


def _written(points: Sequence[tuple[int, tuple[int, int]]]) -> str:
    return " ".join(f"{number} {x:03d} {y:03d}" for number, (x, y) in points)


def _group(points: Sequence[Sequence[float]], size: Size, first: int) -> str:
    scaled = sorted(_thousandths(point, size) for point in points)
    return _written(list(enumerate(scaled, first)))


def _tag(coords: str, label: str, alt: str | None, kind: str) -> str:
    told = "" if alt is None else f' alt="{alt}"'
    return f'<{kind}{told} coords="{coords}">{label}</{kind}>'


def _sentence(tag: str, count: int, mode: Mode | None) -> str:
    if count == 0:
        return NONE
    if mode in ("point_then_count", "point_count"):
        return f"Counting the {tag} shows a total of {count}."
    if mode in ("count_then_point", "count_point"):
        return f"There are {count} {tag}."
    return str(count) if mode == "count" else tag


def image_points(
    points: Sequence[Sequence[float]], size: Size, label: str, *, alt: str | None = None, mode: Mode | None = "point"
) -> str:
    """Write points of one image, given in the units of ``size``."""
    return _sentence(_tag("1 " + _group(points, size, 1), label, alt, "points"), len(points), mode)


def grouped_points(
    prefixes: Sequence[str],
    groups: Sequence[Sequence[Sequence[float]]],
    sizes: Sequence[Size],
    label: str,
    *,
    alt: str | None = None,
    mode: Mode | None = "point",
    separator: Separator = "\t",
) -> str:
    """Write points of several images or video frames; ids count on over the groups.

    Args:
        prefixes: Number of the image, or :func:`seconds` of the frame, per group.
        groups: Points per group, in the units of ``sizes``.
        sizes: Size per group.
        label: What is pointed at.
        alt: Alternative text.
        mode: Wrapping sentence.
        separator: Between groups: tab (html-v1) or ";" (html-v2).
    """
    parts, first = [], 1
    for prefix, points, size in zip(prefixes, groups, sizes, strict=True):
        parts.append(f"{prefix} {_group(points, size, first)}")
        first += len(points)
    return _sentence(_tag(separator.join(parts), label, alt, "points"), first - 1, mode)


def seconds(time: float | str) -> str:
    """Write a time with one decimal; takes seconds or "MM:SS.ff" or "HH:MM:SS.ff"."""
    return f"{to_seconds(time):0.1f}"


def to_seconds(time: float | str) -> float:
    """Read seconds, "MM:SS.ff" or "HH:MM:SS.ff"."""
    if not isinstance(time, str):
        return float(time)
    total = 0.0
    for part in time.split(":"):
        total = total * 60 + float(part)
    return total


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Objects at one time of a video.

    Attributes:
        time: Seconds, or as :func:`to_seconds` reads it.
        points: Point per object id.
        hidden: Ids that are there but not to be seen.
    """

    time: float | str
    points: Mapping[str, Sequence[float]]
    hidden: frozenset[str] = frozenset()


def _ends_only(track: Sequence[Observed]) -> list[Observed]:
    seen: dict[str, list[int]] = {}
    for index, observed in enumerate(track):
        for name in observed.points:
            seen.setdefault(name, []).append(index)
    merged: dict[float | str, Observed] = {}
    for index, observed in enumerate(track):
        kept = {name: p for name, p in observed.points.items() if index in (seen[name][0], seen[name][-1])}
        if not kept:
            continue
        before = merged.get(observed.time)
        merged[observed.time] = Observed(
            time=observed.time,
            points={**(before.points if before else {}), **kept},
            hidden=(before.hidden if before else frozenset()) | (observed.hidden & kept.keys()),
        )
    return list(merged.values())


def track_text(
    track: Sequence[Observed],
    size: Size,
    label: str,
    *,
    alt: str | None = None,
    separator: Separator = "\t",
    ends_only: bool = False,
) -> str:
    """Write a track; hidden objects are left out, ids count from 1 in order of first sight.

    Args:
        track: Objects over time, points in the units of ``size``.
        size: Size of the video.
        label: What is tracked.
        alt: Alternative text.
        separator: Between times: tab (html-v1) or ";" (html-v2).
        ends_only: Only the first and last sight of each object.
    """
    if not track:
        return NO_TRACKS
    numbers: dict[str, int] = {}
    groups = []
    for observed in sorted(_ends_only(track) if ends_only else track, key=lambda o: to_seconds(o.time)):
        shown = [(name, _thousandths(p, size)) for name, p in observed.points.items() if name not in observed.hidden]
        if not shown:
            continue
        shown.sort(key=lambda entry: entry[1])
        for name, _ in shown:
            numbers.setdefault(name, len(numbers) + 1)
        written = sorted(((numbers[name], point) for name, point in shown), key=lambda entry: entry[0])
        groups.append(f"{seconds(observed.time)} {_written(written)}")
    coords = separator.join(groups)
    return _tag(coords, label, alt, "tracks") if coords else ""
