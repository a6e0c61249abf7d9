"""Signals: SIGINT and SIGTERM end every context and wake every executor."""

from __future__ import annotations

import signal
import threading
import weakref
from enum import IntFlag
from types import FrameType
from typing import Any

from rclpy.impl.context import shutdown_contexts
from rclpy.impl.wait import GuardCondition


class SignalHandlerOptions(IntFlag):
    """Which signals are handled."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_previous: dict[int, Any] = {}
_guards: weakref.WeakSet[GuardCondition] = weakref.WeakSet()


def _handle(number: int, frame: FrameType | None) -> None:
    for guard in list(_guards):
        guard.triggered = True
    shutdown_contexts()
    previous = _previous.get(number)
    if callable(previous):
        previous(number, frame)


def install_signal_handlers(options: SignalHandlerOptions) -> None:
    """Handle signals from now on; outside the main thread Python does not allow it."""
    if threading.current_thread() is not threading.main_thread():
        return
    for flag, number in (
        (SignalHandlerOptions.SIGINT, signal.SIGINT),
        (SignalHandlerOptions.SIGTERM, signal.SIGTERM),
    ):
        if options & flag and number not in _previous:
            _previous[number] = signal.signal(number, _handle)


def uninstall_signal_handlers() -> None:
    """Put the handlers back that were there before."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number, previous in list(_previous.items()):
        if signal.getsignal(number) is _handle:
            signal.signal(number, previous if previous is not None else signal.SIG_DFL)
        del _previous[number]


def get_current_signal_handlers_options() -> SignalHandlerOptions:
    """Which signals are handled now."""
    options = SignalHandlerOptions.NO
    if signal.SIGINT in _previous:
        options |= SignalHandlerOptions.SIGINT
    if signal.SIGTERM in _previous:
        options |= SignalHandlerOptions.SIGTERM
    return options


def register_sigint_guard_condition(guard: GuardCondition) -> None:
    """Trigger a guard condition at each signal."""
    _guards.add(guard)


def unregister_sigint_guard_condition(guard: GuardCondition) -> None:
    """Stop triggering it."""
    _guards.discard(guard)
