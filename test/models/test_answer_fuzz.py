"""No answer, however broken, makes a reader raise anything but a named fault; well-formed ones mean what was written.

``MOLMO_ROS_FUZZ`` sets the number of mutated answers; ``molmo-ros bench parsers`` runs 100,000.
"""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.cli.bench import _answers
from molmo_ros.models.errors import AnswerError
from molmo_ros.models.grammars.bounds import MAX_TEXT
from molmo_ros.models.molmoact.parsers import trace_lists

COUNT = int(os.environ.get("MOLMO_ROS_FUZZ", "3000"))
SEED = int(os.environ.get("MOLMO_ROS_FUZZ_SEED", "20251121"))


def run_all(text):
    for name, reader in _answers.READERS.items():
        try:
            reader(text)
        except AnswerError as error:
            assert error.message
        except Exception as error:
            pytest.fail(f"{name} raised {type(error).__name__} on {text[:300]!r} (seed {SEED})")


def test_well_formed_answers_mean_what_was_written():
    rng = np.random.default_rng(SEED)
    for _ in range(max(200, COUNT // 50)):
        written = _answers.MAKERS[int(rng.integers(len(_answers.MAKERS)))](rng)
        assert _answers.meaning(written) == written.meaning, written.text


def test_mutated_answers_end_in_a_result_or_a_named_fault():
    rng = np.random.default_rng(SEED)
    texts = [_answers.MAKERS[i % len(_answers.MAKERS)](rng).text for i in range(60)]
    for _ in range(COUNT):
        run_all(_answers.broken(rng, texts))


@pytest.mark.parametrize("text", _answers.hostile(MAX_TEXT), ids=lambda t: repr(t[:10] + t[-4:]))
def test_hostile_texts_of_full_length_are_read_to_the_end(text):
    run_all(text)


@pytest.mark.parametrize("name", _answers.READERS)
def test_longer_texts_are_refused_unread(name):
    try:
        message = getattr(_answers.READERS[name]("[" * (MAX_TEXT + 1)), "message", "")
    except AnswerError as error:
        message = error.message
    assert f"more than {MAX_TEXT} are not read" in message


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[],1 a.\n", max_size=60))
def test_traces_are_those_of_the_published_expression(text):
    """The published reader is this expression; ours scans brackets once."""
    outer = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])+\]")
    number = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$")
    expected = []
    for block in outer.findall(text):
        rows = [[p.strip() for p in row.split(",")] for row in re.findall(r"\[([^\[\]]+)\]", block)]
        if rows and all(len(row) == 2 and all(number.match(p) for p in row) for row in rows):
            expected.append([[float(p) for p in row] for row in rows])
    assert trace_lists(text) == expected
