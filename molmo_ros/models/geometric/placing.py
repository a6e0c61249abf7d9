"""Where a carried thing should be set down, for a relation to a reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.footprint import corners_m, footprint_gap_m
from molmo_ros.core.geometry import make_transform
from molmo_ros.core.hulls import hull_order, polygon_gap_m
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.models.geometric.grounding import Grounded, describe

# Gap left between the carried thing and its neighbour [m]; inside the 0..0.05 of MolmoSpaces' next-to rule.
NEXT_TO_GAP_M = 0.022
# The most the seen outlines may be apart there: the box of a round thing has corners that are not there [m].
MOST_NEXT_TO_GAP_M = 0.034
CLEAR_M = 0.02
DIRECTIONAL_GAP_M = 0.05


def place_point_m(
    scene: Scene,
    found: Grounded,
    relation: str,
    held_size_m: npt.NDArray[np.float64],
    start_m: npt.NDArray[np.float64],
    T_base_camera: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """(3,) surface point in the base frame on which the carried thing shall stand [m].

    Args:
        scene: What is in view; the carried thing may be among its objects (at start_m) and is not an obstacle.
        found: The reference.
        relation: "in", "on", "next_to", "left_of", "right_of", "behind", "in_front_of" or "between".
        held_size_m: (3,) box of the carried thing [m].
        start_m: (3,) where the carried thing is now [m].
        T_base_camera: Camera pose; directions are those of its image.

    Raises:
        MolmoRosError: NOT_SUPPORTED for a relation that has no place; TARGET_UNREACHABLE when no spot is free.
    """
    if found.surface:
        return _free_spot(scene, None, held_size_m, start_m, _ring_anywhere(start_m), 0.0)
    anchor = found.objects[0]
    if relation in ("in", "on"):
        return _inside(anchor)
    if relation == "between" and len(found.objects) > 1:
        middle = (found.objects[0].center_base_m + found.objects[1].center_base_m) / 2
        return _on_plane(scene, middle)
    reach = _reach_m(anchor, held_size_m)
    right, away = _image_directions(T_base_camera)
    angles = {
        "left_of": -right,
        "right_of": right,
        "behind": away,
        "in_front_of": -away,
    }
    if relation in angles:
        spots = _fan(anchor, angles[relation], reach + DIRECTIONAL_GAP_M)
        return _free_spot(scene, anchor, held_size_m, start_m, spots, DIRECTIONAL_GAP_M)
    if relation == "next_to":
        spots = _around(anchor, _carried(scene, start_m), held_size_m, start_m)
        return _free_spot(scene, anchor, held_size_m, start_m, spots, NEXT_TO_GAP_M)
    raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f'I can not place things "{relation.replace("_", " ")}" something.')


def _on_plane(scene: Scene, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(point - scene.plane.normal * float(scene.plane.height_m(point)))


def _inside(anchor: SceneObject) -> npt.NDArray[np.float64]:
    """The middle of the reference, at the height of the surface that is seen there."""
    top = anchor.center_base_m.copy()
    near = np.linalg.norm(anchor.points_base_m[:, :2] - top[:2], axis=1) < 0.25 * float(min(anchor.size_m[:2]))
    heights = anchor.points_base_m[near, 2]
    if len(heights) < 5:
        top[2] += anchor.size_m[2] / 2
        return top
    top[2] = float(np.median(heights)) if anchor.is_receptacle else float(np.percentile(heights, 95))
    return top


def _image_directions(
    T_base_camera: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Unit vectors on the support: to the right in the image, and away from the camera."""
    right = T_base_camera[:2, 0] / max(float(np.linalg.norm(T_base_camera[:2, 0])), 1e-9)
    forward = T_base_camera[:2, 2]
    if np.linalg.norm(forward) < 1e-6:
        forward = -T_base_camera[:2, 1]
    away = forward - right * float(forward @ right)
    return right, away / max(float(np.linalg.norm(away)), 1e-9)


def _reach_m(anchor: SceneObject, held_size_m: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(*anchor.size_m[:2]) / 2 + np.hypot(*held_size_m[:2]) / 2)


def _fan(anchor: SceneObject, direction: npt.NDArray[np.float64], distance_m: float) -> npt.NDArray[np.float64]:
    """(N, 2) spots in a direction, straight first, then up to 40 degrees aside and a little farther."""
    spots = []
    for extra in (0.0, 0.04, 0.08):
        for angle in np.radians([0, 15, -15, 30, -30, 40, -40]):
            c, s = np.cos(angle), np.sin(angle)
            turned = np.array([c * direction[0] - s * direction[1], s * direction[0] + c * direction[1]])
            spots.append(anchor.center_base_m[:2] + turned * (distance_m + extra))
    return np.array(spots)


def _carried(scene: Scene, start_m: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, 3) heading of the carried thing's box: it is set down as it was taken up where that can be done."""
    distances = [float(np.linalg.norm(o.center_base_m[:2] - start_m[:2])) for o in scene.objects]
    nearest = int(np.argmin(distances)) if distances else -1
    if nearest < 0 or distances[nearest] > 0.03:
        return np.eye(3)
    return np.asarray(scene.objects[nearest].T_base_box[:3, :3])


def _around(
    anchor: SceneObject,
    R_base_held: npt.NDArray[np.float64],
    held_size_m: npt.NDArray[np.float64],
    start_m: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """(N, 2) spots all around a box at the next-to gap.

    First those where what is seen of it is near, too, the one on the carried thing's side before the others.
    """
    seen = hull_order(anchor.points_base_m[:, :2].astype(np.float64))
    reach = _reach_m(anchor, held_size_m) + NEXT_TO_GAP_M
    spots, gaps = [], []
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        direction = np.array([np.cos(angle), np.sin(angle)])
        distance = reach
        for _ in range(4):
            T = make_transform(R_base_held, [*(anchor.center_base_m[:2] + direction * distance), 0.0])
            distance -= footprint_gap_m(T, held_size_m, anchor.T_base_box, anchor.size_m) - NEXT_TO_GAP_M
        spots.append(anchor.center_base_m[:2] + direction * distance)
        T[:2, 3] = spots[-1]
        gaps.append(polygon_gap_m(corners_m(T, held_size_m), seen))
    ordered = np.array(spots)
    far = np.maximum(np.array(gaps) - MOST_NEXT_TO_GAP_M, 0.0)
    return np.asarray(ordered[np.lexsort((np.linalg.norm(ordered - start_m[:2], axis=1), far))])


def _ring_anywhere(start_m: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    rings = [start_m[:2] + r * np.column_stack([np.cos(angles), np.sin(angles)]) for r in (0.08, 0.12, 0.16, 0.2)]
    return np.concatenate(rings)


def _free_spot(
    scene: Scene,
    anchor: SceneObject | None,
    held_size_m: npt.NDArray[np.float64],
    start_m: npt.NDArray[np.float64],
    spots: npt.NDArray[np.float64],
    gap_m: float,
) -> npt.NDArray[np.float64]:
    """The first spot on the seen support where the thing fits clear of all others."""
    others = [o for o in scene.objects if o is not anchor and np.linalg.norm(o.center_base_m[:2] - start_m[:2]) > 0.03]
    support = np.abs(scene.plane.height_m(np.nan_to_num(scene.points_base_m, nan=1e3))) < 0.01
    ground = scene.points_base_m[support][::7, :2]
    held = np.array([held_size_m[0], held_size_m[1], held_size_m[2]])
    heading = _carried(scene, start_m)
    for spot in spots:
        T = make_transform(heading, [spot[0], spot[1], 0.0])
        if any(footprint_gap_m(T, held, o.T_base_box, o.size_m) < CLEAR_M for o in others):
            continue
        if anchor is not None and footprint_gap_m(T, held, anchor.T_base_box, anchor.size_m) < min(gap_m, 0.008):
            continue
        if np.count_nonzero(np.linalg.norm(ground - spot, axis=1) < 0.03) < 3:
            continue
        point = np.array([spot[0], spot[1], 0.0])
        point[2] = (scene.plane.offset_m - float(scene.plane.normal[:2] @ spot)) / float(scene.plane.normal[2])
        return point
    where = f"beside {describe(anchor)}" if anchor is not None else "on the table"
    raise MolmoRosError(ErrorCode.TARGET_UNREACHABLE, f"There is no free spot {where}; please clear some room.")
