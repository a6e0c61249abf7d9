"""Options that take several words after one name, as those of `ros2` do: `--topics /a /b /c`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class MultiValueCommand(TyperCommand):
    """A command whose `multi` options take every word up to the next option, and `optional` ones none or one.

    Attributes:
        multi: options that may be followed by several words.
        optional: value of an option that stands alone, by its name.
    """

    multi: tuple[str, ...] = ()
    optional: dict[str, str] = {}  # noqa: RUF012 - subclasses replace it

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, then parse as usual."""
        return super().parse_args(ctx, self.expand(list(args)))

    def expand(self, args: list[str]) -> list[str]:
        """The arguments with one option per word."""
        expanded: list[str] = []
        index = 0
        while index < len(args):
            word = args[index]
            index += 1
            following = index < len(args) and not _is_option(args[index])
            if word == "--":
                return [*expanded, word, *args[index:]]
            if word in self.multi and following:
                while index < len(args) and not _is_option(args[index]):
                    expanded += [word, args[index]]
                    index += 1
            elif word in self.optional and not (following and _is_number(args[index])):
                expanded += [word, self.optional[word]]
            else:
                expanded.append(word)
        return expanded


def _is_option(word: str) -> bool:
    return word.startswith("-") and not _is_number(word)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
