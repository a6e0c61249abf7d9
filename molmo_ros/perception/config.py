"""What perception may assume about the scene, and the noise it expects of the sensor."""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ros.core.errors import ErrorCode, MolmoRosError


@dataclass(frozen=True, kw_only=True)
class PerceptionConfig:
    """Assumptions and thresholds; lengths in metres, angles in radians.

    Attributes:
        support_height_m: Height of the table top in the base frame; None takes the dominant plane of the image.
        support_tolerance_m: How far the real table top may lie from ``support_height_m``.
        support_tilt_rad: How far its normal may lean from the base frame's z axis.
        workspace_min_m: Lower corner of the box of the base frame in which objects are looked for; None is no limit.
        workspace_max_m: Upper corner of that box.
        max_depth_m: Readings beyond this are not used.
        min_height_m: What rises less than this above the support belongs to it.
        noise_floor_m: Depth noise (one sigma) at short range.
        noise_slope: Growth of the noise, ``sigma = noise_floor_m + noise_slope * z^2`` [1/m].
        min_object_area_m2: Visible surface below which a segment is noise.
        min_object_px: Pixels below which a segment is noise.
        max_float_m: A segment whose lowest point is higher than this above the support, and that nothing seen
            carries, is not an object on the table (an arm, a hanging cable).
        max_object_m: A segment longer than this is furniture, not an object.
    """

    support_height_m: float | None = 0.0
    support_tolerance_m: float = 0.03
    support_tilt_rad: float = 0.06
    workspace_min_m: tuple[float, float, float] | None = None
    workspace_max_m: tuple[float, float, float] | None = None
    max_depth_m: float = 3.0
    min_height_m: float = 0.0045
    noise_floor_m: float = 0.001
    noise_slope: float = 0.002
    min_object_area_m2: float = 5e-4
    min_object_px: int = 40
    max_float_m: float = 0.08
    max_object_m: float = 0.8

    def __post_init__(self) -> None:
        for name in (
            "support_tolerance_m",
            "support_tilt_rad",
            "max_depth_m",
            "min_height_m",
            "noise_floor_m",
            "min_object_area_m2",
            "max_object_m",
        ):
            if not getattr(self, name) > 0:
                raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"perception {name} must be > 0")
        if (self.workspace_min_m is None) != (self.workspace_max_m is None):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "a workspace needs both workspace_min_m and workspace_max_m")
