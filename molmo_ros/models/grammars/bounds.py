"""What every grammar here relies on: answers of bounded length, numbers that are numbers."""

from __future__ import annotations

import math

from molmo_ros.models.errors import AnswerError

MAX_TEXT = 65536


def bounded(text: str) -> str:
    """Return ``text`` if it is short enough to be an answer.

    Raises:
        AnswerError: It is longer than any answer can be.
    """
    if len(text) > MAX_TEXT:
        raise AnswerError(f"The model's answer has {len(text)} characters; more than {MAX_TEXT} are not read.")
    return text


def finite(text: str) -> float:
    """Read a finite number.

    Raises:
        AnswerError: It is none.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise AnswerError(f"'{text[:40]}' is not a number.") from error
    if not math.isfinite(value):
        raise AnswerError(f"'{text[:40]}' is not a finite number.")
    return value
