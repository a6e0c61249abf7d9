"""A diagnostic status that is easy to fill."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


class DiagnosticStatusWrapper(DiagnosticStatus):
    """A ``DiagnosticStatus`` with methods to set, merge and extend it."""

    def __init__(self, *args: Any, **kwds: Any) -> None:
        DiagnosticStatus.__init__(self, *args, **kwds)

    def summary(self, *args: Any) -> None:
        """Set level and message: ``summary(level, message)`` or ``summary(status)``."""
        self.level, self.message = _level_and_message(args)

    def clearSummary(self) -> None:
        """Set the level to OK and the message to nothing."""
        self.summary(DiagnosticStatus.OK, "")

    def mergeSummary(self, *args: Any) -> None:
        """Merge another level and message into these: the worse level counts.

        Messages of two bad states (or of two good ones) are joined; else the bad one's stays.
        """
        level, message = _level_and_message(args)
        if (level > DiagnosticStatus.OK) == (self.level > DiagnosticStatus.OK):
            self.message = "; ".join(part for part in (self.message, message) if part)
        elif level > self.level:
            self.message = message
        self.level = max(level, self.level)

    def add(self, key: str, val: Any) -> None:
        """Append a key and its value, as text."""
        self.values.append(KeyValue(key=key, value=str(val)))


def _level_and_message(args: tuple[Any, ...]) -> tuple[bytes, str]:
    if len(args) == 1:
        return args[0].level, args[0].message
    level, message = args
    return level, str(message)
