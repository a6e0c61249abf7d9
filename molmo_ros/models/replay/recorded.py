"""The thoughts of a bag, each with the question it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, ActionKind, Thought

MAX_ENTRIES = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One recorded answer.

    Attributes:
        thought: What was said.
        chunk: The actions that went with it, or None.
    """

    thought: Thought
    chunk: ActionChunk | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What a bag holds, in the order of recording.

    Attributes:
        answers: Answers by (want, question).
        progress: Progress and success probability, in the order of recording.
    """

    answers: Mapping[tuple[str, str], tuple[Entry, ...]]
    progress: tuple[tuple[float, float], ...]


def normal(text: str) -> str:
    """A question as it is compared."""
    return " ".join(text.lower().split())


def _code(number: int) -> ErrorCode:
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.INTERNAL


def _thought(message: Any) -> Thought:
    actions = np.asarray(message.actions, dtype=np.float64)
    rows = int(message.actions_horizon)
    fits = rows > 0 and actions.size % rows == 0
    return Thought(
        prompt=message.prompt,
        raw_text=message.raw_text,
        points_px=np.asarray(message.points_px, dtype=np.float64),
        depth_tokens=tuple(int(v) for v in message.depth_tokens),
        trace_px=np.asarray(message.trace_px, dtype=np.float64),
        actions=actions.reshape(rows, -1) if fits else np.zeros((0, 0)),
        backend=message.backend,
        model_id=message.model_id,
        revision=message.revision,
        contract_hash=message.contract_hash,
        phase_s=dict(zip(message.phases, (float(s) for s in message.phase_seconds), strict=False)),
        code=_code(message.error_code),
        message=message.error_msg,
    )


def _chunk(message: Any) -> ActionChunk | None:
    if message.error_code or not message.names:
        return None
    stamp = message.observation_stamp
    return ActionChunk(
        names=tuple(message.names),
        values=np.asarray(message.values, dtype=np.float64).reshape(int(message.horizon), len(message.names)),
        kind=ActionKind(message.kind),
        dt_s=float(message.dt_s),
        observation_stamp_ns=int(stamp.sec) * 10**9 + int(stamp.nanosec),
        sequence=int(message.sequence),
    )


def read_bag(path: str) -> Recording:
    """The thoughts of a bag.

    Raises:
        MolmoRosError: BAG_INVALID when it cannot be read or holds no thought.
    """
    from rosbags.highlevel import AnyReader

    folder = Path(path).expanduser()
    thoughts: list[tuple[str, str, Thought]] = []
    chunks: dict[str, list[ActionChunk]] = {}
    progress: list[tuple[float, float]] = []
    asked: dict[str, tuple[str, str]] = {}
    try:
        with AnyReader([folder]) as reader:
            wanted = ("goal", "thought", "action_chunk", "progress")
            connections = [c for c in reader.connections if c.topic.rsplit("/", 1)[-1] in wanted]
            for count, (connection, _, raw) in enumerate(reader.messages(connections)):
                if count > MAX_ENTRIES:
                    raise MolmoRosError(ErrorCode.BAG_INVALID, f"{folder} holds more than {MAX_ENTRIES} decisions.")
                kind = connection.msgtype.rsplit("/", 1)[-1]
                message: Any = reader.deserialize(raw, connection.msgtype)
                if kind == "Goal" and message.active and message.wants:
                    want = str(message.wants[0])
                    asked[message.goal_id] = (want, message.instruction if want == "actions" else message.prompt)
                elif kind == "Thought":
                    want, question = asked.get(message.goal_id, ("", message.prompt))
                    thoughts.append((want, question, _thought(message)))
                elif kind == "ActionChunk" and (chunk := _chunk(message)) is not None:
                    chunks.setdefault(asked.get(message.goal_id, ("", ""))[1], []).append(chunk)
                elif kind == "Progress":
                    progress.append((float(message.progress), float(message.success_probability)))
    except MolmoRosError:
        raise
    except Exception as error:
        raise MolmoRosError(
            ErrorCode.BAG_INVALID, f"{folder} is no readable bag: {' '.join(str(error).split())[:200]}"
        ) from error
    if not thoughts and not progress:
        raise MolmoRosError(ErrorCode.BAG_INVALID, f"{folder} holds no thoughts; was it recorded by this stack?")
    return Recording(answers=_by_question(thoughts, chunks), progress=tuple(progress))


def _by_question(
    thoughts: list[tuple[str, str, Thought]], chunks: dict[str, list[ActionChunk]]
) -> dict[tuple[str, str], tuple[Entry, ...]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    left = {question: list(made) for question, made in chunks.items()}
    for want, question, thought in thoughts:
        chunk = None
        if want == "actions" and thought.code is ErrorCode.NONE and left.get(question):
            chunk = left[question].pop(0)
        kind = want or ("trace" if len(thought.trace_px) else "actions" if thought.actions.size else "grasps")
        found.setdefault((kind, normal(question)), []).append(Entry(thought=thought, chunk=chunk))
    return {key: tuple(entries) for key, entries in found.items()}
