"""Reads MolmoAct v1 answers by structure, never by phrase.

Every function runs in time linear in the text and returns what it finds;
:func:`parse_answer` then judges it. The grammar (github allenai/molmoact, ``modeling_molmoact.py``):

* depth: ``<DEPTH_START>`` ... ``<DEPTH_END>``, codes ``<DEPTH_n>``, n in 0..127, 100 of them,
* trace: ``[[x, y], ...]`` with at most one level of nesting, numbers 0..255 on the first image,
* action: bracketed lists of exactly ``dim`` symbols, one list per time step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from molmo_ros.models.errors import AnswerError
from molmo_ros.models.grammars.bounds import bounded
from molmo_ros.models.molmoact.symbols import decode_symbol

DEPTH_CODES = 100
DEPTH_BOOK = 128
TRACE_SIDE = 256
START, END = "<DEPTH_START>", "<DEPTH_END>"

_BRACKET = re.compile(r"[\[\]]")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$")
_CODE = re.compile(r"<DEPTH_(\d{1,3})>")

Number = int | float


def depth_blocks(text: str) -> list[str]:
    """All depth strings of a text, with their tags, in order."""
    found, at = [], 0
    while (start := text.find(START, at)) >= 0:
        end = text.find(END, start + len(START))
        if end < 0:
            break
        at = end + len(END)
        found.append(text[start:at])
    return found


def _flat_groups(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the innermost bracket groups that hold at least one character."""
    opened = -1
    for match in _BRACKET.finditer(text):
        if match.group() == "[":
            opened = match.start()
        else:
            if opened >= 0 and match.start() > opened + 1:
                yield opened, match.end()
            opened = -1


def _outer_groups(text: str) -> Iterator[tuple[int, int]]:
    """Spans of leftmost bracket groups that are not empty and nest at most once."""
    marks = [(m.start(), m.group() == "[") for m in _BRACKET.finditer(text)]
    index = 0
    while index < len(marks):
        start, opens = marks[index]
        if not opens:
            index += 1
            continue
        at = index + 1
        while at + 1 < len(marks) and marks[at][1] and not marks[at + 1][1]:
            at += 2
        if at < len(marks) and not marks[at][1] and marks[at][0] > start + 1:
            yield start, marks[at][0] + 1
            index = at + 1
        else:
            index += 1


def _fields(group: str) -> list[str]:
    return [part.strip().strip('"').strip("'") for part in group.split(",")]


def _number(text: str) -> Number:
    value = float(text)
    return int(value) if value.is_integer() else value


def trace_lists(text: str) -> list[list[list[Number]]]:
    """All lists of numeric pairs of a text, as ``[[x, y], ...]`` each; unchecked values."""
    traces = []
    for start, end in _outer_groups(text):
        block = text[start:end]
        rows: list[list[Number]] = []
        for inner_start, inner_end in _flat_groups(block):
            fields = _fields(block[inner_start + 1 : inner_end - 1])
            if len(fields) != 2 or not all(_NUMBER.match(field) for field in fields):
                rows = []
                break
            rows.append([_number(field) for field in fields])
        if rows:
            traces.append(rows)
    return traces


def symbol_lists(text: str, dim: int) -> list[list[str]]:
    """All bracketed lists of exactly ``dim`` parts that are not numbers and hold a non-ASCII character."""
    lists = []
    for start, end in _flat_groups(text):
        parts = _fields(text[start + 1 : end - 1])
        if len(parts) != dim or all(_NUMBER.match(part) for part in parts):
            continue
        if not all(part.isascii() for part in parts):
            lists.append(parts)
    return lists


def depth_codes(text: str) -> list[int]:
    """Read depth codes from a tagged string or from integers parted by commas or spaces.

    Raises:
        AnswerError: A piece is not an integer.
    """
    stripped = bounded(text).strip()
    if "<DEPTH" in stripped:
        pieces = stripped.replace(START, "").replace(END, "").replace("<DEPTH_", "").split(">")
    else:
        pieces = stripped.replace(",", " ").split()
    try:
        return [int(piece) for piece in pieces if piece.strip()]
    except ValueError as error:
        raise AnswerError("The depth string holds something that is not a depth code.") from error


def depth_grid(codes: list[int]) -> tuple[int, int]:
    """Rows and columns of a grid of codes: a square if there is one, else the squarest factors."""
    rows = math.isqrt(len(codes))
    while rows > 1 and len(codes) % rows:
        rows -= 1
    return (rows, len(codes) // rows) if codes else (0, 0)


@dataclass(frozen=True, kw_only=True)
class ParsedAnswer:
    """What one answer holds after checking.

    Attributes:
        depth: The 100 depth codes, row-major on a 10x10 grid, or () if there are none.
        trace_uv: Trace points in 0..255 of the first image, x right and y down, or ().
        steps: Per time step the values in [-1, 1], or ().
        truncated: The answer ends inside a bracket or a depth block.
        notes: In words, what was found and not used.
    """

    depth: tuple[int, ...] = ()
    trace_uv: tuple[tuple[float, float], ...] = ()
    steps: tuple[tuple[float, ...], ...] = ()
    truncated: bool = False
    notes: tuple[str, ...] = ()


def _read_depth(text: str, notes: list[str]) -> tuple[int, ...]:
    blocks = depth_blocks(text)
    if not blocks:
        return ()
    inner = blocks[0][len(START) : -len(END)]
    codes = tuple(int(code) for code in _CODE.findall(inner))
    if _CODE.sub("", inner).strip() or len(codes) != DEPTH_CODES or max(codes) >= DEPTH_BOOK:
        notes.append(f"depth block with {len(codes)} readable codes instead of {DEPTH_CODES} in 0..{DEPTH_BOOK - 1}")
        return ()
    return codes


def _read_trace(text: str, notes: list[str]) -> tuple[tuple[float, float], ...]:
    for rows in trace_lists(text):
        points = tuple((float(row[0]), float(row[1])) for row in rows)
        # A flat numeric pair or a list of other length is no trace the model was taught to write.
        if len(points) <= 64 and all(0 <= value < TRACE_SIDE for point in points for value in point):
            return points
        notes.append(f"list of {len(points)} points that leaves 0..{TRACE_SIDE - 1}")
    return ()


def _read_steps(text: str, dim: int, notes: list[str]) -> tuple[tuple[float, ...], ...]:
    steps = []
    for parts in symbol_lists(text, dim):
        values = [decode_symbol(part) for part in parts]
        if any(value is None for value in values):
            notes.append("action step with something that is no action symbol")
            return ()
        steps.append(tuple(value for value in values if value is not None))
    return tuple(steps)


def parse_answer(text: str, *, action_dim: int) -> ParsedAnswer:
    """Read a whole answer.

    Args:
        text: The model's text.
        action_dim: Number of symbols of one action step.

    Raises:
        AnswerError: The text is longer than any answer can be.
    """
    bounded(text)
    notes: list[str] = []
    depth = _read_depth(text, notes)
    trace = _read_trace(text, notes)
    steps = _read_steps(text, action_dim, notes)
    open_depth = text.rfind(START) > text.rfind(END)
    open_list = text.count("[") > text.count("]")
    return ParsedAnswer(depth=depth, trace_uv=trace, steps=steps, truncated=open_depth or open_list, notes=tuple(notes))
