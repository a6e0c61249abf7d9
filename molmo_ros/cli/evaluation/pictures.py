"""Contact sheets: every episode before and after, with its sentence and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

_THUMB_PX = (320, 240)
_CAPTION_PX = 38
_BORDER_PX = 3
_COLUMNS = 3
_PER_SHEET = 30
_GOOD, _BAD, _INK, _PAPER = (70, 150, 60), (200, 50, 45), (30, 30, 30), (245, 245, 243)


@dataclass(frozen=True, kw_only=True, eq=False)
class BeforeAfter:
    """Two pictures of an episode.

    Attributes:
        title: First caption line: the sentence.
        note: Second caption line: key and cause.
        success: Colour of its border.
        before: (H, W, 3) uint8, red first.
        after: (H, W, 3) uint8.
    """

    title: str
    note: str
    success: bool
    before: Picture
    after: Picture


def thumbnail(rgb: Picture) -> Picture:
    """A picture at the size of the sheet."""
    return np.asarray(cv2.resize(rgb, _THUMB_PX, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _cell(pair: BeforeAfter) -> Picture:
    width, height = _THUMB_PX
    cell = np.full((height + _CAPTION_PX + 2 * _BORDER_PX, 2 * width + 2 * _BORDER_PX, 3), _PAPER, dtype=np.uint8)
    cell[_CAPTION_PX:] = _GOOD if pair.success else _BAD
    inside = slice(_CAPTION_PX + _BORDER_PX, _CAPTION_PX + _BORDER_PX + height)
    cell[inside, _BORDER_PX : _BORDER_PX + width] = thumbnail(pair.before)
    cell[inside, _BORDER_PX + width : _BORDER_PX + 2 * width] = thumbnail(pair.after)
    for line, (text, y) in enumerate(((pair.title, 15), (pair.note, 32))):
        colour = _INK if line == 0 else (_GOOD if pair.success else _BAD)
        plain = text.encode("ascii", "replace").decode()[:84]
        cv2.putText(cell, plain, (6, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return cell


def write_sheets(pairs: Sequence[BeforeAfter], folder: Path) -> list[Path]:
    """Writes contact_sheet.png (contact_sheet_2.png and so on when there are many) and failures.png.

    Args:
        pairs: The episodes, in order.
        folder: Made where it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pages = [pairs[i : i + _PER_SHEET] for i in range(0, len(pairs), _PER_SHEET)]
    for number, page in enumerate(pages, start=1):
        name = "contact_sheet.png" if number == 1 else f"contact_sheet_{number}.png"
        written.append(_write(page, folder / name))
    failures = [pair for pair in pairs if not pair.success][:_PER_SHEET]
    if failures:
        written.append(_write(failures, folder / "failures.png"))
    return written


def _write(pairs: Sequence[BeforeAfter], path: Path) -> Path:
    cells = [_cell(pair) for pair in pairs]
    columns = min(_COLUMNS, len(cells))
    blank = np.full_like(cells[0], _PAPER)
    cells += [blank] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])
    return path
