"""From a sentence to commands: what to take, and where to put it.

A sentence that can be split in more than one way gives several readings, likeliest first; grounding decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.geometric.lexicon import relation_at
from molmo_ros.models.geometric.phrases import NounPhrase, PhraseError, parse_noun_phrase, side_at, words_of

MAX_CHARACTERS = 500


class CommandKind(StrEnum):
    """What is to be done."""

    PICK = "pick"
    PLACE = "place"
    PUSH = "push"
    FOLLOW = "follow"


@dataclass(frozen=True, kw_only=True)
class Command:
    """One reading of a sentence.

    Attributes:
        kind: What is to be done; FOLLOW grasps for the task and follows the path the model draws.
        target: Noun phrase of the thing; the whole sentence for FOLLOW.
        relation: Where it goes, relative to the reference; for a push the direction "left", "right", "away" or "near".
        reference: Noun phrase of the place.
        every: Whether all things that fit are meant.
        text: The whole sentence.
    """

    kind: CommandKind
    target: str
    relation: str = ""
    reference: str = ""
    every: bool = False
    text: str = ""


_PICK = (
    ("pick", "up"),
    ("pick", "out"),
    ("pick",),
    ("grasp",),
    ("grab",),
    ("lift", "up"),
    ("lift",),
    ("take",),
    ("get", "me"),
    ("get",),
    ("hold",),
    ("fetch", "me"),
    ("fetch",),
    ("raise",),
    ("give", "me"),
    ("hand", "me"),
    ("bring", "me"),
)
_PLACE = (
    ("put", "down"),
    ("put",),
    ("place",),
    ("set", "down"),
    ("set",),
    ("move",),
    ("drop",),
    ("lay",),
    ("stack",),
    ("position",),
    ("transfer",),
    ("bring",),
    ("deposit",),
    ("insert",),
    ("leave",),
    ("carry",),
    ("relocate",),
    ("shift",),
    ("stow",),
)
_PUSH = (("push",), ("slide",), ("nudge",), ("shove",))
_POLITE = tuple(
    tuple(p.split())
    for p in (
        "please",
        "kindly",
        "now",
        "just",
        "then",
        "can you",
        "could you",
        "would you",
        "will you",
        "i want you to",
        "i would like you to",
        "i'd like you to",
        "i d like you to",
        "i need you to",
        "go ahead and",
        "go and",
        "try to",
        "hey",
        "robot",
        "ok",
        "okay",
        "your task is to",
        "the task is to",
        "you should",
        "let us",
        "let's",
        "let s",
    )
)
_POLITE_END = (("please",), ("for", "me"), ("thanks",), ("thank", "you"), ("now",), ("ok",), ("okay",), ("carefully",),
               ("gently",), ("slowly",))  # fmt: skip
_PUSH_DIRECTIONS = {
    ("left",): "left",
    ("to", "the", "left"): "left",
    ("right",): "right",
    ("to", "the", "right"): "right",
    ("away",): "away",
    ("back",): "away",
    ("backwards",): "away",
    ("forward",): "near",
    ("forwards",): "near",
    ("towards", "me"): "near",
    ("toward", "me"): "near",
    ("closer",): "near",
}


def parse_instruction(text: str, *, open_vocabulary: bool = False) -> tuple[Command, ...]:
    """The readings of a sentence, likeliest first.

    Args:
        text: The sentence.
        open_vocabulary: Whether the configured models ground words of their own; then a sentence outside this
            grammar is passed on whole instead of being refused.

    Raises:
        MolmoRosError: INSTRUCTION_EMPTY, INSTRUCTION_TOO_LONG or INSTRUCTION_NOT_UNDERSTOOD, with what would be.
    """
    if not text.strip():
        raise MolmoRosError(
            ErrorCode.INSTRUCTION_EMPTY, 'The instruction is empty; say for example "pick up the red block".'
        )
    if len(text) > MAX_CHARACTERS:
        raise MolmoRosError(
            ErrorCode.INSTRUCTION_TOO_LONG,
            f"An instruction may have {MAX_CHARACTERS} characters, this one has {len(text)}; say it shorter.",
        )
    if open_vocabulary:
        try:
            return parse_instruction(text)
        except MolmoRosError:
            return (Command(kind=CommandKind.FOLLOW, target=text.strip(), text=text),)
    letters = [c for c in text if c.isalpha()]
    if not letters or sum(c.isascii() for c in letters) < 0.8 * len(letters):
        raise _not_understood("I understand plain English only")
    words = _without_polite(words_of(text.replace("'", " ")))
    if not words:
        raise _not_understood("There is nothing to do in it")
    return tuple(_with_text(c, text) for c in _readings(words))


def _with_text(command: Command, text: str) -> Command:
    return Command(
        kind=command.kind,
        target=command.target,
        relation=command.relation,
        reference=command.reference,
        every=parse_noun_phrase(command.target).every,
        text=text,
    )


def _not_understood(why: str) -> MolmoRosError:
    return MolmoRosError(
        ErrorCode.INSTRUCTION_NOT_UNDERSTOOD,
        f'{why}; say for example "pick up the red block" or "put the red block in the bowl".',
    )


def _without_polite(words: tuple[str, ...]) -> tuple[str, ...]:
    changed = True
    while changed:
        changed = False
        for phrase in _POLITE:
            if words[: len(phrase)] == phrase:
                words, changed = words[len(phrase) :], True
        for phrase in _POLITE_END:
            if len(words) > len(phrase) and words[-len(phrase) :] == phrase:
                words, changed = words[: -len(phrase)], True
    return words


def _verb(words: tuple[str, ...], verbs: tuple[tuple[str, ...], ...]) -> int:
    """How many words of a verb stand at the start; 0 for none."""
    return max((len(v) for v in verbs if words[: len(v)] == v), default=0)


def _readings(words: tuple[str, ...]) -> list[Command]:
    if n := _verb(words, _PUSH):
        return [_push(words[n:])]
    if (n := _verb(words, _PLACE)) and not _verb(words, _PICK) > n:
        return _places(words[n:])
    if n := _verb(words, _PICK):
        return _picks(words[n:])
    raise _not_understood(f'I do not know how to "{words[0]}"')


def _picks(rest: tuple[str, ...]) -> list[Command]:
    for i, word in enumerate(rest):
        if word not in ("and", "then"):
            continue
        after = rest[i + 1 :]
        if after[:1] == ("then",):
            after = after[1:]
        n = _verb(after, _PLACE)
        if n and after[n : n + 1] in (("it",), ("them",), ("that",)):
            return _places(_particle(rest[:i], "up") + after[n + 1 :])
    rest = _particle(rest, "up")
    try:
        parse_noun_phrase(" ".join(rest))
    except PhraseError as error:
        raise _not_understood(error.message.rstrip(".")) from error
    return [Command(kind=CommandKind.PICK, target=" ".join(rest))]


def _particle(words: tuple[str, ...], particle: str) -> tuple[str, ...]:
    return words[:-1] if words[-1:] == (particle,) else words


def _places(rest: tuple[str, ...]) -> list[Command]:
    rest = tuple(w for i, w in enumerate(rest) if not (w in ("down", "back") and relation_at(rest, i + 1) is not None))
    readings: list[Command] = []
    problem = "I do not see where it should go"
    i = 0
    while i < len(rest):
        found = relation_at(rest, i)
        if found is None or side_at(rest, i) is not None:
            i += 1
            continue
        relation, length = found
        target, reference = rest[:i], rest[i + length :]
        try:
            if target:
                _check(target)
                _check(reference if relation != "between" else reference[: reference.index("and")])
                readings.append(
                    Command(
                        kind=CommandKind.PLACE,
                        target=" ".join(target),
                        relation=relation,
                        reference=" ".join(reference),
                    )
                )
        except (PhraseError, ValueError) as error:
            problem = str(error).rstrip(".") if isinstance(error, PhraseError) else problem
        i += length
    if not readings:
        raise _not_understood(problem)
    return readings


def _check(words: tuple[str, ...]) -> NounPhrase:
    return parse_noun_phrase(" ".join(words))


def _push(rest: tuple[str, ...]) -> Command:
    for phrase, direction in sorted(_PUSH_DIRECTIONS.items(), key=lambda item: -len(item[0])):
        if len(rest) > len(phrase) and rest[-len(phrase) :] == phrase:
            try:
                _check(rest[: -len(phrase)])
            except PhraseError as error:
                raise _not_understood(error.message.rstrip(".")) from error
            return Command(kind=CommandKind.PUSH, target=" ".join(rest[: -len(phrase)]), relation=direction)
    raise _not_understood("I do not see which way to push: left, right, away or towards me")
