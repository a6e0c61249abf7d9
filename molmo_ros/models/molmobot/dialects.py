"""The replies of the policy servers, told apart by their keys, as rows of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError

MAX_ROWS = 256


class Reply(StrEnum):
    """What a reply holds.

    One action: MolmoBot's own server and MolmoBot-Pi0's, which keep the rest of the chunk to themselves. A list of
    actions: MolmoBot-SPOC's. An array of actions: openpi's.
    """

    ONE = "one"
    LIST = "list"
    ARRAY = "array"


def _invalid(message: str) -> MolmoRosError:
    return MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, message)


def kind_of(reply: Any, groups: Sequence[str]) -> Reply:
    """What a decoded reply holds.

    Raises:
        MolmoRosError: MODEL_ANSWER_INVALID for anything else.
    """
    if not isinstance(reply, Mapping):
        raise _invalid("The policy server's reply is no map.")
    if "actions" in reply:
        actions = reply["actions"]
        if isinstance(actions, np.ndarray):
            return Reply.ARRAY
        if isinstance(actions, list) and actions and all(isinstance(a, Mapping) for a in actions):
            return Reply.LIST
        raise _invalid("The policy server's actions are neither a list of actions nor an array.")
    if any(name in reply for name in groups):
        return Reply.ONE
    keys = ", ".join(str(k)[:20] for k in list(reply)[:6]) or "nothing"
    raise _invalid(f"The policy server's reply holds no action, but {keys}.")


def actions_of(reply: Mapping[Any, Any]) -> list[Mapping[Any, Any]]:
    """The actions of a list reply."""
    actions = list(reply["actions"])
    if len(actions) > MAX_ROWS:
        raise _invalid(f"The policy server sent {len(actions)} actions; {MAX_ROWS} at most are taken.")
    return actions


def array_of(reply: Mapping[Any, Any], columns: int) -> npt.NDArray[np.float64]:
    """The actions of an array reply, (rows, columns).

    Raises:
        MolmoRosError: MODEL_ANSWER_INVALID for another shape or values that are not finite.
    """
    array = np.asarray(reply["actions"])
    if array.dtype.kind not in "fiu" or array.ndim != 2 or not 1 <= len(array) <= MAX_ROWS or array.shape[1] < columns:
        raise _invalid(f"The policy server sent actions of shape {array.shape}; (rows, {columns}) was expected.")
    array = array[:, :columns].astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise _invalid("The policy server sent an action that is not finite.")
    return array


def server_seconds(reply: Mapping[Any, Any]) -> dict[str, float]:
    """The server's own timings, by phase [s]."""
    timing = reply.get("server_timing")
    if not isinstance(timing, Mapping):
        return {}
    found = {}
    for name, value in list(timing.items())[:16]:
        if isinstance(name, str) and name.endswith("_ms") and isinstance(value, int | float) and 0 <= value < 1e7:
            found[f"server_{name[:40].removesuffix('_ms')}"] = float(value) / 1e3
    return found
