"""Executors, callback groups, tasks and futures."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.task import Future, Task
from rclpy.waitable import NumberOfEntities, Waitable
from rclpy_world import PATIENCE_S, node, spinning
from std_msgs.msg import String
from std_srvs.srv import Trigger


def test_messages_arrive_in_order() -> None:
    heard = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", 10)
        it.create_subscription(String, "topic", lambda message: heard.append(message.data), 10)
        for number in range(10):
            publisher.publish(String(data=str(number)))
        assert until(lambda: len(heard) == 10)
    assert heard == [str(number) for number in range(10)]


def test_a_queue_keeps_the_last_messages_of_its_depth() -> None:
    heard = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", 100)
        subscription = it.create_subscription(String, "topic", lambda message: heard.append(message.data), 3)
        for number in range(20):
            publisher.publish(String(data=str(number)))
        assert subscription.handle.is_ready()
        assert until(lambda: len(heard) == 3)
    assert heard == ["17", "18", "19"]


def test_a_callback_may_take_where_the_message_came_from() -> None:
    infos = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", 10)
        it.create_subscription(String, "topic", lambda message, info: infos.append(info), 10)
        publisher.publish(String())
        publisher.publish(String())
        assert until(lambda: len(infos) == 2)
    assert [info["publication_sequence_number"] for info in infos] == [1, 2]


def test_a_service_answers_from_a_coroutine_that_calls_another() -> None:
    with node() as it, spinning(it) as until:
        group = ReentrantCallbackGroup()
        inner = it.create_client(Trigger, "inner", callback_group=group)

        def serve(request, response):
            response.message = "inner"
            return response

        async def relay(request, response):
            answer = await inner.call_async(Trigger.Request())
            response.message = f"outer of {answer.message}"
            return response

        it.create_service(Trigger, "inner", serve, callback_group=group)
        it.create_service(Trigger, "outer", relay, callback_group=group)
        future = it.create_client(Trigger, "outer", callback_group=group).call_async(Trigger.Request())
        assert until(future.done)
        assert future.result().message == "outer of inner"


def test_a_waiting_coroutine_costs_no_processor_time() -> None:
    with node() as it:
        executor = SingleThreadedExecutor(context=it.context)
        executor.add_node(it)
        never = Future()

        async def wait() -> None:
            await never

        executor.create_task(wait)
        executor.spin_once(timeout_sec=0)
        began = time.thread_time()
        executor.spin_once(timeout_sec=0.5)
        assert time.thread_time() - began < 0.1
        executor.shutdown()


def test_one_callback_at_a_time_in_an_exclusive_group() -> None:
    at_once, most = 0, 0
    runs = threading.Semaphore(0)
    lock = threading.Lock()

    def callback() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)
        with lock:
            at_once -= 1
        runs.release()

    with node() as it:
        executor = MultiThreadedExecutor(4, context=it.context)
        executor.add_node(it)
        group = MutuallyExclusiveCallbackGroup()
        for _ in range(3):
            it.create_timer(0.005, callback, group)
        thread = threading.Thread(target=executor.spin)
        thread.start()
        assert all(runs.acquire(timeout=PATIENCE_S) for _ in range(10))
        executor.shutdown()
        thread.join()
    assert most == 1


def test_callbacks_of_a_reentrant_group_meet() -> None:
    meeting = threading.Barrier(2)
    met = threading.Event()

    def callback() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(PATIENCE_S)
            met.set()

    with node() as it:
        executor = MultiThreadedExecutor(4, context=it.context)
        executor.add_node(it)
        timers = [it.create_timer(0.01, callback, ReentrantCallbackGroup()) for _ in range(2)]
        thread = threading.Thread(target=executor.spin)
        thread.start()
        assert met.wait(PATIENCE_S)
        for timer in timers:
            timer.cancel()
        meeting.abort()
        executor.shutdown()
        thread.join()


def test_an_exception_in_a_callback_leaves_spin() -> None:
    def fail() -> None:
        raise KeyError("boom")

    with node() as it:
        it.create_timer(0.01, fail)
        executor = SingleThreadedExecutor(context=it.context)
        executor.add_node(it)
        with pytest.raises(KeyError, match="boom"):
            executor.spin()
        executor.shutdown()


def test_shutting_the_context_down_ends_spin() -> None:
    with node() as it:
        executor = SingleThreadedExecutor(context=it.context)
        executor.add_node(it)
        ended = []

        def spin() -> None:
            try:
                executor.spin()
            except ExternalShutdownException:
                ended.append(True)

        thread = threading.Thread(target=spin)
        thread.start()
        rclpy.shutdown(context=it.context)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_an_entity_made_while_spinning_is_served() -> None:
    with node() as it:
        executor = SingleThreadedExecutor(context=it.context)
        executor.add_node(it)
        called = threading.Event()
        thread = threading.Thread(target=executor.spin)
        thread.start()
        it.create_guard_condition(called.set).trigger()
        assert called.wait(PATIENCE_S)
        executor.shutdown()
        thread.join()


def test_an_exception_of_a_signal_handler_leaves_the_executor_usable() -> None:
    class Alarm(Exception):
        pass

    def ring(number, frame) -> None:
        raise Alarm

    def spin_until_it_rings(executor) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        while True:
            executor.wake()
            executor.spin_once(timeout_sec=PATIENCE_S)

    with node() as it:
        executor = SingleThreadedExecutor(context=it.context)
        executor.add_node(it)
        before = signal.signal(signal.SIGALRM, ring)
        try:
            for _ in range(20):
                with pytest.raises(Alarm):
                    spin_until_it_rings(executor)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        called = []
        it.create_guard_condition(lambda: called.append(True)).trigger()
        executor.spin_once(timeout_sec=PATIENCE_S)
        assert called == [True]
        executor.shutdown()


def test_a_custom_waitable_is_waited_for() -> None:
    class Bell(Waitable):
        def __init__(self, it) -> None:
            super().__init__(ReentrantCallbackGroup())
            self._timer = it.create_timer(0.01, None, ReentrantCallbackGroup())
            it._timers.remove(self._timer)
            self.rung = 0

        def add_to_wait_set(self, wait_set) -> None:
            self._index = wait_set.add_timer(self._timer.handle)

        def is_ready(self, wait_set) -> bool:
            return wait_set.is_ready("timer", self._index)

        def take_data(self):
            self._timer.handle.call_timer()
            return "ding"

        async def execute(self, taken_data) -> None:
            self.rung += taken_data == "ding"

        def get_num_entities(self) -> NumberOfEntities:
            return NumberOfEntities(num_timers=1)

    with node() as it, spinning(it) as until:
        bell = Bell(it)
        it.add_waitable(bell)
        assert until(lambda: bell.rung >= 2)


def test_a_future_runs_its_callbacks_once_and_late_ones_at_once() -> None:
    future, calls = Future(), []
    future.add_done_callback(calls.append)
    future.set_result(1)
    future.add_done_callback(calls.append)
    assert calls == [future, future]


def test_a_future_raises_its_exception() -> None:
    future = Future()
    future.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        future.result()


def test_a_task_stops_where_its_coroutine_waits() -> None:
    gate = Future()

    async def work() -> str:
        return "got " + await gate

    task = Task(work)
    task()
    assert not task.done()
    assert not task.runnable()
    gate.set_result("it")
    assert task.runnable()
    task()
    assert task.result() == "got it"


def test_what_a_task_publishes_is_heard_before_a_response_that_is_already_there() -> None:
    order = []
    with node() as it, spinning(it) as until:
        executor = it.executor
        publisher = it.create_publisher(String, "topic", 1)
        it.create_subscription(String, "topic", lambda message: order.append("message"), 1)

        def serve(request, response):
            executor.create_task(publisher.publish, String())
            return response

        it.create_service(Trigger, "service", serve)
        future = it.create_client(Trigger, "service").call_async(Trigger.Request())
        future._add_waiter(lambda: order.append("response"))
        assert until(lambda: len(order) == 2)
    assert order == ["message", "response"]


def test_a_client_without_an_executor_times_out() -> None:
    with node() as it:
        it.create_service(Trigger, "service", lambda request, response: response)
        client = it.create_client(Trigger, "service")
        assert client.call(Trigger.Request(), timeout_sec=0.05) is None


def test_waiting_for_a_service_ends_when_it_comes() -> None:
    with node() as it:
        client = it.create_client(Trigger, "service")
        assert not client.wait_for_service(timeout_sec=0.01)
        later = threading.Timer(0.05, lambda: it.create_service(Trigger, "service", lambda a, b: b))
        later.start()
        assert client.wait_for_service(timeout_sec=PATIENCE_S)
        later.join()
