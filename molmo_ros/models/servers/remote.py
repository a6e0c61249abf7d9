"""What the models on other machines share: identity, deadlines, and thoughts with their timings."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from molmo_ros.core.contract import EmbodimentContract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Thought
from molmo_ros.models.protocols import ModelInfo
from molmo_ros.models.registry import ModelSpec


def short(text: str, most: int = 200) -> str:
    """The last line of an untrusted text, printable and short: what a traceback ends with."""
    lines = [line.strip() for line in text[-4000:].splitlines() if line.strip()]
    return "".join(c if c.isprintable() else " " for c in (lines[-1] if lines else "nothing"))[:most]


class BackOff:
    """Waits longer after each failure: 0.25 s, doubled up to a bound."""

    def __init__(self, most_s: float = 5.0) -> None:
        self._most_s, self._wait_s, self._next = most_s, 0.0, 0.0

    @property
    def left_s(self) -> float:
        """How long until the next try [s]."""
        return max(0.0, self._next - time.monotonic())

    def failed(self) -> None:
        """A try failed."""
        self._wait_s = min(self._most_s, max(0.25, 2 * self._wait_s))
        self._next = time.monotonic() + self._wait_s

    def succeeded(self) -> None:
        """A try succeeded."""
        self._wait_s, self._next = 0.0, 0.0


class RemoteModel:
    """A model that somebody else runs.

    Args:
        spec: As the YAML names it. Options of every one: ``url``, ``deadline_s``, ``token_env``, ``trusted_network``.
        context: ``contract``, whose hash goes into each thought.
    """

    def __init__(self, spec: ModelSpec, context: Mapping[str, Any]) -> None:
        self.spec = spec
        contract = context.get("contract")
        self.contract: EmbodimentContract | None = contract if isinstance(contract, EmbodimentContract) else None
        self.deadline_s = self.number("deadline_s", 10.0)
        self.lock = threading.Lock()
        self.backoff = BackOff()

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
            backend=self.spec.backend, model_id=self.spec.checkpoint, revision=self.spec.revision, device="remote"
        )

    def needs_contract(self) -> EmbodimentContract:
        """The contract, which this model cannot do without.

        Raises:
            MolmoRosError: CONFIG_INVALID.
        """
        if self.contract is None:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"{self.spec.backend} needs a contract; name one of config/contracts."
            )
        return self.contract

    def thought(self, prompt: str, raw_text: str, started: float, phases: Mapping[str, float], **parts: Any) -> Thought:
        """A thought of this model, with its identity and timings."""
        return Thought(
            prompt=prompt,
            raw_text=raw_text,
            backend=self.spec.backend,
            model_id=self.spec.checkpoint,
            revision=self.spec.revision,
            contract_hash=self.contract.hash if self.contract is not None else "",
            phase_s={**phases, "total": time.monotonic() - started},
            **parts,
        )

    def refusal(self, prompt: str, raw_text: str, started: float, error: MolmoRosError) -> Thought:
        """A thought that ends in a named outcome."""
        return self.thought(prompt, raw_text, started, {}, code=error.code, message=error.message)
