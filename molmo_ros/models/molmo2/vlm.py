"""A Molmo2 that has read a prompt: its cache can be decoded from, scored with several answers, or handed on.

Image and frame tokens see each other in both directions, so they all belong into one prefill; afterwards the vision
tower is not needed again, whatever is asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import DynamicCache, StaticCache

from molmo_ros.models.errors import DeadlineError, InputError


@dataclass(frozen=True, kw_only=True)
class VlmInputs:
    """One prompt.

    Attributes:
        input_ids: (B, T).
        token_types: (B, T) 1 at image tokens, which see each other in both directions.
        attention_mask: (B, T) or None when nothing is padded.
        pixel_values: (crops, patches, pixels).
        pooling: (image tokens, window) patch indices over all crops of the call, -1 for padding.
        grids: (images, 4) token grids of images, or (videos, 3) frames, rows and columns.
        video: Whether the pixels are frames of a video.
    """

    input_ids: Tensor
    token_types: Tensor
    attention_mask: Tensor | None = None
    pixel_values: Tensor | None = None
    pooling: Tensor | None = None
    grids: Tensor | None = None
    video: bool = False

    def to(self, device: torch.device | str) -> VlmInputs:
        """Return a copy on ``device``."""
        moved = {name: v.to(device) if isinstance(v, Tensor) else v for name, v in vars(self).items()}
        return VlmInputs(**moved)


@dataclass(kw_only=True)
class Prefix:
    """A prompt that was read.

    Attributes:
        ids: (B, T) all tokens so far.
        attention_mask: (B, T) or None.
        cache: Keys and values of them.
        hidden: (B, width) hidden state of the last token.
        depth_bins: Depth codes of a MolmoAct2-Think answer.
        seconds: Wall time by phase.
    """

    ids: Tensor
    attention_mask: Tensor | None
    cache: Any
    hidden: Tensor
    depth_bins: tuple[int, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of tokens read."""
        return int(self.ids.shape[1])


class Vlm:
    """Transformers' Molmo2 behind prefill, feed, decode and score. Not safe for use from two threads at once.

    Args:
        native: ``Molmo2ForConditionalGeneration``.
        compiled: On a GPU, decode through ``torch.compile`` with CUDA graphs; needs a static cache.
    """

    def __init__(self, native: Any, *, compiled: bool = False) -> None:
        self.native = native
        self._step = native.model
        if compiled and self.device.type == "cuda":
            self._step = torch.compile(native.model, mode="reduce-overhead", dynamic=False)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = self.native.lm_head.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        dtype: torch.dtype = self.native.lm_head.weight.dtype
        return dtype

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token (..., vocab) from hidden states (..., width)."""
        scores: Tensor = self.native.lm_head(hidden)
        return scores

    def see(self, inputs: VlmInputs) -> dict[str, Any]:
        """Run the vision tower and the adapter; {} without pixels."""
        if inputs.pixel_values is None:
            return {}
        run = self.native.model.get_video_features if inputs.video else self.native.model.get_image_features
        return {
            "video" if inputs.video else "image": run(inputs.pixel_values.to(self.dtype), inputs.pooling, inputs.grids)
        }

    def prefill(self, inputs: VlmInputs, *, room: int | None = None) -> Prefix:
        """Read a prompt.

        Args:
            inputs: On the model's device.
            room: Tokens that may follow; with it the cache is static, as compiled decoding needs.

        Raises:
            InputError: Prompt and answer do not fit the context.
        """
        length = inputs.input_ids.shape[1] + (room or 0)
        limit = self.native.config.text_config.max_position_embeddings
        if length > limit:
            raise InputError(f"Prompt and answer need {length} tokens, but the model's context holds {limit}.")
        text = self.native.config.text_config
        with torch.inference_mode():
            started = now(self.device)
            features = self.see(inputs)
            seen = now(self.device)
            cache = DynamicCache(config=text) if room is None else StaticCache(config=text, max_cache_len=length)
            output = self.native.model(
                input_ids=inputs.input_ids,
                attention_mask=inputs.attention_mask,
                mm_token_type_ids=inputs.token_types,
                mm_encoder_outputs=features or None,
                past_key_values=cache,
                use_cache=True,
            )
            hidden = output.last_hidden_state[:, -1]
            seconds = {"vision": seen - started, "prefill": now(self.device) - seen}
        return Prefix(
            ids=inputs.input_ids, attention_mask=inputs.attention_mask, cache=cache, hidden=hidden, seconds=seconds
        )

    def feed(self, prefix: Prefix, tokens: Tensor) -> Tensor:
        """Append tokens (B, N) to a prefix.

        Returns:
            (B, N, width) their hidden states.
        """
        if prefix.attention_mask is not None:
            prefix.attention_mask = functional.pad(prefix.attention_mask, (0, tokens.shape[1]), value=1)
        step = self._step if tokens.shape[1] == 1 else self.native.model
        output = step(
            input_ids=tokens, attention_mask=prefix.attention_mask, past_key_values=prefix.cache, use_cache=True
        )
        prefix.ids = torch.cat([prefix.ids, tokens], dim=1)
        hidden: Tensor = output.last_hidden_state
        prefix.hidden = hidden[:, -1]
        return hidden

    def rewind(self, prefix: Prefix, length: int, hidden: Tensor) -> None:
        """Forget everything after ``length`` tokens, so that another answer can follow."""
        prefix.cache.crop(length - prefix.length)
        prefix.ids = prefix.ids[:, :length]
        if prefix.attention_mask is not None:
            prefix.attention_mask = prefix.attention_mask[:, :length]
        prefix.hidden = hidden

    def decode(
        self, prefix: Prefix, *, max_new_tokens: int, stop_ids: frozenset[int], deadline_s: float
    ) -> tuple[list[int], bool]:
        """Decode one answer greedily (batch of one).

        Args:
            prefix: Grown in place.
            max_new_tokens: Token limit.
            stop_ids: Ids that end the answer; they are not returned.
            deadline_s: ``time.monotonic()`` value after which decoding gives up.

        Returns:
            Ids, and whether the answer ended before the limit.

        Raises:
            DeadlineError: The deadline passed.
        """
        written: list[int] = []
        with torch.inference_mode():
            started = now(self.device)
            ended = False
            while len(written) < max_new_tokens:
                token = int(self.logits(prefix.hidden).argmax(-1))
                if token in stop_ids:
                    ended = True
                    break
                written.append(token)
                check_deadline(deadline_s, "tokens", len(written))
                self.feed(prefix, torch.tensor([[token]], device=self.device))
            prefix.seconds["decode"] = now(self.device) - started
        return written, ended

    def log_probabilities(self, prefix: Prefix, answers: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each answer as the continuation of one prefix; the vision prefix is read once.

        Args:
            prefix: Unchanged afterwards.
            answers: Token ids of each answer, at least one token.

        Raises:
            InputError: An answer is empty or names a token that cannot be written.
        """
        rows = int(self.native.lm_head.weight.shape[0])
        length, first = prefix.length, prefix.hidden
        scores = []
        with torch.inference_mode():
            for answer in answers:
                if not answer or max(answer) >= rows or min(answer) < 0:
                    raise InputError("An answer to score must be one or more tokens that the model can write.")
                hidden = [first[:, None]]
                if len(answer) > 1:
                    hidden.append(self.feed(prefix, torch.tensor([list(answer[:-1])], device=self.device)))
                logs = self.logits(torch.cat(hidden, dim=1)).float().log_softmax(-1)[0]
                picked = logs[torch.arange(len(answer)), torch.tensor(list(answer), device=self.device)]
                scores.append(float(picked.sum()))
                if len(answer) > 1:
                    self.rewind(prefix, length, first)
        return scores


def check_deadline(deadline_s: float, what: str, count: int) -> None:
    """Give up once ``time.monotonic()`` is past the deadline.

    Raises:
        DeadlineError: It is.
    """
    if time.monotonic() > deadline_s:
        raise DeadlineError(f"The model wrote {count} {what} before its deadline; allow it more time.")


def now(device: torch.device) -> float:
    """Wall clock after the queued GPU work, so that phases are timed for what they are."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()
