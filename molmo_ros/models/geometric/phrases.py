"""Noun phrases: "the leftmost small green block next to the bowl" as a tree of constraints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.geometric import lexicon

MAX_WORDS = 60
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


class PhraseError(MolmoRosError):
    """A phrase the grammar does not know; names the word."""


@dataclass(frozen=True, kw_only=True)
class NounPhrase:
    """Constraints on one object, or on a set of them.

    Attributes:
        noun: The head noun in the singular; empty for "the red one".
        shapes: Shape words that fit, with weights; empty for anything.
        colours: Basic colours, any of which fits; empty for any.
        sizes: "small", "large", "tall", "short".
        superlative: "left", "right", "near", "far", "small", "large", "tall", "short", "thin", "wide", "middle" or "".
        ordinal: Index along the superlative's order.
        relations: Relations to other objects.
        every: Whether all that fit are meant.
        plural: Whether the noun was plural.
        receptacle: Whether only things that can hold others fit.
        surface: Whether the support itself is meant ("the table").
        text: The words it was read from.
    """

    noun: str
    shapes: Mapping[str, float]
    colours: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    superlative: str = ""
    ordinal: int = 0
    relations: tuple[tuple[str, tuple[NounPhrase, ...]], ...] = ()
    every: bool = False
    plural: bool = False
    receptacle: bool = False
    surface: bool = False
    text: str = ""


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words of a text; punctuation separates."""
    return tuple(_WORD.findall(text.lower()))


def parse_noun_phrase(text: str) -> NounPhrase:
    """Reads one noun phrase.

    Raises:
        PhraseError: INSTRUCTION_NOT_UNDERSTOOD, naming the word that is not known.
    """
    words = words_of(text)
    if not words:
        raise PhraseError(ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, "There is no word in it that names a thing.")
    if len(words) > MAX_WORDS:
        raise PhraseError(
            ErrorCode.INSTRUCTION_TOO_LONG, f"A description may have {MAX_WORDS} words, not {len(words)}."
        )
    phrase, used = _phrase(words, 0)
    if used != len(words):
        raise _unknown(words[used])
    return phrase


def _unknown(word: str) -> PhraseError:
    return PhraseError(ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, f'I do not know the word "{word}".')


def _phrase(words: tuple[str, ...], start: int) -> tuple[NounPhrase, int]:
    i, n = start, len(words)
    colours: list[str] = []
    sizes: list[str] = []
    superlative, ordinal, noun = "", 0, ""
    every = plural = receptacle = surface = False
    shapes: Mapping[str, float] = {}
    seen = False
    while i < n:
        word = words[i]
        base = lexicon.singular(word)
        if word == "of" and i > start and words[i - 1] in lexicon.ALL_WORDS | {"one"}:
            i += 1
        elif word in lexicon.ARTICLES and not noun:
            i += 1
        elif word in lexicon.ALL_WORDS:
            every, i = True, i + 1
        elif word in ("most", "far") and words[i + 1 : i + 2] in (("left",), ("right",)):
            i += 1
        elif word in lexicon.COLOURS and not noun:
            colours.append(lexicon.COLOURS[word])
            seen, i = True, i + 1
        elif word in ("light", "dark", "bright") and _colour_follows(words, i):
            i += 1
        elif word in ("and", "or") and colours and not noun and _colour_follows(words, i):
            i += 1
        elif word in lexicon.SIZE_SMALL:
            sizes.append("small")
            i += 1
        elif word in lexicon.SIZE_LARGE:
            sizes.append("large")
            i += 1
        elif word in lexicon.SIZE_TALL:
            sizes.append("tall")
            i += 1
        elif word in lexicon.SIZE_SHORT:
            sizes.append("short")
            i += 1
        elif word in lexicon.ORDINALS and not noun:
            ordinal, i = lexicon.ORDINALS[word], i + 1
        elif lexicon.relation_at(words, i) is not None and (seen or noun or superlative):
            break
        elif word in lexicon.SUPERLATIVES and not noun:
            superlative, i = lexicon.SUPERLATIVES[word], i + 1
        elif base in lexicon.NOUNS and not noun:
            noun, shapes, plural, i = base, lexicon.NOUNS[base], base != word, i + 1
            seen = True
        elif base in lexicon.ANYTHING and not noun:
            noun, plural, i = base, base != word, i + 1
            every = every or base == "everything"
            seen = True
        elif base in lexicon.RECEPTACLES and not noun:
            noun, receptacle, plural, i = base, True, base != word, i + 1
            seen = True
        elif base in lexicon.SURFACES and not noun:
            noun, surface, i = base, True, i + 1
            seen = True
        else:
            break
    if not (noun or colours or superlative or sizes):
        raise (
            _unknown(words[i])
            if i < n
            else PhraseError(ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, "The sentence ends where a thing should be named.")
        )
    relations: list[tuple[str, tuple[NounPhrase, ...]]] = []
    while i < n:
        j = i
        while j < n and words[j] in lexicon.FILLERS:
            j += 1
        if j > i and words[j : j + 1] and words[j] in lexicon.COLOURS and not _starts_thing(words, j):
            colours.append(lexicon.COLOURS[words[j]])
            i = j + 1
            continue
        side = side_at(words, j)
        if side is not None:
            superlative, i = side
            continue
        found = lexicon.relation_at(words, j) if j < n else None
        if found is None:
            break
        relation, length = found
        reference, i = _phrase(words, j + length)
        references = [reference]
        if relation == "between":
            if words[i : i + 1] != ("and",):
                raise PhraseError(ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, '"Between" needs two things joined by "and".')
            other, i = _phrase(words, i + 1)
            references.append(other)
        relations.append((relation, tuple(references)))
    text = " ".join(words[start:i])
    return NounPhrase(
        noun=noun,
        shapes=shapes,
        colours=tuple(dict.fromkeys(colours)),
        sizes=tuple(dict.fromkeys(sizes)),
        superlative=superlative,
        ordinal=ordinal,
        relations=tuple(relations),
        every=every,
        plural=plural,
        receptacle=receptacle,
        surface=surface,
        text=text,
    ), i


def _colour_follows(words: tuple[str, ...], i: int) -> bool:
    return i + 1 < len(words) and words[i + 1] in lexicon.COLOURS


def _starts_thing(words: tuple[str, ...], i: int) -> bool:
    """Whether a noun follows the colour at i."""
    return i + 1 < len(words) and lexicon.singular(words[i + 1]) in lexicon.NOUNS


def side_at(words: tuple[str, ...], i: int) -> tuple[str, int] | None:
    """A superlative behind the noun: "on the left", "on the far right", "in the middle"."""
    j = i
    if words[j : j + 1] and words[j] in ("on", "to", "at", "in"):
        j += 1
        while words[j : j + 1] and words[j] in ("the", "far", "very"):
            j += 1
        if words[j : j + 1] and words[j] in ("left", "right", "middle", "center", "centre", "front", "back"):
            superlative = lexicon.SUPERLATIVES[words[j]]
            j += 1
            if words[j : j + 1] == ("side",):
                j += 1
            if words[j : j + 1] == ("of",):
                return None
            return superlative, j
    return None
