"""Weight-only quantisation through torchao, an optional library: int8 or int4 linear layers, activations untouched."""

from __future__ import annotations

from typing import Any

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError

KINDS = ("int8", "int4")


def quantise(module: Any, kind: str) -> None:
    """Quantise the linear layers of a module in place.

    Args:
        module: A torch module with its weights on the device that will run it.
        kind: "int8", "int4", or "" for nothing.

    Raises:
        MolmoRosError: CONFIG_INVALID for another kind; DEPENDENCY_MISSING without torchao.
    """
    if not kind:
        return
    if kind not in KINDS:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"quantise must be one of {', '.join(KINDS)}, not '{kind}'.")
    try:
        from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
    except ModuleNotFoundError as error:
        raise MissingDependencyError("torchao", "quantise") from error
    quantize_(module, Int8WeightOnlyConfig() if kind == "int8" else Int4WeightOnlyConfig())
