"""The fault that motion code raises."""

from __future__ import annotations

from molmo_ros.core.errors import MolmoRosError


class PlanningError(MolmoRosError):
    """A motion cannot be planned: a 5xx code, or GRASP_IN_COLLISION, or CANCELED, and one sentence."""
