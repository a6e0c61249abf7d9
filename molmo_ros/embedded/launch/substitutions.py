r"""The `$(...)` grammar of ROS 2 launch files.

Text, `$(name argument ...)` anywhere in it, arguments separated by spaces, single- and double-quoted arguments that
may hold substitutions themselves, and a backslash that takes the next character as it is (`\$(` is no substitution).
Grammar as in the `launch` package of ROS 2 Jazzy (`share/frontend/grammar.lark`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 32
_CALL_MARK = "\0"  # XML cannot hold this character
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class SubstitutionSyntaxError(ValueError):
    """A substitution is not written as the grammar wants it."""


@dataclass(frozen=True)
class Text:
    """Literal text, escapes resolved."""

    text: str


@dataclass(frozen=True)
class Call:
    """`$(name argument ...)`."""

    name: str
    arguments: tuple[Template, ...]


Template = tuple[Text | Call, ...]


def parse_template(source: str) -> Template:
    """Parse a string that may hold substitutions.

    Args:
        source: attribute value of a launch file.

    Returns:
        Text and calls, in order.

    Raises:
        SubstitutionSyntaxError: naming the column of the problem.
    """
    reader = _Reader(source)
    parts = reader.fragments(end=None, depth=0)
    return tuple(parts) if parts else (Text(""),)


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def peek(self) -> str:
        return self.source[self.at] if self.at < len(self.source) else ""

    def fail(self, message: str) -> SubstitutionSyntaxError:
        return SubstitutionSyntaxError(f"{message} at column {self.at + 1} of '{self.source}'")

    def fragments(self, end: str | None, depth: int) -> list[Text | Call]:
        """Text and calls up to the closing quote `end`, or to the end of the source."""
        parts: list[Text | Call] = []
        text: list[str] = []
        while self.at < len(self.source):
            char = self.peek()
            if char == end:
                break
            if self.source.startswith("$(", self.at):
                _flush(text, parts)
                parts.append(self.call(end, depth + 1))
            else:
                text.append(self.character())
        _flush(text, parts)
        return parts

    def character(self) -> str:
        if self.peek() == "\\" and self.at + 1 < len(self.source):
            self.at += 2
            return self.source[self.at - 1]
        self.at += 1
        return self.source[self.at - 1]

    def call(self, quote: str | None, depth: int) -> Call:
        if depth > MAX_DEPTH:
            raise self.fail(f"substitutions are nested deeper than {MAX_DEPTH}")
        self.at += 2
        match = _NAME.match(self.source, self.at)
        if match is None:
            raise self.fail("expected the name of a substitution after '$('")
        self.at = match.end()
        arguments: list[Template] = []
        while True:
            spaces = self.at
            while self.peek() == " ":
                self.at += 1
            char = self.peek()
            if char == ")":
                self.at += 1
                return Call(match.group(), tuple(arguments))
            if not char:
                raise self.fail("missing ')' of a substitution")
            if spaces == self.at:
                raise self.fail(f"unexpected '{char}' in a substitution")
            arguments.append(self.argument(quote, depth))

    def argument(self, quote: str | None, depth: int) -> Template:
        opening = self.peek()
        if quote is None and opening in "'\"":
            self.at += 1
            parts = self.fragments(end=opening, depth=depth)
            if self.peek() != opening:
                raise self.fail(f"missing closing {opening}")
            self.at += 1
            return tuple(parts) if parts else (Text(""),)
        forbidden = " ()" + ("'\"" if quote is None else quote)
        parts = []
        text: list[str] = []
        while self.at < len(self.source) and self.peek() not in forbidden:
            if self.source.startswith("$(", self.at):
                _flush(text, parts)
                parts.append(self.call(quote, depth + 1))
            else:
                text.append(self.character())
        _flush(text, parts)
        if not parts:
            raise self.fail(f"unexpected '{self.peek()}' in a substitution")
        return tuple(parts)


def _flush(text: list[str], parts: list[Text | Call]) -> None:
    if text:
        parts.append(Text("".join(text)))
        text.clear()


def split_command_line(template: Template) -> list[Template]:
    """Split a command line into arguments at the spaces of its text, never inside a substitution's result.

    Args:
        template: a parsed `cmd`, `args` or `ros_args` attribute.

    Returns:
        One template per argument.

    Raises:
        SubstitutionSyntaxError: when a quote of the text is not closed.
    """
    calls = iter([part for part in template if isinstance(part, Call)])
    line = "".join(part.text if isinstance(part, Text) else _CALL_MARK for part in template)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SubstitutionSyntaxError(f"{str(error).lower()} in '{line.replace(_CALL_MARK, '$(...)')}'") from error
    return [_with_calls(word, calls) for word in words]


def _with_calls(word: str, calls: Iterator[Call]) -> Template:
    parts: list[Text | Call] = []
    for index, text in enumerate(word.split(_CALL_MARK)):
        if index:
            parts.append(next(calls))
        if text:
            parts.append(Text(text))
    return tuple(parts) if parts else (Text(""),)
