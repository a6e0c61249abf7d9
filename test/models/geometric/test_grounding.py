"""Grounding names one thing, or says what it sees, or asks which one. It never guesses."""

from __future__ import annotations

import pytest
from hand_made import T_BASE_CAMERA, scene, thing

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.geometric.grounding import ground
from molmo_ros.models.geometric.phrases import parse_noun_phrase

# The camera looks along -x, so +y is left in its picture and smaller x is farther away.
TABLE = scene(
    thing(0, "red", "block", (0.5, 0.2), (0.03, 0.03, 0.03)),
    thing(1, "red", "block", (0.5, -0.2), (0.06, 0.06, 0.06)),
    thing(2, "green", "ball", (0.4, 0.0)),
    thing(3, "blue", "bowl", (0.6, 0.0), (0.16, 0.16, 0.05), receptacle=True),
    thing(4, "white", "mug", (0.62, -0.22), (0.08, 0.08, 0.1), receptacle=True),
)


def found(text: str) -> list[int]:
    return [o.object_id for o in ground(parse_noun_phrase(text), TABLE, T_BASE_CAMERA).objects]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("the green ball", [2]),
        ("the bowl", [3]),
        ("the blue thing", [3]),
        ("the small red block", [0]),
        ("the biggest red block", [1]),
        ("the cup", [4]),
        ("the red block next to the mug", [1]),
        ("the farthest thing", [2]),
        ("the ball behind the bowl", [2]),
    ],
)
def test_one_thing_fits(text: str, ids: list[int]) -> None:
    assert found(text) == ids


def test_left_is_left_in_the_picture() -> None:
    left = found("the leftmost red block")[0]
    right = found("the red block on the right")[0]
    assert TABLE.objects[left].center_px[0] < TABLE.objects[right].center_px[0]


def test_all_gives_every_one_from_left_to_right() -> None:
    ids = found("all the red blocks")
    assert sorted(ids) == [0, 1]
    assert TABLE.objects[ids[0]].center_px[0] < TABLE.objects[ids[1]].center_px[0]


def test_two_that_fit_are_a_question_with_the_choices() -> None:
    with pytest.raises(MolmoRosError, match="Which one") as caught:
        found("the red block")
    assert caught.value.code is ErrorCode.AMBIGUOUS
    assert "leftmost" in caught.value.message
    assert "rightmost" in caught.value.message


@pytest.mark.parametrize("text", ["the yellow block", "the bottle", "the red ball", "the ball in front of the bowl"])
def test_what_is_not_there_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(MolmoRosError) as caught:
        found(text)
    assert caught.value.code is ErrorCode.NOT_GROUNDED
    assert "I see" in caught.value.message
    assert "green ball" in caught.value.message


def test_a_clearer_likeness_beats_a_vague_one() -> None:
    vague = thing(1, "red", "box", (0.5, -0.2))
    vague.shape_scores.update({"box": 0.7, "can": 0.25})
    table = scene(thing(0, "red", "can", (0.5, 0.2)), vague)
    assert [o.object_id for o in ground(parse_noun_phrase("the can"), table, T_BASE_CAMERA).objects] == [0]
