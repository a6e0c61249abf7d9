"""Depth VQ-VAE of MolmoAct: 100 depth codes to a relative depth image, and back.

Network of github allenai/molmoact ``scripts/vqvae.py`` as published in ``vae-final.pt``: a 320x320 image, five
halvings, 128 codes. The depth is relative and disparity-like, not metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from molmo_ros.models.errors import AnswerError, CheckpointError
from molmo_ros.models.molmoact.parsers import DEPTH_BOOK, depth_grid

SIDE_PX = 320
DOWN = 32


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class _Codebook(nn.Module):
    def __init__(self, codes: int, width: int):
        super().__init__()
        self.register_buffer("_embedding", torch.zeros(codes, width))
        self.register_buffer("_ema_cluster_size", torch.zeros(codes))
        self.register_buffer("_ema_w", torch.zeros(codes, width))


class DepthVqVae(nn.Module):
    """Encoder, codebook and decoder.

    Args:
        hidden: Channels after the first halving (16 in the release).
        width: Length of a code vector (512 in the release).
        codes: Number of codes.
    """

    def __init__(self, hidden: int = 16, width: int = 512, codes: int = DEPTH_BOOK):
        super().__init__()
        channels = [hidden * 2**level for level in range(5)]
        encoder: list[nn.Module] = []
        for source, target in zip([1, *channels[:-1]], channels, strict=True):
            encoder += [nn.Conv2d(source, target, 4, stride=2, padding=1), nn.ReLU()]
        top = channels[-1]
        encoder += [_Residual(top), _Residual(top), nn.Conv2d(top, width, 1)]
        decoder: list[nn.Module] = [nn.Conv2d(width, top, 1), nn.ReLU(), _Residual(top), _Residual(top)]
        for source, target in zip([top, *channels[:0:-1]], channels[::-1], strict=True):
            decoder += [nn.ConvTranspose2d(source, target, 4, stride=2, padding=1), nn.ReLU()]
        decoder.append(nn.Conv2d(hidden, 1, 1))
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        self._vq_vae = _Codebook(codes, width)

    def features(self, images: Tensor) -> Tensor:
        """Encode (B, 1, 320, 320) into (B, width, 10, 10)."""
        encoded: Tensor = self.encoder(images)
        return encoded

    def encode(self, images: Tensor) -> Tensor:
        """Nearest codes (B, 10, 10) of images (B, 1, 320, 320), by squared distance."""
        vectors = self.features(images).permute(0, 2, 3, 1)
        book = self._vq_vae._embedding
        flat = vectors.reshape(-1, book.shape[1])
        distances = flat.pow(2).sum(1, keepdim=True) + book.pow(2).sum(1) - 2 * flat @ book.t()
        return distances.argmin(1).view(vectors.shape[:3])

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (B, rows, columns) into images (B, 1, 32 rows, 32 columns)."""
        vectors = functional.embedding(codes, self._vq_vae._embedding).permute(0, 3, 1, 2)
        decoded: Tensor = self.decoder(vectors.contiguous())
        return decoded


def depth_image(model: DepthVqVae, codes: Sequence[int]) -> Tensor:
    """Decode the codes of one answer into an image scaled to 0..1.

    Args:
        model: The network.
        codes: Row-major codes; 100 of them make the usual 10x10 grid.

    Returns:
        (rows * 32, columns * 32) float32, larger is nearer.

    Raises:
        AnswerError: There is no code, or one outside the codebook.
    """
    book = len(model._vq_vae._embedding)
    if not codes or min(codes) < 0 or max(codes) >= book:
        raise AnswerError(f"Depth codes must be 1 or more numbers in 0..{book - 1}.")
    rows, columns = depth_grid(list(codes))
    with torch.inference_mode():
        device = model._vq_vae._embedding.device
        decoded = model.decode(torch.tensor(list(codes), device=device).view(1, rows, columns))[0, 0]
        return normalised(decoded)


def normalised(image: Tensor) -> Tensor:
    """Scale an image to 0..1 by its own extremes."""
    low, high = image.amin(), image.amax()
    return (image - low) / (high - low).clamp(min=1e-8)


def from_state_dict(state: Mapping[str, Tensor]) -> DepthVqVae:
    """Build the network whose sizes a state dict shows, and load it.

    Raises:
        CheckpointError: Names or shapes are not those of the network.
    """
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    try:
        codes, width = plain["_vq_vae._embedding"].shape
        hidden = plain["encoder.0.weight"].shape[0]
        model = DepthVqVae(hidden=hidden, width=width, codes=codes)
        model.load_state_dict({name: value.float() for name, value in plain.items()}, strict=True)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError("The file does not hold the depth VQ-VAE of MolmoAct.") from error
    model.eval()
    return model


def load(path: Path) -> DepthVqVae:
    """Load ``vae-final.pt`` or its safetensors copy; tensors only, never code.

    Raises:
        CheckpointError: The file is missing or not this network.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no depth VQ-VAE at {path}.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return from_state_dict(load_file(path))
    raw = torch.load(path, map_location="cpu", weights_only=True)
    return from_state_dict(raw.get("weights", raw))
