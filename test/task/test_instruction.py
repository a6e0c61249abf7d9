"""Sentences become commands; what is not understood is said, with what would be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.task.instruction import CommandKind, parse_instruction


@pytest.mark.parametrize(
    "text",
    [
        "pick up the red block",
        "Pick the red block up.",
        "please grab the red block",
        "Could you lift the red block, please?",
        "take the red block",
        "I want you to get me the red block now",
    ],
)
def test_picking_has_many_words(text: str) -> None:
    (command,) = parse_instruction(text)
    assert (command.kind, command.target) == (CommandKind.PICK, "the red block")


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("put the red block in the bowl", "in"),
        ("place the red block into the bowl", "in"),
        ("set the red block down on the bowl", "on"),
        ("stack the red block on top of the bowl", "on"),
        ("move the red block next to the bowl", "next_to"),
        ("bring the red block close to the bowl", "next_to"),
        ("put the red block to the left of the bowl", "left_of"),
        ("put the red block on the right side of the bowl", "right_of"),
        ("put the red block behind the bowl", "behind"),
        ("put the red block in front of the bowl", "in_front_of"),
        ("pick up the red block and put it in the bowl", "in"),
        ("grab the red block, then place it in the bowl", "in"),
    ],
)
def test_placing_has_a_relation(text: str, relation: str) -> None:
    command = parse_instruction(text)[0]
    assert (command.kind, command.target, command.relation, command.reference) == (
        CommandKind.PLACE,
        "the red block",
        relation,
        "the bowl",
    )


def test_a_sentence_with_two_readings_gives_both() -> None:
    readings = parse_instruction("put the cup on the plate next to the bowl")
    assert [(c.target, c.reference) for c in readings] == [
        ("the cup", "the plate next to the bowl"),
        ("the cup on the plate", "the bowl"),
    ]


def test_all_is_carried_on() -> None:
    assert parse_instruction("put all the red blocks into the tray")[0].every


@pytest.mark.parametrize(("words", "direction"), [("to the left", "left"), ("away", "away"), ("towards me", "near")])
def test_pushing_has_a_direction(words: str, direction: str) -> None:
    command = parse_instruction(f"push the red block {words}")[0]
    assert (command.kind, command.relation) == (CommandKind.PUSH, direction)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.INSTRUCTION_EMPTY),
        (" \n\t", ErrorCode.INSTRUCTION_EMPTY),
        ("pick up the red block " * 100, ErrorCode.INSTRUCTION_TOO_LONG),
        ("把红色的积木放进碗里", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("положи красный кубик в миску", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("\x00\ufffd\U0001f916", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("dance", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("put the red block", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("pick up the shiny block", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("pick up", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
    ],
)
def test_bad_sentences_get_one_sentence_and_a_code(text: str, code: ErrorCode) -> None:
    with pytest.raises(MolmoRosError) as caught:
        parse_instruction(text)
    assert caught.value.code is code
    assert "\n" not in caught.value.message


def test_a_model_with_words_of_its_own_gets_the_whole_sentence() -> None:
    (command,) = parse_instruction("pour me some tea", open_vocabulary=True)
    assert (command.kind, command.target) == (CommandKind.FOLLOW, "pour me some tea")


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert parse_instruction(text)
    except MolmoRosError as error:
        assert 100 <= error.code < 200
