"""What the weight-bearing backends share: loading once, a deadline for every call, and thoughts with their timings."""

from __future__ import annotations

import hashlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Thought
from molmo_ros.models.fetching import locate, progress_bar
from molmo_ros.models.protocols import ModelInfo
from molmo_ros.models.registry import ModelSpec
from molmo_ros.models.weights import Checkpoint, Progress, open_checkpoint

Engine = TypeVar("Engine")
DTYPES = ("float32", "bfloat16", "float16")


def torch_dtype(name: str) -> Any:
    """Return torch's data type of a name.

    Raises:
        MolmoRosError: CONFIG_INVALID for a name that is none.
    """
    import torch

    if name not in DTYPES:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"dtype must be one of {', '.join(DTYPES)}, not '{name}'.")
    return getattr(torch, name)


def checked_device(name: str) -> str:
    """Return a device name if that device is there.

    Raises:
        MolmoRosError: CONFIG_INVALID where there is no such device.
    """
    import torch

    if name.startswith("cuda") and not torch.cuda.is_available():
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"There is no GPU here; set device: cpu instead of {name}.")
    return name


def image_digest(image: npt.NDArray[np.uint8]) -> bytes:
    """Identify an image."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()


class CheckpointModel(ABC, Generic[Engine]):
    """A backend over one checkpoint.

    Loaded at the first use or by :meth:`warm_up`; one call at a time.

    Args:
        spec: As the YAML names it. Options of every backend: ``deadline_s``, ``download``, ``sha256``, ``quantise``.
        context: ``contract`` (its hash goes into each thought) and ``progress`` (called while loading).
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        self.spec = spec
        contract = context.get("contract")
        self._contract_hash = str(getattr(contract, "hash", contract or ""))
        self._progress: Progress | None = context.get("progress")
        self._deadline_s = self.number("deadline_s", 60.0)
        self._engine: Engine | None = None
        self._revision = spec.revision
        self._lock = threading.Lock()

    def number(self, name: str, default: float) -> float:
        """A positive number among the options.

        Raises:
            MolmoRosError: CONFIG_INVALID for anything else.
        """
        value = self.spec.options.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{self.spec.backend}: {name} must be a number above 0.")
        return float(value)

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        return ModelInfo(
            backend=self.spec.backend,
            model_id=self.spec.checkpoint,
            revision=self._revision,
            device=self.spec.device,
        )

    @property
    def engine(self) -> Engine:
        """The loaded model.

        Raises:
            MolmoRosError: MODEL_LOAD_FAILED or CONFIG_INVALID, in words.
        """
        if self._engine is None:
            checked_device(self.spec.device)
            folder = locate(
                self.spec.checkpoint,
                revision=self.spec.revision,
                download=bool(self.spec.options.get("download", False)),
            )
            pinned = self.spec.options.get("sha256") or {}
            checkpoint = open_checkpoint(folder, revision=self.spec.revision, sha256=pinned)
            self._revision = checkpoint.revision
            with progress_bar(f"loading {self.spec.checkpoint}") as bar:
                self._engine = self.load(checkpoint, self._progress or bar)
        return self._engine

    @abstractmethod
    def load(self, checkpoint: Checkpoint, progress: Progress | None) -> Engine:
        """Build the engine from an opened checkpoint."""

    def deadline(self) -> float:
        """``time.monotonic()`` value at which the call that begins now gives up."""
        return time.monotonic() + self._deadline_s

    def thought(self, prompt: str, raw_text: str, started: float, phases: Mapping[str, float], **parts: Any) -> Thought:
        """A thought of this model, with its identity and timings."""
        return Thought(
            prompt=prompt,
            raw_text=raw_text,
            backend=self.spec.backend,
            model_id=self.spec.checkpoint,
            revision=self._revision,
            contract_hash=self._contract_hash,
            phase_s={**phases, "total": time.monotonic() - started},
            **parts,
        )

    def refusal(self, prompt: str, raw_text: str, started: float, error: MolmoRosError, **parts: Any) -> Thought:
        """A thought that ends in a named outcome."""
        phases = parts.pop("phases", {})
        return self.thought(prompt, raw_text, started, phases, code=error.code, message=error.message, **parts)
