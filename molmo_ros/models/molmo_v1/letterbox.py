"""Image preparation of Molmo v1 and GraspMolmo: aspect kept, padded, CLIP colours, 336-pixel crops.

Rules of the published processor (``image_preprocessing_molmo.py`` of the Molmo-7B-D release). One of them is a fault
that the weights were trained with: the shares of padding of the crops are listed from the first high-resolution crop
on and filled up with -1, so each is read for the crop before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from molmo_ros.models.images import (
    CropRule,
    FloatArray,
    IndexArray,
    Uint8Image,
    check_rgb,
    choose_tiling,
    cut_crops,
    pooling_windows,
    to_patches,
)

RULE = CropRule(size_px=336, patch_px=14, max_crops=12, margins=(4, 4), pool_hw=(2, 2))
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class LetterboxedImage:
    """One image, ready for the ViT.

    Attributes:
        patches: (crops, patches, pixels) float32, the whole image first.
        masks: (crops, patches) share of image per patch, shifted by one crop as published; -1 for the last crop.
        pooling: (tokens, window) patch indices.
        grids: (rows, columns) of tokens of the whole image and of the crops.
    """

    patches: FloatArray
    masks: FloatArray
    pooling: IndexArray
    grids: tuple[tuple[int, int], ...]


def fit(image: Uint8Image, height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Fit an image into a frame, aspect kept, antialiased, padded with black, in CLIP's colours.

    Returns:
        (height, width, 3) pixels and (height, width, 1) 1 where there is image.
    """
    rows, cols = image.shape[:2]
    scale = min(np.float32(width) / np.float32(cols), np.float32(height) / np.float32(rows))
    inner_h, inner_w = int(np.float32(rows) * scale), int(np.float32(cols) * scale)
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255.0
    resized = functional.interpolate(
        tensor, size=(inner_h, inner_w), mode="bilinear", align_corners=False, antialias=True
    )
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    pixels = np.zeros((height, width, 3), dtype=np.float32)
    pixels[top : top + inner_h, left : left + inner_w] = resized[0].clamp(0.0, 1.0).permute(1, 2, 0).numpy()
    mask = np.zeros((height, width, 1), dtype=np.float32)
    mask[top : top + inner_h, left : left + inner_w] = 1.0
    return (pixels - CLIP_MEAN) / CLIP_STD, mask


def letterbox(image: npt.NDArray[Any], rule: CropRule = RULE) -> LetterboxedImage:
    """Prepare one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        rule: Sizes of the crops; the default is the release.

    Raises:
        InputError: The array is not an RGB image.
    """
    rgb = check_rgb(image)
    whole, _ = fit(rgb, rule.size_px, rule.size_px)
    margin_px = sum(rule.margins) * rule.patch_px
    window_px = rule.size_px - margin_px
    tiling = choose_tiling(rgb.shape[0] - margin_px, rgb.shape[1] - margin_px, window_px, rule.max_crops)
    source, mask = fit(rgb, tiling[0] * window_px + margin_px, tiling[1] * window_px + margin_px)
    crops, index = cut_crops(source, tiling, rule)
    shares, _ = cut_crops(mask, tiling, rule)
    low, low_grid = pooling_windows(np.arange(rule.side**2, dtype=np.int64).reshape(rule.side, -1), rule.pool_hw)
    high, high_grid = pooling_windows(index, rule.pool_hw)
    masks = to_patches(shares, rule.patch_px).mean(axis=-1, dtype=np.float32)
    return LetterboxedImage(
        patches=to_patches(np.concatenate([whole[None], crops]), rule.patch_px),
        masks=np.concatenate([masks, np.full((1, rule.side**2), -1.0, dtype=np.float32)]),
        pooling=np.concatenate([low, np.where(high >= 0, high + rule.side**2, -1)]),
        grids=(low_grid, high_grid),
    )
