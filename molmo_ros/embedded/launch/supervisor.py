"""Runs a launch plan: starts its processes, prefixes their output, respawns them and stops the whole tree."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from molmo_ros.embedded.launch import processes, program
from molmo_ros.embedded.launch.channel import Channel, ChannelClosed
from molmo_ros.embedded.launch.output import Output, Screen
from molmo_ros.embedded.launch.plan import EntryPoint, LaunchPlan, MessagePlan, ParameterFile, ProcessPlan, ShutdownPlan

_START_ENVIRONMENT = re.compile(r"(PYTHON|LD_|DYLD_|OMP_|OPENBLAS_|MKL_|NUMEXPR_|MALLOC_|GLIBC_).*")
_SPAWNER_LIMIT_S = 15.0


def run_plan(
    plan: LaunchPlan,
    *,
    screen: Screen | None = None,
    log_dir: Path | None = None,
    preload: bool = True,
    handle_signals: bool = True,
) -> int:
    """Run a plan until everything has ended.

    SIGINT, SIGTERM, SIGHUP and SIGQUIT stop it in order: every process gets SIGINT, after its `sigterm_timeout`
    SIGTERM, after its `sigkill_timeout` SIGKILL.

    Args:
        plan: what to start.
        screen: where lines go; stdout and stderr of this process by default.
        log_dir: folder of log files; none are written without it.
        preload: start Python nodes by forking a process that has imported rclpy already.
        handle_signals: this process is for this launch alone: install signal handlers (only possible in the main
            thread), and end every descendant should the spawner be killed.

    Returns:
        0, or 1 when a process ended with an error of its own that nothing respawned.
    """
    return asyncio.run(
        Supervisor(plan, screen or Screen(), log_dir, preload=preload).run(handle_signals=handle_signals)
    )


class _Process:
    """One process of the plan through its respawns."""

    def __init__(self, number: int, plan: ProcessPlan) -> None:
        self.number = number
        self.plan = plan
        self.name = f"{plan.name}-{number}"
        self.pid: int | None = None
        self.retries = 0
        self.outputs: list[Output] = []
        self.timers: list[asyncio.TimerHandle] = []


class Supervisor:
    """The launcher's side: one event loop, one spawner, the processes of one plan."""

    def __init__(self, plan: LaunchPlan, screen: Screen, log_dir: Path | None, *, preload: bool) -> None:
        self.plan = plan
        self.screen = screen
        self.log_dir = log_dir
        self.preload = preload
        self.processes = [_Process(number, step) for number, step in enumerate(plan.processes, start=1)]
        self.pending: set[asyncio.TimerHandle] = set()
        self.stopping = False
        self.failed = False
        self.scratch = ""

    async def run(self, *, handle_signals: bool = True) -> int:
        """Start, supervise and clean up; returns the exit code."""
        self.loop = asyncio.get_running_loop()
        self.done = self.loop.create_future()
        self.scratch = tempfile.mkdtemp(prefix="molmo_ros_launch_")
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT) if handle_signals else ()
        self.owns_process = handle_signals
        if handle_signals:
            processes.adopt_orphans()
        try:
            self._start_spawner()
            for number in signals:
                self.loop.add_signal_handler(number, self._on_signal, number)
            self._begin()
            await self.done
        finally:
            self._finish()
            for number in signals:
                self.loop.remove_signal_handler(number)
        return 1 if self.failed else 0

    def _start_spawner(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.spawner = subprocess.Popen(
                [sys.executable, "-m", "molmo_ros.embedded.launch.spawner", str(theirs.fileno()), self.scratch],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.channel = Channel(ours)
        self.loop.add_reader(ours.fileno(), self._on_message)
        if self.preload and any(self._forkable(process.plan) for process in self.processes):
            self._tell({"do": "preload"})

    def _begin(self) -> None:
        processes = iter(self.processes)
        for step in self.plan.steps:
            process = next(processes) if isinstance(step, ProcessPlan) else None
            if step.delay_s > 0.0:
                self._later(step.delay_s, step, process)
            else:
                self._do(step, process)
        self._end_if_idle()

    def _later(self, delay_s: float, step: ProcessPlan | MessagePlan | ShutdownPlan, process: _Process | None) -> None:
        def fire() -> None:
            self.pending.discard(handle)
            self._do(step, process)
            self._end_if_idle()

        handle = self.loop.call_later(delay_s, fire)
        self.pending.add(handle)

    def _do(self, step: ProcessPlan | MessagePlan | ShutdownPlan, process: _Process | None) -> None:
        if self.stopping:
            return
        if process is not None:
            self._spawn(process)
        elif isinstance(step, MessagePlan):
            self.screen.say("WARNING" if step.warning else "INFO", "launch", step.text)
        elif isinstance(step, ShutdownPlan):
            self._shutdown(step.reason)

    def _spawn(self, process: _Process) -> None:
        plan = process.plan
        entry = plan.program if isinstance(plan.program, EntryPoint) else None
        words = self._arguments(process)
        process.outputs = Output.pair(process.name, plan, self.screen, self.log_dir)
        process.pid = 0
        sent = self._tell(
            {
                "do": "spawn",
                "id": process.number,
                "name": plan.name,
                "entry": None if entry is None else program.target(entry),
                "arguments": words if entry is not None else [str(plan.program), *words],
                "prefix": list(plan.prefix),
                "shell": plan.shell,
                "environment": plan.environment,
                "cwd": plan.cwd,
                "fork": self.preload and self._forkable(plan),
            },
            [output.write_end for output in process.outputs],
        )
        for output in process.outputs:
            output.started()
            if sent:
                self.loop.add_reader(output.read_end, self._on_output, output)

    def _forkable(self, plan: ProcessPlan) -> bool:
        """Whether a Python node may be forked: nothing that is read at an interpreter's start differs."""
        if not isinstance(plan.program, EntryPoint) or plan.prefix or plan.shell:
            return False
        names = {name for name in {*plan.environment, *os.environ} if _START_ENVIRONMENT.fullmatch(name)}
        return all(plan.environment.get(name) == os.environ.get(name) for name in names)

    def _arguments(self, process: _Process) -> list[str]:
        words = []
        for index, argument in enumerate(process.plan.arguments):
            if not isinstance(argument, ParameterFile):
                words.append(argument)
            elif argument.path:
                words.append(argument.path)
            else:
                path = Path(self.scratch) / f"{process.name.replace(os.sep, '_')}_{index}.yaml"
                path.write_text(argument.text, encoding="utf-8")
                words.append(str(path))
        return words

    def _on_output(self, output: Output) -> None:
        if not output.read():
            self.loop.remove_reader(output.read_end)
            output.close()

    def _on_message(self) -> None:
        try:
            message, _ = self.channel.receive()
        except ChannelClosed:
            self._spawner_lost()
            return
        process = self.processes[message["id"] - 1]
        if message["event"] == "started":
            process.pid = message["pid"]
            self.screen.say("INFO", process.name, f"process started with pid [{process.pid}]")
            if self.stopping:
                self._stop(process)
        else:
            self._exited(process, message["code"])

    def _exited(self, process: _Process, code: int) -> None:
        pid, process.pid = process.pid, None
        for timer in process.timers:
            timer.cancel()
        process.timers = []
        for output in process.outputs:
            if not output.closed:
                self.loop.remove_reader(output.read_end)
                output.drain()
                output.close()
        if code == 0:
            self.screen.say("INFO", process.name, f"process has finished cleanly [pid {pid}]")
        else:
            command = process.plan.describe()
            text = f"process has died [pid {pid}, exit code {code}, cmd '{command}']."
            self.screen.say("ERROR", process.name, text)
        if not self.stopping:
            self._after_exit(process, code)
        self._end_if_idle()

    def _after_exit(self, process: _Process, code: int) -> None:
        plan = process.plan
        if plan.shutdown_on_exit:
            self.failed = self.failed or code != 0
            self.screen.say("INFO", "launch", f"process[{process.name}] was required: shutting down launched system")
            self._shutdown("")
            return
        if plan.respawn and (plan.respawn_max_retries < 0 or process.retries < plan.respawn_max_retries):
            process.retries += 1
            self._later(plan.respawn_delay_s, plan, process)
            return
        self.failed = self.failed or code != 0

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        spoken = "ctrl-c (SIGINT)" if number == signal.SIGINT else name
        if self.stopping:
            self.screen.say("WARNING", "launch", f"user interrupted with {spoken} again, still shutting down")
            return
        self.screen.say("WARNING", "launch", f"user interrupted with {spoken}")
        self._shutdown("")

    def _shutdown(self, reason: str) -> None:
        if self.stopping:
            return
        if reason:
            self.screen.say("INFO", "launch", f"shutting down: {reason}")
        self.stopping = True
        for handle in self.pending:
            handle.cancel()
        self.pending.clear()
        for process in self.processes:
            if process.pid:
                self._stop(process)
        self._end_if_idle()

    def _stop(self, process: _Process) -> None:
        first, second = process.plan.sigterm_timeout_s, process.plan.sigkill_timeout_s
        self._signal(process, signal.SIGINT)
        process.timers = [
            self.loop.call_later(first, self._escalate, process, signal.SIGINT, signal.SIGTERM, first),
            self.loop.call_later(first + second, self._escalate, process, signal.SIGTERM, signal.SIGKILL, second),
        ]

    def _escalate(self, process: _Process, before: signal.Signals, after: signal.Signals, waited_s: float) -> None:
        text = (
            f"process[{process.name}] failed to terminate '{waited_s:g}' seconds after receiving "
            f"'{before.name}', escalating to '{after.name}'"
        )
        self.screen.say("ERROR", process.name, text)
        self._signal(process, after)

    def _signal(self, process: _Process, number: signal.Signals) -> None:
        if process.pid:
            self.screen.say("INFO", process.name, f"sending signal '{number.name}' to process[{process.name}]")
            self._tell({"do": "signal", "pid": process.pid, "signal": int(number)})

    def _tell(self, message: dict[str, object], descriptors: Iterable[int] = ()) -> bool:
        try:
            self.channel.send(message, list(descriptors))
        except ChannelClosed:
            self.loop.call_soon(self._spawner_lost)
            return False
        return True

    def _spawner_lost(self) -> None:
        """The spawner was killed: its children died with it; end their process groups too."""
        if self.done.done():
            return
        self.loop.remove_reader(self.channel.fileno())
        for process in self.processes:
            if process.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        if self.owns_process:
            self.spawner.wait()
            processes.kill_all_children()
        self.screen.say("ERROR", "launch", "the process that owns the launched processes was killed; all of them ended")
        self.failed = True
        self.done.set_result(None)

    def _end_if_idle(self) -> None:
        busy = self.pending or any(process.pid is not None for process in self.processes)
        if not busy and not self.done.done():
            self.done.set_result(None)

    def _finish(self) -> None:
        for handle in self.pending:
            handle.cancel()
        for process in self.processes:
            for output in process.outputs:
                if not output.closed:
                    self.loop.remove_reader(output.read_end)
                    output.close()
        self.loop.remove_reader(self.channel.fileno())
        with contextlib.suppress(ChannelClosed):
            self.channel.send({"do": "stop"})
        self.channel.close()
        try:
            self.spawner.wait(_SPAWNER_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.spawner.kill()
            self.spawner.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
