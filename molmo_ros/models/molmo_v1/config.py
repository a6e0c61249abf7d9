"""Configurations of the Molmo v1 architecture, as the published ``config.json`` files spell them.

Sources: the ``config.json`` layout of allenai/MolmoAct-7B-D-0812 and -7B-O-0812 (github allenai/molmoact,
``olmo/hf_model/molmoact/configuration_molmoact.py``) and of allenai/Molmo-7B-D-0924.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from molmo_ros.models.errors import CheckpointError

ACTIVATIONS = ("gelu_pytorch_tanh", "quick_gelu", "gelu", "silu")


@dataclass(frozen=True, kw_only=True)
class VitConfig:
    """The image encoder: SigLIP2 (no class token) or OpenAI CLIP (class token, pre-norm, no patch bias)."""

    hidden_size: int = 1152
    intermediate_size: int = 4304
    num_hidden_layers: int = 27
    num_attention_heads: int = 16
    num_key_value_heads: int = 16
    head_dim: int = 72
    hidden_act: str = "gelu_pytorch_tanh"
    layer_norm_eps: float = 1e-6
    image_default_input_size: tuple[int, int] = (378, 378)
    image_patch_size: int = 14
    image_num_pos: int = 729
    use_cls_token: bool = False
    patch_bias: bool = True
    pre_layernorm: bool = False

    @property
    def patches_hw(self) -> tuple[int, int]:
        """Rows and columns of patches of one crop."""
        height, width = self.image_default_input_size
        return height // self.image_patch_size, width // self.image_patch_size


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Pooling of ViT features into LLM tokens: attention pooling, then a SwiGLU projector."""

    vit_layers: tuple[int, ...] = (-3, -9)
    hidden_size: int = 1152
    num_attention_heads: int = 16
    num_key_value_heads: int = 16
    head_dim: int = 72
    hidden_act: str = "silu"
    intermediate_size: int = 18944
    text_hidden_size: int = 3584
    image_padding_embed: str | None = None


@dataclass(frozen=True, kw_only=True)
class LlmConfig:
    """The decoder: Qwen2/2.5 (QKV bias, pre-norm) or OLMo2 (whole-projection QK-norm, post-norm)."""

    hidden_size: int = 3584
    num_hidden_layers: int = 28
    num_attention_heads: int = 28
    num_key_value_heads: int = 4
    head_dim: int = 128
    intermediate_size: int = 18944
    vocab_size: int = 152064
    additional_vocab_size: int = 128
    qkv_bias: bool = True
    hidden_act: str = "silu"
    max_position_embeddings: int = 4096
    rope_theta: float = 1e6
    use_qk_norm: bool = False
    qk_norm_type: str = "olmo"
    layer_norm_eps: float = 1e-6
    norm_after: bool = False


@dataclass(frozen=True, kw_only=True)
class MolmoV1Config:
    """A whole model of the v1 architecture.

    Attributes:
        image_patch_id: Token id whose embedding rows receive the image features.
        norm_stats: Action statistics by dataset key (MolmoAct only; empty otherwise).
        n_action_bins: Number of bin edges of the action code.
    """

    vit: VitConfig
    adapter: AdapterConfig
    llm: LlmConfig
    image_patch_id: int
    n_action_bins: int = 256
    norm_stats: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def vit_layers(self) -> tuple[int, ...]:
        """Indices of the ViT layers whose outputs are concatenated, counted from 0."""
        return tuple(i + self.vit.num_hidden_layers if i < 0 else i for i in self.adapter.vit_layers)

    @property
    def vit_layers_built(self) -> int:
        """Number of ViT layers that are stored; layers above the last one read are dropped at export."""
        return max(self.vit_layers) + 1

    def with_max_positions(self, max_position_embeddings: int) -> MolmoV1Config:
        """Return a copy with another context length."""
        return replace(self, llm=replace(self.llm, max_position_embeddings=max_position_embeddings))


def _check(config: MolmoV1Config) -> None:
    vit, llm = config.vit, config.llm
    problems = []
    if vit.hidden_act not in ACTIVATIONS:
        problems.append(f"unknown ViT activation '{vit.hidden_act}'")
    if llm.hidden_act != "silu" or config.adapter.hidden_act != "silu":
        problems.append("decoder and projector are built with SiLU gates only")
    if llm.num_attention_heads * llm.head_dim != llm.hidden_size:
        problems.append(f"{llm.num_attention_heads} heads of {llm.head_dim} do not make a width of {llm.hidden_size}")
    if llm.num_attention_heads % llm.num_key_value_heads:
        problems.append(f"{llm.num_attention_heads} heads cannot share {llm.num_key_value_heads} key/value heads")
    if llm.use_qk_norm and llm.qk_norm_type not in ("olmo", "qwen3"):
        problems.append(f"unknown QK-norm '{llm.qk_norm_type}'")
    if config.adapter.image_padding_embed not in (None, "pad_and_partial_pad"):
        problems.append(f"unknown image padding embedding '{config.adapter.image_padding_embed}'")
    if min(config.vit_layers, default=-1) < 0:
        problems.append(f"ViT layers {config.adapter.vit_layers} need more than {vit.num_hidden_layers} layers")
    if problems:
        raise CheckpointError(f"config.json does not describe a model this loader knows: {'; '.join(problems)}.")


def _pick(section: Mapping[str, Any], kind: type[Any], name: str) -> dict[str, Any]:
    """Keep the fields that ``kind`` knows, as tuples where JSON has lists."""
    known = kind.__dataclass_fields__
    picked = {k: tuple(v) if isinstance(v, list) else v for k, v in section.items() if k in known}
    if section.get("num_key_value_heads", 0) is None:
        picked["num_key_value_heads"] = section["num_attention_heads"]
    required = {"hidden_size", "num_attention_heads", "head_dim", "intermediate_size"}
    missing = sorted(required - set(picked))
    if missing:
        raise CheckpointError(f"config.json: '{name}' lacks {', '.join(missing)}.")
    return picked


def molmoact_config(raw: Mapping[str, Any]) -> MolmoV1Config:
    """Read a MolmoAct v1 ``config.json``.

    Args:
        raw: The parsed JSON.

    Raises:
        CheckpointError: A section is missing or describes something this architecture is not.
    """
    for name in ("vit_config", "adapter_config", "llm_config"):
        if not isinstance(raw.get(name), Mapping):
            raise CheckpointError(f"config.json has no '{name}' section; is this a MolmoAct v1 checkpoint?")
    if raw["llm_config"].get("rope_scaling"):
        raise CheckpointError("config.json asks for scaled rotary embeddings, which no published v1 model uses.")
    if not isinstance(raw.get("image_patch_id"), int):
        raise CheckpointError("config.json has no integer 'image_patch_id'.")
    return MolmoV1Config(
        vit=VitConfig(**_pick(raw["vit_config"], VitConfig, "vit_config")),
        adapter=AdapterConfig(**_pick(raw["adapter_config"], AdapterConfig, "adapter_config")),
        llm=LlmConfig(**_pick(raw["llm_config"], LlmConfig, "llm_config")),
        image_patch_id=raw["image_patch_id"],
        n_action_bins=int(raw.get("n_action_bins", 256)),
        norm_stats=raw.get("norm_stats") or {},
    )


def molmoact_7b_d() -> MolmoV1Config:
    """Return the published MolmoAct-7B-D configuration (Qwen2.5-7B + SigLIP2 so400m/14)."""
    return MolmoV1Config(vit=VitConfig(), adapter=AdapterConfig(), llm=LlmConfig(), image_patch_id=152066)


def molmoact_7b_o() -> MolmoV1Config:
    """Return the published MolmoAct-7B-O configuration (OLMo-2-1124-7B + OpenAI CLIP ViT-L/14-336)."""
    return MolmoV1Config(
        vit=_clip_vit(),
        adapter=AdapterConfig(
            vit_layers=(-2, -9),
            hidden_size=1024,
            head_dim=64,
            intermediate_size=11008,
            text_hidden_size=4096,
        ),
        llm=LlmConfig(
            hidden_size=4096,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=32,
            intermediate_size=11008,
            vocab_size=100352,
            qkv_bias=False,
            rope_theta=5e5,
            use_qk_norm=True,
            norm_after=True,
        ),
        image_patch_id=100354,
    )


def _clip_vit() -> VitConfig:
    return VitConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        head_dim=64,
        hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
        image_default_input_size=(336, 336),
        image_num_pos=577,
        use_cls_token=True,
        patch_bias=False,
        pre_layernorm=True,
    )


def molmo_config(raw: Mapping[str, Any]) -> MolmoV1Config:
    """Read a Molmo v1 ``config.json`` (Molmo-7B-D, GraspMolmo), which states the decoder alone.

    The image tower and the adapter of the published ones are fixed: CLIP ViT-L/14-336, layers -2 and -9, learned
    embeddings for padded patches (github allenai/molmo, ``olmo/hf_molmo.py``). A ``vit_config`` section names another
    tower of that kind.

    Raises:
        CheckpointError: A number is missing or asks for what this architecture is not.
    """
    lacking = [
        key
        for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
        if not isinstance(raw.get(key), int)
    ]
    if lacking:
        raise CheckpointError(f"config.json lacks {', '.join(lacking)}; is this a Molmo checkpoint?")
    if raw.get("clip_qkv"):
        raise CheckpointError("config.json clips the attention inputs, which no published 7B checkpoint does.")
    heads, hidden = raw["num_attention_heads"], raw["hidden_size"]
    # The published number counts the rows of the fused projection, value and gate.
    ffn = raw["intermediate_size"] // 2
    section = raw.get("vit_config")
    vit = _clip_vit() if section is None else VitConfig(**_pick(section, VitConfig, "vit_config"))
    return MolmoV1Config(
        vit=vit,
        adapter=AdapterConfig(
            vit_layers=(-2, -9),
            hidden_size=vit.hidden_size,
            num_attention_heads=vit.num_attention_heads,
            num_key_value_heads=vit.num_key_value_heads,
            head_dim=vit.head_dim,
            intermediate_size=ffn,
            text_hidden_size=hidden,
            image_padding_embed="pad_and_partial_pad",
        ),
        llm=LlmConfig(
            hidden_size=hidden,
            num_hidden_layers=raw["num_hidden_layers"],
            num_attention_heads=heads,
            num_key_value_heads=raw.get("num_key_value_heads") or heads,
            head_dim=hidden // heads,
            intermediate_size=ffn,
            vocab_size=raw.get("embedding_size") or raw["vocab_size"],
            additional_vocab_size=int(raw.get("additional_vocab_size") or 128),
            qkv_bias=bool(raw.get("qkv_bias", False)),
            max_position_embeddings=int(raw.get("max_position_embeddings", 4096)),
            rope_theta=float(raw.get("rope_theta", 10000.0)),
            use_qk_norm=bool(raw.get("attention_layer_norm", False)),
            layer_norm_eps=float(raw.get("layer_norm_eps", 1e-5)),
            norm_after=bool(raw.get("norm_after", False)),
        ),
        image_patch_id=int(raw.get("image_patch_id") or (raw.get("embedding_size") or raw["vocab_size"]) + 2),
    )


def molmo_7b_d() -> MolmoV1Config:
    """Return the published Molmo-7B-D configuration (Qwen2-7B + OpenAI CLIP), which GraspMolmo starts from."""
    return molmo_config(
        {
            "hidden_size": 3584,
            "intermediate_size": 37888,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
            "qkv_bias": True,
            "rope_theta": 1e6,
            "layer_norm_eps": 1e-6,
        }
    )
