"""Run an executable of a package."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Any

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

CONTEXT_SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
}


def command(
    package_name: Annotated[str, typer.Argument(help="Name of the package.")],
    executable_name: Annotated[str, typer.Argument(help="Name of the executable.")],
    argv: Annotated[list[str] | None, typer.Argument(help="Arguments for the executable, such as --ros-args.")] = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="Words to put before the executable.")] = None,
) -> None:
    """Run an executable of a package: molmo-ros run PACKAGE EXECUTABLE [ARGUMENTS]..."""
    from molmo_ros.embedded.launch import packages, program
    from molmo_ros.embedded.launch.plan import EntryPoint

    try:
        found = packages.find_executable(package_name, executable_name)
    except packages.PackageNotFoundError as error:
        offered = packages.package_executables(package_name)
        hint = f"; it has {', '.join(offered)}" if offered else ""
        raise MolmoRosError(ErrorCode.LAUNCH_INVALID, f"{error.args[0]}{hint}") from error
    arguments = list(argv or [])
    if isinstance(found, EntryPoint) and not prefix:
        raise SystemExit(program.run(found, executable_name, arguments))
    words = program.command_line(found) if isinstance(found, EntryPoint) else [found]
    words = [*shlex.split(prefix or ""), *words, *arguments]
    try:
        os.execvp(words[0], words)  # noqa: S606
    except OSError as error:
        raise MolmoRosError(ErrorCode.LAUNCH_INVALID, f"cannot run '{words[0]}': {error.strerror}") from error
