"""The life of a goal: its states, and the events that lead from one to another.

The table is that of rcl_action (rcl_action/goal_state_machine.c); the numbers of the states are
those of ``action_msgs/msg/GoalStatus``.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from action_msgs.msg import GoalStatus

from rclpy.impl.errors import RCLError

_ACTIVE = frozenset((GoalStatus.STATUS_ACCEPTED, GoalStatus.STATUS_EXECUTING, GoalStatus.STATUS_CANCELING))


class GoalEvent(Enum):
    """What can happen to a goal."""

    EXECUTE = 0
    CANCEL_GOAL = 1
    SUCCEED = 2
    ABORT = 3
    CANCELED = 4


_TRANSITIONS = {
    (GoalStatus.STATUS_ACCEPTED, GoalEvent.EXECUTE): GoalStatus.STATUS_EXECUTING,
    (GoalStatus.STATUS_ACCEPTED, GoalEvent.CANCEL_GOAL): GoalStatus.STATUS_CANCELING,
    (GoalStatus.STATUS_EXECUTING, GoalEvent.CANCEL_GOAL): GoalStatus.STATUS_CANCELING,
    (GoalStatus.STATUS_EXECUTING, GoalEvent.SUCCEED): GoalStatus.STATUS_SUCCEEDED,
    (GoalStatus.STATUS_EXECUTING, GoalEvent.ABORT): GoalStatus.STATUS_ABORTED,
    (GoalStatus.STATUS_CANCELING, GoalEvent.SUCCEED): GoalStatus.STATUS_SUCCEEDED,
    (GoalStatus.STATUS_CANCELING, GoalEvent.ABORT): GoalStatus.STATUS_ABORTED,
    (GoalStatus.STATUS_CANCELING, GoalEvent.CANCELED): GoalStatus.STATUS_CANCELED,
}


class Goal:
    """A goal that a server has accepted.

    Attributes:
        info: ``action_msgs/msg/GoalInfo``.
        key: The bytes of its UUID.
        stamp: When it was accepted: seconds and nanoseconds.
        status: A constant of ``action_msgs/msg/GoalStatus``.
        ended_ns: When it reached a terminal state, on the server's clock; None before.
    """

    def __init__(self, info: Any) -> None:
        self.info = info
        self.key = bytes(info.goal_id.uuid)
        self.stamp = (info.stamp.sec, info.stamp.nanosec)
        self.status = GoalStatus.STATUS_ACCEPTED
        self.ended_ns: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it has not reached a terminal state."""
        return self.status in _ACTIVE

    @property
    def is_cancelable(self) -> bool:
        """Whether it may still be asked to stop."""
        return (self.status, GoalEvent.CANCEL_GOAL) in _TRANSITIONS

    @property
    def stamp_ns(self) -> int:
        """When it was accepted."""
        return stamp_ns(self.info.stamp)

    def apply(self, event: GoalEvent) -> None:
        """Go to the state that an event leads to.

        Raises:
            RCLError: The event cannot happen in the present state.
        """
        status = _TRANSITIONS.get((self.status, event))
        if status is None:
            raise RCLError(
                f"Failed to update goal state: goal_handle attempted invalid transition from state"
                f" {_name(self.status)} with event {event.name}"
            )
        self.status = status


def stamp_ns(stamp: Any) -> int:
    """A ``builtin_interfaces/msg/Time`` in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def _name(status: int) -> str:
    names = {getattr(GoalStatus, f"STATUS_{name}"): name for name in ("ACCEPTED", "EXECUTING", "CANCELING")}
    return names.get(status, {4: "SUCCEEDED", 5: "CANCELED", 6: "ABORTED"}.get(status, "UNKNOWN"))
