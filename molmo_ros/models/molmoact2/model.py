"""MolmoAct2 as a whole: one VLM prefill, optionally depth tokens, then the flow or discrete action tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from molmo_ros.models.errors import AnswerError, CheckpointError
from molmo_ros.models.images import Uint8Image
from molmo_ros.models.molmo2.native import NOT_THE_VLM, build_empty, native_config, plan
from molmo_ros.models.molmo2.vlm import Prefix, Vlm, check_deadline, now
from molmo_ros.models.molmoact2.config import MolmoAct2Config, molmoact2_config
from molmo_ros.models.molmoact2.context import depth_mask, encoder_mask
from molmo_ros.models.molmoact2.depth import DepthMemory, changed_cells, spans
from molmo_ros.models.molmoact2.expert import ActionExpert, DepthGate, ExpertContext
from molmo_ros.models.molmoact2.flow import FlowSampler
from molmo_ros.models.weights import Checkpoint, Progress, Target, load_into

States = list[tuple[Tensor, Tensor]]
END_STEPS = 8
TOKENS_PER_STEP = 16


class MolmoAct2Model:
    """VLM, expert and depth gate of one checkpoint. Not safe for use from two threads at once."""

    def __init__(self, config: MolmoAct2Config, vlm: Vlm, expert: ActionExpert | None, gate: DepthGate | None) -> None:
        self.config = config
        self.vlm = vlm
        self.expert = expert
        self.gate = gate
        self.sampler = None if expert is None else FlowSampler(expert, mask_padding=config.mask_padding)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.vlm.device

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
            started = now(self.device)
            head = self.vlm.native.lm_head.weight[first : first + config.depth_tokens]
            self.vlm.feed(prefix, self._tokens([config.depth_start_id]))
            bins: list[int] = []
            for begin, end, predict in todo:
                if predict:
                    for _ in range(begin, end):
                        bins.append(int(functional.linear(prefix.hidden, head).argmax(-1)))
                        self.vlm.feed(prefix, self._tokens([first + bins[-1]]))
                        check_deadline(deadline_s, "depth codes", len(bins))
                elif memory is not None:
                    bins += memory.bins[begin:end]
                    self.vlm.feed(prefix, self._tokens([first + b for b in memory.bins[begin:end]]))
            for _ in range(max(END_STEPS, config.max_action_horizon)):
                token = int(self.vlm.logits(prefix.hidden).argmax(-1))
                self.vlm.feed(prefix, self._tokens([token]))
                if token == config.depth_end_id:
                    break
            else:
                raise AnswerError("The model did not close its depth map.")
            prefix.depth_bins = tuple(bins)
            prefix.seconds["depth"] = now(self.device) - started

    def write_actions(self, prefix: Prefix, horizon: int, deadline_s: float) -> list[int]:
        """Decode discrete action tokens greedily up to the end of the turn.

        Returns:
            Token ids without the end mark.

        Raises:
            AnswerError: No end within 16 tokens per step.
            DeadlineError: The deadline passed.
        """
        limit = max(1, horizon * TOKENS_PER_STEP)
        stops = frozenset({self.config.eos_id})
        written, ended = self.vlm.decode(prefix, max_new_tokens=limit, stop_ids=stops, deadline_s=deadline_s)
        if not ended:
            raise AnswerError(f"The model wrote {len(written)} action tokens without an end.")
        return written

    def _tokens(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor([list(ids)], device=self.device)


def _flat(cached: Tensor) -> Tensor:
    """(B, heads, T, dim) to (B, T, heads * dim)."""
    return cached.transpose(1, 2).flatten(2)


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
    return MolmoAct2Model(config, Vlm(parts["vlm"]), _get(parts, "expert"), _get(parts, "gate"))


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
