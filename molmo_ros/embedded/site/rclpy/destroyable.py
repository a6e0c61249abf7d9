"""What rclpy's handles have in common."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol


class DestroyableType(Protocol):
    """A handle: usable in ``with`` until it is destroyed."""

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exctb: TracebackType | None,
    ) -> None: ...

    def destroy_when_not_in_use(self) -> None:
        """Destroy as soon as nobody uses it."""
