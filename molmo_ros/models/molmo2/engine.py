"""Molmo2 as a callable: pointing, tracking, free text, and probabilities of given answers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from molmo_ros.models.errors import CheckpointError
from molmo_ros.models.images import CropRule
from molmo_ros.models.molmo2.native import load_native
from molmo_ros.models.molmo2.prompting import Assembled, Molmo2Prompts, turn
from molmo_ros.models.molmo2.vlm import Prefix, Vlm
from molmo_ros.models.tokens import Tokens
from molmo_ros.models.weights import Checkpoint, Progress


@dataclass(frozen=True, kw_only=True)
class Spoken:
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


class Molmo2Engine:
    """Model, tokenizer and prompts of one checkpoint. Not safe for use from two threads at once.

    Args:
        vlm: Loaded.
        tokens: Its tokenizer.
        rule: How images are cut.
    """

    def __init__(self, vlm: Vlm, tokens: Tokens, rule: CropRule | None = None) -> None:
        self.vlm, self.tokens = vlm, tokens
        self.prompts = Molmo2Prompts(tokens, rule)

    def answer(self, opened: Assembled, text: str, *, max_new_tokens: int, deadline_s: float) -> Spoken:
        """Answer a question about media.

        Args:
            opened: From :class:`Molmo2Prompts`.
            text: The user's turn.
            max_new_tokens: Token limit.
            deadline_s: ``time.monotonic()`` value after which this gives up.
        """
        inputs = self.prompts.inputs(opened, turn(text)).to(self.vlm.device)
        room = max_new_tokens if self.vlm.device.type == "cuda" else None
        prefix = self.vlm.prefill(inputs, room=room)
        ids, ended = self.vlm.decode(
            prefix, max_new_tokens=max_new_tokens, stop_ids=self.prompts.stops, deadline_s=deadline_s
        )
        return Spoken(text=self.tokens.decode(ids), ended=ended, tokens=len(ids), seconds=dict(prefix.seconds))

    def look(self, opened: Assembled) -> Prefix:
        """Read media once, for several questions."""
        return self.vlm.prefill(self.prompts.inputs(opened).to(self.vlm.device))

    def choose(self, seen: Prefix, question: str, answers: Sequence[str]) -> list[float]:
        """Probabilities of given answers, relative to one another.

        Args:
            seen: From :meth:`look`; unchanged afterwards.
            question: The user's turn.
            answers: Texts to compare, at least two.

        Returns:
            One probability per answer, 1 in all.
        """
        spelled = [self.tokens.encode(answer) for answer in answers]
        length, hidden = seen.length, seen.hidden
        with torch.inference_mode():
            asked = torch.tensor([self.tokens.encode(turn(question))], device=self.vlm.device)
            self.vlm.feed(seen, asked)
            scores = self.vlm.log_probabilities(seen, spelled)
            self.vlm.rewind(seen, length, hidden)
        top = max(scores)
        weights = [math.exp(score - top) for score in scores]
        return [weight / sum(weights) for weight in weights]


def load_engine(
    checkpoint: Checkpoint,
    *,
    device: str,
    dtype: torch.dtype,
    compiled: bool = True,
    quantise_to: str = "",
    progress: Progress | None = None,
) -> Molmo2Engine:
    """Load a Molmo2 checkpoint folder.

    Raises:
        MolmoRosError: MODEL_LOAD_FAILED, in words.
    """
    from molmo_ros.models.quantise import quantise

    tokens = Tokens.load(Path(checkpoint.folder))
    native = load_native(checkpoint, device=device, dtype=dtype, progress=progress)
    quantise(native, quantise_to)
    config = native.config
    if tokens.id("<im_patch>") != config.image_patch_id:
        raise CheckpointError("tokenizer.json and config.json disagree on <im_patch>; they are of different models.")
    vision = config.vision_config
    rule = CropRule(size_px=vision.image_size[0], patch_px=vision.patch_size)
    return Molmo2Engine(Vlm(native, compiled=compiled), tokens, rule)


def soon(seconds: float) -> float:
    """``time.monotonic()`` value so many seconds from now."""
    return time.monotonic() + seconds
