"""Our modules at full size have the names, shapes and parameter counts of the published checkpoints.

Built on the meta device: no storage. The tables are the published architectures (config.json and safetensors
indices of the releases, see docs/reference/models.md); counts are theirs or follow from them.
"""

from __future__ import annotations

import re

import pytest
import torch

from molmo_ros.models.errors import CheckpointError
from molmo_ros.models.molmo2 import native
from molmo_ros.models.molmo_v1.config import molmo_7b_d, molmoact_7b_d, molmoact_7b_o
from molmo_ros.models.molmo_v1.loader import build_empty, molmo_plan, unused
from molmo_ros.models.molmoact2.config import molmoact2_config
from molmo_ros.models.molmoact2.model import build_parts, parts_plan
from molmo_ros.models.weights import Checkpoint, Entry, check_plan, same_names

# name pattern -> stored shape; N stands for every layer.
V1_7B_D = {
    "lm_head.weight": (152064, 3584),
    "model.transformer.wte.embedding": (152064, 3584),
    "model.transformer.wte.new_embedding": (128, 3584),
    "model.transformer.ln_f.weight": (3584,),
    "model.transformer.blocks.N.attn_norm.weight": (3584,),
    "model.transformer.blocks.N.ff_norm.weight": (3584,),
    "model.transformer.blocks.N.self_attn.att_proj.weight": (4608, 3584),
    "model.transformer.blocks.N.self_attn.att_proj.bias": (4608,),
    "model.transformer.blocks.N.self_attn.attn_out.weight": (3584, 3584),
    "model.transformer.blocks.N.mlp.ff_proj.weight": (37888, 3584),
    "model.transformer.blocks.N.mlp.ff_out.weight": (3584, 18944),
}
SIGLIP = {
    "positional_embedding": (729, 1152),
    "patch_embedding.weight": (1152, 588),
    "patch_embedding.bias": (1152,),
    **{f"transformer.resblocks.N.attention.{w}.weight": (1152, 1152) for w in ("wq", "wk", "wv", "wo")},
    **{f"transformer.resblocks.N.attention.{w}.bias": (1152,) for w in ("wq", "wk", "wv", "wo")},
    "transformer.resblocks.N.feed_forward.w1.weight": (4304, 1152),
    "transformer.resblocks.N.feed_forward.w1.bias": (4304,),
    "transformer.resblocks.N.feed_forward.w2.weight": (1152, 4304),
    "transformer.resblocks.N.feed_forward.w2.bias": (1152,),
    **{f"transformer.resblocks.N.{n}_norm.{s}": (1152,) for n in ("attention", "ffn") for s in ("weight", "bias")},
}
CLIP = {
    "class_embedding": (1024,),
    "positional_embedding": (577, 1024),
    "patch_embedding.weight": (1024, 588),
    "pre_ln.weight": (1024,),
    "pre_ln.bias": (1024,),
    **{f"transformer.resblocks.N.attention.{w}.weight": (1024, 1024) for w in ("wq", "wk", "wv", "wo")},
    **{f"transformer.resblocks.N.attention.{w}.bias": (1024,) for w in ("wq", "wk", "wv", "wo")},
    "transformer.resblocks.N.feed_forward.w1.weight": (4096, 1024),
    "transformer.resblocks.N.feed_forward.w1.bias": (4096,),
    "transformer.resblocks.N.feed_forward.w2.weight": (1024, 4096),
    "transformer.resblocks.N.feed_forward.w2.bias": (1024,),
    **{f"transformer.resblocks.N.{n}_norm.{s}": (1024,) for n in ("attention", "ffn") for s in ("weight", "bias")},
}


def adapter(pooled, width, hidden, text):
    table = {f"image_pooling_2d.{w}.weight": (width, pooled) for w in ("wq", "wk", "wv")}
    table |= {f"image_pooling_2d.{w}.bias": (width,) for w in ("wq", "wk", "wv", "wo")}
    table["image_pooling_2d.wo.weight"] = (width, width)
    table |= {f"image_projector.{w}.weight": (hidden, width) for w in ("w1", "w3")}
    table["image_projector.w2.weight"] = (text, hidden)
    return table


def qwen3_text(vocab, hidden, ffn):
    block = "model.transformer.blocks.N"
    return {
        "lm_head.weight": (vocab, hidden),
        "model.transformer.wte.embedding": (vocab, hidden),
        "model.transformer.wte.new_embedding": (128, hidden),
        "model.transformer.ln_f.weight": (hidden,),
        f"{block}.attn_norm.weight": (hidden,),
        f"{block}.ff_norm.weight": (hidden,),
        f"{block}.self_attn.att_proj.weight": (32 * 128 + 2 * 8 * 128, hidden),
        f"{block}.self_attn.attn_out.weight": (hidden, 32 * 128),
        f"{block}.self_attn.q_norm.weight": (128,),
        f"{block}.self_attn.k_norm.weight": (128,),
        f"{block}.mlp.ff_proj.weight": (2 * ffn, hidden),
        f"{block}.mlp.ff_out.weight": (hidden, ffn),
    }


EXPERT = {
    "action_embed.weight": (768, 32),
    "action_embed.bias": (768,),
    "time_embed.1.weight": (768, 256),
    "time_embed.1.bias": (768,),
    "time_embed.3.weight": (768, 768),
    "time_embed.3.bias": (768,),
    "context_k_proj.weight": (768, 1024),
    "context_v_proj.weight": (768, 1024),
    "final_layer.linear.weight": (32, 768),
    "final_layer.linear.bias": (32,),
    "final_layer.modulation.linear.weight": (1536, 768),
    "final_layer.modulation.linear.bias": (1536,),
    "blocks.N.modulation.linear.weight": (6912, 768),
    "blocks.N.modulation.linear.bias": (6912,),
    "blocks.N.self_attn.qkv.weight": (2304, 768),
    "blocks.N.self_attn.qkv.bias": (2304,),
    "blocks.N.self_attn.out_proj.weight": (768, 768),
    "blocks.N.self_attn.out_proj.bias": (768,),
    "blocks.N.cross_attn.q_proj.weight": (768, 768),
    "blocks.N.cross_attn.q_proj.bias": (768,),
    "blocks.N.cross_attn.out_proj.weight": (768, 768),
    "blocks.N.cross_attn.out_proj.bias": (768,),
    **{f"blocks.N.mlp.{w}_proj.weight": (3072, 768) for w in ("up", "gate")},
    **{f"blocks.N.mlp.{w}_proj.bias": (3072,) for w in ("up", "gate")},
    "blocks.N.mlp.down_proj.weight": (768, 3072),
    "blocks.N.mlp.down_proj.bias": (768,),
}


def spread(table, layers, prefix=""):
    entries = {}
    for pattern, shape in table.items():
        for index in range(layers) if ".N." in pattern else [0]:
            name = prefix + re.sub(r"\.N\.", f".{index}.", pattern)
            entries[name] = Entry(shape=shape, dtype="F32", shard="x")
    return entries


def total(entries):
    return sum(torch.Size(entry.shape).numel() for entry in entries.values())


def vision(table, layers, pool):
    tower = spread(table, layers, "model.vision_backbone.image_vit.")
    return tower, spread(pool, 1, "model.vision_backbone.")


def released_v2(**extra):
    return {
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
            "use_qk_norm": True,
        },
        "image_patch_id": 154626,
        "image_start_token_id": 154624,
        "image_end_token_id": 154625,
        "eos_token_id": 151645,
        "max_action_dim": 32,
        "max_action_horizon": 30,
        "action_expert_config": {"hidden_size": 768, "num_layers": 36, "num_heads": 8, "mlp_ratio": 4.0},
        **extra,
    }


def test_molmoact_7b_d():
    config = molmoact_7b_d()
    tower, pool = vision(SIGLIP, 25, adapter(2304, 1152, 18944, 3584))
    text = spread(V1_7B_D, 28)
    model = build_empty(config)
    check_plan(same_names(model), model, {**text, **tower, **pool})
    # 8.12 B in all, 233.06 M per decoder layer, 382.5 M in the tower.
    assert total({**text, **tower, **pool}) == pytest.approx(8.12e9, rel=1e-3)
    assert total({k: v for k, v in text.items() if ".blocks.3." in k}) == pytest.approx(233.06e6, rel=1e-4)
    assert total(tower) == pytest.approx(382.5e6, rel=1e-3)
    assert total(pool) == pytest.approx(120.8e6, rel=1e-2)


def test_molmoact_7b_o():
    block = "model.transformer.blocks.N"
    text = {
        "lm_head.weight": (100352, 4096),
        "model.transformer.wte.embedding": (100352, 4096),
        "model.transformer.wte.new_embedding": (128, 4096),
        "model.transformer.ln_f.weight": (4096,),
        f"{block}.attn_norm.weight": (4096,),
        f"{block}.ff_norm.weight": (4096,),
        f"{block}.self_attn.att_proj.weight": (12288, 4096),
        f"{block}.self_attn.attn_out.weight": (4096, 4096),
        f"{block}.self_attn.q_norm.weight": (4096,),
        f"{block}.self_attn.k_norm.weight": (4096,),
        f"{block}.mlp.ff_proj.weight": (22016, 4096),
        f"{block}.mlp.ff_out.weight": (4096, 11008),
    }
    tower, pool = vision(CLIP, 22, adapter(2048, 1024, 11008, 4096))
    model = build_empty(molmoact_7b_o())
    check_plan(same_names(model), model, {**spread(text, 32), **tower, **pool})


def test_graspmolmo_in_the_layout_of_molmo_7b_d():
    config = molmo_7b_d()
    text = {
        "model.transformer.ff_out.weight"
        if k == "lm_head.weight"
        else k.replace(".self_attn.", ".").replace(".mlp.", "."): v
        for k, v in V1_7B_D.items()
    }
    # The release stores all 23 layers of the tower; the features need 22.
    tower, pool = vision(CLIP, 23, adapter(2048, 1024, 18944, 3584) | {"pad_embed": (2, 2048)})
    model = build_empty(config)
    entries = {**spread(text, 28), **tower, **pool}
    check_plan(molmo_plan(model), model, entries, unused(config))
    assert total(entries) == pytest.approx(8.02e9, rel=1e-2)


@pytest.mark.parametrize(
    ("hidden", "ffn", "heads_total"), [(2560, 9728, 4.85e9), (4096, 12288, 8.66e9)], ids=["4B", "8B"]
)
def test_molmo2(hidden, ffn, heads_total):
    raw = released_v2()
    raw["text_config"] |= {"hidden_size": hidden, "intermediate_size": ffn, "vocab_size": 151936}
    raw["adapter_config"] |= {"intermediate_size": ffn, "text_hidden_size": hidden}
    config = native.native_config(raw)
    tower, pool = vision(SIGLIP, 25, adapter(2304, 1152, ffn, hidden))
    entries = {**spread(qwen3_text(151936, hidden, ffn), 36), **tower, **pool}
    check_plan(native.plan(config), native.build_empty(config), entries, native.NOT_THE_VLM)
    assert total(entries) == pytest.approx(heads_total, rel=5e-3)


def test_molmoact2():
    raw = released_v2()
    tower, pool = vision(SIGLIP, 25, adapter(2304, 1152, 9728, 2560))
    text, expert = spread(qwen3_text(154624, 2560, 9728), 36), spread(EXPERT, 36, "model.action_expert.")
    shell = Checkpoint(folder=None, config=raw, entries={})
    plan, parts = parts_plan(shell, molmoact2_config(raw)), build_parts(shell)
    check_plan(plan, parts, {**text, **tower, **pool, **expert}, native.NOT_THE_VLM)
    # Derived from the published code: text 4.4255 B, adapter 56.6 M, expert 577,564,448, 5.442 B in all.
    assert total(expert) == 577_564_448
    assert total(text) == pytest.approx(4.4255e9, rel=1e-4)
    assert total(pool) == pytest.approx(56.6e6, rel=1e-3)
    assert total({**text, **tower, **pool, **expert}) == pytest.approx(5.442e9, rel=1e-4)


def test_think_adds_one_gate_per_layer():
    raw = released_v2(action_expert_depth_gate=True, action_expert_depth_gate_per_layer=True)
    shell = Checkpoint(folder=None, config=raw, entries={})
    plan = parts_plan(shell, molmoact2_config(raw))
    gates = [name for name in plan if "depth_gate" in name]
    assert len(gates) == 72
    assert "model.action_expert_depth_gate.35.weight" in gates


def test_a_checkpoint_of_another_size_is_refused():
    model = build_empty(molmoact_7b_d())
    tower, pool = vision(SIGLIP, 25, adapter(2304, 1152, 18944, 3584))
    text = spread(V1_7B_D, 27)
    with pytest.raises(CheckpointError, match=r"blocks\.27"):
        check_plan(same_names(model), model, {**text, **tower, **pool})
