"""Whether a task was done, judged on ground truth.

The rules and thresholds are those of MolmoSpaces' tasks (allenai/molmospaces, ``molmo_spaces/tasks`` and the task specs
of ``evaluation/benchmark_schema.py``); relations seen from the camera are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.core.hulls import hull_gap_m
from molmo_ros.sim.assembly import OBJECT_PREFIX, TABLE
from molmo_ros.sim.parts import outline_points
from molmo_ros.sim.rendering import load_mujoco
from molmo_ros.sim.world import SimWorld

Array = npt.NDArray[np.float64]

LIFT_M = 0.01
"""A picked object has risen this far."""
CARRIED_SHARE = 0.5
"""Share of its weight that the receptacle must carry."""
RECEPTACLE_MOVED_M = 0.10
RECEPTACLE_TURNED_RAD = np.radians(45.0)
REFERENCE_MOVED_M = 0.05
REFERENCE_TURNED_RAD = np.radians(45.0)
NEXT_TO_GAP_M = 0.05
NEXT_TO_TOLERANCE_M = 0.01
RELATION_CONE_RAD = np.radians(45.0)
RELATION_REACH_M = 0.30

_WEIGHING_STEPS = 25
_ROUND = frozenset({"bowl", "plate", "can", "jar", "bottle", "cup", "ring"})


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A judgement.

    Attributes:
        success: Whether every rule holds.
        failed: Name of the first rule that does not; "" on success.
        measured: What was measured, by name; SI units.
    """

    success: bool
    failed: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


def _verdict(rules: Mapping[str, bool], measured: Mapping[str, float]) -> Verdict:
    failed = next((name for name, holds in rules.items() if not holds), "")
    return Verdict(success=not failed, failed=failed, measured=dict(measured))


def support_forces_n(world: SimWorld, name: str) -> dict[str, float]:
    """Upward force on an object by what touches it [N]: names of links and objects, and "table".

    A touch that does not lift is there too, with the force it has (negative when it presses down).
    """
    mj = load_mujoco()
    model, data = world.model, world.data
    body = model.body(OBJECT_PREFIX + name).id
    forces: dict[str, float] = {}
    wrench: Array = np.zeros(6)
    for i in range(data.ncon):
        contact = data.contact[i]
        if contact.efc_address < 0:
            continue
        first, second = (int(model.geom_bodyid[g]) for g in contact.geom)
        if body not in (first, second):
            continue
        mj.mj_contactForce(model, data, i, wrench)
        # The contact frame's rows are its axes, the first one the normal from the first geom to the second.
        upward = float((contact.frame.reshape(3, 3).T @ wrench[:3])[2])
        other, sign = (first, 1.0) if second == body else (second, -1.0)
        key = model.body(other).name.removeprefix(OBJECT_PREFIX)
        forces[key] = forces.get(key, 0.0) + sign * upward
    return forces


def _weigh(world: SimWorld, name: str) -> tuple[dict[str, float], float]:
    """Mean support forces over 50 ms, and the weight [N]."""
    total: dict[str, float] = {}
    for _ in range(_WEIGHING_STEPS):
        world.step()
        for key, force in support_forces_n(world, name).items():
            total[key] = total.get(key, 0.0) + force / _WEIGHING_STEPS
    model = world.model
    weight = float(model.body(OBJECT_PREFIX + name).subtreemass[0] * np.linalg.norm(model.opt.gravity))
    return total, weight


def _robot_links(world: SimWorld) -> set[str]:
    return {*world.finger_links, *world.arm_links}


def _moved(world: SimWorld, name: str, start: Mapping[str, Array]) -> tuple[float, float]:
    """How far [m] and by what angle [rad] an object has moved since the start.

    A round thing that has turned about its own upright axis looks and serves as before: only its tilt counts.
    """
    now = world.link_pose(OBJECT_PREFIX + name)
    if world.scene.objects[name].model.kind in _ROUND:
        angle = float(np.arccos(np.clip(now[:3, 2] @ start[name][:3, 2], -1.0, 1.0)))
    else:
        angle = geo.rotation_angle(now[:3, :3] @ start[name][:3, :3].T)
    return float(np.linalg.norm(now[:3, 3] - start[name][:3, 3])), angle


def outline_m(world: SimWorld, name: str) -> Array:
    """(N, 2) points whose hull is an object's outline seen from above, where it is now [m]."""
    points = outline_points(world.scene.objects[name].model.parts)
    return geo.apply(world.link_pose(OBJECT_PREFIX + name), points)[:, :2]


def centre_m(world: SimWorld, name: str) -> Array:
    """(3,) middle of an object's bounding box, where it is now [m]."""
    return _centre_at(world, name, world.link_pose(OBJECT_PREFIX + name))


def _centre_at(world: SimWorld, name: str, T_base_object: Array) -> Array:
    height = world.scene.objects[name].model.size_m[2]
    return geo.apply(T_base_object, np.array([0.0, 0.0, height / 2]))


def gap_m(world: SimWorld, a: str, b: str) -> float:
    """Horizontal distance between the surfaces of two objects [m]."""
    return hull_gap_m(outline_m(world, a), outline_m(world, b))


def picked(world: SimWorld, target: str, start: Mapping[str, Array]) -> Verdict:
    """Pick: the object has risen at least 1 cm and only the robot touches it.

    Args:
        world: The world, at the end.
        target: Name of the object.
        start: (4, 4) poses of all objects before the robot moved.
    """
    rise = float(centre_m(world, target)[2] - _centre_at(world, target, start[target])[2])
    touching = set(support_forces_n(world, target))
    robot = _robot_links(world)
    rules = {
        "lifted": rise >= LIFT_M,
        "held_by_robot": bool(touching & robot),
        "touches_robot_only": touching <= robot,
    }
    return _verdict(rules, {"rise_m": rise})


def placed_in(world: SimWorld, target: str, receptacle: str, start: Mapping[str, Array]) -> Verdict:
    """Pick and place: the receptacle carries at least half of the weight, the robot has let go, the receptacle stayed.

    An object that rests on others inside the receptacle counts when its middle is within the receptacle's outline and
    the table carries none of it.
    """
    forces, weight = _weigh(world, target)
    share = forces.get(receptacle, 0.0) / weight
    outline = outline_m(world, receptacle)
    contained = hull_gap_m(centre_m(world, target)[None, :2].repeat(3, axis=0) + _SPECK_M, outline) == 0.0
    off_table = abs(forces.get(TABLE, 0.0)) < 0.02 * weight
    distance, angle = _moved(world, receptacle, start)
    rules = {
        "released": not (set(forces) & _robot_links(world)),
        "carried_by_receptacle": share >= CARRIED_SHARE or (contained and off_table),
        "receptacle_stayed": distance <= RECEPTACLE_MOVED_M and angle <= RECEPTACLE_TURNED_RAD,
    }
    return _verdict(rules, {"carried_share": share, "receptacle_moved_m": distance, "receptacle_turned_rad": angle})


_SPECK_M = np.array([[0.0, 0.0], [1e-4, 0.0], [0.0, 1e-4]])


def next_to(world: SimWorld, target: str, reference: str, start: Mapping[str, Array]) -> Verdict:
    """Next to: gap between the surfaces 0 to 5 cm (1 cm tolerance), same support, let go, the reference stayed."""
    forces, weight = _weigh(world, target)
    gap = gap_m(world, target, reference)
    distance, angle = _moved(world, reference, start)
    rules = {
        "released": not (set(forces) & _robot_links(world)),
        "on_same_support": forces.get(TABLE, 0.0) >= CARRIED_SHARE * weight,
        "close_to_reference": gap <= NEXT_TO_GAP_M + NEXT_TO_TOLERANCE_M,
        "reference_stayed": distance <= REFERENCE_MOVED_M and angle <= REFERENCE_TURNED_RAD,
    }
    return _verdict(rules, {"gap_m": gap, "reference_moved_m": distance, "reference_turned_rad": angle})


def stacked(world: SimWorld, target: str, below: str, start: Mapping[str, Array]) -> Verdict:
    """Stack: the object below carries it, the robot has let go, and what is below has not been upset."""
    forces, weight = _weigh(world, target)
    share = forces.get(below, 0.0) / weight
    distance, angle = _moved(world, below, start)
    rules = {
        "released": not (set(forces) & _robot_links(world)),
        "carried_by_reference": share >= CARRIED_SHARE,
        "reference_stayed": distance <= RECEPTACLE_MOVED_M and angle <= RECEPTACLE_TURNED_RAD,
    }
    return _verdict(rules, {"carried_share": share, "reference_moved_m": distance})


def image_axes(T_base_camera: Array) -> dict[str, Array]:
    """Unit vectors on the table for the words a person uses who looks at the camera's image.

    Args:
        T_base_camera: (4, 4) pose of the optical frame.

    Returns:
        (2,) horizontal directions by "left_of", "right_of", "behind" and "in_front_of".
    """
    right = T_base_camera[:2, 0] / np.linalg.norm(T_base_camera[:2, 0])
    away = T_base_camera[:2, 2] - right * float(right @ T_base_camera[:2, 2])
    away = away / np.linalg.norm(away)
    return {"left_of": -right, "right_of": right, "behind": away, "in_front_of": -away}


def related(
    world: SimWorld,
    target: str,
    relation: str,
    reference: str,
    start: Mapping[str, Array],
    camera: str = "front",
) -> Verdict:
    """Left of, right of, behind, in front of: the middle lies within 45 degrees of that direction, and near.

    Directions are those of the camera's image: behind is farther from it.
    """
    forces, weight = _weigh(world, target)
    offset = (centre_m(world, target) - centre_m(world, reference))[:2]
    direction = image_axes(world.camera_pose(camera))[relation]
    along = float(offset @ direction)
    off_axis = float(np.arctan2(abs(direction[0] * offset[1] - direction[1] * offset[0]), along))
    distance, angle = _moved(world, reference, start)
    rules = {
        "released": not (set(forces) & _robot_links(world)),
        "on_same_support": forces.get(TABLE, 0.0) >= CARRIED_SHARE * weight,
        relation: off_axis <= RELATION_CONE_RAD,
        "near_reference": gap_m(world, target, reference) <= RELATION_REACH_M,
        "reference_stayed": distance <= REFERENCE_MOVED_M and angle <= REFERENCE_TURNED_RAD,
    }
    return _verdict(rules, {"off_axis_rad": off_axis, "along_m": along, "reference_moved_m": distance})


def judge(world: SimWorld, task: str, target: str, reference: str, start: Mapping[str, Array]) -> Verdict:
    """The verdict on a task of the suite: "pick", "pnp", "colour", "next_to", "stack" or one of the relations."""
    if task == "pick":
        return picked(world, target, start)
    if task in ("pnp", "colour"):
        return placed_in(world, target, reference, start)
    if task == "next_to":
        return next_to(world, target, reference, start)
    if task == "stack":
        return stacked(world, target, reference, start)
    return related(world, target, task, reference, start)
