"""Bilinear stretching without antialiasing, with a fixed order of float32 operations.

The published processors stretch with torch's bilinear kernels and round to uint8. Ties are common there, so the
order of operations and the fused multiply-adds decide single grey levels, and torch's own choice depends on the
number of threads and on the processor. Both published orders are fixed here, computed in float64 and rounded to
float32 where the kernels round, so that the pixels do not depend on the machine:

* ``separable`` along x, then along y, each ``fma(a, wa, b * wb)`` (MolmoAct v1's processor),
* ``direct`` from the four neighbours with products of weights, one chain of fused multiply-adds (Molmo2's).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Order = Literal["separable", "direct"]


def _neighbours(out: int, size: int, *, fused: bool, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Indices and float32 weights of the two source samples of each output sample (half-pixel centres)."""
    scale = torch.tensor(size, dtype=torch.float32) / torch.tensor(out, dtype=torch.float32)
    centres = torch.arange(out, dtype=torch.float32) + 0.5
    source = (centres.double() * scale.double() - 0.5).float() if fused else centres * scale - 0.5
    source = source.clamp(min=0.0)
    low = source.floor().long().clamp(max=size - 1)
    second = (source - low.float()).clamp(0.0, 1.0)
    high, first = (low + 1).clamp(max=size - 1), 1.0 - second
    return low.to(device), high.to(device), first.to(device), second.to(device)


def _fma(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """``a * b + c`` rounded once to float32: the product of two float32 is exact in float64."""
    return torch.addcmul(c.double(), a.double(), b.double()).float()


def stretch(image: Tensor, height: int, width: int, order: Order) -> Tensor:
    """Stretch an image to ``height`` x ``width``.

    Args:
        image: (H, W, C) uint8, on any device.
        height: Rows of the result.
        width: Columns of the result.
        order: Order of operations, see the module.

    Returns:
        (height, width, C) float32 whole numbers 0..255.
    """
    rows, cols = image.shape[:2]
    if (rows, cols) == (height, width):
        return image.float()
    fused = order == "direct"
    y0, y1, h0, h1 = _neighbours(height, rows, fused=fused, device=image.device)
    x0, x1, w0, w1 = _neighbours(width, cols, fused=fused, device=image.device)
    source = image.float()
    h0, h1 = h0[:, None, None], h1[:, None, None]
    w0, w1 = w0[None, :, None], w1[None, :, None]
    if order == "separable":
        along_x = _fma(source[:, x0], w0, source[:, x1] * w1)
        result = _fma(along_x[y0], h0, along_x[y1] * h1)
    else:
        above, below = source[y0], source[y1]
        result = (h0 * w1) * above[:, x1]
        result = _fma(h0 * w0, above[:, x0], result)
        result = _fma(h1 * w0, below[:, x0], result)
        result = _fma(h1 * w1, below[:, x1], result)
    return result.round().clamp(0, 255)
