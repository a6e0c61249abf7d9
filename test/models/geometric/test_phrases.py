"""Noun phrases are read whole: a word that is not known is named, never skipped."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode
from molmo_ros.models.geometric import lexicon
from molmo_ros.models.geometric.phrases import PhraseError, parse_noun_phrase

WORDS = sorted(
    {*lexicon.ARTICLES, *lexicon.COLOURS, *lexicon.NOUNS, *lexicon.SUPERLATIVES, *lexicon.ANYTHING, *lexicon.SIZE_SMALL}
    | {w for phrase, _ in lexicon.RELATION_PHRASES for w in phrase}
    | {"shiny", "and", "all", "quickly", "blocks"}
)


def test_colour_size_shape_and_superlative_are_constraints() -> None:
    phrase = parse_noun_phrase("the leftmost small green block")
    assert (phrase.noun, phrase.colours, phrase.sizes, phrase.superlative) == ("block", ("green",), ("small",), "left")


@pytest.mark.parametrize(
    ("text", "superlative"),
    [
        ("the block on the left", "left"),
        ("the cup on the far right side", "right"),
        ("the nearest ball", "near"),
        ("the right-most can", "right"),
        ("the tallest bottle", "tall"),
        ("the middle block", "middle"),
    ],
)
def test_a_side_is_a_superlative_wherever_it_stands(text: str, superlative: str) -> None:
    assert parse_noun_phrase(text).superlative == superlative


def test_a_relation_nests_a_phrase() -> None:
    phrase = parse_noun_phrase("the red block to the left of the big bowl")
    ((relation, (reference,)),) = phrase.relations
    assert relation == "left_of"
    assert (reference.noun, reference.sizes) == ("bowl", ("large",))


def test_between_has_two_references() -> None:
    ((relation, references),) = parse_noun_phrase("the cup between the bowl and the red can").relations
    assert relation == "between"
    assert [r.noun for r in references] == ["bowl", "can"]


@pytest.mark.parametrize("text", ["all the red blocks", "every red block", "each of the red blocks"])
def test_all_is_heard(text: str) -> None:
    assert parse_noun_phrase(text).every


def test_an_ordinal_counts_along_the_superlative() -> None:
    phrase = parse_noun_phrase("the second smallest ball")
    assert (phrase.ordinal, phrase.superlative) == (1, "small")


@pytest.mark.parametrize(
    ("text", "word"), [("the shiny block", "shiny"), ("the block quickly", "quickly"), ("robot", "robot")]
)
def test_an_unknown_word_is_named(text: str, word: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse_noun_phrase(text)
    assert caught.value.code is ErrorCode.INSTRUCTION_NOT_UNDERSTOOD
    assert f'"{word}"' in caught.value.message


@given(st.lists(st.sampled_from(WORDS), max_size=20))
def test_any_row_of_words_is_read_or_refused_by_name(words: list[str]) -> None:
    try:
        phrase = parse_noun_phrase(" ".join(words))
    except PhraseError:
        return
    assert phrase.noun or phrase.colours or phrase.superlative or phrase.sizes


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(PhraseError):
        parse_noun_phrase(text)
