"""Output of launched processes: whole lines, prefixed with the process' name, on the screen and in log files."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from molmo_ros.embedded.launch.plan import ProcessPlan

MAX_LINE_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 16
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m"}
_RESET = "\x1b[0m"


class Screen:
    """Where the lines of a launch are shown."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr

    def say(self, level: str, who: str, text: str) -> None:
        """A line of the launcher itself."""
        line = f"[{level}] [{who}]: {text}"
        if self.out.isatty() and level in _COLOURS:
            line = f"{_COLOURS[level]}{line}{_RESET}"
        self.write(line, error=False)

    def write(self, line: str, *, error: bool) -> None:
        """One or more lines as they are; a screen that is gone is no reason to stop a robot."""
        stream = self.err if error else self.out
        with contextlib.suppress(OSError, ValueError):
            stream.write(f"{line}\n")
            stream.flush()


class Output:
    """One stream of one process: a pipe or a pseudo terminal, cut into lines."""

    def __init__(self, name: str, *, error: bool, screen: Screen | None, logs: list[Path], tty: bool) -> None:
        self.name = name
        self.error = error
        self.screen = screen
        self.logs = logs
        self.read_end, self.write_end = os.openpty() if tty else os.pipe()
        os.set_blocking(self.read_end, False)
        self.rest = b""
        self.closed = False

    @staticmethod
    def pair(name: str, plan: ProcessPlan, screen: Screen, log_dir: Path | None) -> list[Output]:
        """The streams of a process as its `output` attribute wants them: one for a terminal, else two."""
        outputs = []
        for source in ("stdout",) if plan.emulate_tty else ("stdout", "stderr"):
            shown = plan.output in ("screen", "both", "full") or (plan.output == "log" and source == "stderr")
            logs = []
            if log_dir is not None:
                if plan.output in ("log", "both", "full"):
                    logs.append(log_dir / "launch.log")
                if plan.output in ("own_log", "full"):
                    logs += [log_dir / f"{name}-{source}.log", log_dir / f"{name}.log"]
            outputs.append(
                Output(
                    name,
                    error=source == "stderr",
                    screen=screen if shown else None,
                    logs=logs,
                    tty=plan.emulate_tty,
                )
            )
        return outputs

    def started(self) -> None:
        """The process has its end; give up ours."""
        os.close(self.write_end)

    def read(self) -> bool:
        """Take what is there; False at the end of the stream."""
        try:
            data = os.read(self.read_end, _CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            return False
        self._take(data)
        return True

    def drain(self) -> None:
        """Take everything that is there now."""
        while True:
            try:
                data = os.read(self.read_end, _CHUNK_BYTES)
            except OSError:
                return
            if not data:
                return
            self._take(data)

    def close(self) -> None:
        """Write the unfinished last line and let go of the stream."""
        if self.rest:
            self._write([self.rest])
            self.rest = b""
        if not self.closed:
            os.close(self.read_end)
            self.closed = True

    def _take(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        while len(self.rest) > MAX_LINE_BYTES:
            lines.append(self.rest[:MAX_LINE_BYTES])
            self.rest = self.rest[MAX_LINE_BYTES:]
        self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        texts = [line.removesuffix(b"\r").decode(errors="replace") for line in lines]
        for path in self.logs if texts else ():
            with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
                file.writelines(f"{time.time():.7f} [{self.name}] {text}\n" for text in texts)
        if self.screen is not None and texts:
            self.screen.write("\n".join(f"[{self.name}] {text}" for text in texts), error=self.error)
