"""MolmoAct v1 as a callable: images and a prompt in, text and phases out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from molmo_ros.models.images import CropRule, Uint8Image, join, prepare
from molmo_ros.models.molmo_v1.decoder import StaticCache
from molmo_ros.models.molmo_v1.loader import load_v1
from molmo_ros.models.molmo_v1.model import MolmoV1Model, PromptTensors, now
from molmo_ros.models.molmo_v1.prompting import ImageMarks, bos_id, prompt_ids
from molmo_ros.models.tokens import Tokens
from molmo_ros.models.weights import Checkpoint, Progress

SINGLE_CROPS, MULTI_CROPS = 8, 4
# Prompt lengths are rounded up to this, so that a compiled decoder meets few shapes.
CACHE_STEP = 256


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        text: Decoded, special tokens left out.
        ended: Whether the model ended it before the token limit.
        tokens: Number of new tokens.
        seconds: Wall time by phase.
    """

    text: str
    ended: bool
    tokens: int
    seconds: dict[str, float]


class MolmoActEngine:
    """Model, tokenizer and image rule of one checkpoint. Not safe for use from two threads at once.

    Args:
        model: Loaded.
        tokens: Its tokenizer.
        compiled: On a GPU, decode through ``torch.compile`` with CUDA graphs.
    """

    def __init__(self, model: MolmoV1Model, tokens: Tokens, *, compiled: bool = True) -> None:
        self.model, self.tokens = model, tokens
        self.marks = ImageMarks.of(tokens)
        self.stops = frozenset({bos_id(tokens)})
        vit = model.config.vit
        self._rule = CropRule(size_px=vit.image_default_input_size[0], patch_px=vit.image_patch_size, order="separable")
        self._cache: StaticCache | None = None
        if compiled and model.device.type == "cuda":
            model.step = torch.compile(model.step, mode="reduce-overhead", dynamic=False)

    def prompt(self, images: Sequence[Uint8Image], text: str) -> PromptTensors:
        """Tokens and pixels of one prompt, the multi-image index quirk included."""
        several = len(images) > 1
        limit = MULTI_CROPS if several else SINGLE_CROPS
        rule = CropRule(**{**vars(self._rule), "max_crops": limit})
        group = join([prepare(image, rule) for image in images], shift_padding=True)
        per = group.grids_per_image
        grids = [group.grids[i : i + per] for i in range(0, len(group.grids), per)]
        ids = prompt_ids(self.tokens, self.marks, grids, text, numbered=several)
        made = PromptTensors(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            images=torch.from_numpy(group.patches)[None],
            pooling=torch.from_numpy(np.ascontiguousarray(group.pooling))[None],
        )
        return made.to(self.model.device)

    def answer(self, images: Sequence[Uint8Image], text: str, *, max_new_tokens: int, deadline_s: float) -> Answer:
        """Ask one question.

        Args:
            images: (H, W, 3) uint8 each, the side camera first.
            text: The user's part of the prompt.
            max_new_tokens: Token limit.
            deadline_s: ``time.monotonic()`` value after which this gives up.

        Raises:
            MolmoRosError: PAYLOAD_INVALID for an image that is none, MODEL_TIMEOUT past the deadline.
        """
        started = now(self.model.device)
        prompt = self.prompt(images, text)
        prepared = now(self.model.device)
        needed = prompt.input_ids.shape[1] + max_new_tokens
        if self._cache is None or self._cache.capacity < needed:
            rounded = -(-needed // CACHE_STEP) * CACHE_STEP
            limit = self.model.config.llm.max_position_embeddings
            self._cache = self.model.new_cache(1, max(needed, min(rounded, limit)))
        made = self.model.generate(
            prompt, max_new_tokens=max_new_tokens, stop_ids=self.stops, deadline_s=deadline_s, cache=self._cache
        )
        ids = made.ids[0].tolist()
        written = [token for token in ids if token not in self.stops]
        seconds = {"preprocess": prepared - started, **made.seconds}
        return Answer(text=self.tokens.decode(written), ended=made.stopped, tokens=len(ids), seconds=seconds)


def load_engine(
    checkpoint: Checkpoint,
    *,
    device: str,
    dtype: torch.dtype,
    compiled: bool = True,
    quantise_to: str = "",
    progress: Progress | None = None,
) -> MolmoActEngine:
    """Load a MolmoAct v1 checkpoint folder.

    Raises:
        MolmoRosError: MODEL_LOAD_FAILED, in words.
    """
    from molmo_ros.models.quantise import quantise

    tokens = Tokens.load(Path(checkpoint.folder))
    model = load_v1(checkpoint, device=device, dtype=dtype, progress=progress)
    quantise(model, quantise_to)
    return MolmoActEngine(model, tokens, compiled=compiled)
