"""Look at nodes."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from molmo_ros.cli.ros.node import NoDaemon, SpinTime, absolute, refuse, ros_node

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def node() -> None:
    """Look at nodes."""


@app.command("list")
def list_nodes(
    every: Annotated[bool, typer.Option("-a", "--all", help="Display hidden nodes as well.")] = False,
    count: Annotated[bool, typer.Option("-c", "--count-nodes", help="Only show how many there are.")] = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output a list of available nodes."""
    del no_daemon
    from molmo_ros.cli.ros.graph import node_names

    with ros_node("node_list") as own:
        names = node_names(own, hidden=every, spin_time_s=spin_time)
    if count:
        typer.echo(len(names))
        return
    if len(set(names)) < len(names):
        sys.stderr.write(
            "WARNING: Be aware that there are nodes in the graph that share an exact name, "
            "which can have unintended side effects.\n"
        )
    for name in names:
        typer.echo(name)


@app.command("info")
def info(
    node_name: Annotated[str, typer.Argument(help="Name of the node.")],
    include_hidden: Annotated[
        bool, typer.Option("--include-hidden", help="Display hidden topics, services and actions as well.")
    ] = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output information about a node."""
    del no_daemon
    from molmo_ros.cli.ros.graph import node_interfaces, wait_for_node

    name = absolute(node_name)
    with ros_node("node_info") as own:
        number = wait_for_node(own, name, spin_time_s=spin_time)
        if number == 0:
            raise refuse(f"unable to find node '{node_name}'")
        if number > 1:
            sys.stderr.write(f"There are {number} nodes in the graph with the exact name '{name}'.\n")
        sections: dict[str, list[Any]] = node_interfaces(own, name, hidden=include_hidden)
    typer.echo(name)
    for title, entries in sections.items():
        typer.echo(f"  {title}:")
        for interface, types in entries:
            typer.echo(f"    {interface}: {', '.join(types)}")
        if not entries:
            typer.echo()
