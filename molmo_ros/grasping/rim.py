"""Rim grasps: one finger inside a vessel, one outside, closing on its wall."""

from __future__ import annotations

import numpy as np

from molmo_ros.grasping.candidates import Candidates, Surface, empty, from_poses, tool_poses
from molmo_ros.grasping.hand import HandGeometry

VESSELS = frozenset({"bowl", "cup", "mug", "tray", "plate", "ring"})
RINGS = frozenset({"ring"})
PLACES = 24
WALL_M = 0.008
BITE_M = 0.018
BAND_M = 0.012
CLEARANCE_M = 0.003
QUALITY = 0.55


def rim_candidates(surface: Surface, hand: HandGeometry) -> Candidates:
    """Grasps on the rim of a vessel, all round it, where the camera sees the rim.

    Args:
        surface: The object; others than vessels have no rim.
        hand: The hand.
    """
    if surface.item.shape not in VESSELS:
        return empty()
    tall = surface.top_m - surface.bottom_m
    band = tall if surface.item.shape in RINGS else min(BAND_M, 0.4 * tall)
    rim = surface.points_m[surface.points_m[:, 2] > surface.top_m - band]
    if len(rim) < 20:
        return empty()
    box = surface.item.T_base_box[:3, 3]
    centre = ((box - surface.T_base_support[:3, 3]) @ surface.T_base_support[:3, :3])[:2]
    offset = rim[:, :2] - centre
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    distance = np.linalg.norm(offset, axis=1)
    sector = np.floor((angle + np.pi) / (2 * np.pi) * PLACES).astype(int) % PLACES
    places, outward, walls = [], [], []
    for k in range(PLACES):
        member = sector == k
        if np.count_nonzero(member) < 4:
            continue
        inner, outer = np.percentile(distance[member], [10, 90])
        wall = float(outer - inner) if surface.item.shape in RINGS else WALL_M
        if wall > hand.max_width_m - 2 * CLEARANCE_M:
            continue
        direction = (k + 0.5) / PLACES * 2 * np.pi - np.pi
        unit = np.array([np.cos(direction), np.sin(direction)])
        places.append(centre + unit * (outer - 0.5 * wall))
        outward.append(unit)
        walls.append(max(wall, WALL_M))
    if not places:
        return empty()
    count = len(places)
    floor_m = hand.tip_m + CLEARANCE_M
    z = max(surface.top_m - min(BITE_M, 0.5 * tall), floor_m)
    centres = np.column_stack([np.array(places), np.full(count, z)])
    closing = np.column_stack([np.array(outward), np.zeros(count)])
    approach = np.tile([0.0, 0.0, -1.0], (count, 1))
    T = surface.T_base_support @ tool_poses(centres, approach, closing)
    return from_poses(T, np.array(walls), np.full(count, QUALITY), surface.item.object_id, "rim")
