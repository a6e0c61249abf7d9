"""Golden numbers: files written by running the published implementations on small random weights.

The folder is named by ``MOLMO_ROS_GOLDEN``; any set in the same layout can be checked.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(os.environ.get("MOLMO_ROS_GOLDEN") or Path(__file__).parents[1] / "data" / "golden")


def _number(value: dict[str, Any]) -> Any:
    return float(value["nonfinite"]) if set(value) == {"nonfinite"} else value


def load_json(*parts: str) -> Any:
    """Read a document; ``{"nonfinite": "inf"}`` becomes the float it means."""
    return json.loads(ROOT.joinpath(*parts).read_text(encoding="utf-8"), object_hook=_number)


def load_tensors(*parts: str) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(ROOT.joinpath(*parts))


def metadata(*parts: str) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(ROOT.joinpath(*parts), "pt") as handle:
        raw = handle.metadata() or {}
    out: dict[str, Any] = {}
    for key, value in raw.items():
        try:
            out[key] = json.loads(value)
        except ValueError:
            out[key] = value
    return out


def folders(*parts: str) -> list[str]:
    """Names of the checkpoint folders below a part of the set, so that sets with other members work too."""
    base = ROOT.joinpath(*parts)
    found = sorted(p.parent.name for p in base.glob("*/model.safetensors")) if base.is_dir() else []
    return found or pytest.fail(f"no golden checkpoints below {base}")


def cases(*parts: str, suffix: str = "input_ids") -> list[str]:
    """Case names: the prefixes of the tensors that end in ``.suffix``."""
    from safetensors import safe_open

    with safe_open(ROOT.joinpath(*parts), "pt") as handle:
        return sorted(k[: -len(suffix) - 1] for k in handle.keys() if k.endswith("." + suffix))  # noqa: SIM118


def pattern_image(spec: dict[str, Any], tensors: dict[str, Any]) -> np.ndarray:
    """Build an input image from its formula, or take the stored one."""
    import hashlib

    if spec["kind"] == "pattern":
        y, x, c = np.meshgrid(
            np.arange(spec["height"]), np.arange(spec["width"]), np.arange(3), indexing="ij", sparse=True
        )
        value = spec["p"] * x + spec["q"] * y + spec["r"] * c + (x * y) // spec["t"]
        image = (value % 256).astype(np.uint8)
    else:
        image = tensors[spec["tensor"]].numpy().astype(np.uint8)
    assert hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() == spec["sha256"]
    return image


def worst(actual: Any, expected: Any) -> float:
    """Largest absolute difference."""
    return float(np.abs(np.asarray(actual, dtype=np.float64) - np.asarray(expected, dtype=np.float64)).max(initial=0.0))


LEDGER: dict[str, tuple[int, float, float]] = {}


def check(name: str, actual: Any, expected: Any, tolerance: float) -> None:
    """Assert that two arrays of one shape agree, and note by how much they differ.

    Tolerance 0 means equal.
    """
    left, right = np.asarray(actual), np.asarray(expected)
    assert left.shape == right.shape, f"{name}: shape {left.shape}, expected {right.shape}"
    error = worst(left, right)
    count, before, limit = LEDGER.get(name, (0, 0.0, tolerance))
    LEDGER[name] = (count + 1, max(before, error), max(limit, tolerance))
    assert np.isfinite(error), f"{name}: not finite"
    assert error <= tolerance, f"{name}: differs by {error:g}, allowed {tolerance:g}"


def rounding(run: Any) -> float:
    """Largest difference between float32 and float64 of the same code, as a measure of rounding.

    The random vision towers of the golden sets are ill-conditioned: float32 rounding alone moves a result by more than
    its tolerance, also between two versions of torch under the published code. A mistake moves both precisions alike
    and so earns no slack.

    Args:
        run: Called with torch.float32 and torch.float64, returns a tensor.
    """
    import torch

    return float((run(torch.float32).double() - run(torch.float64).double()).abs().max())


def slack(tolerance: float, noise: float, scale: Any = 1.0) -> float:
    """The tolerance, widened to numbers beyond 1 in proportion, or twice the measured rounding where that is larger.

    Args:
        tolerance: For numbers up to about 1.
        noise: From :func:`rounding`.
        scale: The expected numbers; keys and values without a norm reach hundreds.
    """
    return max(tolerance * max(1.0, float(np.abs(np.asarray(scale)).max(initial=0.0))), 2 * noise)
