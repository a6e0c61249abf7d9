"""Which callbacks may run at the same time."""

from __future__ import annotations

import weakref
from threading import Lock
from typing import Any


class CallbackGroup:
    """A set of entities whose callbacks an executor schedules together."""

    def __init__(self) -> None:
        self.entities: set[weakref.ReferenceType[Any]] = set()

    def add_entity(self, entity: Any) -> None:
        """Make an entity a member."""
        self.entities.add(weakref.ref(entity))

    def has_entity(self, entity: Any) -> bool:
        """Whether an entity is a member."""
        return weakref.ref(entity) in self.entities

    def can_execute(self, entity: Any) -> bool:
        """Whether a member's callback may begin now."""
        raise NotImplementedError

    def beginning_execution(self, entity: Any) -> bool:
        """Note that a member's callback begins; ``False`` when it may not."""
        raise NotImplementedError

    def ending_execution(self, entity: Any) -> None:
        """Note that a member's callback has ended."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """All callbacks may run at the same time."""

    def can_execute(self, entity: Any) -> bool:
        """Always."""
        return True

    def beginning_execution(self, entity: Any) -> bool:
        """Always."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """Nothing to note."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """One callback at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._active_entity: Any = None
        self._lock = Lock()

    def can_execute(self, entity: Any) -> bool:
        """When no other runs."""
        return self._active_entity is None

    def beginning_execution(self, entity: Any) -> bool:
        """Reserve the group."""
        with self._lock:
            if self._active_entity is not None:
                return False
            self._active_entity = entity
            return True

    def ending_execution(self, entity: Any) -> None:
        """Free the group."""
        with self._lock:
            if self._active_entity is entity:
                self._active_entity = None
