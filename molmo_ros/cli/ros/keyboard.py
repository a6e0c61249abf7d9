"""Single key strokes from the terminal while a command runs."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Mapping

SPACE, UP, DOWN, RIGHT = " ", "\x1b[A", "\x1b[B", "\x1b[C"


@contextlib.contextmanager
def keys(actions: Mapping[str, Callable[[], object]], *, enabled: bool = True) -> Iterator[bool]:
    """Call the action of each key pressed; yields whether there is a terminal to read from."""
    if not enabled or not sys.stdin.isatty():
        yield False
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(descriptor, actions, stop), daemon=True)
    tty.setcbreak(descriptor)
    reader.start()
    try:
        yield True
    finally:
        stop.set()
        reader.join()
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read(descriptor: int, actions: Mapping[str, Callable[[], object]], stop: threading.Event) -> None:
    while not stop.is_set():
        if select.select([descriptor], [], [], 0.1)[0]:
            pressed = os.read(descriptor, 16).decode(errors="replace")
            action = actions.get(pressed)
            if action is not None:
                action()
