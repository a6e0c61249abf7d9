"""Custom things to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.impl.wait import WaitSet
    from rclpy.task import Future


class NumberOfEntities:
    """How many handles of each kind a waitable adds to a wait set."""

    __slots__ = (
        "num_clients",
        "num_events",
        "num_guard_conditions",
        "num_services",
        "num_subscriptions",
        "num_timers",
    )

    def __init__(
        self,
        num_subs: int = 0,
        num_gcs: int = 0,
        num_timers: int = 0,
        num_clients: int = 0,
        num_services: int = 0,
        num_events: int = 0,
    ) -> None:
        self.num_subscriptions = num_subs
        self.num_guard_conditions = num_gcs
        self.num_timers = num_timers
        self.num_clients = num_clients
        self.num_services = num_services
        self.num_events = num_events

    def __add__(self, other: NumberOfEntities) -> NumberOfEntities:
        total = type(self)()
        for name in self.__slots__:
            setattr(total, name, getattr(self, name) + getattr(other, name))
        return total

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}({self.num_subscriptions}, {self.num_guard_conditions}, "
            f"{self.num_timers}, {self.num_clients}, {self.num_services}, {self.num_events})>"
        )


class Waitable:
    """Something an executor can wait for that is more than one handle.

    A subclass may give ``poll`` a function that tells, without a wait set, whether
    :meth:`take_data` has something; the executor then needs no wait set for it. ``due`` may tell
    after how many nanoseconds the passing of time alone makes it ready.
    """

    poll: Any = None
    due: Any = None

    def __init__(self, callback_group: CallbackGroup) -> None:
        self.callback_group = callback_group
        self.callback_group.add_entity(self)
        self._executor_event = False
        self._futures: list[Future] = []

    def __enter__(self) -> None:
        """Keep the handles alive while they are waited for."""

    def __exit__(self, t: Any, v: Any, tb: Any) -> None:
        """Let the handles go."""

    def add_future(self, future: Future) -> None:
        """Let the executor that runs this waitable run a future's callbacks."""
        self._futures.append(future)

    def remove_future(self, future: Future) -> None:
        """Undo :meth:`add_future`."""
        self._futures.remove(future)

    def is_ready(self, wait_set: WaitSet) -> bool:
        """Whether one of the handles added is ready."""
        raise NotImplementedError("Must be implemented by subclass")

    def take_data(self) -> Any:
        """Take what is there, so that the wait set does not wake at once again."""
        raise NotImplementedError("Must be implemented by subclass")

    async def execute(self, taken_data: Any) -> None:
        """Work on what was taken."""
        raise NotImplementedError("Must be implemented by subclass")

    def get_num_entities(self) -> NumberOfEntities:
        """How many handles :meth:`add_to_wait_set` adds."""
        raise NotImplementedError("Must be implemented by subclass")

    def add_to_wait_set(self, wait_set: WaitSet) -> None:
        """Add the handles to wait for."""
        raise NotImplementedError("Must be implemented by subclass")
