"""Topics: their types, and subscriptions that print or measure."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import typer

from molmo_ros.cli.ros.messages import load_type
from molmo_ros.cli.ros.node import discover, refuse, wait_until


def names_and_types(node: Any, *, hidden: bool, spin_time_s: float | None) -> list[tuple[str, list[str]]]:
    """Topics of the graph, sorted."""
    from rclpy.topic_or_service_is_hidden import topic_or_service_is_hidden

    found = discover(node, node.get_topic_names_and_types, spin_time_s)
    return sorted((name, types) for name, types in found if hidden or not topic_or_service_is_hidden(name))


def full_name(node: Any, topic: str) -> str:
    """The full name of a topic.

    Raises:
        MolmoRosError: when it is no valid name.
    """
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.validate_full_topic_name import validate_full_topic_name

    try:
        name = str(expand_topic_name(topic, node.get_name(), node.get_namespace()))
        validate_full_topic_name(name)
    except Exception as error:
        raise refuse(f"'{topic}' is not a topic name: {str(error).splitlines()[0]}") from error
    return name


def find_class(node: Any, topic: str, *, limit_s: float | None, quiet: bool = False) -> Any:
    """The message class of a topic, once somebody publishes or subscribes.

    Args:
        node: the command's node.
        topic: name of the topic.
        limit_s: how long to wait; forever when None.
        quiet: say nothing while waiting.

    Returns:
        The class, or None when nobody came.

    Raises:
        MolmoRosError: when the topic has several types or an unknown one.
    """
    name = full_name(node, topic)

    def types() -> list[str]:
        return list(dict(node.get_topic_names_and_types()).get(name, []))

    if not wait_until(node, lambda: bool(types()), 1.0 if limit_s is None else min(1.0, limit_s)) and not quiet:
        sys.stderr.write(f"WARNING: topic [{topic}] does not appear to be published yet\n")
    if not wait_until(node, lambda: bool(types()), None if limit_s is None else max(0.0, limit_s - 1.0)):
        return None
    found = types()
    if len(found) > 1:
        raise refuse(f"topic '{topic}' has more than one type: {', '.join(found)}")
    return load_type("message", found[0])


class Rate:
    """Publishing rate over a window of arrivals."""

    def __init__(self, window: int, now_ns: Callable[[], int]) -> None:
        self.intervals: deque[int] = deque(maxlen=window)
        self.now_ns = now_ns
        self.last_ns: int | None = None
        self.fresh = False

    def arrived(self) -> None:
        """Take note of a message."""
        now = self.now_ns()
        if self.last_ns is not None and now < self.last_ns:
            typer.echo("time has reset, resetting counters")
            self.intervals.clear()
        elif self.last_ns is not None:
            self.intervals.append(now - self.last_ns)
            self.fresh = True
        self.last_ns = now

    def report(self) -> str | None:
        """Rate, extremes and deviation since the window began; None without news."""
        if not self.fresh or not self.intervals:
            return None
        self.fresh = False
        seconds = [interval * 1e-9 for interval in self.intervals]
        mean = sum(seconds) / len(seconds)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in seconds) / len(seconds))
        rate = 1.0 / mean if mean > 0.0 else 0.0
        return (
            f"average rate: {rate:.3f}\n\tmin: {min(seconds):.3f}s max: {max(seconds):.3f}s "
            f"std dev: {deviation:.5f}s window: {len(seconds)}"
        )


class Bandwidth:
    """Bytes per second over a window of messages."""

    def __init__(self, window: int) -> None:
        self.samples: deque[tuple[float, int]] = deque(maxlen=window)

    def arrived(self, data: bytes) -> None:
        """Take note of a serialized message."""
        self.samples.append((time.monotonic(), len(data)))

    def report(self) -> str | None:
        """Bytes per second and message sizes; None before two messages."""
        if len(self.samples) < 2:
            return None
        sizes = [size for _, size in self.samples]
        per_second = sum(sizes) / max(time.monotonic() - self.samples[0][0], 1e-9)
        scale, unit, digits = next(
            (scale, unit, digits)
            for scale, unit, digits, limit in ((1, "B", 0, 1e3), (1e3, "KB", 2, 1e6), (1e6, "MB", 2, math.inf))
            if per_second < limit
        )
        shown = [f"{value / scale:.{digits}f} {unit}" for value in (per_second, sum(sizes) / len(sizes))]
        extremes = [f"{value / scale:.{digits}f} {unit}" for value in (min(sizes), max(sizes))]
        return (
            f"{shown[0]}/s from {len(sizes)} messages\n"
            f"\tMessage size mean: {shown[1]} min: {extremes[0]} max: {extremes[1]}"
        )


def report_every_second(node: Any, report: Callable[[], str | None]) -> None:
    """Print a report each second until interrupted."""

    def tell() -> None:
        line = report()
        if line is not None:
            typer.echo(line)

    timer = node.create_timer(1.0, tell, clock=_steady_clock())
    try:
        wait_until(node, lambda: False)
    finally:
        node.destroy_timer(timer)


def _steady_clock() -> Any:
    from rclpy.clock import Clock, ClockType

    return Clock(clock_type=ClockType.STEADY_TIME)
