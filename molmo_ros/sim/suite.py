"""The tabletop suite: seeded episodes of four tasks, each with its scene, its sentence and its ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim import colours, wording
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.feasibility import hand_has_room
from molmo_ros.sim.objects import KINDS
from molmo_ros.sim.scene import ObjectSpec, SceneModel, SceneSpec, build_scene
from molmo_ros.sim.visibility import hidden_share, seen

Array = npt.NDArray[np.float64]
Rng = np.random.Generator

TASKS = ("pick", "pnp", "next_to", "colour")
"""Pick; pick and place; put next to; pick and place into the receptacle of a named colour."""

HORIZON_S = {"pick": 30.0, "pnp": 60.0, "next_to": 60.0, "colour": 60.0}
"""Simulation time an episode may take [s]. MolmoSpaces allows 20 s and 40 s for a policy that starts above the scene."""

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
_MOST_HIDDEN = 0.2
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
        for name in ("target", "reference"):
            if name in scene.objects and hidden_share(scene, name, self.config) > _MOST_HIDDEN:
                raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"the {name} is hidden behind other things")
        if not hand_has_room(scene, "target"):
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "no hand can take the target between its neighbours")
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
