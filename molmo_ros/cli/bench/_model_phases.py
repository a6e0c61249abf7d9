"""Times the phases of each model: small checkpoints through the whole backend, true sizes with random weights on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from molmo_ros.models import tiny
from molmo_ros.models.molmo2 import native
from molmo_ros.models.molmo2.vlm import Vlm, VlmInputs
from molmo_ros.models.molmo_v1.config import MolmoV1Config, molmoact_7b_d
from molmo_ros.models.molmo_v1.loader import build_empty
from molmo_ros.models.molmo_v1.model import PromptTensors
from molmo_ros.models.molmoact2.config import molmoact2_config
from molmo_ros.models.molmoact2.expert import ActionExpert, DepthGate
from molmo_ros.models.molmoact2.flow import FlowSampler
from molmo_ros.models.molmoact2.model import MolmoAct2Model
from molmo_ros.models.registry import ModelSpec, build_model

Row = dict[str, float]
RELEASED_V2: dict[str, Any] = {
    "vit_config": {"num_hidden_layers": 27, "image_default_input_size": [378, 378], "image_num_pos": 729},
    "adapter_config": {"vit_layers": [-3, -9], "intermediate_size": 9728, "text_hidden_size": 2560},
    "text_config": {
        "hidden_size": 2560,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 9728,
        "vocab_size": 154624,
        "additional_vocab_size": 128,
        "rope_theta": 5e6,
        "max_position_embeddings": 16384,
    },
    "image_patch_id": 154626,
    "image_start_token_id": 154624,
    "image_end_token_id": 154625,
    "eos_token_id": 151645,
    "max_action_dim": 32,
    "max_action_horizon": 15,
    "action_expert_config": {"hidden_size": 768, "num_layers": 36, "num_heads": 8, "mlp_ratio": 4.0},
}


def picture(seed: int = 0) -> Any:
    """A frame of noise, 64x48."""
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def small_models(folder: Path, repeats: int) -> Iterator[tuple[str, list[Row]]]:
    """Time small checkpoints through their real engines on the CPU.

    Yields:
        Name of the model and the seconds per phase of each repeat; ``decode`` is per token.
    """
    answer = "The trajectory of the end effector is [[10, 20], [30, 40]]. " * 8
    tiny.write_molmoact(folder / "molmoact", answer=answer)
    tiny.write_graspmolmo(folder / "graspmolmo", answer=answer)
    tiny.write_molmo2(folder / "molmo2", answer=answer)
    tiny.write_molmoact2(folder / "molmoact2")
    tiny.write_molmoact2(folder / "molmoact2-think", think=True)
    soon = time.monotonic() + 3600

    def backend(name: str, **options: Any) -> Any:
        spec = {"backend": name.partition("-")[0], "checkpoint": str(folder / name), **options}
        return build_model(ModelSpec.from_mapping(spec))

    molmoact = backend("molmoact").engine
    yield (
        "molmoact",
        _repeat(repeats, lambda: _told(molmoact.answer([picture()], "move", max_new_tokens=64, deadline_s=soon))),
    )
    molmo2 = backend("molmo2").engine
    shown = molmo2.prompts.images([picture()])
    yield "molmo2", _repeat(repeats, lambda: _told(molmo2.answer(shown, "cup", max_new_tokens=64, deadline_s=soon)))
    grasp = backend("graspmolmo")
    yield "graspmolmo", _repeat(repeats, lambda: _made(grasp._ask(picture(), "lift", limit=64, deadline_s=soon)[1]))
    state = np.zeros(8, dtype=np.float32)
    for name, depth in (("molmoact2", False), ("molmoact2-think", True)):
        engine = backend(name, norm_tag="franka_droid").engine
        yield name, _repeat(repeats, lambda: _acted(engine, state, soon, depth=depth))  # noqa: B023


def _acted(engine: Any, state: Any, deadline_s: float, *, depth: bool) -> Row:
    engine.forget()
    return dict(engine.act([picture(), picture(1)], "move", state, deadline_s=deadline_s, depth=depth).seconds)


def _told(answer: Any) -> Row:
    return {**answer.seconds, "decode": answer.seconds["decode"] / max(answer.tokens, 1)}


def _made(generation: Any) -> Row:
    return {**generation.seconds, "decode": generation.seconds["decode"] / generation.ids.shape[1]}


def _repeat(count: int, run: Callable[[], Row]) -> list[Row]:
    run()
    return [run() for _ in range(count)]


def fill(module: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Give a module on the meta device random weights of a sane size."""
    for owner in module.modules():
        for name, parameter in list(owner._parameters.items()):
            if parameter is not None and parameter.is_meta:
                value = torch.empty(parameter.shape, device=device, dtype=dtype).normal_(std=0.02)
                owner._parameters[name] = torch.nn.Parameter(value, requires_grad=False)
        for name, buffer in list(owner._buffers.items()):
            if buffer is not None:
                filled = torch.zeros(buffer.shape, device=device, dtype=dtype) if buffer.is_meta else buffer.to(device)
                owner._buffers[name] = filled


def full_molmoact(
    device: torch.device, repeats: int, *, config: MolmoV1Config | None = None, tokens: int = 128, text: int = 130
) -> list[Row]:
    """Time MolmoAct v1 at its true size: two 320x240 images, so many text and new tokens.

    Args:
        device: Where to run.
        repeats: Timed runs after one to warm up.
        config: Another size, for trying this on a CPU.
        tokens: New tokens.
        text: Text tokens of the prompt.
    """
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = build_empty(config or molmoact_7b_d())
    fill(model, device, dtype)
    if device.type == "cuda":
        model.step = torch.compile(model.step, mode="reduce-overhead", dynamic=False)
    rows, cols = model.config.vit.patches_hw
    per_image = 2 * -(-rows // 2) * -(-cols // 2)
    patches = rows * cols
    ids = torch.full((1, 2 * per_image + text), 1, device=device)
    ids[:, : 2 * per_image] = model.config.image_patch_id
    pooling = torch.randint(0, 4 * patches, (1, 2 * per_image, 4), device=device)
    pixels = model.config.vit.image_patch_size**2 * 3
    prompt = PromptTensors(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        images=torch.rand(1, 4, patches, pixels, device=device, dtype=dtype) * 2 - 1,
        pooling=pooling,
    )
    cache = model.new_cache(1, ids.shape[1] + tokens)

    def run() -> Row:
        seconds = dict(model.generate(prompt, max_new_tokens=tokens, cache=cache).seconds)
        return {**seconds, "image to trace": sum(seconds.values()), "decode": seconds["decode"] / tokens}

    return _repeat(repeats, run)


def full_molmoact2(
    device: torch.device, repeats: int, *, raw: dict[str, Any] | None = None, text: int = 90, images: int = 2
) -> list[Row]:
    """Time a MolmoAct2 chunk at its true size: the DROID shape, two images, ten flow steps.

    Args:
        device: Where to run.
        repeats: Timed runs after one to warm up.
        raw: Another ``config.json``, for trying this on a CPU.
        text: Text tokens of the prompt.
        images: Number of images.
    """
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    raw = RELEASED_V2 if raw is None else raw
    config, shape = molmoact2_config(raw), native.native_config(raw)
    vlm = native.build_empty(shape)
    with torch.device("meta"):
        expert = ActionExpert(config.expert, kv_width=config.kv_width, max_action_dim=config.max_action_dim)  # type: ignore[arg-type]
        gate = DepthGate(config.kv_width, config.vlm_layers) if config.depth_gate else None
    for part in filter(None, (vlm, expert, gate)):
        fill(part, device, dtype)
    model = MolmoAct2Model(config, Vlm(vlm), expert.eval(), gate)
    side = shape.vision_config.image_size[0] // shape.vision_config.patch_size
    grid = -(-side // 2)
    count = grid * grid
    ids = torch.full((1, images * (count + 2) + text), 1, device=device)
    ids[:, : images * count] = config.image_patch_id
    inputs = VlmInputs(
        input_ids=ids,
        token_types=(ids == config.image_patch_id).long(),
        pixel_values=torch.rand(images, side * side, shape.vision_config.patch_size**2 * 3, device=device, dtype=dtype),
        pooling=torch.randint(0, images * side * side, (images * count, 4), device=device),
        grids=torch.tensor([[grid, grid, 0, 0]] * images, device=device),
    )
    noise = torch.randn(1, config.max_action_horizon, config.max_action_dim, device=device)
    sampler = model.sampler or FlowSampler(expert)

    def run() -> Row:
        started = time.monotonic()
        prefix = model.vlm.prefill(inputs)
        flowing = time.monotonic()
        with torch.inference_mode():
            sampler.sample(noise, model.expert_context(prefix), steps=config.flow_steps, action_dim=8).cpu()
        ended = time.monotonic()
        return {**prefix.seconds, "flow": ended - flowing, "chunk": ended - started}

    return _repeat(repeats, run)
