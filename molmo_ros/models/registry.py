"""Backends by name: ``{backend: molmoact, checkpoint: ..., device: cuda, dtype: bfloat16}`` becomes a model.

A backend's module is imported when it is asked for, so a machine without torch still runs the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.protocols import Model

# name -> "module:factory"; a factory takes (spec, context) and returns a model.
BACKENDS: Mapping[str, str] = MappingProxyType(
    {
        "geometric": "molmo_ros.models.geometric.factory:build",
        "molmo2": "molmo_ros.models.molmo2.backend:build",
        "graspmolmo": "molmo_ros.models.graspmolmo.backend:build",
        "molmoact": "molmo_ros.models.molmoact.backend:build",
        "molmoact2": "molmo_ros.models.molmoact2.factory:build",
        "molmobot": "molmo_ros.models.molmobot.backend:build",
        "openai": "molmo_ros.models.openai.backend:build",
        "replay": "molmo_ros.models.replay.backend:build",
    }
)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One backend as the YAML names it.

    Attributes:
        backend: A name of ``BACKENDS``.
        checkpoint: Folder or published name; empty where the backend has none.
        revision: Pinned revision of the checkpoint.
        device: "cpu", "cuda" or "cuda:N".
        dtype: "float32", "bfloat16" or "float16".
        options: Whatever else the backend declares.
    """

    backend: str
    checkpoint: str = ""
    revision: str = ""
    device: str = "cpu"
    dtype: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Reads the YAML form; unknown keys become options.

        Raises:
            MolmoRosError: CONFIG_INVALID when no backend is named.
        """
        known = {"backend", "checkpoint", "revision", "device", "dtype"}
        if not values.get("backend"):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "A model needs a backend; one of: " + ", ".join(BACKENDS))
        return cls(
            **{k: str(v) for k, v in values.items() if k in known},
            options=MappingProxyType({k: v for k, v in values.items() if k not in known}),
        )


def build_model(spec: ModelSpec, context: Mapping[str, Any] | None = None) -> Model:
    """The model that a spec names, not yet warmed up.

    Args:
        spec: What to build.
        context: Things injected by the caller, e.g. ``perceive`` for the geometric backend.

    Raises:
        MolmoRosError: CONFIG_INVALID for a name nobody has; DEPENDENCY_MISSING when its library is not installed.
    """
    entry = BACKENDS.get(spec.backend)
    if entry is None:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f'There is no backend "{spec.backend}"; choose one of: {", ".join(BACKENDS)}.'
        )
    module, factory = entry.split(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("molmo_ros"):
            raise MolmoRosError(
                ErrorCode.NOT_SUPPORTED, f'The backend "{spec.backend}" is not part of this version.'
            ) from error
        raise MolmoRosError(
            ErrorCode.DEPENDENCY_MISSING,
            f'The backend "{spec.backend}" needs {error.name}; install it with: pip install "molmo_ros[models,serve]"',
        ) from error
    model: Model = getattr(loaded, factory)(spec, dict(context or {}))
    return model
