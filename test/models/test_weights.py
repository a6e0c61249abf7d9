"""Checkpoints are opened without trust: pinned, verified, refused in words when something is off."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from molmo_ros.models import tiny
from molmo_ros.models.errors import CheckpointError
from molmo_ros.models.fetching import locate
from molmo_ros.models.molmo_v1.loader import load_v1
from molmo_ros.models.tokens import Tokens
from molmo_ros.models.weights import Target, load_into, open_checkpoint, read_header


@pytest.fixture
def folder(tmp_path):
    return tiny.write_molmoact(tmp_path / "model", shards=3)


def test_shards_load_one_tensor_at_a_time(folder):
    seen = []
    checkpoint = open_checkpoint(folder)
    model = load_v1(checkpoint, progress=lambda name, done, total: seen.append((name, done, total)))
    assert len(seen) == len(checkpoint.entries)
    assert seen[-1][1] == seen[-1][2] == checkpoint.total_bytes
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert not any(p.is_meta for p in model.parameters())


def test_weights_arrive_in_the_wanted_type(folder):
    model = load_v1(open_checkpoint(folder), dtype=torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_a_pinned_digest_is_checked(folder):
    name = "model-00002-of-00003.safetensors"
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    open_checkpoint(folder, sha256={name: digest})
    with pytest.raises(CheckpointError, match="SHA-256"):
        open_checkpoint(folder, sha256={name: "0" * 64})


def test_a_pinned_revision_is_checked(folder):
    (folder / "REVISION").write_text("a" * 40)
    assert open_checkpoint(folder, revision="a" * 40).revision == "a" * 40
    with pytest.raises(CheckpointError, match="pinned"):
        open_checkpoint(folder, revision="b" * 40)


def test_a_hub_snapshot_is_named_by_its_revision(tmp_path):
    snapshot = tiny.write_molmoact(tmp_path / ("c" * 40))
    assert open_checkpoint(snapshot).revision == "c" * 40


def test_a_download_needs_a_pinned_revision():
    with pytest.raises(CheckpointError, match="Pin a revision"):
        locate("allenai/MolmoAct2-DROID", download=True)


def test_a_missing_tensor_is_named(folder):
    index = folder / "model.safetensors.index.json"
    document = json.loads(index.read_text())
    gone = "model-00001-of-00003.safetensors"
    document["weight_map"] = {k: v for k, v in document["weight_map"].items() if v != gone}
    index.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="is missing"):
        load_v1(open_checkpoint(folder))


def test_an_index_may_not_leave_its_folder(folder):
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "../other.safetensors"}}))
    with pytest.raises(CheckpointError, match="outside the folder"):
        open_checkpoint(folder)


def test_another_shape_is_named(folder):
    config = json.loads((folder / "config.json").read_text())
    config["llm_config"]["intermediate_size"] = 80
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="ff_"):
        load_v1(open_checkpoint(folder))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**32) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 10) + b'{"a": 1}  ',
        struct.pack("<Q", 64) + b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}'[:64],
        struct.pack("<Q", 66) + b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}',
        struct.pack("<Q", 62) + b'{"a":{"dtype":"OBJECT","shape":[1],"data_offsets":[0,4]}}     ',
        b"\x80\x04\x95" + b"pickle" * 10,
    ],
)
def test_a_damaged_file_is_refused_before_anything_is_allocated(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        read_header(path)


def test_a_fused_tensor_is_parted_by_rows(tmp_path):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 2, bias=False, device="meta")
            self.second = nn.Linear(3, 4, bias=False, device="meta")

    fused = torch.arange(18.0).view(6, 3)
    save_file({"both": fused}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    module = Two()
    plan = {"both": [Target(parameter="first.weight", source=(0, 2)), Target(parameter="second.weight", source=(2, 6))]}
    load_into(module, open_checkpoint(tmp_path), plan, device="cpu", dtype=torch.float32)
    assert torch.equal(torch.cat([module.first.weight, module.second.weight]), fused)


def test_a_malformed_tokenizer_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"lacks tokenizer\.json"):
        Tokens.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="malformed"):
        Tokens.load(tmp_path)
