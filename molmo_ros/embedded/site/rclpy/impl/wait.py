"""Waiting: wake-ups without polling, guard conditions and wait sets."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from rclpy.impl.handle import Handle

if TYPE_CHECKING:
    from rclpy.impl.context import Context

NS_PER_S = 1_000_000_000


class Waker:
    """Lets one thread sleep until another, or a signal handler, calls :meth:`wake`.

    Wake-ups coalesce: several of them before the sleeper looks count as one.
    """

    __slots__ = ("_armed", "_tokens")

    def __init__(self) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._armed = False

    def wake(self) -> None:
        """End the current or the next :meth:`wait`; safe in signal handlers and finalisers."""
        if not self._armed:
            self._armed = True
            self._tokens.put(None)

    def wait(self, timeout_ns: int | None) -> bool:
        """Sleep until woken; ``False`` when the time is over first. ``None`` waits for ever."""
        try:
            if timeout_ns is None:
                self._tokens.get()
            elif timeout_ns <= 0:
                self._tokens.get_nowait()
            else:
                self._tokens.get(timeout=min(timeout_ns, 86_400 * NS_PER_S) / NS_PER_S)
        except Empty:
            return False
        finally:
            # Also when a signal handler's exception ends the sleep; a token too many only wakes once more.
            self._armed = False
        return True


class GuardCondition(Handle):
    """A flag that wakes wait sets and is lowered by the one that sees it."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.triggered = False

    def trigger_guard_condition(self) -> None:
        """Raise the flag."""
        self.triggered = True
        self._context.wake()

    def is_ready(self) -> bool:
        """Whether the flag is up."""
        return self.triggered


class WaitSet:
    """Waits for any of a set of handles; the counts of ``__init__`` are not limits here."""

    _KINDS = ("subscription", "guard_condition", "timer", "client", "service", "event")

    def __init__(
        self,
        number_of_subscriptions: int,
        number_of_guard_conditions: int,
        number_of_timers: int,
        number_of_clients: int,
        number_of_services: int,
        number_of_events: int,
        context: Context,
    ) -> None:
        self._context = context
        self.clear_entities()

    def clear_entities(self) -> None:
        """Forget all handles."""
        self._handles: dict[str, list[Any]] = {kind: [] for kind in self._KINDS}
        self._ready: dict[str, list[bool]] = {kind: [] for kind in self._KINDS}

    def _add(self, kind: str, handle: Any) -> int:
        self._handles[kind].append(handle)
        self._ready[kind].append(False)
        return len(self._handles[kind]) - 1

    def add_subscription(self, subscription: Any) -> int:
        """Wait for messages; returns the index for :meth:`is_ready`."""
        return self._add("subscription", subscription)

    def add_guard_condition(self, guard: Any) -> int:
        """Wait for a trigger; returns the index for :meth:`is_ready`."""
        return self._add("guard_condition", guard)

    def add_timer(self, timer: Any) -> int:
        """Wait for a timer; returns the index for :meth:`is_ready`."""
        return self._add("timer", timer)

    def add_client(self, client: Any) -> int:
        """Wait for responses; returns the index for :meth:`is_ready`."""
        return self._add("client", client)

    def add_service(self, service: Any) -> int:
        """Wait for requests; returns the index for :meth:`is_ready`."""
        return self._add("service", service)

    def add_event(self, event: Any) -> int:
        """Wait for an event; returns the index for :meth:`is_ready`."""
        return self._add("event", event)

    def poll(self) -> bool:
        """Look at every handle once; guard conditions seen up are lowered."""
        found = False
        for kind, handles in self._handles.items():
            ready = self._ready[kind]
            for index, handle in enumerate(handles):
                state = ready[index] = handle.is_ready()
                if state:
                    found = True
                    if kind == "guard_condition":
                        handle.triggered = False
        return found

    def next_timer_ns(self) -> int | None:
        """Nanoseconds until time alone makes a handle ready, or nothing when it does not."""
        left = [handle.wait_ns() for kind in ("timer", "event") for handle in self._handles[kind]]
        return min((value for value in left if value is not None), default=None)

    def wait(self, timeout_ns: int) -> None:
        """Wait until a handle is ready or the context ends; a negative timeout waits for ever."""
        deadline = None if timeout_ns < 0 else time.monotonic_ns() + timeout_ns
        waker = Waker()
        self._context.add_waker(waker)
        try:
            while not self.poll() and self._context.ok():
                left = None if deadline is None else deadline - time.monotonic_ns()
                if left is not None and left <= 0:
                    return
                due = self.next_timer_ns()
                if due is not None:
                    left = due if left is None else min(due, left)
                waker.wait(left)
        finally:
            self._context.remove_waker(waker)

    def is_ready(self, kind: str, index: int) -> bool:
        """Whether the handle added at ``index`` was ready when last looked at."""
        if kind not in self._ready:
            raise ValueError(f"'{kind}' is not a known entity")
        return self._ready[kind][index]

    def get_ready_entities(self, kind: str) -> list[int]:
        """Pointers of the ready handles of a kind."""
        if kind not in self._ready:
            raise ValueError(f"'{kind}' is not a known entity")
        return [h.pointer for h, up in zip(self._handles[kind], self._ready[kind], strict=True) if up]
