"""Answers of MolmoAct v1 are read as the published parsers read them."""

from __future__ import annotations

import golden
import numpy as np
import pytest

from molmo_ros.models.errors import AnswerError, CheckpointError
from molmo_ros.models.molmoact import symbols
from molmo_ros.models.molmoact.actions import action_stats
from molmo_ros.models.molmoact.parsers import (
    depth_blocks,
    depth_codes,
    depth_grid,
    parse_answer,
    symbol_lists,
    trace_lists,
)

PART = "molmoact_v1_parsers"
DOCUMENT = golden.load_json(PART, "cases.json")


def test_depth_and_trace_strings_match():
    for case in DOCUMENT["cases"]:
        assert depth_blocks(case["text"]) == case["depth"]["ok"], case["id"]
        assert trace_lists(case["text"]) == case["trace"]["ok"], case["id"]


def test_action_values_match_wherever_the_symbols_are_in_the_table():
    for case in DOCUMENT["cases"]:
        stats = action_stats(DOCUMENT["norm_stats"], case["unnorm_key"])
        lists = symbol_lists(case["text"], stats.dim)
        assert lists == case["action_tokens"], case["id"]
        for tokens, expected in zip(lists, case["action"]["ok"], strict=True):
            values = [symbols.decode_symbol(token) for token in tokens]
            if None in values:
                assert {t["token"] for t in case["tokens_outside_table"]} & set(tokens)
                continue
            golden.check(f"{PART} actions", stats.unnormalise(values), expected, 1e-6)


def test_a_step_with_an_unknown_symbol_is_not_guessed():
    for case in DOCUMENT["cases"]:
        if case["tokens_outside_table"]:
            stats = action_stats(DOCUMENT["norm_stats"], case["unnorm_key"])
            answer = parse_answer(case["text"], action_dim=stats.dim)
            assert answer.steps == ()
            assert answer.notes


def test_the_shipped_symbol_table_is_the_vocabulary():
    for row in DOCUMENT["action_symbols"]:
        assert symbols.ID_OF[row["symbol"]] == row["id"]
    assert len(symbols.ID_OF) == len(DOCUMENT["action_symbols"])
    golden.check(f"{PART} bin centres", symbols.bin_centers(), DOCUMENT["bin_centers"], 1e-15)


def test_values_are_encoded_as_published():
    for case in DOCUMENT["encode_cases"]:
        assert symbols.digitize(case["value"]) == case["discretized"]
        assert symbols.encode(case["value"]) == case["symbol"]
        assert symbols.ID_OF[case["symbol"]] == case["id"]
        golden.check(f"{PART} decoded", symbols.decode_symbol(case["symbol"]), case["decoded"], 1e-12)


@pytest.mark.parametrize("case", DOCUMENT["unnorm_key_cases"], ids=lambda c: c["name"])
def test_statistics_are_chosen_by_key(case):
    available = {key: DOCUMENT["norm_stats"][key] for key in case["norm_stats_keys"]}
    if "error" in case["result"]:
        with pytest.raises(CheckpointError):
            action_stats(available, case["unnorm_key"])
        return
    stats = action_stats(available, case["unnorm_key"])
    steps = parse_answer(case["text"], action_dim=stats.dim).steps
    golden.check(f"{PART} keyed actions", stats.unnormalise(steps), case["result"]["ok"], 1e-6)


@pytest.mark.parametrize(
    "case", golden.load_json("depth_vqvae", "cases.json")["parse_depth_tokens"], ids=lambda c: c["text"][:20]
)
def test_depth_strings_are_read_as_published(case):
    if "error" in case["result"]:
        with pytest.raises(AnswerError):
            depth_codes(case["text"])
    else:
        assert depth_codes(case["text"]) == case["result"]["ok"]


def test_depth_grids_are_the_published_ones():
    for case in golden.load_json("depth_vqvae", "cases.json")["grids"]:
        assert list(depth_grid([0] * case["n"])) == case["hw"]
    assert np.prod(depth_grid([0] * 100)) == 100
