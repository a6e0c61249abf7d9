"""Executors: they wait for what nodes have to do and do it.

Nothing polls. Whatever makes an entity ready wakes the executor, which then looks at its nodes once.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.impl.executor import (
    ConditionReachedException,
    Executor,
    ExternalShutdownException,
    ShutdownException,
    TimeoutException,
    TimeoutObject,
    await_or_execute,
    never,
)
from rclpy.task import Future, Task

__all__ = [
    "ConditionReachedException",
    "Executor",
    "ExternalShutdownException",
    "MultiThreadedExecutor",
    "ShutdownException",
    "SingleThreadedExecutor",
    "TimeoutException",
    "TimeoutObject",
    "await_or_execute",
]


class SingleThreadedExecutor(Executor):
    """Runs callbacks in the thread that spins.

    What one look at the nodes finds is a round; :meth:`spin_once` does one thing of the round and
    looks again when it is empty.
    """

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._round: deque[tuple[Any, Any, Any]] = deque()
        self._ran_tasks = False

    def _spin_once_impl(
        self,
        timeout_sec: float | TimeoutObject | None = None,
        wait_condition: Callable[[], bool] = never,
    ) -> None:
        seconds = timeout_sec.timeout if isinstance(timeout_sec, TimeoutObject) else timeout_sec
        deadline = None if seconds is None or seconds < 0 else time.monotonic_ns() + int(seconds * S_TO_NS)
        while True:
            if self._is_shutdown or wait_condition():
                return
            if not self._context.ok():
                raise ExternalShutdownException
            while self._round:
                if self._run(*self._round.popleft()):
                    return
            # Tasks and entities take turns; what a task publishes is found before what waits for it.
            nodes = self._nodes
            tasks = self._runnable_tasks(nodes)
            if tasks and not self._ran_tasks:
                self._ran_tasks = True
                self._round.extend(tasks)
                continue
            self._ran_tasks = False
            ready, due = self._collect(nodes)
            self._round.extend(ready)
            if ready or tasks:
                continue
            left = None if deadline is None else deadline - time.monotonic_ns()
            if left is not None and left <= 0:
                return
            if due is not None and (left is None or due <= left):
                self._waker.wait(due)
            elif not self._waker.wait(left):
                return

    def _run(self, work: Any, node: Any, take: Any) -> bool:
        """Run a task, or an entity's callback; ``False`` when it is no longer to be done."""
        if isinstance(work, Task):
            if not work.runnable():
                return False
            work()
            if work.done():
                work.result()
            return True
        if node not in self._nodes or not self.can_execute(work):
            return False
        if take == self._take_timer and not work.handle.is_ready():
            return False
        work._executor_event = True
        coroutine: Coroutine[Any, Any, None] = self._handle(work, take)
        try:
            awaited = coroutine.send(None)
        except StopIteration:
            return True
        # Only a callback that waits needs a task.
        task = Task.resuming(coroutine, awaited, self)
        with self._tasks_lock:
            self._tasks.append((task, work, node))
        return True

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Do one thing, waiting for it at most this long.

        Raises:
            ExternalShutdownException: The context was shut down meanwhile.
        """
        self._spin_once_impl(timeout_sec)

    def spin_once_until_future_complete(self, future: Future, timeout_sec: float | TimeoutObject | None = None) -> None:
        """Do one thing, or return when a future is done."""
        future._add_waiter(self.wake)
        self._spin_once_impl(timeout_sec, future.done)


class MultiThreadedExecutor(Executor):
    """Runs callbacks in a pool of threads.

    Args:
        num_threads: How many; one per processor this process may use when not given.
        context: The context to work in.
    """

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        if num_threads is None:
            affinity = getattr(os, "sched_getaffinity", None)
            num_threads = len(affinity(0)) if affinity is not None else os.cpu_count() or 2
        if num_threads == 1:
            warnings.warn(
                "MultiThreadedExecutor is used with a single thread.\nUse the SingleThreadedExecutor instead.",
                stacklevel=2,
            )
        self._futures: list[Task] = []
        self._executor = ThreadPoolExecutor(num_threads)

    def _spin_once_impl(
        self,
        timeout_sec: float | TimeoutObject | None = None,
        wait_condition: Callable[[], bool] = never,
    ) -> None:
        try:
            handler, _, _ = self.wait_for_ready_callbacks(timeout_sec, None, wait_condition)
        except (
            ExternalShutdownException,
            ShutdownException,
            TimeoutException,
            ConditionReachedException,
        ):
            return
        handler.submitted = True
        self._executor.submit(self._run, handler)
        self._futures.append(handler)
        for future in self._futures[:]:
            if future.done():
                self._futures.remove(future)
                future.result()

    def _run(self, handler: Task) -> None:
        handler.submitted = False
        handler()
        self._waker.wake()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Start one callback, waiting for it at most this long."""
        self._spin_once_impl(timeout_sec)

    def spin_once_until_future_complete(self, future: Future, timeout_sec: float | TimeoutObject | None = None) -> None:
        """Start one callback, or return when a future is done."""
        future._add_waiter(self.wake)
        self._spin_once_impl(timeout_sec, future.done)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop; ``False`` when callbacks still run after the time is over."""
        stopped = super().shutdown(timeout_sec)
        self._executor.shutdown(wait=False)
        return stopped
