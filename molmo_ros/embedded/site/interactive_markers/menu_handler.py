"""The menu of an interactive marker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from visualization_msgs.msg import InteractiveMarkerFeedback, MenuEntry

from .interactive_marker_server import InteractiveMarkerServer


@dataclass(kw_only=True)
class EntryContext:
    """One entry of the menu."""

    title: str
    command: str
    command_type: int
    feedback_cb: Callable[[InteractiveMarkerFeedback], None] | None
    sub_entries: list[int] = field(default_factory=list)
    visible: bool = True
    check_state: int = 0


class MenuHandler:
    """Builds a menu, puts it on markers and calls back when an entry is chosen."""

    NO_CHECKBOX = 0
    CHECKED = 1
    UNCHECKED = 2

    def __init__(self) -> None:
        self.top_level_handles_: list[int] = []
        self.entry_contexts_: dict[int, EntryContext] = {}
        self.current_handle_ = 1
        self.managed_markers_: set[str] = set()

    def insert(
        self,
        title: str,
        parent: int | None = None,
        command_type: int = MenuEntry.FEEDBACK,
        command: str = "",
        callback: Callable[[InteractiveMarkerFeedback], None] | None = None,
    ) -> int | None:
        """Add an entry.

        Args:
            title: What the person reads.
            parent: The entry below which it stands; the top of the menu when not given.
            command_type: ``MenuEntry.FEEDBACK`` to be told, or a command for the viewer to run.
            command: That command.
            callback: Whom to call when the entry is chosen.

        Returns:
            The handle of the entry; ``None`` if there is no such parent.
        """
        if parent is None:
            siblings = self.top_level_handles_
        elif parent in self.entry_contexts_:
            siblings = self.entry_contexts_[parent].sub_entries
        else:
            print(f"Parent menu entry '{parent}' not found", file=sys.stderr)  # noqa: T201
            return None
        handle = self.current_handle_
        self.current_handle_ += 1
        self.entry_contexts_[handle] = EntryContext(
            title=title, command=command, command_type=command_type, feedback_cb=callback
        )
        siblings.append(handle)
        return handle

    def setVisible(self, handle: int, visible: bool) -> bool:
        """Show or hide an entry; returns whether there is one."""
        if handle in self.entry_contexts_:
            self.entry_contexts_[handle].visible = visible
        return handle in self.entry_contexts_

    def setCheckState(self, handle: int, check_state: int) -> bool:
        """Give an entry a check box or take it away; returns whether there is an entry."""
        if handle in self.entry_contexts_:
            self.entry_contexts_[handle].check_state = check_state
        return handle in self.entry_contexts_

    def getCheckState(self, handle: int) -> int | None:
        """Return the state of an entry's check box, ``None`` if there is no entry."""
        context = self.entry_contexts_.get(handle)
        return None if context is None else context.check_state

    def getTitle(self, handle: int) -> str | None:
        """Return the title of an entry, ``None`` if there is no entry."""
        context = self.entry_contexts_.get(handle)
        return None if context is None else context.title

    def apply(self, server: InteractiveMarkerServer, marker_name: str) -> bool:
        """Put the menu on a marker and take over its menu feedback.

        The viewers see it with the server's next ``applyChanges``.

        Returns:
            Whether there is such a marker.
        """
        marker = server.get(marker_name)
        if marker is None:
            self.managed_markers_.discard(marker_name)
            return False
        marker.menu_entries = list(self._entries(self.top_level_handles_, parent_handle=0))
        server.insert(
            marker,
            feedback_callback=self.processFeedback,
            feedback_type=InteractiveMarkerFeedback.MENU_SELECT,
        )
        self.managed_markers_.add(marker_name)
        return True

    def reApply(self, server: InteractiveMarkerServer) -> bool:
        """Put the changed menu on all markers that have it; returns whether all are still there."""
        applied = [self.apply(server, name) for name in sorted(self.managed_markers_)]
        return all(applied)

    def processFeedback(self, feedback: InteractiveMarkerFeedback) -> None:
        """Call the function of the chosen entry."""
        context = self.entry_contexts_.get(feedback.menu_entry_id)
        if context is not None and context.feedback_cb is not None:
            context.feedback_cb(feedback)

    def _entries(self, handles: list[int], parent_handle: int) -> list[MenuEntry]:
        """Return the visible entries of a level, each followed by those below it."""
        boxes = {self.CHECKED: "[x] ", self.UNCHECKED: "[ ] "}
        entries: list[MenuEntry] = []
        for handle in handles:
            context = self.entry_contexts_[handle]
            if not context.visible:
                continue
            entry = MenuEntry()
            entry.id = handle
            entry.parent_id = parent_handle
            entry.title = boxes.get(context.check_state, "") + context.title
            entry.command = context.command
            entry.command_type = context.command_type
            entries.append(entry)
            entries += self._entries(context.sub_entries, handle)
        return entries
