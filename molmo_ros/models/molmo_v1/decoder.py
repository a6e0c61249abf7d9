"""Causal decoder of the v1 architecture with a static key/value cache.

One class covers the Qwen2 layout (QKV bias, pre-norm) and the OLMo2 layout (QK-norm over the whole projection,
post-norm). The cache is allocated once per shape, so decoding can be captured as a CUDA graph.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from molmo_ros.models.molmo_v1.config import LlmConfig


class RMSNorm(nn.Module):
    """Root-mean-square norm computed in float32."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class StaticCache:
    """Keys and values of every layer in buffers of fixed length.

    Attributes:
        keys: Per layer (B, kv heads, capacity, head_dim).
        values: As ``keys``.
        visible: (B, capacity) bool, True where a stored position may be attended to.
        length: Number of positions written, the same for every row of the batch.
    """

    def __init__(self, config: LlmConfig, *, batch: int, capacity: int, device: torch.device | str, dtype: torch.dtype):
        shape = (batch, config.num_key_value_heads, capacity, config.head_dim)
        self.keys = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.num_hidden_layers)]
        self.values = [torch.zeros(shape, device=device, dtype=dtype) for _ in range(config.num_hidden_layers)]
        self.visible = torch.zeros(batch, capacity, dtype=torch.bool, device=device)
        self.length = 0
        if self.visible.is_cuda:
            # A captured graph writes into these buffers; without the mark it would copy them at every step.
            for buffer in (*self.keys, *self.values, self.visible):
                torch._dynamo.mark_static_address(buffer)

    @property
    def capacity(self) -> int:
        """Number of positions the buffers hold."""
        return int(self.visible.shape[1])

    def reset(self) -> None:
        """Forget what is stored; the buffers stay allocated."""
        self.visible.zero_()
        self.length = 0

    def rewind(self, length: int) -> None:
        """Drop everything after ``length`` positions, so that a shared prefix is used again."""
        self.visible[:, length:] = False
        self.length = length


def rotary_tables(positions: Tensor, head_dim: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary embeddings for ``positions`` (B, T), each (B, 1, T, head_dim)."""
    exponent = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.int64).float() / head_dim
    angles = positions[:, :, None].float() * (1.0 / theta**exponent)
    doubled = torch.cat([angles, angles], dim=-1)[:, None]
    return doubled.cos().to(dtype), doubled.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary embeddings in the rotate-half convention."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Attention(nn.Module):
    """Grouped-query attention with the fused projection of the published layout."""

    def __init__(self, config: LlmConfig):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        kv_width = self.kv_heads * self.head_dim
        self.widths = (config.hidden_size, kv_width, kv_width)
        self.att_proj = nn.Linear(config.hidden_size, sum(self.widths), bias=config.qkv_bias)
        self.attn_out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.norm_kind = config.qk_norm_type if config.use_qk_norm else ""
        if self.norm_kind:
            per_head = self.norm_kind == "qwen3"
            self.q_norm = RMSNorm(self.head_dim if per_head else config.hidden_size, config.layer_norm_eps)
            self.k_norm = RMSNorm(self.head_dim if per_head else kv_width, config.layer_norm_eps)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor, keys: Tensor, values: Tensor, slots: Tensor
    ) -> Tensor:
        """Attend from ``x`` (B, T, width) to the cached and the new positions.

        Args:
            x: Hidden states of the new positions.
            rope: Cosines and sines for them.
            mask: (B, 1, T, S) bool over the first S cache positions, True where attended.
            keys: Cache buffer of this layer; the new keys are written at ``slots``.
            values: As ``keys``.
            slots: (T,) cache positions of ``x``.
        """
        batch, length = x.shape[:2]
        q, k, v = self.att_proj(x).split(self.widths, dim=-1)
        if self.norm_kind == "olmo":
            q, k = self.q_norm(q), self.k_norm(k)
        q = q.view(batch, length, self.heads, self.head_dim)
        k = k.view(batch, length, self.kv_heads, self.head_dim)
        if self.norm_kind == "qwen3":
            q, k = self.q_norm(q), self.k_norm(k)
        q = rotate(q.transpose(1, 2), *rope)
        k = rotate(k.transpose(1, 2), *rope)
        v = v.view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
        keys.index_copy_(2, slots, k)
        values.index_copy_(2, slots, v)
        seen = mask.shape[-1]
        k, v = keys[:, :, :seen], values[:, :, :seen]
        if length == 1:
            # The query heads that share a key head become query rows: no expansion of the cache.
            grouped = q.view(batch, self.kv_heads, self.heads // self.kv_heads, self.head_dim)
            mixed = functional.scaled_dot_product_attention(grouped, k, v, attn_mask=mask)
            mixed = mixed.reshape(batch, 1, -1)
        else:
            mixed = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, enable_gqa=self.kv_heads != self.heads
            )
            mixed = mixed.transpose(1, 2).reshape(batch, length, -1)
        return self.attn_out(mixed)


class Mlp(nn.Module):
    """SwiGLU with one fused projection; the second half of its rows is the gate."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.ff_proj = nn.Linear(width, hidden * 2, bias=False)
        self.ff_out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        up, gate = self.ff_proj(x).chunk(2, dim=-1)
        return self.ff_out(functional.silu(gate) * up)


class Block(nn.Module):
    """Decoder layer, normalised before (Qwen2) or after (OLMo2) each sub-layer."""

    def __init__(self, config: LlmConfig):
        super().__init__()
        self.norm_after = config.norm_after
        self.self_attn = Attention(config)
        self.attn_norm = RMSNorm(config.hidden_size, config.layer_norm_eps)
        self.mlp = Mlp(config.hidden_size, config.intermediate_size)
        self.ff_norm = RMSNorm(config.hidden_size, config.layer_norm_eps)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor, keys: Tensor, values: Tensor, slots: Tensor
    ) -> Tensor:
        """Map hidden states (B, T, width) through the layer; see :class:`Attention` for the arguments."""
        if self.norm_after:
            x = x + self.attn_norm(self.self_attn(x, rope, mask, keys, values, slots))
            return x + self.ff_norm(self.mlp(x))
        x = x + self.self_attn(self.attn_norm(x), rope, mask, keys, values, slots)
        return x + self.mlp(self.ff_norm(x))


class SplitEmbedding(nn.Module):
    """Token embedding kept as base rows and additional (image marker) rows."""

    def __init__(self, rows: int, additional: int, width: int):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(rows, width))
        self.new_embedding = nn.Parameter(torch.zeros(additional, width))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ``ids`` without copying the two tables into one."""
        base = self.embedding.shape[0]
        extra = ids >= base
        low = functional.embedding(ids.clamp(max=base - 1), self.embedding)
        high = functional.embedding((ids - base).clamp(min=0), self.new_embedding)
        return torch.where(extra[..., None], high, low)


class Decoder(nn.Module):
    """Embedding, decoder layers and final norm."""

    def __init__(self, config: LlmConfig):
        super().__init__()
        self.config = config
        self.wte = SplitEmbedding(config.vocab_size, config.additional_vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.ln_f = RMSNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor, cache: StaticCache, slots: Tensor) -> Tensor:
        """Run the layers over embeddings.

        Args:
            x: (B, T, width) embeddings of the new positions.
            positions: (B, T) rotary positions.
            mask: (B, 1, T, S) bool, True where attended.
            cache: Receives the new keys and values.
            slots: (T,) cache positions of the new tokens.

        Returns:
            (B, T, width) hidden states after the final norm.
        """
        rope = rotary_tables(positions, self.config.head_dim, self.config.rope_theta, x.dtype)
        for index, block in enumerate(self.blocks):
            x = block(x, rope, mask, cache.keys[index], cache.values[index], slots)
        return self.ln_f(x)
