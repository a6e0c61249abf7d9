"""Look at and change parameters of nodes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from molmo_ros.cli.ros.node import NoDaemon, SpinTime, absolute, refuse, ros_node

app = typer.Typer(no_args_is_help=True, add_completion=False)

NodeName = Annotated[str, typer.Argument(help="Name of the node.")]
ParameterName = Annotated[str, typer.Argument(help="Name of the parameter.")]
HiddenNodes = Annotated[bool, typer.Option("--include-hidden-nodes", help="Consider hidden nodes as well.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.0, help="Seconds to wait for the node.")]


@app.callback()
def param() -> None:
    """Look at and change parameters of nodes."""


@app.command("list")
def list_parameters(
    node_name: Annotated[str | None, typer.Argument(help="Name of the node; all nodes if absent.")] = None,
    pattern: Annotated[str | None, typer.Option("--filter", help="Only names that match this pattern.")] = None,
    param_prefixes: Annotated[
        list[str] | None, typer.Option("--param-prefixes", help="Only parameters with this prefix (repeatable).")
    ] = None,
    param_type: Annotated[bool, typer.Option("--param-type", help="Print the types as well.")] = False,
    include_hidden_nodes: HiddenNodes = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output a list of available parameters."""
    del no_daemon
    from molmo_ros.cli.ros.graph import node_names, wait_for_node
    from molmo_ros.cli.ros.parameters import Parameters

    matches = _matcher(pattern)
    with ros_node("param_list") as node:
        if node_name is None:
            names = sorted(set(node_names(node, hidden=include_hidden_nodes, spin_time_s=spin_time)))
        else:
            names = [absolute(node_name)]
            if not wait_for_node(node, names[0], spin_time_s=spin_time):
                raise refuse(f"node '{node_name}' not found")
        for name in names:
            parameters = Parameters(node, name)
            if not parameters.ready():
                typer.echo(f"Wait for service timed out waiting for parameter services for node {name}")
                continue
            found = [entry for entry in sorted(parameters.names(param_prefixes or [])) if matches(entry)]
            if node_name is None and found:
                typer.echo(f"{name}:")
            types = parameters.types(found) if param_type and found else {}
            for entry in found:
                typer.echo(f"  {entry} (type: {types[entry]})" if param_type else f"  {entry}")


@app.command("get")
def get(
    node_name: NodeName,
    parameter_name: ParameterName,
    hide_type: Annotated[bool, typer.Option("--hide-type", help="Print the value alone.")] = False,
    include_hidden_nodes: HiddenNodes = False,
    timeout: Timeout = 2.0,
) -> None:
    """Get a parameter."""
    del include_hidden_nodes
    with ros_node("param_get") as node:
        values = _parameters(node, node_name, timeout).values([parameter_name])
    if not values:
        raise refuse(f"parameter '{parameter_name}' of node '{node_name}' is not set")
    label, value = values[0]
    if value is None and not hide_type:
        typer.echo("Parameter not set.")
    else:
        typer.echo(value if hide_type else f"{label} {value}")


@app.command("set")
def set_parameter(
    node_name: NodeName,
    parameter_name: ParameterName,
    value: Annotated[str, typer.Argument(help="Value of the parameter, in YAML.")],
    include_hidden_nodes: HiddenNodes = False,
    timeout: Timeout = 2.0,
) -> None:
    """Set a parameter; exit code 1 when the node refuses."""
    del include_hidden_nodes
    with ros_node("param_set") as node:
        (result,) = _parameters(node, node_name, timeout).set({parameter_name: value})
    reason = f": {result.reason}" if result.reason else ""
    if not result.successful:
        sys.stderr.write(f"Setting parameter failed{reason}\n")
        raise typer.Exit(1)
    typer.echo(f"Set parameter successful{reason}")


@app.command("dump")
def dump(node_name: NodeName, include_hidden_nodes: HiddenNodes = False, timeout: Timeout = 2.0) -> None:
    """Show all parameters of a node as a parameter file."""
    del include_hidden_nodes
    import yaml

    with ros_node("param_dump") as node:
        parameters = _parameters(node, node_name, timeout)
        names = sorted(parameters.names([]))
        values = parameters.values(names)
    tree: dict[str, Any] = {}
    for name, (_, value) in zip(names, values, strict=True):
        *groups, last = name.split(".")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    content = {absolute(node_name): {"ros__parameters": tree}}
    typer.echo(yaml.safe_dump(content, default_flow_style=False))


@app.command("load")
def load(
    node_name: NodeName,
    parameter_file: Annotated[Path, typer.Argument(help="Parameter file.")],
    no_use_wildcard: Annotated[bool, typer.Option("--no-use-wildcard", help="Ignore what is under '/**'.")] = False,
    include_hidden_nodes: HiddenNodes = False,
    timeout: Timeout = 2.0,
) -> None:
    """Load a parameter file into a node; exit code 1 when the node refuses a value."""
    del include_hidden_nodes
    if not parameter_file.is_file():
        raise refuse(f"the parameter file '{parameter_file}' does not exist")
    with ros_node("param_load") as node:
        parameters = _parameters(node, node_name, timeout)
        results = parameters.load(str(parameter_file), use_wildcard=not no_use_wildcard)
    failed = False
    for name, result in results:
        reason = f": {result.reason}" if result.reason else ""
        if result.successful:
            typer.echo(f"Set parameter {name} successful{reason}")
        else:
            failed = True
            sys.stderr.write(f"Set parameter {name} failed{reason}\n")
    if failed:
        raise typer.Exit(1)


@app.command("describe")
def describe(
    node_name: NodeName,
    parameter_names: Annotated[list[str], typer.Argument(help="Names of the parameters.")],
    include_hidden_nodes: HiddenNodes = False,
    timeout: Timeout = 2.0,
) -> None:
    """Show descriptive information about parameters."""
    del include_hidden_nodes
    from molmo_ros.cli.ros.parameters import describe_lines

    with ros_node("param_describe") as node:
        descriptors = _parameters(node, node_name, timeout).descriptors(parameter_names)
    for descriptor in descriptors:
        typer.echo("\n".join(describe_lines(descriptor)))


def _parameters(node: Any, node_name: str, timeout_s: float) -> Any:
    from molmo_ros.cli.ros.graph import wait_for_node
    from molmo_ros.cli.ros.parameters import Parameters

    name = absolute(node_name)
    if not wait_for_node(node, name, limit_s=timeout_s):
        raise refuse(f"node '{node_name}' not found")
    parameters = Parameters(node, name)
    if not parameters.ready():
        raise refuse(f"the parameter services of node '{node_name}' do not answer")
    return parameters


def _matcher(pattern: str | None) -> Any:
    try:
        return re.compile(pattern or "").match
    except re.error as error:
        raise refuse(f"'{pattern}' is not a pattern: {error}") from error
