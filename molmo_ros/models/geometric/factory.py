"""How the registry builds the geometric backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.geometric.backend import GeometricModel

if TYPE_CHECKING:
    from molmo_ros.models.registry import ModelSpec


def build(spec: ModelSpec, context: dict[str, Any]) -> GeometricModel:
    """The geometric backend; ``context["perceive"]`` turns a frame into a scene."""
    perceive = context.get("perceive")
    if not callable(perceive):
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f'The backend "{spec.backend}" needs perception; give it a perceive.'
        )
    return GeometricModel(perceive)
