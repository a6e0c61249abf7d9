"""Depth codes decode to the published network's image, and images encode to its codes."""

from __future__ import annotations

import hashlib

import golden
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from molmo_ros.models.errors import AnswerError, CheckpointError
from molmo_ros.models.molmoact.vqvae import DepthVqVae, depth_image, from_state_dict, load

PART = "depth_vqvae"
DECODES = 2e-4


def full_weights(spec):
    """Weights of the published size, from the rule in ``cases.json``."""
    state = {}
    for index, (name, info) in enumerate(sorted(spec["keys"].items())):
        shape = tuple(info["shape"])
        values = np.random.Generator(np.random.PCG64(spec["seed"] + index)).standard_normal(
            int(np.prod(shape)), dtype=np.float32
        )
        if name.endswith(".bias"):
            values = values * np.float32(0.1)
        elif name.endswith(".weight"):
            transposed = name.startswith("decoder") and len(shape) == 4 and shape[2:] == (4, 4)
            fan = shape[0] * 4 if transposed else int(np.prod(shape[1:]))
            values = values * np.float32(np.sqrt(1.6 / fan))
        values = np.ascontiguousarray(values.astype(np.float32).reshape(shape))
        assert hashlib.sha256(values.tobytes()).hexdigest() == info["sha256"], name
        state[name] = torch.from_numpy(values)
    return state


@pytest.fixture(scope="module", params=["small", "full"])
def network(request):
    document = golden.load_json(PART, "cases.json")
    if request.param == "small":
        model = from_state_dict(load_file(golden.ROOT / PART / "small_weights_fp16.safetensors"))
    else:
        model = from_state_dict(full_weights(document["full_weights"]))
    return request.param, model, golden.load_tensors(PART, "vectors.safetensors")


def numbered(tensors, prefix):
    return sorted(int(k.rsplit(".", 1)[1]) for k in tensors if k.startswith(prefix + "."))


def input_image(tensors, size, index):
    stored = tensors.get(f"{size}.encode_input.{index}")
    if stored is not None:
        return stored
    y, x = np.meshgrid(np.arange(320), np.arange(320), indexing="ij")
    wave = (np.sin(x / (17 + 7 * index)) + np.cos(y / (23 + 5 * index))) / 4 + 0.5
    return torch.from_numpy(wave.astype(np.float32))


def test_decoded_images_match(network):
    size, model, tensors = network
    for index in numbered(tensors, f"{size}.codes"):
        codes = tensors[f"{size}.codes.{index}"].long()
        with torch.inference_mode():
            decoded = model.decode(codes)[0, 0]
        expected = tensors[f"{size}.decoded_strided.{index}"]
        stride = decoded.shape[0] // expected.shape[0]
        golden.check(f"{PART}/{size} decoded", decoded[::stride, ::stride], expected, DECODES)
        extremes = tensors[f"{size}.min_max.{index}"]
        golden.check(f"{PART}/{size} extremes", [decoded.min(), decoded.max()], extremes, DECODES)
        image = depth_image(model, codes.flatten().tolist())
        golden.check(
            f"{PART}/{size} scaled", image[::stride, ::stride], tensors[f"{size}.normalised_strided.{index}"], DECODES
        )
        sums = tensors[f"{size}.row_sums_float64.{index}"]
        golden.check(f"{PART}/{size} row sums", decoded.double().sum(1) / 320, sums / 320, DECODES)


def test_encoded_indices_match(network):
    size, model, tensors = network
    for index in numbered(tensors, f"{size}.encode_indices"):
        image = input_image(tensors, size, index)[None, None]
        with torch.inference_mode():
            features, codes = model.features(image), model.encode(image)
        golden.check(
            f"{PART}/{size} encoder features", features[:, :8], tensors[f"{size}.encoder_features.{index}"], 1e-4
        )
        clear = tensors[f"{size}.encode_margin.{index}"].reshape(codes.shape) > 1e-3
        expected = tensors[f"{size}.encode_indices.{index}"].long()
        golden.check(f"{PART}/{size} codes", codes[clear], expected[clear], 0)


def test_codes_outside_the_book_are_refused():
    with pytest.raises(AnswerError):
        depth_image(DepthVqVae(hidden=2, width=8), [0, 128])


def test_another_network_is_refused(tmp_path):
    with pytest.raises(CheckpointError):
        from_state_dict({"encoder.0.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError):
        load(tmp_path / "missing.pt")
