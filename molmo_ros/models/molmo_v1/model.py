"""The whole v1 model: image features added to embeddings, prefill, and greedy decoding on a static cache."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from molmo_ros.models.errors import DeadlineError, InputError
from molmo_ros.models.molmo_v1.config import MolmoV1Config
from molmo_ros.models.molmo_v1.decoder import Decoder, StaticCache
from molmo_ros.models.molmo_v1.vision import VisionBackbone


@dataclass(frozen=True, kw_only=True)
class PromptTensors:
    """One batch of prompts.

    Attributes:
        input_ids: (B, T) token ids, left-padded.
        attention_mask: (B, T) 1 for tokens, 0 for padding.
        images: (B, crops, patches, pixels) or None for text only.
        pooling: (B, image tokens, slots) patch indices, or None.
        image_masks: (B, crops, patches) share of image per patch, or None.
    """

    input_ids: Tensor
    attention_mask: Tensor
    images: Tensor | None = None
    pooling: Tensor | None = None
    image_masks: Tensor | None = None

    def to(self, device: torch.device | str) -> PromptTensors:
        """Return a copy on ``device``."""
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return PromptTensors(**moved)


@dataclass(kw_only=True)
class Generation:
    """What greedy decoding produced.

    Attributes:
        ids: (B, new tokens) chosen ids; rows that met a stop id are filled with it.
        seconds: Wall time by phase: ``vision``, ``prefill``, ``decode``.
        stopped: Whether every row met a stop id before the token limit.
    """

    ids: Tensor
    seconds: dict[str, float] = field(default_factory=dict)
    stopped: bool = False


class MolmoV1Model(nn.Module):
    """MolmoAct v1 / Molmo v1, with the parameter names of ``MolmoActForActionReasoning``."""

    def __init__(self, config: MolmoV1Config):
        super().__init__()
        self.config = config
        self.model = nn.Module()
        self.model.transformer = Decoder(config.llm)
        self.model.vision_backbone = VisionBackbone(config)
        self.lm_head = nn.Linear(config.llm.hidden_size, config.llm.vocab_size, bias=False)
        self.step: Callable[[Tensor, Tensor, StaticCache, Tensor, Tensor], Tensor] = self._decode_logits

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = self.lm_head.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        dtype: torch.dtype = self.lm_head.weight.dtype
        return dtype

    def new_cache(self, batch: int, capacity: int) -> StaticCache:
        """Allocate a cache for ``capacity`` positions.

        Raises:
            InputError: The model's context is shorter than that.
        """
        limit = self.config.llm.max_position_embeddings
        if capacity > limit:
            raise InputError(f"Prompt and answer need {capacity} tokens, but the model's context holds {limit}.")
        return StaticCache(self.config.llm, batch=batch, capacity=capacity, device=self.device, dtype=self.dtype)

    def image_features(self, prompt: PromptTensors) -> Tensor | None:
        """Rows to add at the image patch tokens, or None without images."""
        if prompt.images is None or prompt.pooling is None:
            return None
        features: Tensor = self.model.vision_backbone(prompt.images, prompt.pooling, prompt.image_masks)
        return features

    def embed(self, prompt: PromptTensors, features: Tensor | None) -> Tensor:
        """Embed a prompt; image features are added to, not put in place of, the patch embeddings.

        Raises:
            InputError: The number of features is not the number of patch tokens.
        """
        embedded: Tensor = self.model.transformer.wte(prompt.input_ids)
        if features is None:
            return embedded
        where = prompt.input_ids == self.config.image_patch_id
        wanted = int(where.sum())
        if wanted != features.shape[0]:
            raise InputError(f"The prompt has {wanted} image patch tokens, the images give {features.shape[0]}.")
        embedded = embedded.clone()
        embedded[where] += features.to(embedded.dtype)
        return embedded

    def prefill(self, prompt: PromptTensors, cache: StaticCache, features: Tensor | None) -> Tensor:
        """Run a prompt through the decoder into an empty cache.

        Returns:
            (B, T, width) hidden states after the final norm; rows at left padding mean nothing.
        """
        mask = prompt.attention_mask.bool()
        length = mask.shape[1]
        cache.reset()
        cache.visible[:, :length] = mask
        cache.length = length
        causal = torch.ones(length, length, dtype=torch.bool, device=mask.device).tril()
        # A padding row attends to itself, so that its softmax is over something.
        itself = torch.eye(length, dtype=torch.bool, device=mask.device)
        attended = (causal & mask[:, None, None, :]) | itself
        positions = (mask.long().cumsum(-1) - 1).masked_fill(~mask, 1)
        slots = torch.arange(length, device=mask.device)
        hidden: Tensor = self.model.transformer(self.embed(prompt, features), positions, attended, cache, slots)
        return hidden

    def _decode_logits(
        self, ids: Tensor, positions: Tensor, cache: StaticCache, visible: Tensor, slot: Tensor
    ) -> Tensor:
        embedded = self.model.transformer.wte(ids)
        hidden = self.model.transformer(embedded, positions, visible[:, None, None, :], cache, slot)
        logits: Tensor = self.lm_head(hidden)[:, -1]
        return logits

    def decode(self, ids: Tensor, positions: Tensor, cache: StaticCache) -> Tensor:
        """Feed one token per row.

        Args:
            ids: (B, 1) tokens.
            positions: (B, 1) rotary positions.
            cache: Grown by one position.

        Returns:
            (B, vocab) logits of the next token.
        """
        slot = torch.tensor([cache.length], device=ids.device)
        cache.visible[:, cache.length] = True
        cache.length += 1
        # On a GPU the whole buffer is attended under a mask, so that shapes never change and a graph can be replayed.
        seen = cache.capacity if ids.is_cuda else cache.length
        return self.step(ids, positions, cache, cache.visible[:, :seen], slot)

    def generate(
        self,
        prompt: PromptTensors,
        *,
        max_new_tokens: int,
        stop_ids: frozenset[int] = frozenset(),
        deadline_s: float | None = None,
        cache: StaticCache | None = None,
        on_logits: Callable[[int, Tensor], None] | None = None,
    ) -> Generation:
        """Decode greedily.

        Args:
            prompt: Batch of prompts on the model's device.
            max_new_tokens: Token limit.
            stop_ids: Ids that end a row.
            deadline_s: ``time.monotonic()`` value after which decoding gives up.
            cache: Reused if it is large enough, else a new one is allocated.
            on_logits: Called with (step, logits) before each choice.

        Raises:
            DeadlineError: The deadline passed.
            InputError: Prompt and answer do not fit the context.
        """
        with torch.inference_mode():
            started = time.monotonic()
            batch, length = prompt.input_ids.shape
            needed = length + max_new_tokens
            if cache is None or cache.capacity < needed or cache.visible.shape[0] != batch:
                cache = self.new_cache(batch, needed)
            features = self.image_features(prompt)
            seen = now(self.device)
            hidden = self.prefill(prompt, cache, features)
            logits = self.lm_head(hidden[:, -1])
            filled = now(self.device)
            positions = prompt.attention_mask.long().sum(-1, keepdim=True)
            chosen: list[Tensor] = []
            done = torch.zeros(batch, dtype=torch.bool, device=self.device)
            stops = torch.tensor(sorted(stop_ids), device=self.device)
            stopped = False
            for step in range(max_new_tokens):
                if on_logits is not None:
                    on_logits(step, logits)
                picked = logits.argmax(-1)
                if chosen and stop_ids:
                    picked = torch.where(done, chosen[-1], picked)
                chosen.append(picked)
                if stop_ids:
                    done |= torch.isin(picked, stops)
                    if bool(done.all()):
                        stopped = True
                        break
                if deadline_s is not None and time.monotonic() > deadline_s:
                    raise DeadlineError(f"The model wrote {step + 1} tokens before its deadline; allow it more time.")
                if step + 1 < max_new_tokens:
                    logits = self.decode(picked[:, None], positions, cache)
                    positions = positions + 1
            ended = now(self.device)
        seconds = {"vision": seen - started, "prefill": filled - seen, "decode": ended - filled}
        return Generation(ids=torch.stack(chosen, dim=1), seconds=seconds, stopped=stopped)


def now(device: torch.device) -> float:
    """Wall clock after the queued GPU work, so that phases are timed for what they are."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()
