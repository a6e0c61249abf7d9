"""The flow-matching action expert: a small transformer over action tokens that reads the VLM's per-layer cache.

Every norm is a parameter-free RMSNorm; shift, scale and gate of each sub-block come from the flow time (AdaLN).
Keys and values of the context are projected once per chunk; the modulations depend on the number of steps alone and
are computed once for all calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from molmo_ros.models.errors import InputError
from molmo_ros.models.molmoact2.config import ExpertConfig

EPS = 1e-6
ROPE_BASE = 10000.0
BLOCK_CHUNKS = 9


def rms(x: Tensor, eps: float = EPS) -> Tensor:
    """Normalise the last dimension to unit root mean square, in float32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def _modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale[:, None]) + shift[:, None]


@dataclass(frozen=True, kw_only=True)
class ExpertContext:
    """What the expert reads of one observation.

    Attributes:
        keys: Per layer (B, T, heads, head_dim).
        values: As ``keys``.
        visible: (B, 1, 1, T) bool, True where attended; None when everything is.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    visible: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Modulation:
    """Time conditioning of all steps.

    Attributes:
        conditioning: (steps, B, hidden).
        blocks: Per layer (steps, B, 9 * hidden).
        final: (steps, B, 2 * hidden).
    """

    conditioning: Tensor
    blocks: tuple[Tensor, ...]
    final: Tensor

    @property
    def steps(self) -> int:
        """Number of Euler steps."""
        return int(self.conditioning.shape[0])


class _SelfAttention(nn.Module):
    def __init__(self, config: ExpertConfig):
        super().__init__()
        self.heads, self.head_dim = config.num_heads, config.head_dim
        self.norm, self.eps, self.rope, self.causal = (
            config.qk_norm,
            config.qk_norm_eps,
            config.rope,
            config.causal_attn,
        )
        self.qkv = nn.Linear(config.hidden_size, config.hidden_size * 3)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        if self.norm:
            q, k = rms(q, self.eps), rms(k, self.eps)
        if self.rope:
            q, k = _turn(q, *rope), _turn(k, *rope)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class _CrossAttention(nn.Module):
    def __init__(self, config: ExpertConfig):
        super().__init__()
        self.heads, self.head_dim = config.num_heads, config.head_dim
        self.norm, self.eps = config.qk_norm, config.qk_norm_eps
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        q = self.q_proj(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
        if self.norm:
            q = rms(q, self.eps)
        mixed = functional.scaled_dot_product_attention(
            q, keys.transpose(1, 2), values.transpose(1, 2), attn_mask=visible
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class _Mlp(nn.Module):
    def __init__(self, config: ExpertConfig):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.ffn_size)
        self.gate_proj = nn.Linear(config.hidden_size, config.ffn_size)
        self.down_proj = nn.Linear(config.ffn_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class _Modulation(nn.Module):
    def __init__(self, width: int, chunks: int):
        super().__init__()
        self.linear = nn.Linear(width, chunks * width)

    def forward(self, conditioning: Tensor) -> Tensor:
        return self.linear(functional.silu(conditioning))


class _Block(nn.Module):
    def __init__(self, config: ExpertConfig):
        super().__init__()
        self.self_attn = _SelfAttention(config)
        self.cross_attn = _CrossAttention(config)
        self.mlp = _Mlp(config)
        self.modulation = _Modulation(config.hidden_size, BLOCK_CHUNKS)

    def forward(
        self,
        x: Tensor,
        chunks: Tensor,
        keys: Tensor,
        values: Tensor,
        visible: Tensor | None,
        rope: tuple[Tensor, Tensor],
    ) -> Tensor:
        shift_s, scale_s, gate_s, shift_c, scale_c, gate_c, shift_f, scale_f, gate_f = chunks.chunk(BLOCK_CHUNKS, dim=1)
        x = x + gate_s[:, None] * self.self_attn(_modulate(rms(x), shift_s, scale_s), rope)
        x = x + gate_c[:, None] * self.cross_attn(_modulate(rms(x), shift_c, scale_c), keys, values, visible)
        return x + gate_f[:, None] * self.mlp(_modulate(rms(x), shift_f, scale_f))


class _Final(nn.Module):
    def __init__(self, config: ExpertConfig, out: int):
        super().__init__()
        self.modulation = _Modulation(config.hidden_size, 2)
        self.linear = nn.Linear(config.hidden_size, out)

    def forward(self, x: Tensor, chunks: Tensor) -> Tensor:
        shift, scale = chunks.chunk(2, dim=1)
        return self.linear(_modulate(rms(x), shift, scale))


class ActionExpert(nn.Module):
    """Parameter names are those of ``model.action_expert.*`` in the published safetensors."""

    def __init__(self, config: ExpertConfig, *, kv_width: int, max_action_dim: int):
        super().__init__()
        self.config = config
        hidden = config.hidden_size
        # Slots 0 and 2 of the published sequential hold no parameters.
        self.time_embed = nn.ModuleDict(
            {"1": nn.Linear(config.timestep_embed_dim, hidden), "3": nn.Linear(hidden, hidden)}
        )
        self.action_embed = nn.Linear(max_action_dim, hidden)
        self.context_k_proj = nn.Linear(kv_width, hidden, bias=False)
        self.context_v_proj = nn.Linear(kv_width, hidden, bias=False)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.num_layers))
        self.final_layer = _Final(config, max_action_dim)

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights, and so of the trajectory."""
        dtype: torch.dtype = self.action_embed.weight.dtype
        return dtype

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.config.num_heads, self.config.head_dim)

    def context(self, states: Sequence[tuple[Tensor, Tensor]], mask: Tensor | None) -> ExpertContext:
        """Project the VLM's cache, once per observation.

        Args:
            states: Per VLM layer the keys (after rotary) and values, each (B, T, kv width).
            mask: (B, T) bool, True where the expert may look; None for everywhere.

        Raises:
            InputError: The number of layers is not the expert's.
        """
        if len(states) != len(self.blocks):
            raise InputError(f"The action expert needs {len(self.blocks)} layers of context, got {len(states)}.")
        keys, values = [], []
        for key, value in states:
            k, v = self.context_k_proj(key), self.context_v_proj(value)
            if self.config.context_layer_norm:
                k, v = rms(k), rms(v)
            k, v = self._heads(k), self._heads(v)
            keys.append(rms(k, self.config.qk_norm_eps) if self.config.qk_norm else k)
            values.append(v)
        visible = None if mask is None else mask.bool()[:, None, None, :]
        return ExpertContext(keys=tuple(keys), values=tuple(values), visible=visible)

    def conditioning(self, times: Tensor) -> Tensor:
        """Embed flow times (N,) in 0..1 as (N, hidden)."""
        half = self.config.timestep_embed_dim // 2
        ramp = torch.arange(half, device=times.device, dtype=times.dtype)
        angles = times[:, None] * torch.exp(ramp * (-math.log(10000.0) / max(half - 1, 1)))
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        if self.config.timestep_embed_dim % 2:
            waves = functional.pad(waves, (0, 1))
        embedded: Tensor = self.time_embed["3"](functional.silu(self.time_embed["1"](waves.to(self.dtype))))
        return embedded

    def modulation(self, steps: int, batch: int, device: torch.device) -> Modulation:
        """Compute all modulations of ``steps`` Euler steps from noise (time 0) to action (time 1)."""
        times = torch.tensor([i / steps for i in range(steps)], device=device, dtype=torch.float32)
        conditioning = self.conditioning(times.repeat_interleave(batch))
        blocks = tuple(block.modulation(conditioning).view(steps, batch, -1) for block in self.blocks)
        final = self.final_layer.modulation(conditioning).view(steps, batch, -1)
        return Modulation(conditioning=conditioning.view(steps, batch, -1), blocks=blocks, final=final)

    def rope(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the action positions, each (1, 1, length, head_dim / 2)."""
        half = self.config.head_dim // 2
        exponent = torch.arange(0, half, device=device, dtype=torch.float32) / max(half, 1)
        angles = torch.outer(torch.arange(length, device=device, dtype=torch.float32), 1.0 / ROPE_BASE**exponent)
        return angles.cos().to(self.dtype)[None, None], angles.sin().to(self.dtype)[None, None]

    def velocity(
        self, trajectory: Tensor, step: int, modulation: Modulation, context: ExpertContext, rope: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Velocity (B, horizon, dim) of a trajectory of that shape at one step."""
        x = self.action_embed(trajectory)
        for index, block in enumerate(self.blocks):
            x = block(
                x,
                modulation.blocks[index][step],
                context.keys[index],
                context.values[index],
                context.visible,
                rope,
            )
        out: Tensor = self.final_layer(x, modulation.final[step])
        return out


class DepthGate(nn.Module):
    """Scales the depth tokens' keys and values by how much the rest of the prompt calls for them.

    Args:
        kv_width: Width of one token's flattened values.
        layers: Number of gates; None for one gate shared by all layers and read from the last.
    """

    def __init__(self, kv_width: int, layers: int | None):
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(kv_width, 1) for _ in range(layers or 1))
        self.shared = layers is None

    def _open(self, gate: nn.Linear, values: Tensor, depth: Tensor, visible: Tensor) -> Tensor:
        pool = visible & ~depth
        pool = torch.where(pool.any(-1, keepdim=True), pool, visible)
        weights = pool.to(values.dtype)[..., None]
        pooled = (values * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        return torch.sigmoid(gate(pooled.to(gate.weight.dtype))).to(values.dtype)

    def openings(self, states: Sequence[tuple[Tensor, Tensor]], depth: Tensor, visible: Tensor) -> list[Tensor]:
        """Gate values (B, 1) per layer.

        Args:
            states: Per layer keys and values (B, T, kv width).
            depth: (B, T) bool, True at depth tokens.
            visible: (B, T) bool, True where the expert may look.
        """
        if self.shared:
            return [self._open(self.gates[0], states[-1][1], depth, visible)] * len(states)
        return [self._open(gate, value, depth, visible) for gate, (_, value) in zip(self.gates, states, strict=True)]

    def forward(
        self, states: Sequence[tuple[Tensor, Tensor]], depth: Tensor, visible: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """Return the states with the depth tokens scaled."""
        gated = []
        for opening, (key, value) in zip(self.openings(states, depth, visible), states, strict=True):
            scale = torch.where(depth[..., None], opening[:, None], torch.ones_like(opening[:, None]))
            gated.append((key * scale, value * scale))
        return gated
