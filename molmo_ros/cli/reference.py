"""Writes the reference page of the command line from the commands themselves.

`python -m molmo_ros.cli.reference > docs/reference/cli.md`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from molmo_ros.cli.lazy import LazyCommand, load
from molmo_ros.cli.main import app

INTRODUCTION = """\
# molmo-ros: every command and option

This page is written from the commands themselves: `python -m molmo_ros.cli.reference > docs/reference/cli.md`.

The ROS commands have the spelling and the output of `ros2`; they run on an installed ROS 2 where there is one and on
the embedded runtime where there is none. Exit codes: 0 done, 1 a goal or a run failed, 2 the request was refused (one
line `error [CODE] sentence` on stderr), 130 interrupted with Ctrl-C.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups before their commands."""
    root = typer.main.get_command(app)
    yield from _below("molmo-ros", root)


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(command, LazyCommand):
        command = load(command.module, str(command.name))
    yield name, command
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for sub_name in command.list_commands(context):
            sub_command = command.get_command(context, sub_name)
            if sub_command is not None:
                yield from _below(f"{name} {sub_name}", sub_command)


def options(command: Any) -> Iterator[tuple[str, str, str]]:
    """Name, default and help of what a command takes, arguments first."""
    parameters = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    for parameter in sorted(parameters, key=lambda entry: entry.param_type_name != "argument"):
        if parameter.param_type_name == "argument":
            name = f"`{(parameter.metavar or parameter.name).upper()}`"
            name += "" if parameter.required else " (optional)"
        else:
            name = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        default = "" if parameter.default in (None, False, "", ()) else f"`{parameter.default}`"
        yield name, default, getattr(parameter, "help", None) or ""


def page() -> str:
    """The reference page as Markdown."""
    lines = [INTRODUCTION]
    for name, command in commands():
        if name == "molmo-ros":
            continue
        lines.append(f"{'#' * min(1 + name.count(' '), 4)} {name}\n")
        lines.append(f"{' '.join((command.help or '').split())}\n")
        rows = list(options(command))
        if rows:
            lines.append("| argument or option | default | meaning |\n|---|---|---|")
            lines += [f"| {cell} | {default} | {said.replace('|', '/')} |" for cell, default, said in rows]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
