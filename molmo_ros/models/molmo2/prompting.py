"""Prompts of the Molmo2 family: media first, then Qwen's chat turns; one BOS, which is the end-of-turn token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from molmo_ros.models.errors import InputError
from molmo_ros.models.images import CropRule, ImageGroup, Uint8Image, join, prepare
from molmo_ros.models.molmo2.vlm import VlmInputs
from molmo_ros.models.tokens import Tokens

MARKERS = (
    "<im_patch>",
    "<im_col>",
    "<im_start>",
    "<low_res_im_start>",
    "<frame_start>",
    "<im_end>",
    "<frame_end>",
    "<im_low>",
)
VIDEO_POOL = (3, 3)
MAX_FRAMES = 384


def turn(text: str) -> str:
    """One user turn and the opening of the answer."""
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """A prompt being put together.

    Attributes:
        ids: Token ids.
        group: Its images, or None.
        video: Whether they are frames of a video.
    """

    ids: list[int]
    group: ImageGroup | None = None
    video: bool = False


class Molmo2Prompts:
    """Assembles prompts for one tokenizer.

    Args:
        tokens: Of the checkpoint.
        rule: How images are cut.
    """

    def __init__(self, tokens: Tokens, rule: CropRule | None = None) -> None:
        self._tokens = tokens
        self._rule = rule or CropRule()
        self._ids = {marker: tokens.id(marker) for marker in MARKERS if tokens.known(marker)}
        self._image_ids = torch.tensor(sorted(self._ids.values()))
        self.bos = tokens.id("<|im_end|>")
        stops = {self.bos} | ({tokens.id("<|endoftext|>")} if tokens.known("<|endoftext|>") else set())
        self.stops = frozenset(stops)

    def _block(self, grid: tuple[int, int], start: str, end: str, *, columns: bool) -> list[int]:
        rows, cols = grid
        row = [self._ids["<im_patch>"]] * cols + ([self._ids["<im_col>"]] if columns else [])
        return [self._ids[start], *row * rows, self._ids[end]]

    def images(self, images: Sequence[Uint8Image]) -> Assembled:
        """Open a prompt with one or several images; none is allowed."""
        ids = [self.bos]
        if not images:
            return Assembled(ids=ids)
        group = join([prepare(image, self._rule) for image in images])
        per = group.grids_per_image
        for index in range(len(images)):
            if len(images) > 1:
                ids += self._tokens.encode(f"Image {index + 1}")
            grids = group.grids[index * per : (index + 1) * per]
            if per == 1:
                ids += self._block(grids[0], "<im_start>", "<im_end>", columns=False)
            else:
                ids += self._block(grids[0], "<low_res_im_start>", "<im_end>", columns=True)
                ids += self._block(grids[1], "<im_start>", "<im_end>", columns=True)
        return Assembled(ids=ids, group=group)

    def video(self, frames: Sequence[Uint8Image], times_s: Sequence[float]) -> Assembled:
        """Open a prompt with the frames of a video.

        Args:
            frames: (H, W, 3) uint8 each.
            times_s: Seconds of each frame, rising.

        Raises:
            InputError: Too few or too many frames, or times that do not match.
        """
        if not 1 <= len(frames) <= MAX_FRAMES or len(frames) != len(times_s):
            raise InputError(f"A video needs 1..{MAX_FRAMES} frames with one time each, not {len(frames)}.")
        rule = CropRule(**{**vars(self._rule), "cropped": False, "pool_hw": VIDEO_POOL})
        group = join([prepare(frame, rule) for frame in frames])
        ids = [self.bos]
        for index, (grid, time_s) in enumerate(zip(group.grids, times_s, strict=True)):
            ids += self._tokens.encode(f"{' ' if index else ''}{time_s:.1f} ")
            ids += self._block(grid, "<frame_start>", "<frame_end>", columns=False)
        return Assembled(ids=ids, group=group, video=True)

    def inputs(self, opened: Assembled, text: str = "") -> VlmInputs:
        """Finish a prompt.

        Args:
            opened: Its media.
            text: What follows, chat marks included; "" to read the media alone.
        """
        ids = opened.ids + (self._tokens.encode(text) if text else [])
        input_ids = torch.tensor([ids])
        kinds = torch.isin(input_ids, self._image_ids).long()
        if opened.group is None:
            return VlmInputs(input_ids=input_ids, token_types=kinds)
        group = opened.group
        if opened.video:
            grids = torch.tensor([[len(group.grids), *group.grids[0]]])
        else:
            low, high = group.grids[:: group.grids_per_image], group.grids[1 :: group.grids_per_image]
            pairs = zip(low, high if group.grids_per_image == 2 else [(0, 0)] * len(low), strict=True)
            grids = torch.tensor([[*first, *second] for first, second in pairs])
        return VlmInputs(
            input_ids=input_ids,
            token_types=kinds,
            pixel_values=torch.from_numpy(group.patches),
            pooling=torch.from_numpy(np.ascontiguousarray(group.pooling)),
            grids=grids,
            video=opened.video,
        )
