"""Geometry of a parallel hand in its tool frame: +z approach, +y closing, origin between the finger tips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class HandGeometry:
    """Boxes of a parallel hand; all lengths in metres, z measured from the tool frame (TCP) along the approach.

    Attributes:
        name: For sentences.
        max_width_m: Largest opening between the fingers.
        tcp_from_base_m: Distance from the hand's base (the flange) to the TCP.
        tip_m: How far the finger tips reach beyond the TCP.
        body_half_x_m: Half thickness of the hand's body.
        body_half_y_m: Half width of the hand's body along the closing axis.
        body_z_m: Extent of the body along the approach.
        pad_thickness_m: Thickness of a finger pad along the closing axis.
        pad_half_x_m: Half width of a pad.
        pad_z_m: Extent of the pads along the approach.
        finger_inset_m: Gap between a pad's inner face and the inner face of the finger above it.
        finger_outer_m: Distance from a pad's inner face to the finger's outer face.
        finger_half_x_m: Half width of a finger above its pad.
        finger_z_m: Extent of the fingers above the pads along the approach.
        palm_z_m: Where the free space between the fingers begins.
    """

    name: str
    max_width_m: float
    tcp_from_base_m: float
    tip_m: float
    body_half_x_m: float
    body_half_y_m: float
    body_z_m: tuple[float, float]
    pad_thickness_m: float
    pad_half_x_m: float
    pad_z_m: tuple[float, float]
    finger_inset_m: float
    finger_outer_m: float
    finger_half_x_m: float
    finger_z_m: tuple[float, float]
    palm_z_m: float

    def corners(self) -> npt.NDArray[np.float64]:
        """(24, 3) corners of body, both pads and both fingers of the open hand in the tool frame [m]."""
        half = 0.5 * self.max_width_m
        boxes = (
            (self.body_half_x_m, -self.body_half_y_m, self.body_half_y_m, self.body_z_m),
            (self.pad_half_x_m, -half - self.pad_thickness_m, half + self.pad_thickness_m, self.pad_z_m),
            (self.finger_half_x_m, -half - self.finger_outer_m, half + self.finger_outer_m, self.finger_z_m),
        )
        return np.array(
            [(x, y, z) for bx, y0, y1, zs in boxes for x in (-bx, bx) for y in (y0, y1) for z in zs], dtype=np.float64
        )


FRANKA_HAND = HandGeometry(
    name="Franka Hand",
    max_width_m=0.08,
    tcp_from_base_m=0.1034,
    tip_m=0.0095,
    body_half_x_m=0.032,
    body_half_y_m=0.102,
    body_z_m=(-0.1234, -0.0334),
    pad_thickness_m=0.0152,
    pad_half_x_m=0.00875,
    pad_z_m=(-0.0094, 0.0095),
    finger_inset_m=0.007,
    finger_outer_m=0.026,
    finger_half_x_m=0.011,
    finger_z_m=(-0.0444, -0.0047),
    palm_z_m=-0.0374,
)
"""Franka Hand: fingers and TCP from franka_description's ``franka_hand.xacro``, body width from the mesh."""
