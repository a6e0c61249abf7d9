"""Prompts, statistics, masks, discrete tokens and chunk guidance of MolmoAct2 match the published code."""

from __future__ import annotations

from dataclasses import replace

import golden
import numpy as np
import pytest
import torch

from molmo_ros.models.errors import AnswerError, CheckpointError, InputError
from molmo_ros.models.molmoact2.config import molmoact2_config
from molmo_ros.models.molmoact2.context import encoder_mask, token_bins
from molmo_ros.models.molmoact2.depth import changed_cells, grid_side, spans
from molmo_ros.models.molmoact2.fast import load_fast
from molmo_ros.models.molmoact2.prompt import clean_task, robot_prompt, state_bins, state_text
from molmo_ros.models.molmoact2.rtc import Guidance, guided, prefix_weights
from molmo_ros.models.molmoact2.stats import normaliser

PART = "molmoact2/text_and_stats"
DOCUMENT = golden.load_json(PART, "cases.json")
TENSORS = golden.load_tensors(PART, "vectors.safetensors")
FAST = golden.load_json("molmoact2/fast_tokenizer", "cases.json")
FAST_TENSORS = golden.load_tensors("molmoact2/fast_tokenizer", "vectors.safetensors")


def test_instructions_are_cleaned_as_published():
    for case in DOCUMENT["language"]:
        assert clean_task(case["text"]) == case["normalised"], case["text"]


def test_prompts_are_literal():
    for case in DOCUMENT["prompts"]:
        given = case["inputs"]
        state = given["normalised_state"]
        if state is not None:
            assert state_bins(state, given["num_state_tokens"]) == case["state_bins"]
        text = state_text(state, given["num_state_tokens"])
        assert text == case["state_string"]
        written = robot_prompt(
            task=given["task"],
            state=text,
            setup=given["setup_type"],
            control=given["control_mode"],
            images=given["num_images"],
            depth=given["style"] == "robot_depth_action",
            setup_tokens=given["add_setup_tokens"],
            control_tokens=given["add_control_tokens"],
        )
        assert written == case["text"]


@pytest.mark.parametrize("case", DOCUMENT["normalisers"], ids=lambda c: f"{c['id']}-{c['mode']}")
def test_normalisers_match(case):
    mapper = normaliser(case["stats"], case["mode"])
    vector = lambda name: TENSORS[f"norm.{case['id']}.{name}"].numpy()  # noqa: E731
    normalised = mapper.normalise(vector("x"))
    golden.check(f"{PART} normalised", normalised, vector("normalised"), 1e-6)
    golden.check(f"{PART} round trip", mapper.unnormalise(normalised), vector("round_trip"), 1e-6)
    golden.check(f"{PART} unnormalised", mapper.unnormalise(vector("u")), vector("unnormalised"), 1e-6)


@pytest.mark.parametrize("case", DOCUMENT["normaliser_errors"], ids=lambda c: c["name"])
def test_incomplete_statistics_are_named(case):
    with pytest.raises(CheckpointError):
        normaliser(case["stats"], case["mode"])


@pytest.mark.parametrize("case", DOCUMENT["depth_masks"], ids=lambda c: str(c["id"]))
def test_changed_cells_match(case):
    vector = lambda name: TENSORS[f"depth.{case['id']}.{name}"].numpy()  # noqa: E731
    mask = changed_cells(vector("current"), vector("previous"), case["num_depth_codes"])
    clear = np.abs(vector("similarity_float64") - DOCUMENT["depth_threshold"]) > 1e-5
    golden.check(f"{PART} changed cells", mask[clear].astype(int), vector("mask")[clear].astype(int), 0)
    if clear.all():
        assert [list(span) for span in spans(mask)] == case["spans"]
        assert mask.sum() == case["updates"]


def test_a_depth_map_must_be_square():
    with pytest.raises(InputError):
        grid_side(99)


def test_spans_match():
    for case in DOCUMENT["depth_spans"]:
        assert [list(span) for span in spans([bool(v) for v in case["mask"]])] == case["spans"]


def test_discrete_bins_match():
    for case in DOCUMENT["discrete_bins"]:
        bins = token_bins(
            case["ids"],
            start_id=case["start"],
            end_id=case["end"],
            first_id=case["first_bin_id"],
            count=case["num_bins"],
        )
        assert bins == case["bins"]


def test_encoder_masks_match():
    base = molmoact2_config(golden.load_json("molmoact2", "base", "config.json"))
    for case in DOCUMENT["encoder_masks"]:
        config = replace(
            base, eos_id=case["eos"], action_start_id=case["action_start"], action_end_id=case["action_end"]
        )
        mask = encoder_mask(torch.tensor([case["ids"]]), torch.tensor([case["attention_mask"]]), config)
        assert mask[0].int().tolist() == case["mask"], case


@pytest.fixture(scope="module")
def fast():
    return load_fast(golden.ROOT / "molmoact2/fast_tokenizer")


def test_action_chunks_encode_as_published(fast):
    for case in FAST["encode"]:
        chunk = FAST_TENSORS["enc.actions"][case["id"]].numpy()
        assert fast.encode(chunk) == case["tokens"]


def decodes(fast, tokens, expected, horizon, dim):
    try:
        decoded = fast.decode(tokens, horizon=horizon, dim=dim)
    except AnswerError:
        return False
    golden.check("molmoact2/fast_tokenizer decoded", decoded, expected, 1e-9)
    return True


def test_action_tokens_decode_as_published_or_are_refused(fast):
    for case in FAST["encode"]:
        expected = FAST_TENSORS["enc.decoded"][case["id"]].numpy()
        if not decodes(fast, case["tokens"], expected, FAST["horizon"], FAST["dim"]):
            assert not expected.any(), "refused what the published code decodes"


def test_a_silent_failure_of_the_published_code_is_a_fault_here(fast):
    for number, case in enumerate(FAST["decode"]):
        expected = FAST_TENSORS["dec.decoded"][number].numpy()
        whole = case["decoded_symbols"] == case["expected_symbols"]
        readable = "\ufffd" not in fast.symbols(case["tokens"])
        accepted = decodes(fast, case["tokens"], expected, FAST["horizon"], FAST["dim"])
        assert accepted == (whole and readable)


def test_the_shape_of_a_chunk_can_be_named(fast):
    for case in FAST["reshape"]:
        expected = FAST_TENSORS[f"reshape.{case['id']}"].numpy()
        assert decodes(fast, case["tokens"], expected, case["time_horizon"], case["action_dim"])


def test_guided_steps_match():
    document, tensors = golden.load_json("rtc", "cases.json"), golden.load_tensors("rtc", "vectors.safetensors")
    for case in document["steps"]:
        vector = lambda name: tensors[f"step.{case['id']}.{name}"]  # noqa: B023, E731
        horizon = case["execution_horizon"]
        previous = tensors.get(f"step.{case['id']}.previous")
        guidance = (
            None
            if previous is None
            else Guidance(
                previous=previous,
                inference_delay=case["inference_delay"],
                execution_horizon=case["default_execution_horizon"] if horizon is None else horizon,
                max_weight=case["max_guidance_weight"],
                schedule=case["schedule"],
            )
        )
        if case["error"] is not None:
            with pytest.raises(InputError):
                guided(vector("x"), vector("v"), case["time"], guidance)
            continue
        result = guided(vector("x"), vector("v"), case["time"], guidance)
        expected = vector("guided")
        scale = max(1.0, float(expected.abs().max()))
        golden.check("rtc/steps guided", result / scale, expected / scale, 1e-6)


def test_prefix_weights_match():
    for case in golden.load_json("rtc", "cases.json")["prefix_weights"]:
        weights = prefix_weights(case["schedule"], case["start"], case["end"], case["total"])
        golden.check("rtc/prefix weights", weights, case["weights"], 1e-6)
