"""Guard conditions: callbacks that any thread can ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.utilities import get_default_context


class GuardCondition:
    """Calls ``callback`` in the executor after :meth:`trigger`; nodes make them."""

    def __init__(
        self,
        callback: Callable[[], Any] | None,
        callback_group: CallbackGroup | None,
        context: Context | None = None,
    ) -> None:
        self._context = get_default_context() if context is None else context
        if self._context.handle is None:
            raise RuntimeError("Context must be initialized before it can have a guard condition")
        with self._context.handle:
            self._handle = _rclpy.GuardCondition(self._context.handle)
        self.callback = callback
        self.callback_group = callback_group
        self._executor_event = False
        self._executor_triggered = False

    def trigger(self) -> None:
        """Ask for the callback."""
        with self._handle:
            self._handle.trigger_guard_condition()

    @property
    def handle(self) -> _rclpy.GuardCondition:
        """The core's guard condition."""
        return self._handle

    def destroy(self) -> None:
        """Destroy it; use :meth:`rclpy.node.Node.destroy_guard_condition`."""
        self._handle.destroy_when_not_in_use()
