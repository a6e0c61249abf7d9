"""A launch running as a process of its own, watched through its output."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

TIMEOUT_S = 40.0


def exists(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(*pids: int) -> None:
    """Wait until no process of these ids runs."""
    deadline = time.monotonic() + TIMEOUT_S
    while any(exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise AssertionError(f"still running: {[pid for pid in pids if exists(pid)]}")
        time.sleep(0.01)


class Launched:
    """`molmo-ros launch FILE [ARGUMENTS]`, its lines collected as they come."""

    def __init__(self, path: Path, *arguments: str, log_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "molmo_ros.cli", "launch", str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "ROS_LOG_DIR": str(log_dir)},
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait for a line that holds the pattern."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            if line is None:
                raise AssertionError(f"the launch ended without '{pattern}':\n" + "\n".join(self.lines))
            self.lines.append(line)
            match = re.search(pattern, line)
            if match:
                return match

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self) -> int:
        """Wait for the end; returns the exit code, and `text` holds everything that was said."""
        code = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        while not self._queue.empty():
            line = self._queue.get()
            if line is not None:
                self.lines.append(line)
        return code

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(TIMEOUT_S)
        self.process.stdout.close()
