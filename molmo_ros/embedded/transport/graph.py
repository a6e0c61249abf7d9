"""What the network holds: every node and endpoint whose liveliness token is alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport.keys import Entity

Listener = Callable[[Entity, bool], None]

MAX_ENTITIES = 100_000
"""Entities believed at once, so that a hostile peer cannot fill the memory with tokens."""


class Graph:
    """A cache of the ROS graph, fed by liveliness tokens.

    Watchers hear ``(entity, appeared)`` after the cache has changed, outside its lock; they are
    kept by kind and name, so that a change costs only those whom it concerns.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._entities: dict[str, Entity] = {}
        self._by_name: dict[tuple[str, str], dict[str, Entity]] = {}
        self._watchers: dict[tuple[str, str], list[Listener]] = {}
        self.on_change: Callable[[], None] | None = None

    def add(self, token: str, entity: Entity) -> None:
        """Note an entity; noting it twice changes nothing."""
        with self._changed:
            if token in self._entities or len(self._entities) >= MAX_ENTITIES:
                return
            self._entities[token] = entity
            self._by_name.setdefault((entity.kind, entity.name), {})[token] = entity
            self._changed.notify_all()
            watchers = tuple(self._watchers.get((entity.kind, entity.name), ()))
        self._tell(watchers, entity, True)

    def remove(self, token: str) -> None:
        """Forget an entity."""
        with self._changed:
            entity = self._entities.pop(token, None)
            if entity is None:
                return
            peers = self._by_name[entity.kind, entity.name]
            del peers[token]
            if not peers:
                del self._by_name[entity.kind, entity.name]
            self._changed.notify_all()
            watchers = tuple(self._watchers.get((entity.kind, entity.name), ()))
        self._tell(watchers, entity, False)

    def _tell(self, watchers: tuple[Listener, ...], entity: Entity, appeared: bool) -> None:
        for watcher in watchers:
            watcher(entity, appeared)
        if self.on_change is not None:
            self.on_change()

    def watch(self, kind: str, name: str, listener: Listener) -> list[Entity]:
        """Tell ``listener`` of endpoints on one topic or service; those already there are returned."""
        with self._changed:
            self._watchers.setdefault((kind, name), []).append(listener)
            return list(self._by_name.get((kind, name), {}).values())

    def unwatch(self, kind: str, name: str, listener: Listener) -> None:
        """Stop telling ``listener``."""
        with self._changed:
            watchers = self._watchers.get((kind, name), [])
            if listener in watchers:
                watchers.remove(listener)
            if not watchers:
                self._watchers.pop((kind, name), None)

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float | None) -> bool:
        """Block until ``predicate`` holds, looking again at each change of the graph."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not predicate():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def touch(self) -> None:
        """Make those who wait look again (a context ended)."""
        with self._changed:
            self._changed.notify_all()

    def entities(self, kind: str) -> list[Entity]:
        """All entities of a kind."""
        with self._changed:
            return [entity for entity in self._entities.values() if entity.kind == kind]

    def endpoints(self, kind: str, name: str) -> list[Entity]:
        """The endpoints of a kind on one topic or service."""
        with self._changed:
            return list(self._by_name.get((kind, name), {}).values())

    def count(self, kind: str, name: str) -> int:
        """How many endpoints of a kind one topic or service has."""
        return len(self._by_name.get((kind, name), ()))

    def has_node(self, name: str, namespace: str) -> bool:
        """Whether a node of this name is known."""
        return any(e.full_node_name == (name, namespace) for e in self.entities(keys.NODE))

    def names_and_types(self, kinds: Iterable[str], node: tuple[str, str] | None = None) -> list[tuple[str, list[str]]]:
        """Sorted names with their sorted types, of the whole graph or of one ``(name, namespace)``."""
        found: dict[str, set[str]] = {}
        for kind in kinds:
            for entity in self.entities(kind):
                if node is None or entity.full_node_name == node:
                    found.setdefault(entity.name, set()).add(keys.ros_type(entity.dds_type))
        return [(name, sorted(found[name])) for name in sorted(found)]
