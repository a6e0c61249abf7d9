"""What a diagnostic task is, and collections of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ._status import DiagnosticStatusWrapper

TaskFunction = Callable[[DiagnosticStatusWrapper], DiagnosticStatusWrapper]


class DiagnosticTask:
    """Has a name and fills a status when run. For subclassing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getName(self) -> str:
        """Return the name."""
        return self.name

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        return stat


class FunctionDiagnosticTask(DiagnosticTask):
    """A task made of a function."""

    def __init__(self, name: str, fn: TaskFunction) -> None:
        super().__init__(name)
        self.fn = fn

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Call the function."""
        return self.fn(stat)


class CompositeDiagnosticTask(DiagnosticTask):
    """Several tasks that report as one: the worst level, the messages of all bad ones."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.tasks: list[DiagnosticTask] = []

    def addTask(self, t: DiagnosticTask) -> None:
        """Add a task."""
        self.tasks.append(t)

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Run the tasks one after the other on the same status and merge their summaries."""
        before, combined = DiagnosticStatusWrapper(), DiagnosticStatusWrapper()
        before.summary(stat)
        for task in self.tasks:
            stat.summary(before)
            stat = task.run(stat)
            combined.mergeSummary(stat)
        stat.summary(combined)
        return stat


class DiagnosticTaskVector:
    """A list of named tasks, safe to change while another thread runs them."""

    class DiagnosticTaskInternal:
        """A task as the list keeps it."""

        def __init__(self, name: str, fn: TaskFunction) -> None:
            self.name = name
            self.fn = fn

        def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
            """Name the status and run the task."""
            stat.name = self.name
            return self.fn(stat)

    def __init__(self) -> None:
        self.tasks: list[DiagnosticTaskVector.DiagnosticTaskInternal] = []
        self.lock = threading.Lock()

    def addedTaskCallback(self, task: DiagnosticTaskInternal) -> None:
        """React to a new task; for subclassing."""

    def add(self, *args: Any) -> None:
        """Add a task: ``add(task)`` or ``add(name, function)``."""
        name, function = (args[0].getName(), args[0].run) if len(args) == 1 else args
        task = DiagnosticTaskVector.DiagnosticTaskInternal(name, function)
        with self.lock:
            self.tasks.append(task)
            self.addedTaskCallback(task)

    def removeByName(self, name: str) -> bool:
        """Remove the first task of a name; returns whether there was one."""
        with self.lock:
            for index, task in enumerate(self.tasks):
                if task.name == name:
                    del self.tasks[index]
                    return True
        return False
