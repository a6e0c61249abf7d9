"""Image preparation shared by MolmoAct v1, MolmoAct2 and Molmo2: crops, patches, pooling indices.

An image becomes one low-resolution crop (the whole image stretched to the ViT's input) and, in the cropped mode,
overlapping high-resolution crops of a tiling that fits its shape. Every crop is cut into flattened patches; each
LLM image token pools a window of patches, named by index over all crops, -1 where the window leaves the image.

The rules are those of the published processors (github allenai/molmoact ``image_processing_molmoact.py`` and
transformers ``models/molmo2/image_processing_molmo2.py``); the golden numbers hold them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from molmo_ros.models.errors import InputError
from molmo_ros.models.resampling import Order, stretch

MAX_SIDE_PX = 8192

Uint8Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class CropRule:
    """How an image is cut.

    Attributes:
        size_px: Side of the square crops.
        patch_px: Side of a ViT patch.
        max_crops: Most high-resolution crops of one image.
        margins: Patches of overlap at the left/top and at the right/bottom of a crop.
        pool_hw: Window of patches behind one image token.
        cropped: False for the whole image alone, stretched.
        order: Order of operations of the stretching, see :mod:`molmo_ros.models.resampling`.
    """

    size_px: int = 378
    patch_px: int = 14
    max_crops: int = 8
    margins: tuple[int, int] = (4, 4)
    pool_hw: tuple[int, int] = (2, 2)
    cropped: bool = True
    order: Order = "direct"

    @property
    def side(self) -> int:
        """Patches along a side of a crop."""
        return self.size_px // self.patch_px


@dataclass(frozen=True, kw_only=True)
class PreparedImage:
    """One image, ready for a ViT.

    Attributes:
        patches: (crops, patches, patch_px**2 * 3) float32 in [-1, 1]; crop 0 is the whole image.
        pooling: (tokens, window) patch indices over the crops, low-resolution tokens first; -1 is padding.
        grids: (rows, columns) of tokens of the whole image and, when cropped, of the crops.
    """

    patches: FloatArray
    pooling: IndexArray
    grids: tuple[tuple[int, int], ...]

    @property
    def patch_count(self) -> int:
        """Patches over all crops."""
        return int(self.patches.shape[0] * self.patches.shape[1])


def check_rgb(image: npt.NDArray[Any]) -> Uint8Image:
    """Return ``image`` if it is an (H, W, 3) uint8 array of a sane size.

    Raises:
        InputError: It is not.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"An image must be uint8 RGB of shape (H, W, 3), not {image.dtype} {image.shape}.")
    if min(image.shape[:2]) < 1 or max(image.shape[:2]) > MAX_SIDE_PX:
        raise InputError(f"An image of {image.shape[1]}x{image.shape[0]} is outside 1..{MAX_SIDE_PX} pixels.")
    return image


def normalised(image: Uint8Image, height_px: int, width_px: int, order: Order) -> FloatArray:
    """Stretch an image and map it to [-1, 1].

    Returns:
        (height_px, width_px, 3) float32.
    """
    grid = stretch(torch.from_numpy(np.array(image)), height_px, width_px, order).numpy()
    return np.asarray(np.float32(-1.0) + (grid / np.float32(255.0)) * np.float32(2.0), dtype=np.float32)


def choose_tiling(height: int, width: int, window_px: int, max_crops: int) -> tuple[int, int]:
    """Choose (rows, columns) of windows of ``window_px`` whose whole fits an image best.

    The least upscaling wins; if every tiling needs downscaling, the least downscaling. Ties go to fewer crops.
    """
    tilings = [(r, c) for r in range(1, max_crops + 1) for c in range(1, max_crops + 1) if r * c <= max_crops]
    tilings.sort(key=lambda rc: (rc[0] * rc[1], rc[0]))
    sizes = np.array(tilings, dtype=np.float32) * np.float32(window_px)
    with np.errstate(divide="ignore"):
        scales = (sizes / np.array([height, width], dtype=np.float32)).min(axis=-1)
    if np.all(scales < 1):
        return tilings[int(np.argmax(scales))]
    return tilings[int(np.argmin(np.where(scales < 1, np.float32(10e9), scales)))]


def to_patches(crops: FloatArray, patch_px: int) -> FloatArray:
    """Cut (N, H, W, 3) into (N, patches, patch_px**2 * 3), row-major."""
    count, height, width, channels = crops.shape
    rows, cols = height // patch_px, width // patch_px
    cut = crops.reshape(count, rows, patch_px, cols, patch_px, channels).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut.reshape(count, rows * cols, patch_px * patch_px * channels))


def pooling_windows(index: IndexArray, pool_hw: tuple[int, int]) -> tuple[IndexArray, tuple[int, int]]:
    """Group a grid of patch indices into pooling windows, padded evenly around with -1.

    Returns:
        (tokens, window) indices and the (rows, columns) of tokens.
    """
    window_h, window_w = pool_hw
    extra_h, extra_w = -index.shape[0] % window_h, -index.shape[1] % window_w
    padding = ((extra_h // 2, (extra_h + 1) // 2), (extra_w // 2, (extra_w + 1) // 2))
    padded = np.pad(index, padding, constant_values=-1)
    rows, cols = padded.shape[0] // window_h, padded.shape[1] // window_w
    grouped = padded.reshape(rows, window_h, cols, window_w).transpose(0, 2, 1, 3)
    return grouped.reshape(rows * cols, window_h * window_w), (rows, cols)


def cut_crops(source: FloatArray, tiling: tuple[int, int], rule: CropRule) -> tuple[FloatArray, IndexArray]:
    """Cut a picture that was brought to the size of its tiling into overlapping crops.

    Args:
        source: (H, W, C) of exactly ``tiling`` windows and the margins.
        tiling: (rows, columns) of crops.
        rule: Sizes.

    Returns:
        (N, size, size, C) crops and the grid of patch indices over them, each patch of ``source`` once.
    """
    rows, cols = tiling
    before, after = rule.margins
    window = rule.side - before - after
    window_px = window * rule.patch_px
    crops = np.empty((rows * cols, rule.size_px, rule.size_px, source.shape[2]), dtype=np.float32)
    index = np.full((rows * window + before + after, cols * window + before + after), -1, dtype=np.int64)
    for row in range(rows):
        for col in range(cols):
            number = row * cols + col
            y, x = row * window_px, col * window_px
            crops[number] = source[y : y + rule.size_px, x : x + rule.size_px]
            own = np.arange(rule.side**2).reshape(rule.side, rule.side) + number * rule.side**2
            top, left = (before if row else 0), (before if col else 0)
            bottom = rule.side - (after if row < rows - 1 else 0)
            right = rule.side - (after if col < cols - 1 else 0)
            index[row * window + top : row * window + bottom, col * window + left : col * window + right] = own[
                top:bottom, left:right
            ]
    return crops, index


def _overlapping_crops(image: Uint8Image, rule: CropRule) -> tuple[FloatArray, IndexArray]:
    margin_px = sum(rule.margins) * rule.patch_px
    window_px = rule.size_px - margin_px
    tiling = choose_tiling(image.shape[0] - margin_px, image.shape[1] - margin_px, window_px, rule.max_crops)
    height, width = (count * window_px + margin_px for count in tiling)
    return cut_crops(normalised(image, height, width, rule.order), tiling, rule)


def prepare(image: npt.NDArray[Any], rule: CropRule) -> PreparedImage:
    """Prepare one image.

    Args:
        image: (H, W, 3) uint8 RGB.
        rule: How to cut it.

    Raises:
        InputError: The array is not an RGB image.
    """
    rgb = check_rgb(image)
    whole = normalised(rgb, rule.size_px, rule.size_px, rule.order)[None]
    low_index = np.arange(rule.side**2, dtype=np.int64).reshape(rule.side, rule.side)
    low, low_grid = pooling_windows(low_index, rule.pool_hw)
    if not rule.cropped:
        return PreparedImage(patches=to_patches(whole, rule.patch_px), pooling=low, grids=(low_grid,))
    crops, index = _overlapping_crops(rgb, rule)
    high, high_grid = pooling_windows(index, rule.pool_hw)
    high = np.where(high >= 0, high + rule.side**2, -1)
    return PreparedImage(
        patches=to_patches(np.concatenate([whole, crops]), rule.patch_px),
        pooling=np.concatenate([low, high]),
        grids=(low_grid, high_grid),
    )


@dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """Several images of one sample, as one set of crops.

    Attributes:
        patches: (crops, patches, pixels) over all images.
        pooling: (tokens, window) indices over all patches.
        grids: Token grids of all images in order, two (low, high) or one per image.
        grids_per_image: Number of entries of ``grids`` that belong to one image.
    """

    patches: FloatArray
    pooling: IndexArray
    grids: tuple[tuple[int, int], ...]
    grids_per_image: int


def join(images: Sequence[PreparedImage], *, shift_padding: bool = False) -> ImageGroup:
    """Put several prepared images behind each other.

    Args:
        images: At least one image, all prepared by the same rule.
        shift_padding: Reproduce MolmoAct v1: the offset of an image is added to its -1 slots too, so that from
            the second image on a padding slot names the last patch of the image before and counts as valid. The
            published v1 models were trained this way.
    """
    parts, offset = [], 0
    for image in images:
        shifted = image.pooling + offset
        parts.append(shifted if shift_padding else np.where(image.pooling >= 0, shifted, -1))
        offset += image.patch_count
    return ImageGroup(
        patches=np.concatenate([image.patches for image in images]),
        pooling=np.concatenate(parts),
        grids=tuple(grid for image in images for grid in image.grids),
        grids_per_image=len(images[0].grids),
    )
