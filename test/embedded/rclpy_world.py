"""Processes and contexts of their own for tests of the embedded rclpy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

PATIENCE_S = 30.0
"""How long anything may take on a busy machine before a test gives up."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A Python program under the embedded runtime whose lines are read one by one."""

    def __init__(self, source: str, *arguments: str, environ: dict[str, str] | None = None) -> None:
        head = "import molmo_ros.embedded as e; e.install()\n"
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", head + source, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environ or {})},
        )
        self._lines: Queue[str | None] = Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, text: str) -> str:
        """The next line that contains a text."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE_S)
            except Empty:
                raise TimeoutError(f"no line with {text!r} in {self.seen}") from None
            if line is None:
                raise EOFError(f"the process ended without {text!r}: {self.seen}")
            self.seen.append(line)
            if text in line:
                return line

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def exit_code(self) -> int:
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()


@contextmanager
def processes(environ: dict[str, str] | None = None) -> Iterator[Callable[..., Process]]:
    """Start processes that meet at a port of their own; all are gone at the end."""
    shared = {"MOLMO_ROS_MEETING_PORT": str(free_port()), **(environ or {})}
    started: list[Process] = []

    def start(source: str, *arguments: str, **extra: str) -> Process:
        started.append(Process(source, *arguments, environ={**shared, **extra}))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.close()


@contextmanager
def context(*arguments: str, domain_id: int | None = None) -> Iterator[Context]:
    """An initialised context that nobody else shares."""
    made = Context()
    rclpy.init(args=["test", *arguments], context=made, domain_id=domain_id or 1 + os.getpid() % 230)
    try:
        yield made
    finally:
        rclpy.try_shutdown(context=made)


@contextmanager
def node(*arguments: str, name: str = "node", **options: Any) -> Iterator[Any]:
    """A node in a context of its own."""
    with context(*arguments) as made:
        it = rclpy.create_node(name, context=made, **options)
        yield it
        it.destroy_node()


@contextmanager
def spinning(*nodes: Any) -> Iterator[Callable[[Callable[[], bool]], bool]]:
    """A function that spins nodes until something holds, or patience ends."""
    executor = SingleThreadedExecutor(context=nodes[0].context)
    for each in nodes:
        executor.add_node(each)

    def until(predicate: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
        import time

        end = time.monotonic() + timeout_s
        while not predicate() and time.monotonic() < end:
            executor.spin_once(timeout_sec=min(0.5, timeout_s))
        return predicate()

    try:
        yield until
    finally:
        executor.shutdown()
