"""The many ways to say the same: instructions for a task whose answer is known.

An expression is used only where it names one thing in the scene; position and size words appear only where colour and
kind do not tell. Directions are those of the camera's image, which is what the person looks at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim.objects import KINDS

Rng = np.random.Generator

SIDE_MARGIN_PX = 60.0
"""Two things alike are told apart by side only where they are this far apart in the image."""
DISTANCE_MARGIN_M = 0.07
"""And by near and far only where their distances to the camera differ by this."""
SIZE_RATIO = 1.25
"""And by size only where one is this much larger."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an instruction may be about: one object as it appears in the camera.

    Attributes:
        name: Its name in the ground truth.
        kind: Key of `objects.KINDS`.
        colour: Colour name.
        u_px: Column of its middle in the image.
        distance_m: Horizontal distance from the camera along its view.
        size_m: Cube root of its volume, or any measure of its size.
    """

    name: str
    kind: str
    colour: str
    u_px: float
    distance_m: float
    size_m: float

    @property
    def family(self) -> str:
        """Kinds that share each other's words."""
        return KINDS[self.kind].family


def _pick_one(rng: Rng, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _noun(rng: Rng, item: Seen) -> str:
    nouns = KINDS[item.kind].nouns
    return nouns[0] if rng.random() < 0.8 else _pick_one(rng, nouns)


def _colour(rng: Rng, item: Seen) -> str:
    if item.colour == "grey" and rng.random() < 0.5:
        return "gray"
    return item.colour


def refer(rng: Rng, item: Seen, scene: Sequence[Seen], *, need_colour: bool = False) -> str:
    """A noun phrase without article that names one object and no other, e.g. "red block" or "leftmost red block".

    Args:
        rng: What the choice is drawn from.
        item: The object meant.
        scene: All objects in view.
        need_colour: Whether the colour must be said.

    Raises:
        MolmoRosError: CONFIG_INVALID when two things are alike in every way.
    """
    others = [o for o in scene if o.name != item.name]
    alike = [o for o in others if o.colour == item.colour and o.family == item.family]
    colour, noun = _colour(rng, item), _noun(rng, item)
    if alike:
        return _told_apart(rng, item, alike, f"{colour} {noun}")
    options = [f"{colour} {noun}"] * 6
    if not need_colour and not any(o.family == item.family for o in others):
        options += [noun] * 2
    if not any(o.colour == item.colour for o in others):
        options += [f"{colour} {word}" for word in ("object", "thing")]
    return _pick_one(rng, options)


def _told_apart(rng: Rng, item: Seen, alike: Sequence[Seen], words: str) -> str:
    options: list[str] = []
    if all(item.u_px < o.u_px - SIDE_MARGIN_PX for o in alike):
        options += [f"leftmost {words}", f"{words} on the left"]
    if all(item.u_px > o.u_px + SIDE_MARGIN_PX for o in alike):
        options += [f"rightmost {words}", f"{words} on the right"]
    if all(item.distance_m < o.distance_m - DISTANCE_MARGIN_M for o in alike):
        options += [f"nearest {words}", f"closest {words}"]
    if all(item.distance_m > o.distance_m + DISTANCE_MARGIN_M for o in alike):
        options += [f"farthest {words}", f"furthest {words}"]
    if all(item.size_m > o.size_m * SIZE_RATIO for o in alike):
        options += [f"largest {words}", f"big {words}", f"larger {words}"]
    if all(item.size_m * SIZE_RATIO < o.size_m for o in alike):
        options += [f"smallest {words}", f"small {words}", f"smaller {words}"]
    if not options:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"nothing tells one {words} from another")
    return _pick_one(rng, options)


_PICK = ("pick up {t}", "grab {t}", "lift {t}", "take {t}", "get {t}", "grasp {t}", "pick {t} up", "lift up {t}",
         "fetch {t}", "hold {t}")  # fmt: skip
_PLACE = ("put {t} {r} {p}", "place {t} {r} {p}", "move {t} {r} {p}", "set {t} {r} {p}", "drop {t} {r} {p}",
          "put {t} down {r} {p}", "pick up {t} and put it {r} {p}", "grab {t} and place it {r} {p}",
          "take {t} and put it {r} {p}", "bring {t} {r} {p}")  # fmt: skip
_GENTLE = ("put {t} {r} {p}", "place {t} {r} {p}", "move {t} {r} {p}", "set {t} {r} {p}", "set {t} down {r} {p}",
           "pick up {t} and place it {r} {p}", "take {t} and set it {r} {p}", "put {t} down {r} {p}")  # fmt: skip
_RELATIONS = {
    "in": ("in", "into", "inside"),
    "on": ("on", "onto", "on top of"),
    "next_to": ("next to", "beside", "close to", "right next to", "near"),
    "left_of": ("to the left of", "left of"),
    "right_of": ("to the right of", "right of"),
    "behind": ("behind",),
    "in_front_of": ("in front of",),
    "stack": ("on top of", "on"),
}
_BEFORE = ("please ", "can you ", "could you ", "could you please ", "would you ", "i want you to ", "now ", "robot, ")
_AFTER = (" please", " for me", ", please", " now")


def _article(rng: Rng, phrase: str) -> str:
    return f"the {phrase}" if rng.random() < 0.93 else f"that {phrase}"


def _polite(rng: Rng, sentence: str) -> str:
    draw = rng.random()
    if draw < 0.2:
        sentence = _pick_one(rng, _BEFORE) + sentence
    elif draw < 0.3:
        sentence += _pick_one(rng, _AFTER)
    if rng.random() < 0.4:
        sentence = sentence[0].upper() + sentence[1:]
    if rng.random() < 0.3:
        question = sentence.lower().startswith(("can you", "could you", "would you"))
        sentence += "?" if question else "."
    return sentence


def _fill(rng: Rng, template: str, **words: str) -> str:
    return _polite(rng, template.format(**words))


def pick_instruction(rng: Rng, target: Seen, scene: Sequence[Seen]) -> str:
    """A sentence that asks for an object to be picked up."""
    return _fill(rng, _pick_one(rng, _PICK), t=_article(rng, refer(rng, target, scene)))


def place_instruction(
    rng: Rng, target: Seen, relation: str, place: Seen, scene: Sequence[Seen], *, colour_matters: bool = False
) -> str:
    """A sentence that asks for an object to be put somewhere.

    Args:
        rng: What the choice is drawn from.
        target: The object to move.
        relation: "in", "on", "next_to", "left_of", "right_of", "behind", "in_front_of" or "stack".
        place: The receptacle or reference.
        scene: All objects in view.
        colour_matters: Whether the place must be named by its colour.
    """
    templates = _PLACE if relation in ("in", "on") else _GENTLE
    thing = _article(rng, refer(rng, target, scene))
    where = _article(rng, refer(rng, place, scene, need_colour=colour_matters))
    words = _pick_one(rng, _RELATIONS[relation])
    return _fill(rng, _pick_one(rng, templates), t=thing, r=words, p=where)
