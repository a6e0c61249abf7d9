"""Handles that live until the last user lets go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rclpy.impl.errors import InvalidHandle

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Handle:
    """Something that can be destroyed while another thread still uses it.

    ``with handle:`` keeps it alive for the block; :meth:`destroy_when_not_in_use` refuses new
    users at once and tears down when the last block ends.
    """

    def __init__(self) -> None:
        self._users = 0
        self._doomed = False
        self._use_lock = threading.Lock()

    def __enter__(self) -> Self:
        with self._use_lock:
            if self._doomed:
                raise InvalidHandle("cannot use Destroyable because destruction was requested")
            self._users += 1
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        with self._use_lock:
            self._users -= 1
            finish = self._doomed and self._users == 0
        if finish:
            self._destroy()

    def destroy_when_not_in_use(self) -> None:
        """Destroy now, or as soon as the last user is done; a second call does nothing."""
        with self._use_lock:
            if self._doomed:
                return
            self._doomed = True
            finish = self._users == 0
        if finish:
            self._destroy()

    @property
    def pointer(self) -> int:
        """A number that identifies this handle, as wait sets report it."""
        return id(self)

    def _destroy(self) -> None:
        """Release what the handle holds; called once."""

    def is_ready(self) -> bool:
        """Whether a wait set that holds this handle should wake."""
        return False
