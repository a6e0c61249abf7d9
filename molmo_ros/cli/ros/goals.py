"""One goal of an action, from the command line: sent, waited for, canceled."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from molmo_ros.cli.ros.node import complete, wait_until

CANCEL_S = 5.0
ANSWER_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a goal ended.

    Attributes:
        status: SUCCEEDED, ABORTED, CANCELED or another name of `action_msgs/msg/GoalStatus`.
        result: the action's result message.
    """

    status: str
    result: Any


def status_name(status: int) -> str:
    """The name of a goal status."""
    from action_msgs.msg import GoalStatus

    names = ("ACCEPTED", "EXECUTING", "CANCELING", "SUCCEEDED", "CANCELED", "ABORTED")
    return next((name for name in names if getattr(GoalStatus, f"STATUS_{name}") == status), "UNKNOWN")


class Goal:
    """A goal for one action server."""

    def __init__(self, node: Any, kind: Any, name: str) -> None:
        from rclpy.action import ActionClient

        self.node = node
        self.client = ActionClient(node, kind, name)
        self.handle: Any = None
        self.outcome: Any = None

    def send(self, request: Any, feedback: Callable[[Any], None] | None = None) -> bool:
        """Send it; False when the server rejects it."""
        future = self.client.send_goal_async(request, feedback_callback=feedback)
        self.handle = complete(self.node, future, ANSWER_S, "the answer of the action server")
        if self.handle.accepted:
            self.outcome = self.handle.get_result_async()
        return bool(self.handle.accepted)

    @property
    def identity(self) -> str:
        """The goal's id in hexadecimal digits."""
        return bytes(self.handle.goal_id.uuid).hex()

    def wait(self, interrupted: Callable[[], bool]) -> Outcome | None:
        """Spin until the goal has ended; None when interrupted before.

        Raises:
            MolmoRosError: when asking for the result fails.
        """
        wait_until(self.node, lambda: self.outcome.done() or interrupted())
        if not self.outcome.done():
            return None
        response = complete(self.node, self.outcome, what="the goal's result")
        return Outcome(status=status_name(response.status), result=response.result)

    def cancel(self) -> bool:
        """Ask for cancellation; whether the server agreed."""
        answer = complete(self.node, self.handle.cancel_goal_async(), CANCEL_S, "the answer to the cancellation")
        return bool(answer.goals_canceling)


@contextlib.contextmanager
def interrupts(then: Callable[[], None] | None = None) -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C or SIGTERM instead of raising; yields a function that says whether it came.

    Args:
        then: what to do when it comes.
    """
    seen = [False]

    def note(_number: int, _frame: Any) -> None:
        if seen[0]:
            raise KeyboardInterrupt
        seen[0] = True
        if then is not None:
            then()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: seen[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
