"""Configuration of MolmoAct2, as its published ``config.json`` spells it.

Source: github allenai/molmoact2, ``configuration_molmoact2.py``; released sizes from facts of the public exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molmo_ros.models.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """The flow-matching action expert; the defaults are the released sizes."""

    hidden_size: int = 768
    num_layers: int = 36
    num_heads: int = 8
    mlp_ratio: float = 4.0
    ffn_multiple_of: int = 256
    timestep_embed_dim: int = 256
    context_layer_norm: bool = True
    qk_norm: bool = True
    qk_norm_eps: float = 1e-6
    rope: bool = True
    causal_attn: bool = False

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_heads

    @property
    def ffn_size(self) -> int:
        """Width of the SwiGLU, rounded up to a multiple."""
        wanted = int(self.hidden_size * self.mlp_ratio)
        step = self.ffn_multiple_of
        return -(-wanted // step) * step if step > 0 else wanted


@dataclass(frozen=True, kw_only=True)
class MolmoAct2Config:
    """Everything beyond the VLM.

    Attributes:
        expert: The action expert, None for a checkpoint without one.
        kv_width: Width of one token's flattened keys in one VLM layer.
        vlm_layers: Number of VLM layers.
        max_action_dim: Width of the padded action vector.
        max_action_horizon: Longest chunk.
        flow_steps: Default number of Euler steps.
        mask_padding: Whether padded action dimensions are kept at zero.
        depth_reasoning: Whether this is a Think checkpoint.
        depth_codes: Codes per depth map; a square number.
        depth_gate: "" for none, "shared" or "per_layer".
    """

    expert: ExpertConfig | None
    kv_width: int
    vlm_layers: int
    vocab_size: int
    image_patch_id: int
    image_start_id: int
    image_end_id: int
    eos_id: int
    pad_id: int
    image_ids: frozenset[int]
    max_action_dim: int = 32
    max_action_horizon: int = 30
    n_obs_steps: int = 1
    action_mode: str = "both"
    flow_steps: int = 10
    mask_padding: bool = True
    depth_reasoning: bool = False
    depth_codes: int = 100
    depth_gate: str = ""
    action_output_id: int | None = None
    action_start_id: int | None = None
    action_end_id: int | None = None
    action_first_id: int | None = None
    action_tokens: int = 2048
    depth_output_id: int | None = None
    depth_start_id: int | None = None
    depth_end_id: int | None = None
    depth_first_id: int | None = None
    depth_tokens: int = 0
    state_tokens: int = 256
    setup_tokens: bool = True
    control_tokens: bool = True

    @property
    def depth_gate_ids(self) -> tuple[int, ...]:
        """Ids of the tokens that the depth gate scales."""
        marks = [i for i in (self.depth_output_id, self.depth_start_id, self.depth_end_id) if i is not None]
        if self.depth_first_id is not None:
            marks += range(self.depth_first_id, self.depth_first_id + self.depth_tokens)
        return tuple(dict.fromkeys(marks))


def _int(raw: Mapping[str, Any], key: str) -> int:
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise CheckpointError(f"config.json has no integer '{key}'; is this a MolmoAct2 checkpoint?")
    return value


def _expert(raw: Mapping[str, Any], vlm_layers: int) -> ExpertConfig | None:
    if not raw.get("add_action_expert", True):
        return None
    section = raw.get("action_expert_config")
    if not isinstance(section, Mapping):
        raise CheckpointError("config.json has no 'action_expert_config' section.")
    lacking = [key for key in ("hidden_size", "num_layers", "num_heads", "mlp_ratio") if key not in section]
    if lacking:
        raise CheckpointError(f"config.json: 'action_expert_config' lacks {', '.join(lacking)}.")
    expert = ExpertConfig(**{k: v for k, v in section.items() if k in ExpertConfig.__dataclass_fields__})
    if expert.num_layers != vlm_layers:
        raise CheckpointError(f"The action expert has {expert.num_layers} layers, the VLM {vlm_layers}.")
    if expert.hidden_size % expert.num_heads or expert.head_dim % 2:
        raise CheckpointError(f"{expert.num_heads} heads do not part a width of {expert.hidden_size} into even ones.")
    return expert


def molmoact2_config(raw: Mapping[str, Any]) -> MolmoAct2Config:
    """Read a MolmoAct2 ``config.json``.

    Raises:
        CheckpointError: Something is missing or is not what the published models are.
    """
    text = raw.get("text_config")
    if not isinstance(text, Mapping):
        raise CheckpointError("config.json has no 'text_config' section; is this a MolmoAct2 checkpoint?")
    if raw.get("state_format", "discrete") != "discrete":
        raise CheckpointError("Only checkpoints with a discrete state in the prompt are known.")
    layers = _int(text, "num_hidden_layers")
    gate = ""
    if raw.get("action_expert_depth_gate"):
        gate = "per_layer" if raw.get("action_expert_depth_gate_per_layer") else "shared"
    image_keys = (
        "image_start_token_id",
        "low_res_image_start_token_id",
        "image_end_token_id",
        "image_low_res_id",
        "image_patch_id",
        "image_col_id",
        "frame_start_token_id",
        "frame_end_token_id",
    )
    return MolmoAct2Config(
        expert=_expert(raw, layers),
        kv_width=_int(text, "num_key_value_heads") * _int(text, "head_dim"),
        vlm_layers=layers,
        vocab_size=_int(text, "vocab_size"),
        image_patch_id=_int(raw, "image_patch_id"),
        image_start_id=_int(raw, "image_start_token_id"),
        image_end_id=_int(raw, "image_end_token_id"),
        eos_id=_int(raw, "eos_token_id"),
        pad_id=int(raw.get("pad_token_id") or 0),
        image_ids=frozenset(raw[key] for key in image_keys if isinstance(raw.get(key), int)),
        max_action_dim=_int(raw, "max_action_dim"),
        max_action_horizon=_int(raw, "max_action_horizon"),
        n_obs_steps=int(raw.get("n_obs_steps", 1)),
        action_mode=str(raw.get("action_mode", "both")),
        flow_steps=int(raw.get("flow_matching_num_steps", 10)),
        mask_padding=bool(raw.get("mask_action_dim_padding", True)),
        depth_reasoning=bool(raw.get("enable_depth_reasoning", False)),
        depth_codes=int(raw.get("num_depth_codes", 100)),
        depth_gate=gate,
        action_output_id=raw.get("action_output_token_id"),
        action_start_id=raw.get("action_start_token_id"),
        action_end_id=raw.get("action_end_token_id"),
        action_first_id=raw.get("action_token_start_id"),
        action_tokens=int(raw.get("num_action_tokens") or 0),
        depth_output_id=raw.get("depth_output_token_id"),
        depth_start_id=raw.get("depth_start_token_id"),
        depth_end_id=raw.get("depth_end_token_id"),
        depth_first_id=raw.get("depth_token_start_id"),
        depth_tokens=int(raw.get("num_depth_tokens") or 0),
        state_tokens=int(raw.get("num_state_tokens") or 0),
        setup_tokens=bool(raw.get("add_setup_tokens", True)),
        control_tokens=bool(raw.get("add_control_tokens", True)),
    )
