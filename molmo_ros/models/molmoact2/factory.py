"""How the registry builds ``molmoact2``: the model itself, or with ``url`` a client of its server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molmo_ros.models.protocols import Policy
    from molmo_ros.models.registry import ModelSpec


def build(spec: ModelSpec, context: dict[str, Any]) -> Policy:
    """Build the backend; torch is imported only where the model runs here."""
    if "url" in spec.options:
        from molmo_ros.models.servers import act_client

        return act_client.build(spec, context)
    from molmo_ros.models.molmoact2 import backend

    return backend.build(spec, context)
