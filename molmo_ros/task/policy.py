"""The policy strategy: a learned policy acts in closed loop until it is done, fails, or the goal ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.task.instruction import MAX_CHARACTERS
from molmo_ros.task.machine import Outcome, cause_of
from molmo_ros.task.ports import Feedback

POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class PolicyState:
    """What is known of a running policy.

    Attributes:
        playing: Whether the executor carries its actions out now.
        code: Why it does not; NONE while it does.
        message: The same in a sentence.
        progress: 0..1 as an estimator judges it, NaN without one.
        success_probability: 0..1 as an estimator judges it, NaN without one.
        counts: Rates and shares for a person; empty before the first action.
    """

    playing: bool
    code: ErrorCode = ErrorCode.NONE
    message: str = ""
    progress: float = float("nan")
    success_probability: float = float("nan")
    counts: str = ""


class PolicyPorts(Protocol):
    """What the policy strategy needs of the world."""

    def begin_actions(self, instruction: str) -> None:
        """Asks the policy for actions, and whoever can for progress."""
        ...

    def end_actions(self) -> None:
        """Tells them that it is over; returns when the robot holds."""
        ...

    def policy_state(self) -> PolicyState:
        """How it stands."""
        ...

    def report(self, feedback: Feedback) -> None:
        """Tells the person."""
        ...

    def check(self) -> None:
        """Raises CANCELED, SUPERSEDED or TIME_LIMIT when the goal shall end."""
        ...


@dataclass(frozen=True, kw_only=True)
class PolicyConfig:
    """When a policy counts as done or lost.

    Attributes:
        patience_s: How long the robot may hold without a good action before the goal fails [s].
        success_probability: From here on an estimator's judgement counts as done.
        success_s: How long it must stay there [s].
    """

    patience_s: float = 10.0
    success_probability: float = 0.9
    success_s: float = 1.0


# What cannot heal while one waits.
_FINAL = frozenset(
    {
        ErrorCode.STOPPED,
        ErrorCode.NOT_ARMED,
        ErrorCode.CONTRACT_MISMATCH,
        ErrorCode.CONFIG_INVALID,
        ErrorCode.REPLAY_MISSING,
        ErrorCode.DEPENDENCY_MISSING,
        ErrorCode.NOT_SUPPORTED,
        ErrorCode.MODEL_LOAD_FAILED,
        ErrorCode.COMMANDER_LOST,
    }
)


class PolicyRun:
    """Runs one goal with a policy.

    Args:
        ports: Hands and eyes.
        config: When it counts as done or lost.
    """

    def __init__(self, ports: PolicyPorts, config: PolicyConfig) -> None:
        self._ports, self._config = ports, config

    def run(self, instruction: str) -> Outcome:
        """Lets the policy act; the one end of the goal."""
        state = PolicyState(playing=False)
        try:
            if not instruction.strip():
                raise MolmoRosError(ErrorCode.INSTRUCTION_EMPTY, "The instruction is empty; say what to do.")
            if len(instruction) > MAX_CHARACTERS:
                raise MolmoRosError(
                    ErrorCode.INSTRUCTION_TOO_LONG, f"The instruction is longer than {MAX_CHARACTERS} characters."
                )
            self._ports.report(
                Feedback(stage="policy", message="Asking the policy for its first actions.", progress=0.0)
            )
            self._ports.begin_actions(instruction)
            try:
                message = self._watch()
            finally:
                self._ports.end_actions()
                state = self._ports.policy_state()
        except MolmoRosError as error:
            counted = f" ({state.counts})" if state.counts else ""
            progress = state.progress if state.progress == state.progress else 0.0
            return Outcome(
                code=error.code, message=f"{error.message}{counted}", stop_cause=cause_of(error.code), progress=progress
            )
        self._ports.report(Feedback(stage="done", message=message, progress=1.0))
        counted = f" ({state.counts})" if state.counts else ""
        return Outcome(code=ErrorCode.NONE, message=f"{message}{counted}", stop_cause="succeeded", progress=1.0)

    def _watch(self) -> str:
        good = before = time.monotonic()
        reasons: dict[ErrorCode, tuple[float, str]] = {}
        sure_since: float | None = None
        said = ""
        while True:
            self._ports.check()
            state = self._ports.policy_state()
            now = time.monotonic()
            if state.playing:
                good = now
                reasons.clear()
            elif state.code is not ErrorCode.NONE:
                reasons[state.code] = reasons.get(state.code, (0.0, ""))[0] + now - before, state.message
            before = now
            if state.code in _FINAL:
                raise MolmoRosError(state.code, state.message)
            if now - good > self._config.patience_s:
                if not reasons:
                    raise MolmoRosError(
                        ErrorCode.MODEL_TIMEOUT, "No action came from the policy; is policy_node running?"
                    )
                # A goal ends with what held it longest, not with what happened to hold it last.
                code = max(reasons, key=lambda c: reasons[c][0])
                raise MolmoRosError(code, reasons[code][1])
            sure = state.success_probability >= self._config.success_probability
            sure_since = (sure_since if sure_since is not None else now) if sure else None
            if sure_since is not None and now - sure_since >= self._config.success_s:
                return "The progress estimator judges the task done; nothing else has verified it."
            words = "The policy acts." if state.playing else f"Holding: {state.message or 'waiting for actions'}"
            if words != said:
                said = words
                progress = state.progress if state.progress == state.progress else 0.0
                self._ports.report(Feedback(stage="policy", message=words, progress=progress))
            time.sleep(POLL_S)
