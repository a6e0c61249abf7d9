"""A hidden node for one command, and waiting for what the graph will show."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

NODE_PREFIX = "_ros2cli"
DISCOVERY_S = 2.0
POLL_S = 0.02
T = TypeVar("T")

SpinTime = Annotated[
    float | None, typer.Option("--spin-time", min=0.0, help="Seconds to wait for discovery.", show_default=False)
]
UseSimTime = Annotated[bool, typer.Option("-s", "--use-sim-time", help="Use the time of /clock.")]
NoDaemon = Annotated[bool, typer.Option("--no-daemon", help="Accepted as in ros2: there is no daemon.", hidden=True)]
IncludeHiddenTopics = Annotated[bool, typer.Option("--include-hidden-topics", help="Consider hidden topics as well.")]


@contextmanager
def ros_node(purpose: str = "", *, use_sim_time: bool = False, name: str | None = None) -> Iterator[Any]:
    """A node without parameter services or log topic, shut down at the end.

    Args:
        purpose: a word for its name.
        use_sim_time: follow `/clock`.
        name: its name, in place of a hidden one.

    Ctrl-C stays Python's: it raises KeyboardInterrupt, and the node can still be used to tidy up.
    """
    from molmo_ros.embedded import install

    install()
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    try:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:
        raise refuse(f"the middleware does not start: {error}") from error
    name = name or "_".join(filter(None, (NODE_PREFIX, purpose, str(os.getpid()))))
    overrides = [Parameter("use_sim_time", Parameter.Type.BOOL, True)] if use_sim_time else []
    node = rclpy.create_node(
        name,
        enable_rosout=False,
        start_parameter_services=False,
        parameter_overrides=overrides,
    )
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def discover(node: Any, look: Callable[[], T], spin_time_s: float | None = None) -> T:
    """Look at the graph once it has settled.

    Args:
        node: the command's node.
        look: reads something comparable from the graph.
        spin_time_s: wait exactly this long; by default until the graph stood still for a moment.
    """
    if spin_time_s is not None:
        wait_until(node, lambda: False, spin_time_s)
        return look()
    deadline = time.monotonic() + DISCOVERY_S
    still_since, seen = time.monotonic(), look()
    while time.monotonic() < min(still_since + 0.5, deadline):
        wait_until(node, lambda: False, POLL_S)
        now = look()
        if now != seen:
            still_since, seen = time.monotonic(), now
    return seen


def wait_until(node: Any, condition: Callable[[], bool], limit_s: float | None = None) -> bool:
    """Spin until a condition holds; False when it did not within the limit."""
    from rclpy.executors import SingleThreadedExecutor

    deadline = None if limit_s is None else time.monotonic() + limit_s
    if condition():
        return True
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while True:
            left_s = POLL_S if deadline is None else min(POLL_S, deadline - time.monotonic())
            executor.spin_once(timeout_sec=max(0.0, left_s))
            if condition():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
    finally:
        executor.remove_node(node)
        executor.shutdown()


@contextmanager
def background_spin(node: Any) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Spin a node in a thread; yields a function that sleeps until a condition holds.

    Raises:
        Exception: at the end, what a callback raised.
    """
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    stop = threading.Event()
    raised: list[BaseException] = []

    def spin() -> None:
        try:
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.1)
        except BaseException as error:
            raised.append(error)

    def wait(condition: Callable[[], bool]) -> None:
        while not condition() and not raised:
            time.sleep(POLL_S)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield wait
    finally:
        stop.set()
        thread.join()
        executor.remove_node(node)
        executor.shutdown()
    if raised:
        raise raised[0]


def complete(node: Any, future: Any, limit_s: float | None = None, what: str = "the answer") -> Any:
    """Spin until a future is done and return its result.

    Raises:
        MolmoRosError: when it fails or takes longer than the limit.
    """
    if not wait_until(node, future.done, limit_s):
        raise MolmoRosError(ErrorCode.TIME_LIMIT, f"{what} did not come within {limit_s:g} s")
    if future.exception() is not None:
        raise MolmoRosError(ErrorCode.INTERNAL, f"{what} failed: {future.exception()}")
    return future.result()


def absolute(name: str) -> str:
    """A name with its leading slash."""
    return name if name.startswith("/") else f"/{name}"


def refuse(sentence: str) -> MolmoRosError:
    """The error of a request that names something that is not there or not possible."""
    return MolmoRosError(ErrorCode.CONFIG_INVALID, sentence)
