"""Writes small checkpoints in the published layouts, tokenizer included, for tests and demonstrations of the loaders.

Weights are random from a seed. With an ``answer`` the decoder's sub-layers add nothing and the embeddings chain one
token to the next, so that the checkpoint says exactly that text whatever it sees: what is tested then is everything
between the file on disk and the message on the topic, not sight.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from molmo_ros.models.molmo2.prompting import MARKERS
from molmo_ros.models.molmo_v1.config import molmo_config, molmoact_config
from molmo_ros.models.molmo_v1.loader import build_empty, molmo_plan
from molmo_ros.models.weights import Plan, same_names

PIECE = 12
HIDDEN = 96
CHAT = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SIDE_PX, PATCH_PX, POSITIONS = 140, 14, 100
STATES, ACTIONS, DEPTHS = 256, 64, 16


def _pieces(answer: str) -> list[str]:
    """Cut a text into different pieces that follow one another."""
    pieces: list[str] = []
    at = 0
    least = max(PIECE, -(-len(answer) // (HIDDEN - 8)))
    while at < len(answer):
        size = least
        while answer[at : at + size] in pieces and at + size < len(answer):
            size += 1
        pieces.append(answer[at : at + size])
        at += size
    return pieces


def _tokenizer(folder: Path, written: Sequence[str], marks: Sequence[str]) -> dict[str, int]:
    """Write a byte-level tokenizer and return the ids of the added tokens.

    Args:
        folder: Receives ``tokenizer.json``.
        written: Tokens of the vocabulary that the head can write, after the 256 bytes.
        marks: Image markers, above the written vocabulary.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = set(CHAT) | set(marks)
    tokenizer.add_tokens([AddedToken(t, special=t in special, normalized=False) for t in (*written, *marks)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return {token: int(tokenizer.token_to_id(token) or 0) for token in (*written, *marks)}


def _random(plan: Plan, shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, Tensor]:
    """Random tensors under their stored names."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name in sorted(plan):
        first = plan[name][0]
        shape = list(shapes[first.parameter])
        if first.source is not None:
            shape[0] = sum(t.source[1] - t.source[0] for t in plan[name] if t.source is not None)
        elif first.into is not None:
            shape[0] = first.into[1] - first.into[0]
        noise = torch.randn(shape, generator=generator)
        is_norm = len(shape) == 1 and name.endswith(".weight")
        fan = shape[-1] if len(shape) > 1 else 4
        made[name] = 1.0 + 0.1 * noise if is_norm else noise * (0.5 / math.sqrt(fan))
    return made


def _say(state: dict[str, Tensor], chain: Sequence[int], head: str) -> None:
    """Make the decoder go along ``chain``, from any token of the prompt to its first entry."""
    base = state["model.transformer.wte.embedding"]
    if len(chain) + 1 > base.shape[1]:
        raise ValueError(f"an answer of {len(chain)} pieces does not fit a width of {base.shape[1]}")
    base.zero_()
    base[:, 0] = 1.0
    state["model.transformer.wte.new_embedding"].zero_()
    state[head].zero_()
    state[head][chain[0], 0] = 1.0
    for place, (token, following) in enumerate(zip(chain[:-1], chain[1:], strict=True), 1):
        base[token] = 0.0
        base[token, place] = 1.0
        state[head][following, place] = 1.0
    state["model.transformer.ln_f.weight"].fill_(1.0)
    for name, value in state.items():
        if name.startswith("model.transformer.blocks.") and ("attn_out" in name or "ff_out" in name):
            value.zero_()


def _save(folder: Path, state: Mapping[str, Tensor], config: Mapping[str, Any], shards: int) -> None:
    from safetensors.torch import save_file

    names = sorted(state)
    if shards == 1:
        save_file({name: state[name].contiguous() for name in names}, folder / "model.safetensors")
    else:
        weight_map: dict[str, str] = {}
        for number in range(shards):
            shard = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
            part = names[number::shards]
            save_file({name: state[name].contiguous() for name in part}, folder / shard)
            weight_map |= dict.fromkeys(part, shard)
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def _vit(layers: int, *, clip: bool) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "hidden_act": "quick_gelu" if clip else "gelu_pytorch_tanh",
        "image_default_input_size": [SIDE_PX, SIDE_PX],
        "image_patch_size": PATCH_PX,
        "image_num_pos": POSITIONS + int(clip),
        "use_cls_token": clip,
        "patch_bias": not clip,
        "pre_layernorm": clip,
    }


def _llm(vocab: int, extra: int) -> dict[str, Any]:
    return {
        "hidden_size": HIDDEN,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": HIDDEN // 4,
        "vocab_size": vocab,
        "additional_vocab_size": extra,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 4096,
        "rope_theta": 10000.0,
        "layer_norm_eps": 1e-6,
    }


def _stats(dim: int) -> dict[str, Any]:
    low, high = [-0.02] * (dim - 1) + [0.0], [0.02] * (dim - 1) + [1.0]
    return {"q01": low, "q99": high, "min": low, "max": high, "mask": [True] * (dim - 1) + [False]}


def write_molmoact(folder: Path, *, answer: str = "", seed: int = 0, shards: int = 1) -> Path:
    """Write a MolmoAct v1 checkpoint.

    Args:
        folder: Created if needed.
        answer: What it always says, "" for random weights.
        seed: Of the weights.
        shards: Number of files.

    Returns:
        ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _pieces(answer)
    marks = ("<im_start>", "<im_end>", "<im_patch>", "<im_col>")
    ids = _tokenizer(folder, (*CHAT, *pieces), marks)
    config = {
        "model_type": "molmoact",
        "architectures": ["MolmoActForActionReasoning"],
        "image_patch_id": ids["<im_patch>"],
        "norm_stats": {"tiny": {"action": _stats(7)}},
        "vit_config": _vit(11, clip=False),
        "adapter_config": {
            "vit_layers": [-3, -9],
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "intermediate_size": 48,
            "text_hidden_size": HIDDEN,
        },
        "llm_config": {**_llm(ids["<im_start>"], len(marks)), "qkv_bias": True},
    }
    model = build_empty(molmoact_config(config))
    plan = same_names(model)
    state = _random(plan, {n: tuple(p.shape) for n, p in model.state_dict(keep_vars=True).items()}, seed)
    if answer:
        _say(state, [*(ids[piece] for piece in pieces), ids["<|endoftext|>"]], "lm_head.weight")
    _save(folder, state, config, shards)
    return folder


def write_graspmolmo(folder: Path, *, answer: str = "", seed: int = 0, shards: int = 1) -> Path:
    """Write a Molmo v1 checkpoint, as GraspMolmo's; arguments as :func:`write_molmoact`."""
    folder.mkdir(parents=True, exist_ok=True)
    pieces = _pieces(answer)
    marks = ("<im_start>", "<im_end>", "<im_patch>", "<im_col>")
    ids = _tokenizer(folder, (*CHAT, *pieces), marks)
    text = _llm(ids["<im_start>"], len(marks))
    config = {
        "model_type": "molmo",
        "architectures": ["MolmoForCausalLM"],
        **{k: v for k, v in text.items() if k != "head_dim"},
        "intermediate_size": 2 * text["intermediate_size"],
        "embedding_size": text["vocab_size"],
        "qkv_bias": True,
        "image_patch_id": ids["<im_patch>"],
        "vit_config": _vit(11, clip=True),
    }
    model = build_empty(molmo_config(config))
    plan = molmo_plan(model)
    state = _random(plan, {n: tuple(p.shape) for n, p in model.state_dict(keep_vars=True).items()}, seed)
    if answer:
        chain = [*(ids[piece] for piece in pieces), ids["<|endoftext|>"]]
        _say(state, chain, "model.transformer.ff_out.weight")
    _save(folder, state, config, shards)
    return folder


def _molmo2_config(ids: Mapping[str, int], written: int, marks: int) -> dict[str, Any]:
    vit = {k: v for k, v in _vit(11, clip=False).items() if k not in ("use_cls_token", "patch_bias", "pre_layernorm")}
    return {
        "vit_config": vit,
        "adapter_config": {
            "vit_layers": [-3, -9],
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "intermediate_size": 48,
            "text_hidden_size": HIDDEN,
        },
        "text_config": {**_llm(written, marks), "use_qk_norm": True, "qk_norm_type": "qwen3", "qkv_bias": False},
        "image_start_token_id": ids["<im_start>"],
        "low_res_image_start_token_id": ids["<low_res_im_start>"],
        "image_end_token_id": ids["<im_end>"],
        "image_patch_id": ids["<im_patch>"],
        "image_col_id": ids["<im_col>"],
        "image_low_res_id": ids["<im_low>"],
        "frame_start_token_id": ids["<frame_start>"],
        "frame_end_token_id": ids["<frame_end>"],
        "bos_token_id": ids["<|im_end|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }


def write_molmo2(folder: Path, *, answer: str = "", seed: int = 0, shards: int = 1) -> Path:
    """Write a Molmo2 checkpoint; arguments as :func:`write_molmoact`."""
    from molmo_ros.models.molmo2 import native

    folder.mkdir(parents=True, exist_ok=True)
    pieces = _pieces(answer)
    ids = _tokenizer(folder, (*CHAT, *pieces), (*MARKERS, "<|image|>"))
    config = {"model_type": "molmo2", **_molmo2_config(ids, ids[MARKERS[0]], len(MARKERS) + 1)}
    built = native.native_config(config)
    plan = native.plan(built)
    model = native.build_empty(built)
    state = _random(plan, {n: tuple(p.shape) for n, p in model.state_dict(keep_vars=True).items()}, seed)
    if answer:
        _say(state, [*(ids[piece] for piece in pieces), ids["<|im_end|>"]], "lm_head.weight")
    _save(folder, state, config, shards)
    return folder


def write_molmoact2(folder: Path, *, seed: int = 0, think: bool = False, shards: int = 1) -> Path:
    """Write a MolmoAct2 checkpoint with random weights for the tag ``franka_droid``.

    Args:
        folder: Created if needed.
        seed: Of the weights.
        think: With depth tokens and the depth gate.
        shards: Number of files.

    Returns:
        ``folder``.
    """
    from molmo_ros.models.molmoact2.config import molmoact2_config
    from molmo_ros.models.molmoact2.model import build_parts, parts_plan
    from molmo_ros.models.weights import Checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    words = [*CHAT, "<setup_start>", "<setup_end>", "<control_start>", "<control_end>", "<state_start>", "<state_end>"]
    words += [f"<state_{i}>" for i in range(STATES)] + ["<action_output>", "<action_start>", "<action_end>"]
    words += [f"<action_{i}>" for i in range(ACTIONS)]
    if think:
        words += ["<depth_output>", "<depth_start>", "<depth_end>", *(f"<depth_{i}>" for i in range(DEPTHS))]
    ids = _tokenizer(folder, words, (*MARKERS, "<|image|>"))
    config = {
        "model_type": "molmoact2",
        **_molmo2_config(ids, ids[MARKERS[0]], len(MARKERS) + 1),
        "add_action_expert": True,
        "action_expert_config": {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "mlp_ratio": 2.0,
            "ffn_multiple_of": 8,
            "timestep_embed_dim": 16,
        },
        "max_action_dim": 10,
        "max_action_horizon": 15,
        "action_mode": "both",
        "state_format": "discrete",
        "action_output_token_id": ids["<action_output>"],
        "action_start_token_id": ids["<action_start>"],
        "action_end_token_id": ids["<action_end>"],
        "action_token_start_id": ids["<action_0>"],
        "num_action_tokens": ACTIONS,
        "num_state_tokens": STATES,
        "enable_depth_reasoning": think,
        "num_depth_codes": 9,
        "action_expert_depth_gate": think,
        "action_expert_depth_gate_per_layer": think,
    }
    if think:
        config |= {
            "depth_output_token_id": ids["<depth_output>"],
            "depth_start_token_id": ids["<depth_start>"],
            "depth_end_token_id": ids["<depth_end>"],
            "depth_token_start_id": ids["<depth_0>"],
            "num_depth_tokens": DEPTHS,
        }
    shell = Checkpoint(folder=folder, config=config, entries={})
    plan = parts_plan(shell, molmoact2_config(config))
    parts = build_parts(shell)
    state = _random(plan, {n: tuple(p.shape) for n, p in parts.state_dict(keep_vars=True).items()}, seed)
    if think:
        # Every hidden state shares a direction, which calls for the end of the depth map once codes are done.
        state["model.transformer.wte.embedding"][:, 0] += 4.0
        state["lm_head.weight"][:, 0] = 0.0
        state["lm_head.weight"][ids["<depth_end>"], 0] = 4.0
    _save(folder, state, config, shards)
    names = [f"joint_{i}" for i in range(7)] + ["gripper"]
    stats = {**_stats(8), "q01": [-2.5] * 7 + [0.0], "q99": [2.5] * 7 + [1.0], "names": names}
    tag = {
        "setup_type": "single franka robotic arm in droid",
        "control_mode": "absolute joint pose",
        "camera_keys": ["exterior_1_left", "wrist_left"],
        "action_horizon": 15,
        "n_action_steps": 15,
        "action_stats": stats,
        "state_stats": stats,
    }
    payload = {
        "format": "molmoact2_norm_stats.v1",
        "norm_mode": "q01_q99",
        "metadata_by_tag": {"franka_droid": tag},
    }
    (folder / "norm_stats.json").write_text(json.dumps(payload), encoding="utf-8")
    return folder
