"""Look at services, and call them."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from molmo_ros.cli.ros.node import NoDaemon, SpinTime, absolute, complete, refuse, ros_node, wait_until

app = typer.Typer(no_args_is_help=True, add_completion=False)

ServiceName = Annotated[str, typer.Argument(help="Name of the service, such as /add_two_ints.")]
Hidden = Annotated[bool, typer.Option("--include-hidden-services", help="Consider hidden services as well.")]


@app.callback()
def service() -> None:
    """Look at services, and call them."""


@app.command("list")
def list_services(
    show_types: Annotated[bool, typer.Option("-t", "--show-types", help="Additionally show the service type.")] = False,
    count: Annotated[bool, typer.Option("-c", "--count-services", help="Only show how many there are.")] = False,
    include_hidden_services: Hidden = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output a list of available services."""
    del no_daemon
    from molmo_ros.cli.ros.graph import services

    with ros_node("service_list") as node:
        found = services(node, hidden=include_hidden_services, spin_time_s=spin_time)
    if count:
        typer.echo(len(found))
        return
    for name, types in found:
        typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command("type")
def service_type(service_name: ServiceName, spin_time: SpinTime = None, no_daemon: NoDaemon = False) -> None:
    """Output a service's type; exit code 1 when there is no such service."""
    del no_daemon
    from molmo_ros.cli.ros.graph import services

    with ros_node("service_type") as node:
        found = dict(services(node, hidden=True, spin_time_s=spin_time))
    if absolute(service_name) not in found:
        raise typer.Exit(1)
    for name in found[absolute(service_name)]:
        typer.echo(name)


@app.command("info")
def info(service_name: ServiceName, spin_time: SpinTime = None, no_daemon: NoDaemon = False) -> None:
    """Print information about a service."""
    del no_daemon
    from molmo_ros.cli.ros.graph import services

    name = absolute(service_name)
    with ros_node("service_info") as node:
        types = dict(services(node, hidden=True, spin_time_s=spin_time)).get(name)
        if types is None:
            raise refuse(f"unknown service '{service_name}'")
        typer.echo(f"Type: {types[0] if len(types) == 1 else types}")
        typer.echo(f"Clients count: {node.count_clients(name)}")
        typer.echo(f"Services count: {node.count_services(name)}")


@app.command("call")
def call(
    service_name: ServiceName,
    service_type: Annotated[str, typer.Argument(help="Type of the service, such as std_srvs/srv/Empty.")],
    values: Annotated[str, typer.Argument(help="Values of the request in YAML.")] = "{}",
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the values from standard input.")] = False,
    rate: Annotated[float | None, typer.Option("-r", "--rate", min=1e-6, help="Repeat, this often a second.")] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.0, help="Longest wait for the service and for its answer.")
    ] = None,
) -> None:
    """Call a service."""
    from molmo_ros.cli.ros import messages

    kind = messages.load_type("service", service_type)
    request = kind.Request()
    messages.fill(request, messages.read_values(messages.read_stdin() if stdin else values))
    with ros_node("requester") as node:
        client = node.create_client(kind, service_name)
        if not wait_until(node, client.service_is_ready, 0.5):
            typer.echo("waiting for service to become available...")
            if not wait_until(node, client.service_is_ready, timeout):
                raise refuse(f"service '{service_name}' did not become available within {timeout:g} s")
        while True:
            typer.echo(f"requester: making request: {request!r}\n")
            started = time.monotonic()
            response = complete(node, client.call_async(request), timeout, f"the answer of '{service_name}'")
            typer.echo(f"response:\n{response!r}\n")
            if rate is None:
                return
            wait_until(node, lambda: False, max(0.0, started + 1.0 / rate - time.monotonic()))
