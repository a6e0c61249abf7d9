"""Signal handling."""

from __future__ import annotations

import contextlib

from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.impl.signal_handlers import (
    SignalHandlerOptions,
    get_current_signal_handlers_options,
    uninstall_signal_handlers,
)

__all__ = [
    "SignalHandlerGuardCondition",
    "SignalHandlerOptions",
    "get_current_signal_handlers_options",
    "install_signal_handlers",
    "uninstall_signal_handlers",
]


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """End every context at SIGINT or SIGTERM, then do what was done before."""
    _rclpy.install_signal_handlers(options)


class SignalHandlerGuardCondition(GuardCondition):
    """A guard condition that signals trigger."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__(callback=None, callback_group=None, context=context)
        with self.handle:
            _rclpy.register_sigint_guard_condition(self.handle)

    def __del__(self) -> None:
        with contextlib.suppress(InvalidHandle, ValueError, AttributeError):
            self.destroy()

    def destroy(self) -> None:
        """Stop being triggered."""
        with self.handle:
            _rclpy.unregister_sigint_guard_condition(self.handle)
        super().destroy()
