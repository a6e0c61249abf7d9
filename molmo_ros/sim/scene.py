"""Scenes: which objects stand where on the table. A scene and a seed give the same table every time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.hulls import polygon_gap_m
from molmo_ros.sim import objects
from molmo_ros.sim.config import WorldConfig

Array = npt.NDArray[np.float64]

_TRIES_PER_OBJECT = 200
_TRIES_PER_SCENE = 60

TABLE_RGB = ((0.76, 0.66, 0.53), (0.62, 0.52, 0.42), (0.70, 0.70, 0.68), (0.45, 0.47, 0.50), (0.80, 0.77, 0.71))
"""Table tops a scene is drawn from: light wood, oak, light and dark laminate, birch."""


@dataclass(frozen=True, kw_only=True)
class ObjectSpec:
    """One object asked for.

    Attributes:
        kind: Key of `objects.KINDS`.
        colour: Colour name.
        name: Its name in the ground truth; "<colour>_<kind>_<index>" where empty.
        scale: Factor on its size, to make one of two alike visibly larger.
        xy_m: Where it stands; drawn where None.
        yaw_rad: Its heading; drawn where None.
    """

    kind: str
    colour: str
    name: str = ""
    scale: float = 1.0
    xy_m: tuple[float, float] | None = None
    yaw_rad: float | None = None


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    """A scene asked for.

    Attributes:
        objects: Its objects, placed in this order.
        clearance_m: Least free distance between footprints.
    """

    objects: tuple[ObjectSpec, ...]
    clearance_m: float = 0.045


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedObject:
    """One object and where it was put.

    Attributes:
        name: Its name.
        model: What it is.
        xy_m: (2,) position of its origin in the base frame [m].
        yaw_rad: Heading about z.
    """

    name: str
    model: objects.ObjectModel
    xy_m: Array
    yaw_rad: float

    @property
    def outline_m(self) -> Array:
        """(N, 2) corners of its footprint in the base frame [m], anticlockwise."""
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.asarray(self.model.footprint_m @ np.array([[c, s], [-s, c]]) + self.xy_m)


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneModel:
    """A scene with every choice made.

    Attributes:
        objects: The objects by name, in order.
        seed: What it was drawn from.
        table_rgb: Linear 0..1 colour of the table top.
        light: (3,) direction the light shines.
    """

    objects: dict[str, PlacedObject] = field(default_factory=dict)
    seed: int = 0
    table_rgb: tuple[float, float, float] = TABLE_RGB[0]
    light: tuple[float, float, float] = (-0.2, 0.1, -1.0)


def build_scene(spec: SceneSpec, seed: int, config: WorldConfig) -> SceneModel:
    """Draws sizes, shades and places for a scene; nothing overlaps and everything stands in the workspace.

    Args:
        spec: What is wanted.
        seed: What every choice is drawn from.
        config: The world, for its workspace.

    Raises:
        MolmoRosError: CONFIG_INVALID when the objects do not fit.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5CE7E]))
    models = []
    for item in spec.objects:
        model = objects.make(item.kind, item.colour, rng)
        models.append(objects.scaled(model, item.scale) if item.scale != 1.0 else model)
    names = [item.name or f"{item.colour}_{item.kind}_{i}" for i, item in enumerate(spec.objects)]
    if len(set(names)) != len(names):
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, "two objects of a scene have the same name")
    table_rgb = TABLE_RGB[int(rng.integers(len(TABLE_RGB)))]
    light = (float(rng.uniform(-0.5, 0.3)), float(rng.uniform(-0.4, 0.4)), -1.0)
    for _ in range(_TRIES_PER_SCENE):
        placed = _place(spec, names, models, config, rng)
        if placed is not None:
            return SceneModel(objects=placed, seed=seed, table_rgb=table_rgb, light=light)
    raise MolmoRosError(
        ErrorCode.CONFIG_INVALID,
        f"{len(names)} objects with {spec.clearance_m:.3f} m between them do not fit the workspace",
    )


def _place(
    spec: SceneSpec, names: list[str], models: list[objects.ObjectModel], config: WorldConfig, rng: np.random.Generator
) -> dict[str, PlacedObject] | None:
    """One attempt: the widest objects first, each where it keeps its distance; None when one finds no room."""
    placed: dict[str, PlacedObject] = {}
    order = sorted(range(len(models)), key=lambda i: (spec.objects[i].xy_m is None, -models[i].radius_m))
    low = np.array([config.workspace_x_m[0], config.workspace_y_m[0]])
    high = np.array([config.workspace_x_m[1], config.workspace_y_m[1]])
    for i in order:
        wanted = spec.objects[i]
        margin = min(models[i].radius_m, 0.06)
        for _ in range(_TRIES_PER_OBJECT):
            xy = np.asarray(wanted.xy_m, dtype=np.float64) if wanted.xy_m else rng.uniform(low + margin, high - margin)
            yaw = float(rng.uniform(-np.pi, np.pi)) if wanted.yaw_rad is None else wanted.yaw_rad
            candidate = PlacedObject(name=names[i], model=models[i], xy_m=xy, yaw_rad=yaw)
            if all(_apart(candidate, other, spec.clearance_m) for other in placed.values()):
                placed[names[i]] = candidate
                break
        else:
            return None
    return {name: placed[name] for name in names}


def _apart(a: PlacedObject, b: PlacedObject, clearance_m: float) -> bool:
    centres = float(np.linalg.norm(a.xy_m - b.xy_m))
    if centres > a.model.radius_m + b.model.radius_m + clearance_m:
        return True
    if centres < a.model.inner_radius_m + b.model.inner_radius_m + clearance_m:
        return False
    return polygon_gap_m(a.outline_m, b.outline_m) >= clearance_m


DEMO = SceneSpec(
    objects=(
        ObjectSpec(kind="block", colour="red", name="red_block"),
        ObjectSpec(kind="bowl", colour="blue", name="blue_bowl"),
        ObjectSpec(kind="can", colour="green", name="green_can"),
        ObjectSpec(kind="ball", colour="yellow", name="yellow_ball"),
        ObjectSpec(kind="mug", colour="white", name="white_mug"),
        ObjectSpec(kind="block", colour="purple", name="purple_block"),
    )
)
"""The scene of the demonstration: "put the red block in the bowl", with distractors."""

NAMED = {"demo": DEMO, "empty": SceneSpec(objects=())}
"""Scenes known by name."""
