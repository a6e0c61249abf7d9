"""Transformers' own Molmo2, filled from the published safetensors layout.

The layout before transformers' renaming is shared by Molmo2 and by the VLM of MolmoAct2; ``model.action_expert.*``
of the latter is left to :mod:`molmo_ros.models.molmoact2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers.models.molmo2.configuration_molmo2 import Molmo2Config
from transformers.models.molmo2.modeling_molmo2 import Molmo2ForConditionalGeneration, Molmo2RotaryEmbedding

from molmo_ros.models.errors import CheckpointError
from molmo_ros.models.weights import Checkpoint, Plan, Progress, Target, load_into

NOT_THE_VLM = ("model.action_expert", "model.transformer.rotary_emb")
_TOP_KEYS = (
    "image_start_token_id",
    "low_res_image_start_token_id",
    "image_end_token_id",
    "image_patch_id",
    "image_col_id",
    "image_low_res_id",
    "frame_start_token_id",
    "frame_end_token_id",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


def native_config(raw: Mapping[str, Any]) -> Molmo2Config:
    """Turn the ``config.json`` of Molmo2 or MolmoAct2 into transformers' configuration.

    Args:
        raw: The parsed JSON.

    Raises:
        CheckpointError: It is neither, or describes a VLM that transformers' Molmo2 cannot be.
    """
    for name in ("adapter_config", "text_config"):
        if not isinstance(raw.get(name), Mapping):
            raise CheckpointError(f"config.json has no '{name}' section; is this a Molmo2 or MolmoAct2 checkpoint?")
    vit = raw.get("vit_config") or raw.get("vision_config")
    if not isinstance(vit, Mapping):
        raise CheckpointError("config.json has no 'vit_config' section; is this a Molmo2 or MolmoAct2 checkpoint?")
    text = dict(raw["text_config"])
    if text.get("use_qk_norm") is False:
        raise CheckpointError("config.json asks for a decoder without QK-norm, which no published Molmo2 is.")
    if raw["adapter_config"].get("pooling_attention_mask") is False:
        raise CheckpointError("config.json asks for unmasked pooling; that is the v1 architecture.")
    for stale in ("model_type", "use_qk_norm"):
        text.pop(stale, None)
    sections = {
        "vit_config": {k: v for k, v in vit.items() if k != "model_type"},
        "adapter_config": {k: v for k, v in raw["adapter_config"].items() if k != "model_type"},
        "text_config": text,
    }
    try:
        config = Molmo2Config(**sections, **{key: raw[key] for key in _TOP_KEYS if key in raw})
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"config.json does not describe a Molmo2: {error}.") from error
    config._attn_implementation = "sdpa"
    return config


def build_empty(config: Molmo2Config) -> Molmo2ForConditionalGeneration:
    """Build the model without storage; the rotary tables, which are not stored, are real."""
    with torch.device("meta"):
        model = Molmo2ForConditionalGeneration(config)
    text = config.text_config
    model.model.language_model.rotary_emb = Molmo2RotaryEmbedding(text)
    model.model.language_model.rotary_emb_unscaled = Molmo2RotaryEmbedding(text, scaled=False)
    return model.eval()


def plan(config: Molmo2Config) -> Plan:
    """Map the published names to transformers' names."""
    text, vision = config.text_config, config.vision_config
    language, tower, joint = "model.language_model", "model.vision_tower", "model.multi_modal_projector"
    embed = f"{language}.embed_tokens.weight"
    base, extra = text.vocab_size, text.additional_vocab_size
    made: dict[str, list[Target]] = {
        "lm_head.weight": [Target(parameter="lm_head.weight")],
        "model.transformer.ln_f.weight": [Target(parameter=f"{language}.norm.weight")],
        "model.transformer.wte.embedding": [Target(parameter=embed, into=(0, base))],
        "model.transformer.wte.new_embedding": [Target(parameter=embed, into=(base, base + extra))],
    }
    kv = text.num_key_value_heads * text.head_dim
    q = text.num_attention_heads * text.head_dim
    for index in range(text.num_hidden_layers):
        old, new = f"model.transformer.blocks.{index}", f"{language}.layers.{index}"
        for suffix in ("weight", "bias") if text.attention_bias else ("weight",):
            made[f"{old}.self_attn.att_proj.{suffix}"] = [
                Target(parameter=f"{new}.self_attn.q_proj.{suffix}", source=(0, q)),
                Target(parameter=f"{new}.self_attn.k_proj.{suffix}", source=(q, q + kv)),
                Target(parameter=f"{new}.self_attn.v_proj.{suffix}", source=(q + kv, q + 2 * kv)),
            ]
        hidden = text.intermediate_size
        made[f"{old}.mlp.ff_proj.weight"] = [
            Target(parameter=f"{new}.mlp.up_proj.weight", source=(0, hidden)),
            Target(parameter=f"{new}.mlp.gate_proj.weight", source=(hidden, 2 * hidden)),
        ]
        for stored, named in {
            "self_attn.attn_out": "self_attn.o_proj",
            "self_attn.q_norm": "self_attn.q_norm",
            "self_attn.k_norm": "self_attn.k_norm",
            "attn_norm": "input_layernorm",
            "ff_norm": "post_attention_layernorm",
            "mlp.ff_out": "mlp.down_proj",
        }.items():
            made[f"{old}.{stored}.weight"] = [Target(parameter=f"{new}.{named}.weight")]
    vit = "model.vision_backbone.image_vit"
    made[f"{vit}.positional_embedding"] = [Target(parameter=f"{tower}.positional_embedding")]
    heads = {"wq": "q_proj", "wk": "k_proj", "wv": "v_proj", "wo": "o_proj"}
    for suffix in ("weight", "bias"):
        made[f"{vit}.patch_embedding.{suffix}"] = [Target(parameter=f"{tower}.patch_embedding.{suffix}")]
        for index in range(vision.num_hidden_layers):
            old, new = f"{vit}.transformer.resblocks.{index}", f"{tower}.layers.{index}"
            pairs = {f"attention.{k}": f"self_attn.{v}" for k, v in heads.items()}
            pairs |= {"feed_forward.w1": "mlp.fc1", "feed_forward.w2": "mlp.fc2"}
            pairs |= {"attention_norm": "layer_norm1", "ffn_norm": "layer_norm2"}
            for stored, named in pairs.items():
                made[f"{old}.{stored}.{suffix}"] = [Target(parameter=f"{new}.{named}.{suffix}")]
        for stored, named in heads.items():
            made[f"model.vision_backbone.image_pooling_2d.{stored}.{suffix}"] = [
                Target(parameter=f"{joint}.image_pooling_2d.{named}.{suffix}")
            ]
    for stored, named in {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}.items():
        made[f"model.vision_backbone.image_projector.{stored}.weight"] = [
            Target(parameter=f"{joint}.image_projector.{named}.weight")
        ]
    return made


def load_native(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> Molmo2ForConditionalGeneration:
    """Load the VLM of a Molmo2 or MolmoAct2 checkpoint.

    Raises:
        CheckpointError: The configuration or the layout is another one.
    """
    config = native_config(checkpoint.config)
    model = build_empty(config)
    load_into(model, checkpoint, plan(config), device=device, dtype=dtype, ignored=NOT_THE_VLM, progress=progress)
    return model.to(device)
