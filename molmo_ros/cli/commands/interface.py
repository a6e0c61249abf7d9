"""Look at message, service and action types."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from molmo_ros.cli.ros.node import refuse

app = typer.Typer(no_args_is_help=True, add_completion=False)

OnlyMessages = Annotated[bool, typer.Option("-m", "--only-msgs", help="Only message types.")]
OnlyServices = Annotated[bool, typer.Option("-s", "--only-srvs", help="Only service types.")]
OnlyActions = Annotated[bool, typer.Option("-a", "--only-actions", help="Only action types.")]
KINDS = (("msg", "Messages"), ("srv", "Services"), ("action", "Actions"))


@app.callback()
def interface() -> None:
    """Look at message, service and action types."""


@app.command("list")
def list_interfaces(
    only_msgs: OnlyMessages = False, only_srvs: OnlyServices = False, only_actions: OnlyActions = False
) -> None:
    """List all interface types available."""
    from molmo_ros.cli.ros.interfaces import all_interfaces

    wanted = {"msg": only_msgs, "srv": only_srvs, "action": only_actions}
    found = all_interfaces()
    for kind, title in KINDS:
        if wanted[kind] or not any(wanted.values()):
            typer.echo(f"{title}:")
            for name in sorted(entry for entry in found if entry.split("/")[1] == kind):
                typer.echo(f"    {name}")


@app.command("packages")
def packages(
    only_msgs: OnlyMessages = False, only_srvs: OnlyServices = False, only_actions: OnlyActions = False
) -> None:
    """Output the packages that provide interfaces."""
    from molmo_ros.cli.ros.interfaces import all_interfaces

    wanted = {"msg": only_msgs, "srv": only_srvs, "action": only_actions}
    kinds = {kind for kind, chosen in wanted.items() if chosen} or set(wanted)
    names = {entry.split("/")[0] for entry in all_interfaces() if entry.split("/")[1] in kinds}
    typer.echo("\n".join(sorted(names)))


@app.command("package")
def package(
    package_name: Annotated[str, typer.Argument(help="Name of the package.")],
    only_msgs: OnlyMessages = False,
    only_srvs: OnlyServices = False,
    only_actions: OnlyActions = False,
) -> None:
    """Output the interface types of one package."""
    from molmo_ros.cli.ros.interfaces import all_interfaces

    wanted = {"msg": only_msgs, "srv": only_srvs, "action": only_actions}
    kinds = {kind for kind, chosen in wanted.items() if chosen} or set(wanted)
    found = all_interfaces(package_name)
    for name in sorted(entry for entry in found if entry.split("/")[1] in kinds):
        typer.echo(name)


@app.command("show")
def show(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="Such as std_msgs/msg/String; '-' reads stdin.")],
    all_comments: Annotated[bool, typer.Option("--all-comments", help="Comments of nested types as well.")] = False,
    no_comments: Annotated[bool, typer.Option("--no-comments", help="Neither comments nor empty lines.")] = False,
) -> None:
    """Output the definition of an interface, nested types included."""
    from molmo_ros.cli.ros.interfaces import definition_lines

    if all_comments and no_comments:
        raise refuse("--all-comments and --no-comments exclude each other")
    name = sys.stdin.readline().strip() if type_name == "-" else type_name
    for line in definition_lines(name, comments=not no_comments, nested_comments=all_comments):
        typer.echo(line)
