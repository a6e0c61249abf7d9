"""Run a launch file."""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from molmo_ros.core.errors import ErrorCode, MolmoRosError

if TYPE_CHECKING:
    from molmo_ros.embedded.launch.plan import LaunchPlan

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}


def command(
    package_name: Annotated[str, typer.Argument(help="Package that holds the launch file, or the file's path.")],
    rest: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAUNCH_FILE_NAME] [NAME:=VALUE]...", help="Launch file of the package; arguments."),
    ] = None,
    show_args: Annotated[
        bool, typer.Option("-s", "--show-args", "--show-arguments", help="Show the arguments of the launch file.")
    ] = False,
    print_plan: Annotated[
        bool, typer.Option("-p", "--print", "--print-description", help="Print what would run, and run nothing.")
    ] = False,
    show_all: Annotated[
        bool, typer.Option("-a", "--show-all-subprocesses-output", help="Show every process' output.")
    ] = False,
    launch_prefix: Annotated[
        str | None, typer.Option("--launch-prefix", help="Words to put before every executable.")
    ] = None,
    launch_prefix_filter: Annotated[
        str | None, typer.Option("--launch-prefix-filter", help="Only where this pattern matches the executable.")
    ] = None,
    preload: Annotated[
        bool, typer.Option("--preload/--no-preload", help="Start Python nodes from a process that has rclpy loaded.")
    ] = True,
    noninteractive: Annotated[bool, typer.Option("-n", "--noninteractive", help="Accepted as in ros2 launch.")] = False,
    debug: Annotated[
        bool, typer.Option("-d", "--debug", help="Show a traceback when a launch file is refused.")
    ] = False,
) -> None:
    """Run a launch file: molmo-ros launch PACKAGE FILE [NAME:=VALUE]..., or a path in place of package and file."""
    del noninteractive
    from molmo_ros.embedded.launch.evaluate import make_plan, parse_arguments

    path, words = _locate(package_name, list(rest or []))
    if show_args:
        _show_arguments(path)
        return
    arguments = parse_arguments(words)
    if launch_prefix_filter is not None and launch_prefix is None:
        raise MolmoRosError(ErrorCode.LAUNCH_INVALID, "--launch-prefix-filter needs --launch-prefix")
    if launch_prefix is not None:
        arguments["launch-prefix"] = launch_prefix
        arguments["launch-prefix-filter"] = launch_prefix_filter or ""
    environment = dict(os.environ)
    if show_all:
        environment["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    log_dir = None if print_plan else _make_log_dir()
    try:
        plan = make_plan(path, arguments, environment=environment, log_dir=log_dir)
    except MolmoRosError:
        if debug:
            import traceback

            traceback.print_exc()
        raise
    if print_plan:
        _print_plan(plan)
        return
    raise typer.Exit(_run(plan, log_dir, preload=preload))


def _locate(package_name: str, words: list[str]) -> tuple[Path, list[str]]:
    from molmo_ros.embedded.launch import packages

    path = Path(package_name)
    if path.is_file():
        return path, words
    if not words or ":=" in words[0]:
        offered = packages.launch_files(package_name)
        text = f"'{package_name}' is no launch file; give a path, or a package and the name of its launch file"
        if offered:
            text = f"name a launch file of package '{package_name}': {', '.join(offered)}"
        raise MolmoRosError(ErrorCode.LAUNCH_INVALID, text)
    try:
        return packages.launch_file(package_name, words[0]), words[1:]
    except packages.PackageNotFoundError as error:
        raise MolmoRosError(ErrorCode.LAUNCH_INVALID, error.args[0]) from error


def _show_arguments(path: Path) -> None:
    from molmo_ros.embedded.launch.evaluate import declared_arguments

    arguments = declared_arguments(path)
    typer.echo("Arguments (pass arguments as '<name>:=<value>'):")
    for argument in arguments:
        typer.echo(f"\n    '{argument.name}':{'*' if argument.conditional else ''}")
        choices = f". Valid choices are: {list(argument.choices)}" if argument.choices else ""
        typer.echo(f"        {argument.description.removesuffix('.')}{choices}")
        if argument.default is not None:
            typer.echo(f"        (default: '{argument.default}')")
    if not arguments:
        typer.echo("\n  No arguments.")
    elif any(argument.conditional for argument in arguments):
        typer.echo("\n* argument(s) which are only used if specific conditions occur")


def _print_plan(plan: LaunchPlan) -> None:
    from molmo_ros.embedded.launch.plan import ProcessPlan, ShutdownPlan

    number = 0
    for step in plan.steps:
        after = f"after {step.delay_s:g} s: " if step.delay_s else ""
        if isinstance(step, ProcessPlan):
            number += 1
            typer.echo(f"{after}[{step.name}-{number}] {step.describe()}")
        elif isinstance(step, ShutdownPlan):
            typer.echo(f"{after}shutdown: {step.reason}")
        else:
            typer.echo(f"{after}log: {step.text}")


def _make_log_dir() -> Path | None:
    from molmo_ros.embedded.launch.evaluate import default_log_root

    now = datetime.now().astimezone().strftime("%Y-%m-%d-%H-%M-%S-%f")
    folder = default_log_root() / f"{now}-{socket.gethostname()}-{os.getpid()}"
    try:
        folder.mkdir(parents=True)
    except OSError:
        return None
    return folder


def _run(plan: LaunchPlan, log_dir: Path | None, *, preload: bool) -> int:
    from molmo_ros.embedded.launch.output import Screen
    from molmo_ros.embedded.launch.supervisor import run_plan

    screen = Screen(sys.stdout, sys.stderr)
    if log_dir is not None:
        screen.say("INFO", "launch", f"All log files can be found below {log_dir}")
    else:
        screen.say("WARNING", "launch", "no log files: the log folder cannot be written; set ROS_LOG_DIR")
    return run_plan(plan, screen=screen, log_dir=log_dir, preload=preload)
