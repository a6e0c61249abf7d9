"""Which perceived objects a noun phrase names: all, one, none, or "which one?"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.footprint import footprint_gap_m
from molmo_ros.core.scene import Scene, SceneObject
from molmo_ros.models.geometric.phrases import NounPhrase

# A shape score below this is no evidence for the noun; one below half of the best in view loses to it.
MIN_SHAPE_SCORE = 0.2
RIVAL_RATIO = 0.55
# Share of a thing's pixels that must show a colour it is not called by, for the colour still to name it.
MIN_COLOUR_SCORE = 0.25
# Gap between surfaces that still counts as "next to" [m] (within the 0..0.25 of MolmoBot's paper).
NEXT_TO_GAP_M = 0.15
# Two extents closer than this look equally big or tall [m].
SIZE_TIE_M = 0.006


@dataclass(frozen=True, kw_only=True)
class Grounded:
    """Objects a phrase names, in reading order (left to right).

    Attributes:
        objects: One, or several where the phrase says "all".
        surface: The support itself is meant.
    """

    objects: tuple[SceneObject, ...]
    surface: bool = False


def ground(phrase: NounPhrase, scene: Scene, T_base_camera: npt.NDArray[np.float64]) -> Grounded:
    """The objects of the scene that the phrase names.

    Raises:
        MolmoRosError: NOT_GROUNDED, with what is in view; AMBIGUOUS, with the choices.
    """
    if phrase.surface:
        return Grounded(objects=(), surface=True)
    found = _matching(phrase, scene, T_base_camera)
    if not found:
        raise MolmoRosError(
            ErrorCode.NOT_GROUNDED, f"I do not see {_quoted(phrase)}. I see {describe_all(scene.objects)}."
        )
    if phrase.every or len(found) == 1:
        return Grounded(objects=tuple(found))
    choices = describe_all(found)
    raise MolmoRosError(ErrorCode.AMBIGUOUS, f"Which one do you mean by {_quoted(phrase)}: {choices}?")


def describe(item: SceneObject, among: Sequence[SceneObject] = ()) -> str:
    """One object in words, "a red block", with its side where a twin is among the others."""
    twins = [o for o in among if (o.colour, o.shape) == (item.colour, item.shape)]
    words = f"{'an' if item.colour[:1] in 'aeiou' else 'a'} {item.colour} {item.shape}"
    if len(twins) < 2:
        return words
    order = sorted(twins, key=lambda o: o.center_px[0])
    place = order.index(item)
    if place == 0:
        return f"{words} (the leftmost)"
    if place == len(order) - 1:
        return f"{words} (the rightmost)"
    return f"{words} (number {place + 1} from the left)"


def describe_all(objects: Sequence[SceneObject]) -> str:
    """The objects in words, left to right."""
    if not objects:
        return "nothing on the table"
    ordered = sorted(objects, key=lambda o: o.center_px[0])
    shown = [describe(o, objects) for o in ordered[:12]]
    if len(ordered) > 12:
        shown.append(f"{len(ordered) - 12} more things")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _quoted(phrase: NounPhrase) -> str:
    return f'"{phrase.text}"'


def _matching(phrase: NounPhrase, scene: Scene, T_base_camera: npt.NDArray[np.float64]) -> list[SceneObject]:
    candidates = list(scene.objects)
    if phrase.receptacle:
        candidates = [o for o in candidates if o.is_receptacle]
    if phrase.colours:
        candidates = _by_colour(phrase, candidates)
    if phrase.shapes:
        candidates = _by_shape(phrase, candidates)
    for relation, references in phrase.relations:
        anchors = [
            list(scene.objects) if r.surface else _matching(r, scene, T_base_camera) if r.every or r.plural
            else list(ground(r, scene, T_base_camera).objects)
            for r in references
        ]  # fmt: skip
        if references[0].surface:
            continue
        candidates = [o for o in candidates if _related(o, relation, anchors, T_base_camera)]
    for size in phrase.sizes:
        candidates = _by_size(candidates, size)
    if phrase.superlative:
        candidates = _ranked(candidates, phrase.superlative, phrase.ordinal, T_base_camera)
    candidates.sort(key=lambda o: o.center_px[0])
    if phrase.ordinal and not phrase.superlative:
        candidates = candidates[phrase.ordinal : phrase.ordinal + 1]
    return candidates


def _by_colour(phrase: NounPhrase, candidates: list[SceneObject]) -> list[SceneObject]:
    """Things called by the colour; where none of the shape is, those on whose pixels it is seen in good part."""
    named = [o for o in candidates if o.colour in phrase.colours]
    if not phrase.shapes or _by_shape(phrase, named):
        return named
    tinged = [o for o in candidates if max(o.colour_scores.get(c, 0.0) for c in phrase.colours) >= MIN_COLOUR_SCORE]
    return tinged if _by_shape(phrase, tinged) else named


def _shape_score(phrase: NounPhrase, item: SceneObject) -> float:
    return max(
        (
            weight * item.shape_scores.get(shape, 1.0 if item.shape == shape else 0.0)
            for shape, weight in phrase.shapes.items()
        ),
        default=0.0,
    )


def _by_shape(phrase: NounPhrase, candidates: list[SceneObject]) -> list[SceneObject]:
    """Keeps what may be shown by the noun; drops what fits it much worse than the best does."""
    scores = {o.object_id: _shape_score(phrase, o) for o in candidates}
    best = max(scores.values(), default=0.0)
    if best < MIN_SHAPE_SCORE:
        return []
    kept = [o for o in candidates if scores[o.object_id] >= max(MIN_SHAPE_SCORE, RIVAL_RATIO * best)]
    exact = [o for o in kept if phrase.shapes.get(o.shape, 0.0) >= 1.0]
    return exact or kept


def _extent(item: SceneObject, axis: str) -> float:
    size = item.size_m
    if axis == "height":
        return float(size[2])
    if axis == "width":
        return float(min(size[0], size[1]))
    return float(np.cbrt(np.prod(np.maximum(size, 1e-3))))


_SIZE_RULES = {
    "small": ("volume", False),
    "large": ("volume", True),
    "tall": ("height", True),
    "short": ("height", False),
    "thin": ("width", False),
    "wide": ("width", True),
}


def _by_size(candidates: list[SceneObject], size: str) -> list[SceneObject]:
    """Those on the named side of the widest gap in size; all of them where there is no gap."""
    if len(candidates) < 2:
        return candidates
    axis, descending = _SIZE_RULES[size]
    ordered = sorted(candidates, key=lambda o: _extent(o, axis), reverse=descending)
    values = [_extent(o, axis) for o in ordered]
    gaps = [abs(b - a) for a, b in zip(values, values[1:], strict=False)]
    split = int(np.argmax(gaps))
    return ordered[: split + 1] if gaps[split] > SIZE_TIE_M else ordered


def _ranked(
    candidates: list[SceneObject], superlative: str, ordinal: int, T_base_camera: npt.NDArray[np.float64]
) -> list[SceneObject]:
    if not candidates:
        return []
    if superlative == "middle":
        ordered = sorted(candidates, key=lambda o: o.center_px[0])
        return (
            [ordered[len(ordered) // 2]] if len(ordered) % 2 else ordered[len(ordered) // 2 - 1 : len(ordered) // 2 + 1]
        )

    def key(o: SceneObject) -> float:
        if superlative in ("left", "right"):
            return o.center_px[0] * (1 if superlative == "left" else -1)
        if superlative in ("near", "far"):
            return _distance(o, T_base_camera) * (1 if superlative == "near" else -1)
        axis, descending = _SIZE_RULES[superlative]
        return _extent(o, axis) * (-1 if descending else 1)

    ordered = sorted(candidates, key=key)
    if ordinal >= len(ordered):
        return []
    best = key(ordered[ordinal])
    tie = {"left": 4.0, "right": 4.0, "near": 0.005, "far": 0.005}.get(superlative, SIZE_TIE_M / 3)
    tied = [o for o in ordered if abs(key(o) - best) <= tie]
    return tied if ordinal == 0 else [ordered[ordinal]]


def _distance(item: SceneObject, T_base_camera: npt.NDArray[np.float64]) -> float:
    """Distance from the camera along its ground-projected view direction [m]."""
    forward = T_base_camera[:2, 2]
    norm = float(np.linalg.norm(forward))
    if norm < 1e-6:
        forward, norm = -T_base_camera[:2, 1], 1.0
    return float((item.center_base_m[:2] - T_base_camera[:2, 3]) @ forward / norm)


def surface_gap_m(a: SceneObject, b: SceneObject) -> float:
    """Horizontal distance between the two upright boxes [m], 0 where they overlap."""
    return footprint_gap_m(a.T_base_box, a.size_m, b.T_base_box, b.size_m)


def _related(
    item: SceneObject, relation: str, anchors: list[list[SceneObject]], T_base_camera: npt.NDArray[np.float64]
) -> bool:
    return any(
        _holds(item, relation, anchor, anchors[1] if len(anchors) > 1 else [], T_base_camera)
        for anchor in anchors[0]
        if anchor.object_id != item.object_id
    )


def _holds(
    item: SceneObject,
    relation: str,
    anchor: SceneObject,
    others: list[SceneObject],
    T_base_camera: npt.NDArray[np.float64],
) -> bool:
    u, _ = item.center_px
    au, _ = anchor.center_px
    if relation == "left_of":
        return u < au
    if relation == "right_of":
        return u > au
    if relation == "behind":
        return _distance(item, T_base_camera) > _distance(anchor, T_base_camera)
    if relation == "in_front_of":
        return _distance(item, T_base_camera) < _distance(anchor, T_base_camera)
    if relation == "next_to":
        return surface_gap_m(item, anchor) <= NEXT_TO_GAP_M
    if relation in ("in", "on", "under"):
        above, below = (item, anchor) if relation != "under" else (anchor, item)
        offset = np.linalg.inv(below.T_base_box) @ np.append(above.center_base_m, 1.0)
        inside = bool(np.all(np.abs(offset[:2]) <= below.size_m[:2] / 2 + 0.01))
        return inside and above.center_base_m[2] > below.center_base_m[2] - below.size_m[2] / 2
    if relation == "between":
        return any(min(au, o.center_px[0]) < u < max(au, o.center_px[0]) for o in others)
    return False
