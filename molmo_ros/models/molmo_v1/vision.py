"""Image tower of the v1 architecture: ViT, 2x2 attention pooling, SwiGLU projector.

Parameter names are those of the published safetensors, so a state dict loads by name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from molmo_ros.models.molmo_v1.config import AdapterConfig, MolmoV1Config, VitConfig


def activation(name: str, x: Tensor) -> Tensor:
    """Apply one of the activations that the published ViTs use."""
    if name == "quick_gelu":
        return x * torch.sigmoid(1.702 * x)
    if name == "gelu_pytorch_tanh":
        return functional.gelu(x, approximate="tanh")
    if name == "gelu":
        return functional.gelu(x)
    return functional.silu(x)


class VisionAttention(nn.Module):
    """Bidirectional attention with separate, biased projections; also the pooling attention."""

    def __init__(self, *, width: int, heads: int, kv_heads: int, head_dim: int, input_width: int | None = None):
        super().__init__()
        source = input_width or width
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.wq = nn.Linear(source, heads * head_dim)
        self.wk = nn.Linear(source, kv_heads * head_dim)
        self.wv = nn.Linear(source, kv_heads * head_dim)
        self.wo = nn.Linear(heads * head_dim, width)

    def forward(self, queries: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend from ``queries`` (N, Q, C) to ``context`` (N, T, C); ``mask`` is True where attended."""
        batch, length = queries.shape[:2]
        q = self.wq(queries).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
        k = self.wk(context).view(batch, -1, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.wv(context).view(batch, -1, self.kv_heads, self.head_dim).transpose(1, 2)
        if self.kv_heads != self.heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, dim=1)
            v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.wo(mixed.transpose(1, 2).reshape(batch, length, -1))


class VisionMlp(nn.Module):
    """Two-layer perceptron of a ViT block."""

    def __init__(self, width: int, hidden: int, act: str):
        super().__init__()
        self.w1 = nn.Linear(width, hidden)
        self.w2 = nn.Linear(hidden, width)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        return self.w2(activation(self.act, self.w1(x)))


class VisionBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VitConfig):
        super().__init__()
        self.attention = VisionAttention(
            width=config.hidden_size,
            heads=config.num_attention_heads,
            kv_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
        )
        self.feed_forward = VisionMlp(config.hidden_size, config.intermediate_size, config.hidden_act)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.ffn_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, T, width) to (N, T, width)."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, normed)
        return x + self.feed_forward(self.ffn_norm(x))


class _Blocks(nn.Module):
    def __init__(self, config: VitConfig, layers: int):
        super().__init__()
        self.resblocks = nn.ModuleList(VisionBlock(config) for _ in range(layers))


class VisionTransformer(nn.Module):
    """ViT over flattened patches; returns the outputs of chosen layers, concatenated."""

    def __init__(self, config: VitConfig, layers: int):
        super().__init__()
        self.config = config
        if config.use_cls_token:
            self.class_embedding = nn.Parameter(torch.zeros(config.hidden_size))
        self.positional_embedding = nn.Parameter(torch.zeros(config.image_num_pos, config.hidden_size))
        pixels = config.image_patch_size**2 * 3
        self.patch_embedding = nn.Linear(pixels, config.hidden_size, bias=config.patch_bias)
        if config.pre_layernorm:
            self.pre_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.transformer = _Blocks(config, layers)

    def _positions(self) -> Tensor:
        table = self.positional_embedding
        prefix = table[: int(self.config.use_cls_token)]
        grid = table[int(self.config.use_cls_token) :]
        rows, cols = self.config.patches_hw
        side = int(grid.shape[0] ** 0.5)
        if (side, side) != (rows, cols):
            square = grid[: side * side].view(1, side, side, -1).permute(0, 3, 1, 2)
            resized = functional.interpolate(
                square, size=(rows, cols), mode="bicubic", align_corners=False, antialias=True
            )
            grid = resized.permute(0, 2, 3, 1).reshape(rows * cols, -1)
        return torch.cat([prefix, grid])

    def forward(self, patches: Tensor, layers: tuple[int, ...]) -> Tensor:
        """Encode (crops, patches, pixels) into (crops, patches, width * len(layers))."""
        x = self.patch_embedding(patches)
        if self.config.use_cls_token:
            x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1).to(x.dtype), x], dim=1)
        x = x + self._positions().to(x.dtype)
        if self.config.pre_layernorm:
            x = self.pre_ln(x)
        kept: dict[int, Tensor] = {}
        for index, block in enumerate(self.transformer.resblocks):
            x = block(x)
            if index in layers:
                kept[index] = x
        features = torch.cat([kept[i] for i in layers], dim=-1)
        return features[:, 1:] if self.config.use_cls_token else features


class Projector(nn.Module):
    """SwiGLU from pooled features to the width of the decoder."""

    def __init__(self, config: AdapterConfig):
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.text_hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, pooled width) to (N, decoder width)."""
        return self.w2(functional.silu(self.w1(x)) * self.w3(x))


class VisionBackbone(nn.Module):
    """Crops in, one feature row per image patch token out."""

    def __init__(self, config: MolmoV1Config):
        super().__init__()
        adapter = config.adapter
        self.layers = config.vit_layers
        self.image_vit = VisionTransformer(config.vit, config.vit_layers_built)
        pool_width = config.vit.hidden_size * len(adapter.vit_layers)
        if adapter.image_padding_embed == "pad_and_partial_pad":
            self.pad_embed = nn.Parameter(torch.zeros(2, pool_width))
        self.has_pad_embed = adapter.image_padding_embed == "pad_and_partial_pad"
        self.image_pooling_2d = VisionAttention(
            width=adapter.hidden_size,
            heads=adapter.num_attention_heads,
            kv_heads=adapter.num_key_value_heads,
            head_dim=adapter.head_dim,
            input_width=pool_width,
        )
        self.image_projector = Projector(adapter)

    def encode(self, images: Tensor, image_masks: Tensor | None = None) -> Tensor:
        """Encode crops.

        Args:
            images: (B, crops, patches, pixels), values in the range of the image processor.
            image_masks: (B, crops, patches) share of each patch that is image, not padding.

        Returns:
            (B, crops * patches, width) features of the chosen ViT layers.
        """
        batch, crops, patches, pixels = images.shape
        dtype = self.image_vit.patch_embedding.weight.dtype
        flat = images.reshape(batch * crops, patches, pixels).to(dtype)
        features = self.image_vit(flat, self.layers).view(batch, crops, patches, -1)
        if self.has_pad_embed and image_masks is not None:
            empty = (image_masks == 0).to(features.dtype)[..., None]
            partial = ((image_masks != 0) & (image_masks < 1)).to(features.dtype)[..., None]
            features = features + self.pad_embed[0] * empty + self.pad_embed[1] * partial
        return features.reshape(batch, crops * patches, -1)

    def forward(self, images: Tensor, pooling: Tensor, image_masks: Tensor | None = None) -> Tensor:
        """Compute the rows to add to the patch embeddings.

        Pooling slots of -1 count as zero vectors: they enter both the mean that forms the query and, unmasked,
        the attention, as in the published v1 code.

        Args:
            images: (B, crops, patches, pixels).
            pooling: (B, tokens, slots) patch indices over all crops of a sample; -1 is padding.
            image_masks: (B, crops, patches), see :meth:`encode`.

        Returns:
            (valid tokens over the batch, decoder width), tokens without any patch left out.
        """
        features = self.encode(images, image_masks)
        batch, tokens, slots = pooling.shape
        valid = pooling >= 0
        rows = torch.arange(batch, device=pooling.device).view(batch, 1, 1)
        gathered = features[rows, pooling.clamp(min=0)] * valid[..., None].to(features.dtype)
        gathered = gathered.view(batch * tokens, slots, -1)
        query = gathered.mean(dim=1, keepdim=True)
        pooled = self.image_pooling_2d(query, gathered).squeeze(1)
        return self.image_projector(pooled)[valid.any(dim=-1).flatten()]
