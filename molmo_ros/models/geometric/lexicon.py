"""The words the geometric backend knows. A word it does not know is never skipped over: it is named in the refusal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ARTICLES = frozenset({"the", "a", "an", "that", "this", "some", "any", "my", "your", "our", "its"})
ALL_WORDS = frozenset({"all", "every", "each", "both", "those", "these"})

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        **{
            c: c
            for c in ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "grey")
        },
        "cyan": "cyan",
        "gray": "grey",
        "silver": "grey",
        "violet": "purple",
        "magenta": "pink",
        "turquoise": "cyan",
        "teal": "cyan",
        "lilac": "purple",
        "beige": "brown",
        "tan": "brown",
    }
)

# Noun -> shape words of perception that may show it, with how well they fit. The spread follows what one view can
# tell apart: a cup and a mug differ by a handle that may be hidden, a can and a jar by a lid.
NOUNS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "block": {"block": 1.0, "box": 0.7},
        "cube": {"block": 1.0, "box": 0.5},
        "brick": {"block": 0.9, "box": 1.0},
        "box": {"box": 1.0, "block": 0.7, "book": 0.4},
        "carton": {"box": 1.0, "block": 0.6},
        "package": {"box": 1.0, "block": 0.7},
        "packet": {"box": 1.0, "block": 0.7},
        "ball": {"ball": 1.0},
        "sphere": {"ball": 1.0},
        "can": {"can": 1.0, "jar": 0.6, "bottle": 0.4, "cup": 0.4},
        "tin": {"can": 1.0, "jar": 0.6},
        "cylinder": {"can": 1.0, "jar": 0.7, "bottle": 0.5, "cup": 0.5, "stick": 0.4},
        "bottle": {"bottle": 1.0, "can": 0.4, "jar": 0.4},
        "jar": {"jar": 1.0, "can": 0.7, "bottle": 0.4, "cup": 0.35},
        "pot": {"jar": 0.8, "bowl": 0.5, "cup": 0.5},
        "cup": {"cup": 1.0, "mug": 0.9, "can": 0.3},
        "glass": {"cup": 1.0, "mug": 0.4, "can": 0.4},
        "mug": {"mug": 1.0, "cup": 0.8},
        "bowl": {"bowl": 1.0, "plate": 0.3, "cup": 0.3},
        "dish": {"bowl": 0.9, "plate": 0.9},
        "plate": {"plate": 1.0, "tray": 0.4, "bowl": 0.3},
        "saucer": {"plate": 1.0},
        "tray": {"tray": 1.0, "plate": 0.4, "box": 0.2},
        "basket": {"tray": 0.8, "bowl": 0.6},
        "stick": {"stick": 1.0},
        "bar": {"stick": 1.0, "box": 0.4, "block": 0.3},
        "rod": {"stick": 1.0},
        "pen": {"stick": 1.0},
        "marker": {"stick": 1.0},
        "wedge": {"wedge": 1.0, "block": 0.4, "box": 0.4},
        "prism": {"wedge": 1.0, "block": 0.4, "box": 0.4},
        "ramp": {"wedge": 1.0},
        "ring": {"ring": 1.0, "bowl": 0.2, "plate": 0.2},
        "donut": {"ring": 1.0},
        "torus": {"ring": 1.0},
        "book": {"book": 1.0, "box": 0.6, "tray": 0.2},
        "banana": {"banana": 1.0, "stick": 0.5},
        "carrot": {"carrot": 1.0, "stick": 0.7, "banana": 0.4},
    }
)
ANYTHING = frozenset({"object", "thing", "item", "one", "toy", "stuff", "something", "anything", "everything"})
RECEPTACLES = frozenset({"container", "receptacle", "bin", "holder"})
SURFACES = frozenset({"table", "tabletop", "desk", "counter", "surface", "workbench"})

SIZE_SMALL = frozenset({"small", "little", "tiny", "mini", "smaller"})
SIZE_LARGE = frozenset({"big", "large", "huge", "bigger", "larger"})
SIZE_TALL = frozenset({"tall", "high", "taller"})
SIZE_SHORT = frozenset({"short", "low", "flat", "shorter"})

SUPERLATIVES: Mapping[str, str] = MappingProxyType(
    {
        "leftmost": "left",
        "rightmost": "right",
        "left-most": "left",
        "right-most": "right",
        "nearest": "near",
        "closest": "near",
        "front": "near",
        "frontmost": "near",
        "farthest": "far",
        "furthest": "far",
        "rear": "far",
        "back": "far",
        "rearmost": "far",
        "smallest": "small",
        "biggest": "large",
        "largest": "large",
        "tallest": "tall",
        "highest": "tall",
        "shortest": "short",
        "lowest": "short",
        "thinnest": "thin",
        "narrowest": "thin",
        "widest": "wide",
        "left": "left",
        "right": "right",
        "middle": "middle",
        "center": "middle",
        "centre": "middle",
    }
)

ORDINALS: Mapping[str, int] = MappingProxyType({"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4})

# Longest first, so that "on the left of" is not read as "on". Directions are those of the camera image a person sees:
# left is smaller u, behind is farther from the camera.
RELATION_PHRASES: tuple[tuple[tuple[str, ...], str], ...] = tuple(
    sorted(
        (
            (tuple(words.split()), relation)
            for relation, phrases in {
                "in": ("in", "into", "inside", "inside of", "within", "in to", "in the inside of"),
                "on": ("on", "onto", "on top of", "upon", "atop", "on to", "over", "above"),
                "next_to": (
                    "next to",
                    "beside",
                    "besides",
                    "near",
                    "near to",
                    "close to",
                    "by",
                    "alongside",
                    "adjacent to",
                    "at the side of",
                    "right next to",
                    "nearest to",
                    "closest to",
                ),
                "left_of": (
                    "left of",
                    "to the left of",
                    "on the left of",
                    "at the left of",
                    "on the left side of",
                    "to the left side of",
                ),
                "right_of": (
                    "right of",
                    "to the right of",
                    "on the right of",
                    "at the right of",
                    "on the right side of",
                    "to the right side of",
                ),
                "behind": ("behind", "in back of", "at the back of"),
                "in_front_of": ("in front of", "before", "at the front of"),
                "between": ("between", "in between"),
                "under": ("under", "below", "beneath", "underneath"),
            }.items()
            for words in phrases
        ),
        key=lambda item: -len(item[0]),
    )
)

FILLERS = frozenset({"that", "which", "is", "are", "lying", "standing", "sitting", "placed", "located", "of", "colored",
                     "coloured", "there"})  # fmt: skip

IRREGULAR_PLURALS: Mapping[str, str] = MappingProxyType({"boxes": "box", "dishes": "dish", "glasses": "glass"})


def singular(word: str) -> str:
    """The singular of a noun this lexicon knows, or the word itself."""
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    known = NOUNS.keys() | ANYTHING | RECEPTACLES | SURFACES
    if word not in known and word.endswith("s") and word[:-1] in known:
        return word[:-1]
    return word


def relation_at(words: tuple[str, ...], i: int) -> tuple[str, int] | None:
    """The relation that starts at word i, and how many words it takes."""
    for phrase, relation in RELATION_PHRASES:
        if words[i : i + len(phrase)] == phrase:
            return relation, len(phrase)
    return None
