"""MolmoAct2 as a whole: one VLM prefill, optionally depth tokens, then the flow or discrete action tokens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import DynamicCache

from molmo_ros.models.errors import AnswerError, CheckpointError, DeadlineError
from molmo_ros.models.images import Uint8Image
from molmo_ros.models.molmo2.native import NOT_THE_VLM, build_empty, native_config, plan
from molmo_ros.models.molmoact2.config import MolmoAct2Config, molmoact2_config
from molmo_ros.models.molmoact2.context import depth_mask, encoder_mask
from molmo_ros.models.molmoact2.depth import DepthMemory, changed_cells, spans
from molmo_ros.models.molmoact2.expert import ActionExpert, DepthGate, ExpertContext
from molmo_ros.models.molmoact2.flow import FlowSampler
from molmo_ros.models.weights import Checkpoint, Progress, Target, load_into

States = list[tuple[Tensor, Tensor]]
END_STEPS = 8
TOKENS_PER_STEP = 16


@dataclass(frozen=True, kw_only=True)
class VlmInputs:
    """One prompt for the VLM.

    Attributes:
        input_ids: (1, T).
        attention_mask: (1, T) or None when nothing is padded.
        token_types: (1, T) 1 at image tokens, which see each other in both directions.
        pixel_values: (crops, patches, pixels).
        pooling: (image tokens, window) absolute patch indices.
        grids: (images, 4) token grids.
    """

    input_ids: Tensor
    token_types: Tensor
    attention_mask: Tensor | None = None
    pixel_values: Tensor | None = None
    pooling: Tensor | None = None
    grids: Tensor | None = None


@dataclass(kw_only=True)
class Prefix:
    """A prompt that the VLM has read, ready for the expert or for more tokens.

    Attributes:
        ids: (1, T) all tokens so far.
        attention_mask: (1, T) or None.
        cache: The VLM's keys and values of them.
        logits: (1, vocab) for the next token.
        depth_bins: Depth codes of a Think answer.
        seconds: Wall time by phase.
    """

    ids: Tensor
    attention_mask: Tensor | None
    cache: DynamicCache
    logits: Tensor
    depth_bins: tuple[int, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


class MolmoAct2Model:
    """VLM, expert and depth gate of one checkpoint. Not safe for use from two threads at once."""

    def __init__(self, config: MolmoAct2Config, vlm: Any, expert: ActionExpert | None, gate: DepthGate | None) -> None:
        self.config = config
        self.vlm = vlm
        self.expert = expert
        self.gate = gate
        self.sampler = None if expert is None else FlowSampler(expert, mask_padding=config.mask_padding)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        device: torch.device = self.vlm.lm_head.weight.device
        return device

    def prefill(self, inputs: VlmInputs) -> Prefix:
        """Read a prompt and its images."""
        with torch.inference_mode():
            started = _now(self.device)
            encoded: dict[str, Any] = {}
            if inputs.pixel_values is not None:
                features = self.vlm.model.get_image_features(
                    inputs.pixel_values.to(self.vlm.dtype), inputs.pooling, inputs.grids
                )
                encoded = {"mm_encoder_outputs": {"image": features}}
            seen = _now(self.device)
            cache = DynamicCache(config=self.vlm.config.text_config)
            output = self.vlm.model(
                input_ids=inputs.input_ids,
                attention_mask=inputs.attention_mask,
                mm_token_type_ids=inputs.token_types,
                past_key_values=cache,
                use_cache=True,
                **encoded,
            )
            logits = self.vlm.lm_head(output.last_hidden_state[:, -1])
            seconds = {"vision": seen - started, "prefill": _now(self.device) - seen}
        return Prefix(
            ids=inputs.input_ids, attention_mask=inputs.attention_mask, cache=cache, logits=logits, seconds=seconds
        )

    def _feed(self, prefix: Prefix, tokens: Tensor) -> Tensor:
        """Append tokens (1, N) and return the hidden state of the last, (1, width)."""
        prefix.ids = torch.cat([prefix.ids, tokens], dim=1)
        if prefix.attention_mask is not None:
            prefix.attention_mask = functional.pad(prefix.attention_mask, (0, tokens.shape[1]), value=1)
        output = self.vlm.model(
            input_ids=tokens,
            attention_mask=prefix.attention_mask,
            past_key_values=prefix.cache,
            use_cache=True,
        )
        hidden: Tensor = output.last_hidden_state[:, -1]
        return hidden

    def states(self, prefix: Prefix) -> States:
        """Keys and values of every VLM layer, each (B, T, kv width)."""
        layers = prefix.cache.layers
        return [(_flat(layer.keys), _flat(layer.values)) for layer in layers]

    def expert_context(self, prefix: Prefix) -> ExpertContext:
        """What the expert reads of a prefix, depth gate applied."""
        if self.expert is None:
            raise CheckpointError("This checkpoint has no action expert; use the discrete mode.")
        with torch.inference_mode():
            states = self.states(prefix)
            visible = encoder_mask(prefix.ids, prefix.attention_mask, self.config)
            if self.gate is not None:
                states = self.gate(states, depth_mask(prefix.ids, visible, self.config), visible)
            return self.expert.context(states, visible)

    def think(self, prefix: Prefix, image: Uint8Image | None, memory: DepthMemory | None, deadline_s: float) -> None:
        """Append a depth map to a prefix, reusing the codes of cells that did not change.

        Args:
            prefix: Grown in place.
            image: First image of this call, None to predict every code.
            memory: From the call before, None for the first.
            deadline_s: ``time.monotonic()`` value after which this gives up.

        Raises:
            CheckpointError: This is no Think checkpoint.
            AnswerError: The model does not close the depth map.
            DeadlineError: The deadline passed.
        """
        config = self.config
        if config.depth_start_id is None or config.depth_end_id is None or config.depth_first_id is None:
            raise CheckpointError("This checkpoint was not trained to think in depth.")
        first, codes = config.depth_first_id, config.depth_codes
        todo = [(0, codes, True)]
        if image is not None and memory is not None and len(memory.bins) == codes:
            todo = spans(changed_cells(image, memory.image, codes))
        with torch.inference_mode():
            started = _now(self.device)
            head = self.vlm.lm_head.weight[first : first + config.depth_tokens]
            hidden = self._feed(prefix, self._tokens([config.depth_start_id]))
            bins: list[int] = []
            for begin, end, predict in todo:
                if predict:
                    for _ in range(begin, end):
                        bins.append(int(functional.linear(hidden, head).argmax(-1)))
                        hidden = self._feed(prefix, self._tokens([first + bins[-1]]))
                        _check(deadline_s, "depth codes", len(bins))
                elif memory is not None:
                    bins += memory.bins[begin:end]
                    hidden = self._feed(prefix, self._tokens([first + b for b in memory.bins[begin:end]]))
            for _ in range(max(END_STEPS, config.max_action_horizon)):
                token = int(self.vlm.lm_head(hidden).argmax(-1))
                hidden = self._feed(prefix, self._tokens([token]))
                if token == config.depth_end_id:
                    break
            else:
                raise AnswerError("The model did not close its depth map.")
            prefix.logits = self.vlm.lm_head(hidden)
            prefix.depth_bins = tuple(bins)
            prefix.seconds["depth"] = _now(self.device) - started

    def write_actions(self, prefix: Prefix, horizon: int, deadline_s: float) -> list[int]:
        """Decode discrete action tokens greedily up to the end of the turn.

        Returns:
            Token ids, the end mark included.

        Raises:
            AnswerError: No end within 16 tokens per step.
            DeadlineError: The deadline passed.
        """
        written: list[int] = []
        with torch.inference_mode():
            started = _now(self.device)
            for _ in range(max(1, horizon * TOKENS_PER_STEP)):
                written.append(int(prefix.logits.argmax(-1)))
                if written[-1] == self.config.eos_id:
                    prefix.seconds["decode"] = _now(self.device) - started
                    return written
                prefix.logits = self.vlm.lm_head(self._feed(prefix, self._tokens(written[-1:])))
                _check(deadline_s, "action tokens", len(written))
        raise AnswerError(f"The model wrote {len(written)} action tokens without an end.")

    def _tokens(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor([list(ids)], device=self.device)


def _flat(cached: Tensor) -> Tensor:
    """(B, heads, T, dim) to (B, T, heads * dim)."""
    return cached.transpose(1, 2).flatten(2)


def _check(deadline_s: float, what: str, count: int) -> None:
    if time.monotonic() > deadline_s:
        raise DeadlineError(f"The model wrote {count} {what} before its deadline; allow it more time.")


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()


def load_molmoact2(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> MolmoAct2Model:
    """Load a published MolmoAct2 checkpoint.

    Raises:
        CheckpointError: The configuration or the layout is another one.
    """
    config = molmoact2_config(checkpoint.config)
    parts = build_parts(checkpoint)
    load_into(
        parts,
        checkpoint,
        parts_plan(checkpoint, config),
        device=device,
        dtype=dtype,
        ignored=_ignored(),
        progress=progress,
    )
    parts.to(device)
    return MolmoAct2Model(config, parts["vlm"], _get(parts, "expert"), _get(parts, "gate"))


def _ignored() -> tuple[str, ...]:
    # Released shards hold 43.1M expert parameters of layers that the published code no longer builds.
    return NOT_THE_VLM


def _get(parts: torch.nn.ModuleDict, name: str) -> Any:
    return dict(parts.items()).get(name)


def build_parts(checkpoint: Checkpoint) -> torch.nn.ModuleDict:
    """Build VLM, expert and gate without storage."""
    config = molmoact2_config(checkpoint.config)
    modules: dict[str, torch.nn.Module] = {"vlm": build_empty(native_config(checkpoint.config))}
    with torch.device("meta"):
        if config.expert is not None:
            modules["expert"] = ActionExpert(
                config.expert, kv_width=config.kv_width, max_action_dim=config.max_action_dim
            )
        if config.depth_gate:
            layers = config.vlm_layers if config.depth_gate == "per_layer" else None
            modules["gate"] = DepthGate(config.kv_width, layers)
    return torch.nn.ModuleDict(modules).eval()


def parts_plan(checkpoint: Checkpoint, config: MolmoAct2Config) -> dict[str, list[Target]]:
    """Map published names to the parts."""
    made = {
        name: [Target(parameter=f"vlm.{t.parameter}", source=t.source, into=t.into) for t in targets]
        for name, targets in plan(native_config(checkpoint.config)).items()
    }
    parts = build_parts(checkpoint)
    if "expert" in parts:
        for name in parts["expert"].state_dict(keep_vars=True):
            made[f"model.action_expert.{name}"] = [Target(parameter=f"expert.{name}")]
    if "gate" in parts:
        for name in parts["gate"].state_dict(keep_vars=True):
            stored = name.removeprefix("gates.") if config.depth_gate == "per_layer" else name.removeprefix("gates.0.")
            made[f"model.action_expert_depth_gate.{stored}"] = [Target(parameter=f"gate.{name}")]
    return made
