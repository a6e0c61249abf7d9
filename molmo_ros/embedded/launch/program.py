"""Runs a Python entry point as a program, with rclpy provided where no ROS 2 is installed.

`python -m molmo_ros.embedded.launch.program MODULE:FUNCTION [ARGUMENTS ...]`, or a script's path in its place.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Sequence

from molmo_ros.embedded.launch.plan import EntryPoint

MODULE = __name__


def target(entry: EntryPoint) -> str:
    """An entry point as one word of a command line."""
    return entry.script or f"{entry.module}:{entry.function}"


def from_target(word: str) -> EntryPoint:
    """The entry point that `target` wrote."""
    if os.sep in word:
        return EntryPoint(script=word)
    module, _, function = word.partition(":")
    return EntryPoint(module=module, function=function)


def command_line(entry: EntryPoint) -> list[str]:
    """The command that runs an entry point in a new interpreter."""
    return [sys.executable, "-m", "molmo_ros.embedded.launch.program", target(entry)]


def run(entry: EntryPoint, name: str, arguments: Sequence[str]) -> object:
    """Run an entry point in this process.

    Args:
        entry: what to run.
        name: the program's name, `sys.argv[0]`.
        arguments: its arguments.

    Returns:
        What the function returned; None for a module or a script.
    """
    from molmo_ros.embedded import install

    install()
    sys.argv = [name, *arguments]
    if entry.script:
        sys.path.insert(0, os.path.dirname(os.path.abspath(entry.script)))
        runpy.run_path(entry.script, run_name="__main__")
        return None
    if not entry.function:
        runpy.run_module(entry.module, run_name="__main__", alter_sys=True)
        return None
    function: object = importlib.import_module(entry.module)
    for part in entry.function.split("."):
        function = getattr(function, part)
    return function()  # type: ignore[operator]


def main() -> object:
    """Run what the command line names."""
    if len(sys.argv) < 2:
        return f"usage: python -m {MODULE} MODULE:FUNCTION [ARGUMENTS ...]"
    entry = from_target(sys.argv[1])
    name = entry.script or entry.module.rpartition(".")[2]
    return run(entry, name, sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
