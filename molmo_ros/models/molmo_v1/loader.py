"""Loads v1 checkpoints: MolmoAct's layout, whose names are ours, and Molmo's own, whose names differ a little."""

from __future__ import annotations

import torch

from molmo_ros.models.molmo_v1.config import MolmoV1Config, molmo_config, molmoact_config
from molmo_ros.models.molmo_v1.model import MolmoV1Model
from molmo_ros.models.weights import Checkpoint, Plan, Progress, Target, load_into, same_names

ATTENTION = ("att_proj", "attn_out", "q_norm", "k_norm")
FEED_FORWARD = ("ff_proj", "ff_out")


def build_empty(config: MolmoV1Config) -> MolmoV1Model:
    """Build the model without storage."""
    with torch.device("meta"):
        model = MolmoV1Model(config)
    model.eval()
    return model


def molmo_plan(model: MolmoV1Model) -> Plan:
    """Map Molmo's names to the module's: the head lies with the decoder, sub-layers are not grouped."""
    made: dict[str, list[Target]] = {}
    for name in model.state_dict(keep_vars=True):
        stored = name.replace(".self_attn.", ".").replace(".mlp.", ".")
        if name == "lm_head.weight":
            stored = "model.transformer.ff_out.weight"
        made[stored] = [Target(parameter=name)]
    return made


def unused(config: MolmoV1Config) -> tuple[str, ...]:
    """Prefixes of stored tensors that no feature needs: ViT layers above the last one read."""
    blocks = "model.vision_backbone.image_vit.transformer.resblocks"
    return tuple(f"{blocks}.{index}." for index in range(config.vit_layers_built, config.vit.num_hidden_layers))


def load_v1(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> MolmoV1Model:
    """Load MolmoAct v1, Molmo v1 or GraspMolmo; the layout follows from ``config.json``.

    Raises:
        CheckpointError: The configuration or the layout is another one.
    """
    molmoact = "llm_config" in checkpoint.config
    config = molmoact_config(checkpoint.config) if molmoact else molmo_config(checkpoint.config)
    model = build_empty(config)
    plan = same_names(model) if molmoact else molmo_plan(model)
    load_into(model, checkpoint, plan, device=device, dtype=dtype, ignored=unused(config), progress=progress)
    return model
