"""FAST action tokens: byte-pair coded, quantised cosine coefficients along time.

A chunk's columns are transformed by an orthonormal DCT, scaled, rounded and written as characters, which a small
byte-level BPE packs into tokens. Source: LeRobot 0.6.1 ``policies/molmoact2`` and the published tokenizer files.
An answer that does not decode to exactly horizon x dim coefficients is a fault here; the published code turns it
into a chunk of zeros, which is the middle of every joint's range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct

from molmo_ros.models.errors import AnswerError, CheckpointError
from molmo_ros.models.weights import read_json

FloatArray = npt.NDArray[np.float64]
MAX_TOKENS = 4096
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, kw_only=True, eq=False)
class FastTokenizer:
    """The discrete action tokenizer.

    Attributes:
        tokenizer: ``tokenizers.Tokenizer``.
        scale: Quantisation steps per unit.
        min_token: Coefficient of character 0.
        horizon: Default chunk length, None if the file gives none.
        dim: Default number of dimensions.
    """

    tokenizer: Any
    scale: float
    min_token: int
    horizon: int | None = None
    dim: int | None = None

    def encode(self, chunk: npt.ArrayLike) -> list[int]:
        """Encode a normalised chunk (horizon, dim)."""
        coefficients = np.around(np.asarray(dct(np.asarray(chunk), axis=0, norm="ortho")) * self.scale)
        characters = np.maximum(coefficients.flatten() - self.min_token, 0).astype(int)
        return [int(i) for i in self.tokenizer.encode("".join(map(chr, characters))).ids]

    def symbols(self, tokens: Sequence[int]) -> str:
        """Characters behind tokens."""
        if len(tokens) > MAX_TOKENS:
            raise AnswerError(f"The answer holds {len(tokens)} action tokens; more than {MAX_TOKENS} are not read.")
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=False)
        return text

    def decode(self, tokens: Sequence[int], *, horizon: int | None = None, dim: int | None = None) -> FloatArray:
        """Decode tokens to a normalised chunk.

        Args:
            tokens: Bins 0..2047 as the model wrote them.
            horizon: Steps; the file's default if None.
            dim: Dimensions; the file's default if None.

        Returns:
            (horizon, dim) float64.

        Raises:
            AnswerError: The tokens do not make exactly such a chunk.
        """
        steps, width = horizon or self.horizon, dim or self.dim
        if not steps or not width:
            raise AnswerError("The shape of the action chunk is not known; name horizon and dimension.")
        text = self.symbols(tokens)
        if len(text) != steps * width or _REPLACEMENT in text:
            raise AnswerError(
                f"The action tokens decode to {len(text)} coefficients instead of {steps} x {width}; "
                "the answer is discarded."
            )
        coefficients = np.array([ord(c) for c in text], dtype=np.int64) + self.min_token
        chunk = np.asarray(idct(coefficients.reshape(steps, width) / self.scale, axis=0, norm="ortho"))
        return np.asarray(chunk, dtype=np.float64)


def load_fast(folder: Path) -> FastTokenizer:
    """Load the published tokenizer folder.

    Raises:
        CheckpointError: A file is missing or malformed.
    """
    from tokenizers import Tokenizer

    config = read_json(folder / "processor_config.json")
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise CheckpointError(f"The action tokenizer lacks tokenizer.json; download it to {folder}.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
        scale, least = float(config.get("scale", 10)), int(config.get("min_token", 0))
    except Exception as error:  # the library raises bare Exception for malformed files
        raise CheckpointError(f"The action tokenizer in {folder} is malformed: {error}.") from error
    if not scale > 0:
        raise CheckpointError("processor_config.json has no positive scale.")
    return FastTokenizer(
        tokenizer=tokenizer,
        scale=scale,
        min_token=least,
        horizon=config.get("time_horizon"),
        dim=config.get("action_dim"),
    )
