"""The process that starts and owns every process of a launch.

It is the parent of all of them and the reaper of their orphans, so nothing outlives it: when the launcher ends or is
killed the channel closes and the spawner stops the whole tree; when the spawner itself is killed the kernel kills its
children (`PR_SET_PDEATHSIG`) and the launcher their process groups. Python entry points are forked from this process
after rclpy and numpy were imported once, which is what makes eight nodes start as fast as two.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from molmo_ros.embedded.launch import processes, program
from molmo_ros.embedded.launch.channel import Channel, ChannelClosed

PRELOAD = (
    "numpy",
    "rclpy",
    "rclpy.node",
    "rclpy.action",
    "rclpy.executors",
    "rclpy.qos",
    "std_msgs.msg",
    "geometry_msgs.msg",
    "sensor_msgs.msg",
)
PRELOAD_IF_INSTALLED = ("yaml", "cv2", "scipy.spatial", "tf2_ros", "diagnostic_updater", "molmo_ros_interfaces.msg")
GRACE_S = 1.0
CANNOT_RUN = 127
_EMBEDDED = Path(__file__).resolve().parents[1]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A forked child that has to run a Python entry point."""

    target: str
    name: str
    arguments: list[str]


class Spawner:
    """Serves one launcher until it asks to stop or goes away."""

    def __init__(self, channel: Channel, scratch: str) -> None:
        self.channel = channel
        self.scratch = scratch
        self.live: dict[int, int] = {}
        self.preloaded = False
        self.wakeup_read, self.wakeup_write = os.pipe()

    def serve(self) -> Job | None:
        """Handle requests; returns a job in a forked child, and None when the launch is over."""
        processes.adopt_orphans()
        for descriptor in (self.wakeup_read, self.wakeup_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self.wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(ignored, signal.SIG_IGN)
        with selectors.DefaultSelector() as selector:
            selector.register(self.channel, selectors.EVENT_READ)
            selector.register(self.wakeup_read, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                self._reap()
                if self.channel in ready:
                    try:
                        message, descriptors = self.channel.receive()
                    except ChannelClosed:
                        break
                    if message["do"] == "stop":
                        break
                    job = self._handle(message, descriptors)
                    if job is not None:
                        selector.close()
                        return job
        self._stop_all()
        return None

    def _handle(self, message: dict[str, Any], descriptors: list[int]) -> Job | None:
        match message["do"]:
            case "preload":
                self.preloaded = _preload()
            case "spawn":
                return self._spawn(message, descriptors)
            case "signal":
                self._signal(message["pid"], message["signal"])
        return None

    def _spawn(self, message: dict[str, Any], descriptors: list[int]) -> Job | None:
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            try:
                return self._become(message, descriptors, parent)
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                os._exit(CANNOT_RUN)
        for descriptor in descriptors:
            os.close(descriptor)
        self.live[pid] = message["id"]
        self._tell({"event": "started", "id": message["id"], "pid": pid})
        return None

    def _become(self, message: dict[str, Any], descriptors: list[int], parent: int) -> Job | None:
        """Turn this forked child into the process that was asked for."""
        os.setsid()
        processes.die_with_parent()
        if os.getppid() != parent:
            os._exit(CANNOT_RUN)
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[-1], 2)
        for descriptor in {*descriptors, self.wakeup_read, self.wakeup_write, self.channel.fileno()} - {0, 1, 2}:
            os.close(descriptor)
        if message["cwd"] is not None:
            os.chdir(message["cwd"])
        os.environ.clear()
        os.environ.update(message["environment"])
        entry, arguments = message["entry"], message["arguments"]
        if entry is None or not message["fork"] or not self.preloaded:
            command = message["prefix"] + (program.command_line(program.from_target(entry)) if entry else [])
            _execute(command + arguments, shell=message["shell"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        sys.stdout.reconfigure(line_buffering=True)
        processes.set_name(message["name"])
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        return Job(target=entry, name=message["name"], arguments=arguments)

    def _signal(self, pid: int, number: int) -> None:
        if pid in self.live:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    def _reap(self) -> None:
        """Take note of children that ended, and end what they left behind in their process group."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup_read, 4096)
        while True:
            pid = processes.ended_child(self.live)
            if pid is None:
                return
            if pid in self.live:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGTERM if processes.LINUX else signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            name = self.live.pop(pid, None)
            if name is not None:
                self._tell({"event": "exited", "id": name, "code": os.waitstatus_to_exitcode(status)})

    def _stop_all(self) -> None:
        """End every descendant: interrupt, terminate, kill."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if self.live:
                for pid in list(self.live):
                    self._signal(pid, number)
                self._wait_until_gone(GRACE_S)
        if processes.children():
            for pid in processes.children():
                processes.kill(pid, signal.SIGTERM)
            self._wait_until_gone(GRACE_S)
        while processes.children() or self.live:
            for pid in list(self.live):
                self._signal(pid, signal.SIGKILL)
            for pid in processes.children():
                processes.kill(pid, signal.SIGKILL)
            self._wait_until_gone(0.05)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _wait_until_gone(self, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while (self.live or processes.children()) and time.monotonic() < deadline:
            with selectors.DefaultSelector() as selector:
                selector.register(self.wakeup_read, selectors.EVENT_READ)
                selector.select(min(0.05, limit_s))
            self._reap()

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ChannelClosed):
            self.channel.send(message)


def _preload() -> bool:
    """Import what most nodes import, once; False where forking a node is not safe or saves nothing."""
    from molmo_ros.embedded import install

    install()
    try:
        for name in PRELOAD:
            importlib.import_module(name)
    except Exception:
        return False
    for name in PRELOAD_IF_INSTALLED:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    return str(_EMBEDDED) in str(sys.modules["rclpy"].__file__)


def _execute(command: list[str], *, shell: bool) -> NoReturn:
    if shell:
        command = ["/bin/sh", "-c", " ".join(command)]
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot run '{command[0]}': {error.strerror}\n".encode())
        os._exit(CANNOT_RUN)


def main() -> object:
    """Serve the launcher whose socket the command line names."""
    end = socket.socket(fileno=int(sys.argv[1]))
    job = Spawner(Channel(end), sys.argv[2]).serve()
    if job is None:
        return 0
    end.detach()
    return program.run(program.from_target(job.target), job.name, job.arguments)


if __name__ == "__main__":
    sys.exit(main())
