"""The v1 model gives the numbers of the published implementation.

The random ViTs of the golden sets are ill-conditioned: their features reach several hundred, and float32 rounding
alone moves the logits by up to 2e-4. So the text decoder is held to 1e-4 on the stored features, and the whole
model to 1e-4 or twice the rounding measured on our own side (float32 against float64 of the same code), whichever
is larger. A mistake in the code moves both precisions alike and earns no slack.
"""

from __future__ import annotations

import golden
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from molmo_ros.models.molmo_v1.config import molmoact_config
from molmo_ros.models.molmo_v1.model import MolmoV1Model, PromptTensors

PART = "molmoact_v1"
LOGITS, FEATURES_RELATIVE = 1e-4, 1e-5


def build(name):
    model = MolmoV1Model(molmoact_config(golden.load_json(PART, name, "config.json")))
    model.load_state_dict(load_file(golden.ROOT / PART / name / "model.safetensors"), strict=True)
    return model.eval()


@pytest.fixture(scope="module", params=golden.folders(PART))
def checkpoint(request):
    return request.param, build(request.param), golden.load_tensors(PART, request.param, "vectors.safetensors")


def prompt_of(tensors, case):
    pick = lambda name: tensors.get(f"{case}.{name}")  # noqa: E731
    pooling = pick("pooled_patches_idx")
    return PromptTensors(
        input_ids=pick("input_ids").long(),
        attention_mask=pick("attention_mask").long(),
        images=pick("images"),
        pooling=None if pooling is None else pooling.long(),
        # The published MolmoAct forward leaves the padding masks out; only Molmo v1 uses them.
        image_masks=None,
    )


def cases_of(name):
    return golden.cases(PART, name, "vectors.safetensors")


def test_image_features_match(checkpoint):
    name, model, tensors = checkpoint
    for case in cases_of(name):
        prompt = prompt_of(tensors, case)
        if prompt.images is None:
            continue
        with torch.inference_mode():
            features = model.image_features(prompt)
        expected = tensors[f"{case}.image_features"]
        assert features.shape == expected.shape
        relative = float((features - expected).norm() / expected.norm())
        golden.check(f"{PART}/{name} image_features (relative)", relative, 0.0, FEATURES_RELATIVE)


def run(model, prompt, features):
    with torch.inference_mode():
        hidden = model.prefill(prompt, model.new_cache(*prompt.input_ids.shape), features)
        return hidden, model.lm_head(hidden)


def rounding(name, prompt):
    """Largest difference of the logits between float32 and float64."""
    results = []
    for dtype in (torch.float32, torch.float64):
        model = build(name).to(dtype)
        with torch.inference_mode():
            features = model.image_features(prompt)
        results.append(run(model, prompt, features)[1][prompt.attention_mask.bool()].double())
    return float((results[0] - results[1]).abs().max())


def test_decoder_logits_match_on_the_stored_image_features(checkpoint):
    name, model, tensors = checkpoint
    for case in cases_of(name):
        prompt = prompt_of(tensors, case)
        kept = prompt.attention_mask.bool()
        hidden, logits = run(model, prompt, tensors.get(f"{case}.image_features"))
        golden.check(
            f"{PART}/{name} last_hidden_state", hidden[kept], tensors[f"{case}.last_hidden_state"][kept], LOGITS
        )
        golden.check(f"{PART}/{name} logits, stored features", logits[kept], tensors[f"{case}.logits"][kept], LOGITS)


def test_prefill_logits_match_end_to_end(checkpoint):
    name, model, tensors = checkpoint
    for case in cases_of(name):
        prompt = prompt_of(tensors, case)
        kept = prompt.attention_mask.bool()
        with torch.inference_mode():
            features = model.image_features(prompt)
        _, logits = run(model, prompt, features)
        slack = max(LOGITS, 2 * rounding(name, prompt))
        golden.check(f"{PART}/{name} logits, end to end", logits[kept], tensors[f"{case}.logits"][kept], slack)


def test_greedy_decoding_on_the_static_cache_matches(checkpoint):
    name, model, tensors = checkpoint
    for case in cases_of(name):
        seen = []
        expected = tensors[f"{case}.greedy_ids"]
        out = model.generate(
            prompt_of(tensors, case),
            max_new_tokens=expected.shape[1],
            on_logits=lambda _step, logits: seen.append(logits.clone()),  # noqa: B023
        )
        golden.check(f"{PART}/{name} greedy_ids", out.ids, expected, 0)
        slack = max(LOGITS, 2 * rounding(name, prompt_of(tensors, case)))
        golden.check(f"{PART}/{name} greedy_logits", torch.stack(seen, 1), tensors[f"{case}.greedy_logits"], slack)


def test_decoding_in_a_larger_cache_changes_nothing(checkpoint):
    name, model, tensors = checkpoint
    case = cases_of(name)[0]
    prompt = prompt_of(tensors, case)
    cache = model.new_cache(prompt.input_ids.shape[0], prompt.input_ids.shape[1] + 64)
    for _ in range(2):
        out = model.generate(prompt, max_new_tokens=8, cache=cache)
        assert np.array_equal(out.ids, tensors[f"{case}.greedy_ids"][:, :8])
