"""What all executors have in common: nodes, tasks, looking for what is ready and taking it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Sequence
from threading import Condition, Lock, RLock
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any

from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.wait import Waker
from rclpy.subscription import Subscription
from rclpy.task import Future, Task
from rclpy.utilities import get_default_context, timeout_sec_to_nsec

if TYPE_CHECKING:
    from rclpy.node import Node

Work = tuple[Task, Any, "Node | None"]
Take = Callable[[Any], Any]


class TimeoutException(Exception):
    """The time was over before there was something to do."""


class ShutdownException(Exception):
    """The executor was shut down."""


class ExternalShutdownException(Exception):
    """The context was shut down by someone else."""


class ConditionReachedException(Exception):
    """What was waited for has happened."""


class TimeoutObject:
    """A timeout whose remaining time can be changed."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout


class _WorkTracker:
    """Counts callbacks in progress."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting = False
        self._condition = Condition(Lock())

    def __enter__(self) -> None:
        with self._condition:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._condition:
            self._count -= 1
            if self._waiting:
                self._condition.notify_all()

    def wait(self, timeout_sec: float | None = None) -> bool:
        timeout = None if timeout_sec is None or timeout_sec < 0 else timeout_sec
        with self._condition:
            self._waiting = True
            return self._condition.wait_for(lambda: self._count == 0, timeout)


async def await_or_execute(callback: Callable[..., Any], *args: Any) -> Any:
    """Call a function, or await a coroutine function."""
    if inspect.iscoroutinefunction(callback):
        return await callback(*args)
    return callback(*args)


async def _call(callback: Callable[..., Any], *args: Any) -> Any:
    """Like :func:`await_or_execute`, without looking at the callback first."""
    result = callback(*args)
    return await result if type(result) is CoroutineType else result


def never() -> bool:
    return False


class Executor:
    """What the two executors have in common; a context manager that shuts down at its end."""

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = get_default_context() if context is None else context
        if self._context.handle is None:
            raise RuntimeError("Context must be initialized before it can have an executor")
        self._nodes: tuple[Node, ...] = ()
        self._nodes_lock = RLock()
        self._tasks: list[Work] = []
        self._tasks_lock = Lock()
        self._waker = Waker()
        self._context.handle.add_waker(self._waker)
        self._is_shutdown = False
        self._work_tracker = _WorkTracker()
        self._shutdown_lock = Lock()
        self._cb_iter: Generator[Work, None, None] | None = None
        self._last_args: Any = None
        self._context.on_shutdown(self.wake)

    @property
    def context(self) -> Context:
        """The context it works in."""
        return self._context

    def create_task(self, callback: Any, *args: Any, **kwargs: Any) -> Task:
        """Run a function or coroutine in this executor; the task is the future of its result."""
        task = Task(callback, args, kwargs, executor=self)
        self._append(task, None, None)
        return task

    def _append(self, task: Task, entity: Any, node: Node | None) -> None:
        with self._tasks_lock:
            self._tasks.append((task, entity, node))
        self._waker.wake()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop; ``False`` when callbacks still run after the time is over."""
        with self._shutdown_lock:
            first = not self._is_shutdown
            self._is_shutdown = True
        self._waker.wake()
        if not first and not self._work_tracker.wait(timeout_sec):
            return False
        with self._nodes_lock:
            self._nodes = ()
        handle = self._context.handle
        if handle is not None:
            handle.remove_waker(self._waker)
        self._cb_iter = None
        self._last_args = None
        return True

    def __del__(self) -> None:
        handle = getattr(getattr(self, "_context", None), "handle", None)
        if handle is not None and hasattr(self, "_waker"):
            handle.remove_waker(self._waker)

    def add_node(self, node: Node) -> bool:
        """Work for a node; ``False`` when it already does."""
        with self._nodes_lock:
            if node in self._nodes:
                return False
            self._nodes = (*self._nodes, node)
            node.executor = self
        self._waker.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """Work for a node no more."""
        with self._nodes_lock:
            self._nodes = tuple(other for other in self._nodes if other is not node)
        self._waker.wake()

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._waker.wake()

    def get_nodes(self) -> list[Node]:
        """The nodes it works for."""
        return list(self._nodes)

    def spin(self) -> None:
        """Work until the executor or its context is shut down."""
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Work until a future is done, the time is over or there is a shutdown."""
        future._add_waiter(self.wake)
        forever = timeout_sec is None or timeout_sec < 0
        end = None if forever else time.monotonic() + timeout_sec  # type: ignore[operator]
        left: Any = None if forever else TimeoutObject(timeout_sec)  # type: ignore[arg-type]
        while self._context.ok() and not future.done() and not self._is_shutdown:
            self.spin_once_until_future_complete(future, left)
            if end is not None:
                now = time.monotonic()
                if now >= end:
                    return
                left.timeout = end - now

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Do one thing, waiting for it at most this long."""
        raise NotImplementedError

    def spin_once_until_future_complete(self, future: Future, timeout_sec: float | TimeoutObject | None = None) -> None:
        """Do one thing, or return when a future is done."""
        raise NotImplementedError

    # Each _take_* takes what an entity has and returns a coroutine function that works on it.

    def _take_timer(self, timer: Any) -> Any:
        with timer.handle:
            timer.handle.call_timer()
        if timer.callback is None:
            return None

        async def execute() -> None:
            await _call(timer.callback)

        return execute

    def _take_subscription(self, subscription: Any) -> Any:
        with subscription.handle as handle:
            taken = handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return None
        if subscription._callback_type is Subscription.CallbackType.MessageOnly:
            taken = taken[:1]

        async def execute() -> None:
            await _call(subscription.callback, *taken)

        return execute

    def _take_client(self, client: Any) -> Any:
        with client.handle as handle:
            header, response = handle.take_response(client.srv_type.Response)
        if header is None:
            return None

        async def execute() -> None:
            try:
                future = client.get_pending_request(header.request_id.sequence_number)
            except KeyError:
                return  # Nobody waits for it any more.
            future._set_executor(self)
            future.set_result(response)

        return execute

    def _take_service(self, service: Any) -> Any:
        with service.handle as handle:
            request, header = handle.service_take_request(service.srv_type.Request)
        if header is None:
            return None

        async def execute() -> None:
            response = await _call(service.callback, request, service.srv_type.Response())
            service.send_response(response, header)

        return execute

    def _take_guard_condition(self, guard: Any) -> Any:
        guard._executor_triggered = False

        async def execute() -> None:
            await _call(guard.callback)

        return execute

    def _take_waitable(self, waitable: Any) -> Any:
        data = waitable.take_data()

        async def execute() -> None:
            for future in waitable._futures:
                if future._executor() is not self:
                    future._set_executor(self)
            await waitable.execute(data)

        return execute

    async def _handle(self, entity: Any, take: Take) -> None:
        """Take what an entity has and work on it, within its callback group."""
        group = entity.callback_group
        if self._is_shutdown or not group.beginning_execution(entity):
            entity._executor_event = False
            self._waker.wake()
            return
        try:
            with self._work_tracker:
                try:
                    work = take(entity)
                except InvalidHandle:
                    work = None
                finally:
                    entity._executor_event = False
                if work is not None:
                    await work()
        finally:
            group.ending_execution(entity)
            self._waker.wake()

    def _make_handler(self, entity: Any, node: Node, take: Take) -> Task:
        """A task that takes what an entity has and works on it."""
        entity._executor_event = True
        task = Task(self._handle, (entity, take), executor=self)
        with self._tasks_lock:
            self._tasks.append((task, entity, node))
        return task

    def can_execute(self, entity: Any) -> bool:
        """Whether an entity's callback may begin now."""
        return not entity._executor_event and entity.callback_group.can_execute(entity)

    def _collect(self, nodes: Sequence[Node]) -> tuple[list[tuple[Any, Node, Take]], int | None]:
        """Everything that is ready now, and the nanoseconds until the next timer."""
        ready: list[tuple[Any, Node, Take]] = []
        due: int | None = None
        free = self.can_execute
        for node in nodes:
            for waitable in list(node.waitables):
                if waitable.poll is not None:
                    left = None
                    if waitable.poll():
                        if free(waitable):
                            ready.append((waitable, node, self._take_waitable))
                    elif waitable.due is not None:
                        left = waitable.due()
                    if left is not None:
                        due = left if due is None else min(due, left)
                elif free(waitable):
                    is_ready, left = self._look_at(waitable)
                    if is_ready:
                        ready.append((waitable, node, self._take_waitable))
                    elif left is not None:
                        due = left if due is None else min(due, left)
        for node in nodes:
            for timer in list(node.timers):
                left = timer.handle.wait_ns()
                if left is None and not timer.handle.is_ready():
                    continue
                if timer.handle._doomed or not free(timer):
                    continue
                if left is None or left <= 0:
                    ready.append((timer, node, self._take_timer))
                else:
                    due = left if due is None else min(due, left)
            ready += [
                (it, node, self._take_subscription) for it in node.subscriptions if it.handle.is_ready() and free(it)
            ]
            for guard in list(node.guards):
                if guard.handle.triggered:
                    guard.handle.triggered = False
                    guard._executor_triggered = True
                if guard._executor_triggered and free(guard):
                    ready.append((guard, node, self._take_guard_condition))
            ready += [(it, node, self._take_client) for it in node.clients if it.handle.is_ready() and free(it)]
            ready += [(it, node, self._take_service) for it in node.services if it.handle.is_ready() and free(it)]
        return ready, due

    def _look_at(self, waitable: Any) -> tuple[bool, int | None]:
        """Ask a waitable through a wait set of its own."""
        try:
            with waitable:
                wait_set = _rclpy.WaitSet(0, 0, 0, 0, 0, 0, self._context.handle)
                waitable.add_to_wait_set(wait_set)
                wait_set.poll()
                return bool(waitable.is_ready(wait_set)), wait_set.next_timer_ns()
        except InvalidHandle:
            return False, None

    def _runnable_tasks(self, nodes: Sequence[Node]) -> list[Work]:
        if not self._tasks:
            return []
        with self._tasks_lock:
            self._tasks = [work for work in self._tasks if not work[0].done()]
            return [
                work for work in reversed(self._tasks) if work[0].runnable() and (work[2] is None or work[2] in nodes)
            ]

    def _wait_for_ready_callbacks(
        self,
        timeout_sec: float | TimeoutObject | None = None,
        nodes: list[Node] | None = None,
        condition: Callable[[], bool] = never,
    ) -> Generator[Work, None, None]:
        """Yield what there is to do after one wait.

        Raises:
            ShutdownException: The executor is shut down.
            ExternalShutdownException: The context is.
            TimeoutException: The time was over first.
            ConditionReachedException: ``condition`` holds.
        """
        seconds = timeout_sec.timeout if isinstance(timeout_sec, TimeoutObject) else timeout_sec
        timeout_ns = timeout_sec_to_nsec(seconds)
        deadline = None if timeout_ns < 0 else time.monotonic_ns() + timeout_ns
        yielded = False
        while not yielded:
            if self._is_shutdown:
                raise ShutdownException
            if condition():
                raise ConditionReachedException
            if not self._context.ok():
                raise ExternalShutdownException
            chosen = self._nodes if nodes is None else nodes
            for work in self._runnable_tasks(chosen):
                if work[0].runnable():
                    yielded = True
                    yield work
            ready, due = self._collect(chosen)
            for entity, node, take in ready:
                if self.can_execute(entity):
                    yielded = True
                    yield self._make_handler(entity, node, take), entity, node
            if yielded:
                return
            left = None if deadline is None else deadline - time.monotonic_ns()
            if left is not None and left <= 0:
                raise TimeoutException
            if due is not None and (left is None or due <= left):
                self._waker.wait(due)
            elif not self._waker.wait(left):
                raise TimeoutException

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> Work:
        """The next thing to do; see :meth:`_wait_for_ready_callbacks`."""
        while True:
            if self._cb_iter is None or self._last_args != (args, kwargs):
                self._last_args = (args, kwargs)
                self._cb_iter = self._wait_for_ready_callbacks(*args, **kwargs)
            try:
                return next(self._cb_iter)
            except StopIteration:
                self._cb_iter = None
            except BaseException:
                self._cb_iter = None
                raise

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.shutdown()
