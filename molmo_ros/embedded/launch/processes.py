"""What Linux offers to keep track of descendants; elsewhere these do nothing."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36


@functools.cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int | bytes) -> None:
    if LINUX:
        _libc().prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def set_name(name: str) -> None:
    """The short name of this process in process lists."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def ended_child(known: Iterable[int]) -> int | None:
    """A child that ended and was not waited for yet; it stays so, and its id taken, until `os.waitpid`.

    Args:
        known: the children to ask about where the system cannot tell of any (macOS before Python 3.13).
    """
    if hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return None if ended is None else ended.si_pid
        return None
    return next((pid for pid in known if _is_zombie(pid)), None)


def _is_zombie(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state.strip().startswith("Z")


def children() -> list[int]:
    """Direct children of this process, ended ones that were not waited for included."""
    found = []
    me = str(os.getpid())
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[1] == me:
                    found.append(int(name))
    return found


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_all_children() -> None:
    """Kill and wait for every child, and for what they leave behind, until there is none."""
    while True:
        left = children()
        for pid in left:
            kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not left:
            return
