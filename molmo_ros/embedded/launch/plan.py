"""What a launch file comes to: processes, messages and an optional shutdown, all substitutions made."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

MAX_SHOWN = 160


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


@dataclass(frozen=True, kw_only=True)
class ParameterFile:
    """A parameter file given to a node: one that exists, or the text of one to write."""

    path: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """A Python function that is a program: `module` and `function` of a console script, or a module alone.

    `module` alone runs like `python -m`; `script` runs a Python file.
    """

    module: str = ""
    function: str = ""
    script: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessPlan:
    """One process to start.

    Attributes:
        name: label of its output lines, without the running number.
        program: what to run: a path, or an entry point of this interpreter.
        prefix: words put before the program (`launch-prefix`).
        arguments: arguments after the program; a `ParameterFile` stands for its path.
        environment: the whole environment of the process.
        delay_s: seconds after the start of the launch (timers).
        place: file and line that asked for it.
    """

    name: str
    program: str | EntryPoint
    arguments: tuple[str | ParameterFile, ...] = ()
    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    output: str = "log"
    shell: bool = False
    emulate_tty: bool = False
    respawn: bool = False
    respawn_delay_s: float = 0.0
    respawn_max_retries: int = -1
    sigterm_timeout_s: float = 5.0
    sigkill_timeout_s: float = 5.0
    shutdown_on_exit: bool = False
    delay_s: float = 0.0
    place: str = ""

    def describe(self) -> str:
        """The command line, as a person would type it."""
        if isinstance(self.program, EntryPoint):
            words = [self.program.script or f"{self.program.module}:{self.program.function or '__main__'}"]
        else:
            words = [self.program]
        for argument in self.arguments:
            if isinstance(argument, ParameterFile):
                words.append(argument.path or f"<{_shortened(' '.join(argument.text.split()))}>")
            else:
                words.append(argument)
        return " ".join([*self.prefix, *(words if self.shell else map(shlex.quote, words))])


@dataclass(frozen=True, kw_only=True)
class MessagePlan:
    """A line to print (`log`)."""

    text: str
    delay_s: float = 0.0
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class ShutdownPlan:
    """End the launch (`shutdown`)."""

    reason: str
    delay_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """Everything a launch file starts, in the order of the file."""

    steps: tuple[ProcessPlan | MessagePlan | ShutdownPlan, ...]

    @property
    def processes(self) -> tuple[ProcessPlan, ...]:
        """The processes alone."""
        return tuple(step for step in self.steps if isinstance(step, ProcessPlan))


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A declared launch argument.

    Attributes:
        default: its default as written in the file, None where it must be given.
        conditional: it is only declared under a condition.
    """

    name: str
    description: str
    default: str | None
    choices: tuple[str, ...]
    conditional: bool
