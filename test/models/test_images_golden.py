"""Crops, patches and pooling indices are those of the published image processors."""

from __future__ import annotations

import hashlib

import golden
import numpy as np
import pytest

from molmo_ros.models.images import CropRule, join, prepare


def v1_rule(processor, nested):
    margins = processor["overlap_margins"]
    return CropRule(
        size_px=processor["base_image_input_size"][0],
        patch_px=processor["image_patch_size"],
        max_crops=processor["max_multi_image_crops" if nested else "max_crops"],
        margins=(margins[0], margins[1]),
        pool_hw=(processor["image_pooling_h"], processor["image_pooling_w"]),
        order="separable",
    )


def load(part):
    return golden.load_json(part, "cases.json"), golden.load_tensors(part, "vectors.safetensors")


def pad(arrays, value):
    longest = max(len(a) for a in arrays)
    out = np.full((len(arrays), longest, *arrays[0].shape[1:]), value, dtype=arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return out


def v1_groups(spec, images):
    """The published v1 processor: a flat list is a batch of images, a nested one a batch of groups."""
    for entry in spec["images"]:
        names = entry if isinstance(entry, list) else [entry]
        yield [images[name] for name in names], isinstance(entry, list)


def quantised_digest(patches):
    return hashlib.sha256(np.rint((patches.astype(np.float64) + 1) / 2 * 255).astype(np.uint8).tobytes()).hexdigest()


@pytest.mark.parametrize("case", sorted(golden.load_json("molmoact_v1_image", "cases.json")["cases"]))
def test_v1_images_match(case):
    part = "molmoact_v1_image"
    document, tensors = load(part)
    images = {name: golden.pattern_image(spec, tensors) for name, spec in document["images"].items()}
    spec = document["cases"][case]
    groups = []
    for members, nested in v1_groups(spec, images):
        rule = v1_rule(document["processor"], nested)
        groups.append(join([prepare(image, rule) for image in members], shift_padding=True))
    patches = pad([g.patches for g in groups], -1.0)
    assert list(patches.shape) == spec["images_shape"]
    assert quantised_digest(patches) == spec["uint8_grid_sha256"]
    golden.check(f"{part} pooling", pad([g.pooling for g in groups], -1), tensors[f"{case}.pooled_patches_idx"], 0)
    golden.check(f"{part} grids", pad([np.array(g.grids) for g in groups], -1), tensors[f"{case}.image_grids"], 0)
    sampled = patches.reshape(-1)[tensors[f"{case}.sample_index"].numpy()]
    golden.check(f"{part} pixels", sampled, tensors[f"{case}.sample_value"], 1e-6)
    for group, counts in zip(groups, spec["tokens"], strict=True):
        assert sum(h * (w + 1) + 2 for h, w in group.grids) == counts["tokens_with_markers"]
        assert len(group.pooling) == counts["patch_tokens"]


@pytest.mark.parametrize("case", sorted(golden.load_json("molmo2", "image", "cases.json")["cases"]))
def test_molmo2_images_match(case):
    part = "molmo2/image"
    document, tensors = load(part)
    spec = document["cases"][case]
    # Images of this part without a formula of their own are those of the v1 part.
    source = {**golden.load_json("molmoact_v1_image", "cases.json")["images"], **document.get("images", {})}
    images = [prepare(golden.pattern_image(source[name], tensors), CropRule()) for name in spec["images"]]
    group = join(images)
    assert list(group.patches.shape) == spec["pixel_shape"]
    assert quantised_digest(group.patches) == spec["uint8_grid_sha256"]
    golden.check(f"{part} pooling", group.pooling, tensors[f"{case}.image_token_pooling"], 0)
    grids = np.array([[*i.grids[0], *i.grids[1]] for i in images])
    golden.check(f"{part} grids", grids, tensors[f"{case}.image_grids"], 0)
    sampled = group.patches.reshape(-1)[tensors[f"{case}.sample_index"].numpy()]
    golden.check(f"{part} pixels", sampled, tensors[f"{case}.sample_value"], 1e-6)
    crops = [len(i.patches) for i in images]
    golden.check(f"{part} crops", crops, tensors[f"{case}.image_num_crops"], 0)
