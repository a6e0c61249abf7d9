"""Futures and tasks of the executors."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.executors import Executor


def _no_executor() -> None:
    return None


class Future:
    """A result that will be there later.

    Args:
        executor: Runs the done-callbacks; without one they run where the result is set.
    """

    def __init__(self, *, executor: Executor | None = None) -> None:
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._exception_fetched = False
        self._callbacks: list[Callable[[Future], Any]] = []
        self._waiters: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._executor: Callable[[], Executor | None] = _no_executor
        self._set_executor(executor)

    def __del__(self) -> None:
        if self._exception is not None and not self._exception_fetched and sys.stderr is not None:
            sys.stderr.write(f"The following exception was never retrieved: {self._exception}\n")

    def __await__(self) -> Generator[Future, None, Any]:
        # Yielding the future tells the task what to wait for, so that nobody has to poll.
        while not self._done:
            yield self
        return self.result()

    def cancel(self) -> None:
        """Ask for no result any more; done-callbacks run."""
        with self._lock:
            if not self._done:
                self._cancelled = True
        self._run_callbacks()

    def cancelled(self) -> bool:
        """Whether it was cancelled before it was done."""
        return self._cancelled

    def done(self) -> bool:
        """Whether the result or an exception is there."""
        return self._done

    def result(self) -> Any:
        """The result, nothing before it is there; a stored exception is raised."""
        if self._exception is not None:
            self._exception_fetched = True
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """The stored exception."""
        self._exception_fetched = True
        return self._exception

    def set_result(self, result: Any) -> None:
        """Store the result; done-callbacks run."""
        with self._lock:
            self._result = result
            self._done = True
            self._cancelled = False
        self._run_callbacks()

    def set_exception(self, exception: BaseException) -> None:
        """Store an exception instead of a result; done-callbacks run."""
        with self._lock:
            self._exception = exception
            self._exception_fetched = False
            self._done = True
            self._cancelled = False
        self._run_callbacks()

    def _run_callbacks(self) -> None:
        with self._lock:
            executor = self._executor()
            callbacks, self._callbacks = self._callbacks, []
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter()
        for callback in callbacks:
            if executor is not None:
                executor.create_task(callback, self)
                continue
            try:
                callback(self)
            except Exception as error:
                warnings.warn(f"Unhandled exception in done callback: {error}", stacklevel=2)

    def _set_executor(self, executor: Executor | None) -> None:
        with self._lock:
            self._executor = _no_executor if executor is None else weakref.ref(executor)

    def _add_waiter(self, waiter: Callable[[], None]) -> None:
        """Call ``waiter`` without an executor as soon as the future is done or cancelled."""
        with self._lock:
            if not self._done:
                if waiter not in self._waiters:
                    self._waiters.append(waiter)
                return
        waiter()

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call ``callback`` with this future when it is done, at once if it is."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
            executor = self._executor()
        if executor is not None:
            executor.create_task(callback, self)
        else:
            callback(self)


class Task(Future):
    """A function or coroutine that an executor runs step by step; also the future of its result."""

    def __init__(
        self,
        handler: Any,
        args: Any = None,
        kwargs: Any = None,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(executor=executor)
        self._handler: Any = handler
        self._args: Any = [] if args is None else args
        self._kwargs: Any = {} if kwargs is None else kwargs
        if inspect.iscoroutinefunction(handler):
            self._handler = handler(*self._args, **self._kwargs)
            self._args = self._kwargs = None
        self._coroutine = inspect.iscoroutine(self._handler)
        self._executing = False
        self._parked = False
        self.submitted = False
        self._task_lock = threading.Lock()

    @classmethod
    def resuming(cls, coroutine: Any, awaited: Any, executor: Executor) -> Task:
        """A task for a coroutine that has begun and waits for ``awaited``."""
        task = cls(coroutine, executor=executor)
        task._wait_for(awaited)
        return task

    def _wait_for(self, awaited: Any) -> None:
        if isinstance(awaited, Future):
            self._parked = True
            awaited._add_waiter(self._unpark)

    def __call__(self) -> None:
        """Run the function, or the coroutine up to where it next waits."""
        if self._done or self._executing or not self._task_lock.acquire(blocking=False):
            return
        try:
            if self._done:
                return
            self._executing = True
            self._step()
            self._executing = False
        finally:
            self._task_lock.release()

    def _step(self) -> None:
        try:
            if self._coroutine:
                self._wait_for(self._handler.send(None))
                return
            result = self._handler(*self._args, **self._kwargs)
        except StopIteration as stop:
            if not self._coroutine:
                self._finish()
                self.set_exception(stop)
                return
            result = stop.value
        except Exception as error:
            self._finish()
            self.set_exception(error)
            return
        self._finish()
        self.set_result(result)

    def _unpark(self) -> None:
        self._parked = False
        executor = self._executor()
        if executor is not None:
            executor.wake()

    def _finish(self) -> None:
        self._handler = self._args = self._kwargs = None

    def executing(self) -> bool:
        """Whether it runs right now."""
        return self._executing

    def runnable(self) -> bool:
        """Whether running it now would get it further."""
        return not (self._done or self._executing or self._parked or self.submitted)

    def cancel(self) -> None:
        """Run no further."""
        self._parked = False
        super().cancel()
