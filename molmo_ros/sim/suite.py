"""The tabletop suite: seeded episodes of four tasks, each with its scene, its sentence and its ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim import colours, wording
from molmo_ros.sim.assembly import quaternion_wxyz
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.objects import KINDS
from molmo_ros.sim.scene import ObjectSpec, PlacedObject, SceneModel, SceneSpec, build_scene
from molmo_ros.sim.wording import Seen

Array = npt.NDArray[np.float64]
Rng = np.random.Generator

TASKS = ("pick", "pnp", "next_to", "colour")
"""Pick; pick and place; put next to; pick and place into the receptacle of a named colour."""

HORIZON_S = {"pick": 30.0, "pnp": 60.0, "next_to": 60.0, "colour": 60.0}
"""Simulation time an episode may take [s]. MolmoSpaces allows 20 s and 40 s for a policy that starts above the scene."""

TASK_CLASS = {"pick": "PickTask", "pnp": "PickAndPlaceTask", "next_to": "PickAndPlaceNextToTask",
              "colour": "PickAndPlaceColorTask"}  # fmt: skip

_FITS = {
    "bowl": ("block", "ball", "wedge", "ring", "jar", "can", "box", "l_block", "cup"),
    "plate": ("block", "box", "wedge", "l_block", "can", "jar", "ring", "banana", "carrot", "cup", "mug", "book"),
    "tray": (
        "block",
        "ball",
        "wedge",
        "ring",
        "jar",
        "can",
        "box",
        "l_block",
        "cup",
        "mug",
        "banana",
        "carrot",
        "book",
    ),
}
"""What can be put into each receptacle and stay there."""

_NEXT_TO_CLEARANCE_M = 0.07
_TWIN_SHARE = 0.2
_TRIES = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """One episode, ready to run.

    Attributes:
        index: Its place in the suite.
        task: One of `TASKS`.
        seed: Seed of the suite.
        scene: What stands on the table.
        instruction: The sentence.
        target: Name of the object that is meant.
        reference: Name of the receptacle or reference; "" for a pick.
        relation: "in", "on", "next_to" or "".
        horizon_s: Simulation time it may take [s].
    """

    index: int
    task: str
    seed: int
    scene: SceneModel
    instruction: str
    target: str
    reference: str = ""
    relation: str = ""
    horizon_s: float = 60.0

    @property
    def noise_seed(self) -> int:
        """Seed of the cameras' errors."""
        return int(np.random.SeedSequence([self.seed, self.index, 2]).generate_state(1)[0])

    @property
    def key(self) -> str:
        """Short name, e.g. "pick_0003"."""
        return f"{self.task}_{self.index:04d}"


class TabletopSuite:
    """Episodes by index; the n-th one of a seed is always the same, however many are asked for.

    Args:
        seed: What everything is drawn from.
        config: The world.
        tasks: Tasks that take turns; all four by default.
    """

    def __init__(self, seed: int, config: WorldConfig, tasks: Sequence[str] = TASKS) -> None:
        unknown = [task for task in tasks if task not in TASKS]
        if unknown or not tasks:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"no task '{', '.join(unknown)}'; there are {', '.join(TASKS)}"
            )
        self.seed = seed
        self.config = config
        self.tasks = tuple(tasks)

    def episodes(self, count: int) -> Iterator[Episode]:
        """The first episodes."""
        for index in range(count):
            yield self.episode(index)

    def episode(self, index: int) -> Episode:
        """One episode.

        Raises:
            MolmoRosError: CONFIG_INVALID when no scene can be drawn; the workspace is too small then.
        """
        task = self.tasks[index % len(self.tasks)]
        # The n-th pick is the same whichever tasks take turns.
        turn = index // len(self.tasks)
        reason = ""
        for attempt in range(_TRIES):
            rng = np.random.default_rng(np.random.SeedSequence([self.seed, TASKS.index(task), turn, attempt]))
            try:
                return self._draw(index, task, rng)
            except MolmoRosError as error:
                reason = error.message
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"no scene for episode {index} ({task}): {reason}")

    def _draw(self, index: int, task: str, rng: Rng) -> Episode:
        drawn = _DRAW[task](rng)
        clearance = _NEXT_TO_CLEARANCE_M if task == "next_to" else float(rng.uniform(0.04, 0.06))
        spec = SceneSpec(objects=tuple(drawn.objects), clearance_m=clearance)
        scene = build_scene(spec, int(rng.integers(2**31)), self.config)
        view = seen(scene, self.config)
        by_name = {item.name: item for item in view}
        if task == "pick":
            sentence = wording.pick_instruction(rng, by_name["target"], view)
        else:
            sentence = wording.place_instruction(
                rng,
                by_name["target"],
                drawn.relation,
                by_name["reference"],
                view,
                colour_matters=task == "colour",
            )
        return Episode(
            index=index,
            task=task,
            seed=self.seed,
            scene=scene,
            instruction=sentence,
            target="target",
            reference="" if task == "pick" else "reference",
            relation=drawn.relation,
            horizon_s=HORIZON_S[task],
        )


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    objects: list[ObjectSpec]
    relation: str = ""


def _kind(rng: Rng, kinds: Sequence[str]) -> str:
    return kinds[int(rng.integers(len(kinds)))]


def _colour(rng: Rng, kind: str, avoid: Sequence[str] = ()) -> str:
    options = [c for c in (KINDS[kind].colours or colours.NAMES) if c not in avoid]
    if not options:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"every colour of a {kind} is taken")
    return options[int(rng.integers(len(options)))]


def _distractors(rng: Rng, taken: list[ObjectSpec], count: int) -> list[ObjectSpec]:
    """Other things, some of the target's kind, some of its colour; none that its name would fit as well."""
    target = taken[0]
    added: list[ObjectSpec] = []
    small = [kind for kind, entry in KINDS.items() if entry.pickable]
    for i in range(count):
        draw = rng.random()
        kind = target.kind if draw < 0.3 else _kind(rng, small)
        used = [o.colour for o in (*taken, *added) if KINDS[o.kind].family == KINDS[kind].family]
        options = [c for c in (KINDS[kind].colours or colours.NAMES) if c not in used]
        if not options:
            continue
        colour = target.colour if draw > 0.7 and target.colour in options else options[int(rng.integers(len(options)))]
        added.append(ObjectSpec(kind=kind, colour=colour, name=f"other_{i}"))
    return added


def _pick(rng: Rng) -> _Drawn:
    kind = _kind(rng, [kind for kind, entry in KINDS.items() if entry.pickable])
    target = ObjectSpec(kind=kind, colour=_colour(rng, kind), name="target")
    taken = [target]
    if rng.random() < _TWIN_SHARE:
        larger = rng.random() < 0.5
        sizes = (0.82, 1.1) if kind in ("block", "ball", "stick", "wedge", "ring", "jar") else (1.0, 1.0)
        own, twin = sizes if not larger else sizes[::-1]
        taken = [
            ObjectSpec(kind=kind, colour=target.colour, name="target", scale=own),
            ObjectSpec(kind=kind, colour=target.colour, name="twin", scale=twin),
        ]
    if rng.random() < 0.4:
        taken.append(_receptacle(rng, taken, "bystander"))
    return _Drawn(objects=[*taken, *_distractors(rng, taken, int(rng.integers(2, 6)))])


def _receptacle(rng: Rng, taken: Sequence[ObjectSpec], name: str, kinds: Sequence[str] = tuple(_FITS)) -> ObjectSpec:
    kind = _kind(rng, kinds)
    used = [o.colour for o in taken if KINDS[o.kind].family == "dish"]
    return ObjectSpec(kind=kind, colour=_colour(rng, kind, used), name=name)


def _relation(rng: Rng, kind: str) -> str:
    if kind == "tray":
        return "on" if rng.random() < 0.6 else "in"
    return KINDS[kind].inside


def _pnp(rng: Rng) -> _Drawn:
    place = _receptacle(rng, [], "reference")
    kind = _kind(rng, _FITS[place.kind])
    target = ObjectSpec(kind=kind, colour=_colour(rng, kind), name="target")
    taken = [target, place]
    if rng.random() < 0.3:
        taken.append(_receptacle(rng, taken, "bystander", ("bowl", "plate")))
    return _Drawn(
        objects=[*taken, *_distractors(rng, taken, int(rng.integers(2, 5)))], relation=_relation(rng, place.kind)
    )


def _next_to(rng: Rng) -> _Drawn:
    still = [kind for kind, entry in KINDS.items() if entry.pickable and kind not in ("ball", "bottle")]
    kind = _kind(rng, still)
    target = ObjectSpec(kind=kind, colour=_colour(rng, kind), name="target")
    other = _kind(rng, [k for k in KINDS if k not in ("ball", "tray") and KINDS[k].family != KINDS[kind].family])
    reference = ObjectSpec(kind=other, colour=_colour(rng, other), name="reference")
    taken = [target, reference]
    return _Drawn(objects=[*taken, *_distractors(rng, taken, int(rng.integers(1, 4)))], relation="next_to")


def _in_coloured(rng: Rng) -> _Drawn:
    kind = _kind(rng, ("bowl", "bowl", "plate"))
    place = ObjectSpec(kind=kind, colour=_colour(rng, kind), name="reference")
    other = ObjectSpec(kind=kind, colour=_colour(rng, kind, [place.colour]), name="other_place_0")
    places = [place, other]
    if kind == "bowl" and rng.random() < 0.4:
        used = [o.colour for o in places]
        places.append(ObjectSpec(kind=kind, colour=_colour(rng, kind, used), name="other_place_1"))
    thing = _kind(rng, _FITS[kind])
    target = ObjectSpec(kind=thing, colour=_colour(rng, thing), name="target")
    taken = [target, *places]
    return _Drawn(objects=[*taken, *_distractors(rng, taken, int(rng.integers(1, 3)))], relation=KINDS[kind].inside)


_DRAW = {"pick": _pick, "pnp": _pnp, "next_to": _next_to, "colour": _in_coloured}


def seen(scene: SceneModel, config: WorldConfig, camera: str = "front") -> list[Seen]:
    """The scene's objects as the camera shows them."""
    settings = config.cameras[camera]
    T_camera_base = geo.invert(settings.T_base_optical)
    forward = settings.T_base_optical[:2, 2] / np.linalg.norm(settings.T_base_optical[:2, 2])
    eye = settings.T_base_optical[:2, 3]
    view = []
    for placed in scene.objects.values():
        x, y, z = placed.model.size_m
        middle = np.array([*placed.xy_m, config.table_top_z_m + z / 2])
        u_px = float(geo.project(settings.K, geo.apply(T_camera_base, middle))[0])
        view.append(
            Seen(
                name=placed.name,
                kind=placed.model.kind,
                colour=placed.model.colour,
                u_px=u_px,
                distance_m=float((placed.xy_m - eye) @ forward),
                size_m=float(np.cbrt(x * y * z)),
            )
        )
    return view


def _pose7(T: Array) -> list[float]:
    return [*(float(v) for v in T[:3, 3]), *quaternion_wxyz(T[:3, :3])]


def episode_record(
    episode: Episode, config: WorldConfig, start: dict[str, Array], init_qpos: Sequence[float]
) -> dict[str, Any]:
    """The episode in the field names of MolmoSpaces' EpisodeSpec (``evaluation/benchmark_schema.py``), as plain data.

    Args:
        episode: The episode.
        config: The world.
        start: (4, 4) settled poses of the objects.
        init_qpos: Arm joints at the start [rad].
    """
    objects = episode.scene.objects
    task: dict[str, Any] = {
        "task_cls": TASK_CLASS[episode.task],
        "task_type": episode.task,
        "robot_base_pose": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        "task_horizon_sec": episode.horizon_s,
        "pickup_obj_name": episode.target,
        "pickup_obj_start_pose": _pose7(start[episode.target]),
    }
    if episode.task == "pick":
        task["succ_pos_threshold"] = 0.01
    else:
        task["place_receptacle_name"] = episode.reference
        task["place_receptacle_start_pose"] = _pose7(start[episode.reference])
    if episode.task in ("pnp", "colour"):
        task |= {
            "receptacle_supported_weight_frac": 0.5,
            "max_place_receptacle_pos_displacement": 0.10,
            "max_place_receptacle_rot_displacement": 45.0,
        }
    if episode.task == "next_to":
        task |= {"min_surface_to_surface_gap": 0.0, "max_surface_to_surface_gap": 0.05}
    if episode.task == "colour":
        rivals = [name for name in objects if name.startswith("other_place")]
        task["object_colors"] = {name: objects[name].model.colour for name in (episode.reference, *rivals)}
        task["other_receptacle_names"] = rivals
        task["other_receptacle_start_poses"] = [_pose7(start[name]) for name in rivals]
    return {
        "source": {"episode_key": episode.key, "camera_system_class": "tabletop"},
        "house_index": episode.index,
        "scene_dataset": "molmo_ros_tabletop",
        "data_split": "eval",
        "seed": episode.seed,
        "robot": {"robot_name": config.robot, "init_qpos": {"arm": [float(q) for q in init_qpos]}},
        "img_resolution": [config.cameras["front"].width_px, config.cameras["front"].height_px],
        "cameras": [_camera_record(name, config) for name in config.cameras],
        "scene_modifications": {
            "added_objects": {name: _object_label(placed) for name, placed in objects.items()},
            "object_poses": {name: _pose7(start[name]) for name in objects},
            "removed_objects": [],
        },
        "task": task,
        "task_relevant_objects": [name for name in (episode.target, episode.reference) if name],
        "language": {
            "task_description": episode.instruction,
            "referral_expressions": {},
            "referral_expressions_priority": {},
        },
    }


def _object_label(placed: PlacedObject) -> str:
    return f"procedural/{placed.model.colour}_{placed.model.kind}"


def _camera_record(name: str, config: WorldConfig) -> dict[str, Any]:
    camera = config.cameras[name]
    record: dict[str, Any] = {"name": name, "fov": camera.fovy_deg, "record_depth": True}
    if camera.link:
        return record | {
            "reference_body_names": [camera.link],
            "camera_offset": [0.0, 0.0, 0.0],
            "camera_quaternion": quaternion_wxyz(np.diag([1.0, -1.0, -1.0])),
        }
    T = camera.T_base_optical
    return record | {
        "pos": [float(v) for v in T[:3, 3]],
        "up": [float(v) for v in -T[:3, 1]],
        "forward": [float(v) for v in T[:3, 2]],
    }
