"""Diagnostics of one node: its fault in words, and how long its work takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater
from rclpy.node import Node

from molmo_ros.core.errors import MolmoRosError


class Health:
    """Publishes on ``diagnostics`` once a second, and logs a fault when it begins.

    Args:
        node: Node it speaks for.
        part: Name of the part.
    """

    def __init__(self, node: Node, part: str) -> None:
        self._node = node
        self._fault: MolmoRosError | None = None
        self._durations: dict[str, deque[float]] = {}
        self._facts: dict[str, str] = {}
        self._updater = Updater(node)
        self._updater.setHardwareID("none")
        self._updater.add(part, self._status)

    def _status(self, status: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        if self._fault is not None:
            status.summary(DiagnosticStatus.ERROR, f"[{self._fault.code.name}] {self._fault.message}")
        else:
            status.summary(DiagnosticStatus.OK, "ok")
        for name, samples in self._durations.items():
            ordered = sorted(samples)
            status.add(f"{name} p50 [ms]", f"{ordered[len(ordered) // 2] * 1e3:.1f}")
            status.add(f"{name} max [ms]", f"{ordered[-1] * 1e3:.1f}")
        for key, value in self._facts.items():
            status.add(key, value)
        return status

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Times the block under a name."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._durations.setdefault(name, deque(maxlen=100)).append(time.perf_counter() - started)

    def fact(self, key: str, value: object) -> None:
        """Shows a value beside the state."""
        self._facts[key] = str(value)

    def fault(self, error: MolmoRosError) -> None:
        """A fault holds from now on."""
        if self._fault is None or self._fault.code is not error.code:
            self._node.get_logger().warning(f"[{error.code.name}] {error.message}")
        self._fault = error

    def ok(self) -> None:
        """All is well from now on."""
        if self._fault is not None:
            self._node.get_logger().info(f"{self._fault.code.name} is over")
        self._fault = None
