"""Model answers for fuzzing: well-formed ones with what they mean, and thousands of ways to break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from molmo_ros.models.grammars import coords, legacy, pointing, tag, writing
from molmo_ros.models.grammars.bounds import bounded
from molmo_ros.models.molmoact import parsers, symbols
from molmo_ros.models.molmoact2.prompt import clean_task

WIDTH, HEIGHT, FPS = 640, 480, 2.0
SIZES = [(640.0, 480.0), (320.0, 240.0), (64.0, 48.0)]
DIM = 7

Reader = Callable[[str], Any]

READERS: dict[str, Reader] = {
    "molmoact answer": lambda text: parsers.parse_answer(text, action_dim=DIM),
    "molmoact depth string": parsers.depth_codes,
    "molmoact traces": lambda text: parsers.trace_lists(bounded(text)),
    "molmoact symbols": lambda text: parsers.symbol_lists(bounded(text), DIM),
    "molmo2 points": lambda text: coords.marks(text, WIDTH, HEIGHT),
    "molmo2 points per image": lambda text: coords.marks_per_image(text, SIZES),
    "molmo2 tracks": lambda text: coords.tracks(text, WIDTH, HEIGHT, FPS),
    "any points": lambda text: legacy.any_points(text, WIDTH, HEIGHT),
    "any marks": lambda text: legacy.any_marks(text, WIDTH, HEIGHT),
    "molmo 1 points": lambda text: legacy.attribute_points(text, WIDTH, HEIGHT),
    "grasp point": lambda text: tag.grasp_point(text, WIDTH, HEIGHT),
    "verdict molmo 1": lambda text: pointing.read_pointing(text, SIZES, pointing.Dialect.MOLMO1),
    "verdict molmo2": lambda text: pointing.read_pointing(text, SIZES, pointing.Dialect.MOLMO2),
    "verdict graspmolmo": lambda text: pointing.read_pointing(text, SIZES, pointing.Dialect.GRASPMOLMO),
    "instruction": lambda text: clean_task(bounded(text)),
}

PATHOLOGIES = (
    "[",
    "]",
    "[[",
    "[]",
    "[1,2],",
    "[[1,2],[",
    "1",
    "1 ",
    "999 ",
    "1 100 200 ",
    "<points",
    "<points ",
    '<points coords="',
    ' coords="1 1 100 200"',
    "<point x=",
    'x1="1',
    "p=",
    "p = ",
    "= 123 ,",
    "Click(1",
    "(1.0, ",
    "<DEPTH_START>",
    "<DEPTH_END>",
    "<DEPTH_1>",
    " ",
    "\t",
    "\n",
    '"',
    "'",
    ",",
    ".",
    "/",
    ">",
    "the task is to ",
    "task: ",
    "\u0663",
    "\uff11",
    "\x00",
    "\U0001f391",
)
_ALPHABET = [*"0123456789.,;:[]<>()=\"'/ xyp\t\n-+eE&", "\u0663", "\uff11", "\xa0", "\u2003", "é", "\U0001f391", "\x00"]


@dataclass(frozen=True)
class Written:
    """A well-formed answer and what a reader must find in it."""

    text: str
    reader: str
    meaning: Any


def molmoact_answer(rng: np.random.Generator) -> Written:
    """A MolmoAct answer with depth, trace and one or eight steps."""
    codes = rng.integers(0, parsers.DEPTH_BOOK, parsers.DEPTH_CODES).tolist()
    trace = rng.integers(0, parsers.TRACE_SIDE, (int(rng.integers(1, 6)), 2)).tolist()
    chosen = rng.integers(0, symbols.BINS, (int(rng.choice([1, 8])), DIM))
    rows = [f"[{', '.join(symbols.SYMBOLS[i] for i in row)}]" for row in chosen]
    actions = rows[0] if len(rows) == 1 else f"[{', '.join(rows)}]"
    depth = "".join(f"<DEPTH_{code}>" for code in codes)
    text = (
        f"The depth map of the image is {parsers.START}{depth}{parsers.END}. The trajectory of the end effector is "
        f"{trace}. Based on this information, the action that the robot should take is {actions}."
    )
    steps = tuple(tuple(symbols.decode_id(symbols.FIRST_ID + int(i)) for i in row) for row in chosen)
    points = tuple((float(x), float(y)) for x, y in trace)
    return Written(text, "molmoact answer", (tuple(codes), points, steps))


def points_answer(rng: np.random.Generator) -> Written:
    """A Molmo2 answer about several images."""
    groups = [rng.integers(0, 1001, (int(rng.integers(0, 4)), 2)).tolist() for _ in SIZES]
    mode: Any = rng.choice(["point", "point_then_count", "count_then_point"])
    separator: Any = rng.choice(["\t", ";"])
    label = str(rng.choice(["cup", "x & y", 'red "mug"', "a<b"]))
    prefixes = [str(number + 1) for number in range(len(SIZES))]
    text = writing.grouped_points(prefixes, groups, [1000.0] * len(SIZES), label, mode=mode, separator=separator)
    meaning = [
        (float(number + 1), x / 1000 * SIZES[number][0], y / 1000 * SIZES[number][1])
        for number, group in enumerate(groups)
        for x, y in sorted(group)
    ]
    return Written(text, "molmo2 points per image", meaning)


def grasp_answer(rng: np.random.Generator) -> Written:
    """A GraspMolmo answer."""
    x, y = (round(float(v), 1) for v in rng.uniform(0, 100, 2))
    text = f'In order to do it, grasp "here".\n\n<point x="{x}" y="{y}" alt="Where to grasp">Where to grasp</point>'
    return Written(text, "grasp point", (x / 100 * WIDTH, y / 100 * HEIGHT))


MAKERS = (molmoact_answer, points_answer, grasp_answer)


def meaning(written: Written) -> Any:
    """What the reader finds in a well-formed answer, in the form of :attr:`Written.meaning`."""
    found = READERS[written.reader](written.text)
    if written.reader == "molmoact answer":
        return found.depth, found.trace_uv, found.steps
    if written.reader == "molmo2 points per image":
        return [(float(mark.frame), mark.u, mark.v) for mark in found]
    return found


def broken(rng: np.random.Generator, texts: list[str]) -> str:
    """One mutated, spliced, truncated or hostile text."""
    text = texts[int(rng.integers(len(texts)))]
    for _ in range(int(rng.integers(1, 6))):
        if not text:
            break
        at, to = sorted(int(v) for v in rng.integers(0, len(text) + 1, 2))
        kind = int(rng.integers(7))
        if kind == 0:
            text = text[:to]
        elif kind == 1:
            text = text[:at] + text[min(to, at + 8) :]
        elif kind == 2:
            text = text[:at] + _ALPHABET[int(rng.integers(len(_ALPHABET)))] + text[at + 1 :]
        elif kind == 3:
            text = text[:at] + _ALPHABET[int(rng.integers(len(_ALPHABET)))] + text[at:]
        elif kind == 4:
            text = text[:to] + text[at:]
        elif kind == 5:
            other = texts[int(rng.integers(len(texts)))]
            text = text[:at] + other[int(rng.integers(len(other) + 1)) :]
        else:
            bomb = PATHOLOGIES[int(rng.integers(len(PATHOLOGIES)))]
            text = text[:at] + bomb * int(rng.integers(1, 64)) + text[at:]
    return text


def hostile(length: int) -> list[str]:
    """Texts of nearly ``length`` characters made of one repeated piece, and of pairs of pieces."""
    single = [piece * (length // len(piece)) for piece in PATHOLOGIES]
    pairs = [a * (length // 2 // len(a)) + b * (length // 2 // len(b)) for a in PATHOLOGIES for b in ("]", '"/>', "/>")]
    return single + pairs
