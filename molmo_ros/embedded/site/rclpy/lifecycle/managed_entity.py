"""Entities that follow the life cycle of their node."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rclpy.lifecycle.state_machine import TransitionCallbackReturn


class ManagedEntity:
    """Something that is told of its node's transitions; ``state`` is the state they start from."""

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """The node is being configured."""
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """The node is being cleaned up."""
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """The node is being shut down."""
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """The node is being activated."""
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """The node is being deactivated."""
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: Any) -> TransitionCallbackReturn:
        """A transition went wrong."""
        return TransitionCallbackReturn.SUCCESS


class SimpleManagedEntity(ManagedEntity):
    """An entity that knows only whether its node is active."""

    def __init__(self) -> None:
        self._enabled = False

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Work from now on."""
        self._enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Rest from now on."""
        self._enabled = False
        return TransitionCallbackReturn.SUCCESS

    @property
    def is_activated(self) -> bool:
        """Whether the node is active."""
        return self._enabled

    @staticmethod
    def when_enabled(
        wrapped: Callable[..., Any] | None = None, *, when_not_enabled: Callable[[], None] | None = None
    ) -> Callable[..., Any]:
        """Decorate a method so that it does nothing while the node is not active.

        Args:
            wrapped: The method, where the decorator is used without arguments.
            when_not_enabled: Called instead of the method.
        """

        def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(method)
            def guarded(self: SimpleManagedEntity, *args: Any, **kwargs: Any) -> None:
                if self._enabled:
                    method(self, *args, **kwargs)
                elif when_not_enabled is not None:
                    when_not_enabled()

            return guarded

        return decorate if wrapped is None else decorate(wrapped)
