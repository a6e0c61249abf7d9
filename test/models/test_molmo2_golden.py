"""Transformers' Molmo2, filled by our loader, gives the stored numbers; so do our prefill, decoding and scoring."""

from __future__ import annotations

import functools
import time

import golden
import pytest
import torch

from molmo_ros.models.molmo2.native import load_native
from molmo_ros.models.molmo2.vlm import Vlm, VlmInputs
from molmo_ros.models.weights import open_checkpoint

PART = "molmo2"
LOGITS, KV = 1e-4, 1e-5
CASES = [
    (name, case)
    for name in golden.folders(PART)
    for case in golden.cases(PART, name, "vectors.safetensors", suffix="logits")
]


@functools.lru_cache(maxsize=4)
def model_of(name, dtype=torch.float32):
    return Vlm(load_native(open_checkpoint(golden.ROOT / PART / name), dtype=dtype))


@functools.lru_cache(maxsize=2)
def tensors_of(name):
    return golden.load_tensors(PART, name, "vectors.safetensors")


def inputs_of(tensors, case, dtype=torch.float32):
    pick = lambda key: tensors.get(f"{case}.{key}")  # noqa: E731
    mask, video = pick("attention_mask"), pick("pixel_values_videos") is not None
    kind = "video" if video else "image"
    pixels = pick("pixel_values_videos" if video else "pixel_values")
    return VlmInputs(
        input_ids=pick("input_ids").long(),
        token_types=pick("mm_token_type_ids").long(),
        attention_mask=None if mask is None or bool(mask.all()) else mask.long(),
        pixel_values=None if pixels is None else pixels.to(dtype),
        pooling=None if pixels is None else pick(f"{kind}_token_pooling").long(),
        grids=None if pixels is None else pick(f"{kind}_grids").long(),
        video=video,
    )


def hidden_and_logits(model, inputs):
    with torch.inference_mode():
        output = model.native.model(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            mm_token_type_ids=inputs.token_types,
            mm_encoder_outputs=model.see(inputs) or None,
        )
        return output.last_hidden_state, model.logits(output.last_hidden_state)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_logits_match(name, case):
    tensors = tensors_of(name)
    kept = tensors[f"{case}.attention_mask"].bool()
    for index, (label, stored) in enumerate((("last_hidden_state", "last_hidden_state"), ("logits", "logits"))):
        run = lambda dtype: hidden_and_logits(model_of(name, dtype), inputs_of(tensors, case, dtype))[index][kept]  # noqa: B023, E731
        allowed = golden.slack(LOGITS, golden.rounding(run))
        golden.check(f"{PART}/{name} {label}", run(torch.float32), tensors[f"{case}.{stored}"][kept], allowed)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_cache_matches(name, case):
    tensors = tensors_of(name)
    layers = [
        model_of(name, dtype).prefill(inputs_of(tensors, case, dtype)).cache.layers
        for dtype in (torch.float32, torch.float64)
    ]
    for number, (single, double) in enumerate(zip(*layers, strict=True)):
        for kind in ("keys", "values"):
            mine, exact = getattr(single, kind), getattr(double, kind)
            expected = tensors[f"{case}.kv_{kind[0]}.{number}"]
            allowed = golden.slack(KV, float((mine - exact).abs().max()), expected)
            golden.check(f"{PART}/{name} KV", mine, expected, allowed)


@pytest.mark.parametrize("static", [False, True], ids=["growing", "static"])
@pytest.mark.parametrize(("name", "case"), CASES)
def test_greedy_decoding_matches(name, case, static):
    tensors, model = tensors_of(name), model_of(name)
    expected = tensors[f"{case}.greedy_ids"].flatten().tolist()
    prefix = model.prefill(inputs_of(tensors, case), room=len(expected) if static else None)
    written, ended = model.decode(
        prefix, max_new_tokens=len(expected), stop_ids=frozenset(), deadline_s=time.monotonic() + 60
    )
    assert written == expected
    assert not ended


@pytest.mark.parametrize(("name", "case"), CASES)
def test_answers_are_scored_on_one_vision_prefix(name, case):
    tensors, model = tensors_of(name), model_of(name)
    ids = tensors[f"{case}.greedy_ids"].flatten().tolist()
    expected = tensors[f"{case}.greedy_logprob"].flatten()
    prefix = model.prefill(inputs_of(tensors, case))
    before = prefix.length
    answers = [ids[: count + 1] for count in range(len(ids))]

    def scores(dtype):
        kept = prefix if dtype is torch.float32 else model_of(name, dtype).prefill(inputs_of(tensors, case, dtype))
        totals = torch.tensor([0.0, *model_of(name, dtype).log_probabilities(kept, answers)], dtype=torch.float64)
        return totals.diff()

    single = scores(torch.float32)
    allowed = golden.slack(LOGITS, golden.rounding(scores))
    golden.check(f"{PART}/{name} log-probabilities", single, expected, allowed)
    assert prefix.length == before
    assert torch.equal(single, scores(torch.float32)), "scoring an answer changed the prefix"
