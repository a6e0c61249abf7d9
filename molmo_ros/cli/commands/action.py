"""Look at actions, and send goals."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from molmo_ros.cli.ros.node import NoDaemon, SpinTime, absolute, ros_node, wait_until

app = typer.Typer(no_args_is_help=True, add_completion=False)

ActionName = Annotated[str, typer.Argument(help="Name of the action, such as /fibonacci.")]
ShowTypes = Annotated[bool, typer.Option("-t", "--show-types", help="Additionally show the action type.")]


@app.callback()
def action() -> None:
    """Look at actions, and send goals."""


@app.command("list")
def list_actions(
    show_types: ShowTypes = False,
    count: Annotated[bool, typer.Option("-c", "--count-actions", help="Only show how many there are.")] = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Output a list of action names."""
    del no_daemon
    from molmo_ros.cli.ros.graph import actions

    with ros_node("action_list") as node:
        found = actions(node, spin_time_s=spin_time)
    if count:
        typer.echo(len(found))
        return
    for name, types in found:
        typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command("info")
def info(
    action_name: ActionName,
    show_types: ShowTypes = False,
    count: Annotated[bool, typer.Option("-c", "--count", help="Only show how many clients and servers.")] = False,
    spin_time: SpinTime = None,
    no_daemon: NoDaemon = False,
) -> None:
    """Print information about an action."""
    del no_daemon
    from molmo_ros.cli.ros.graph import action_ends, actions

    with ros_node("action_info") as node:
        actions(node, spin_time_s=spin_time)
        clients, servers = action_ends(node, absolute(action_name))
    typer.echo(f"Action: {action_name}")
    for title, ends in (("clients", clients), ("servers", servers)):
        typer.echo(f"Action {title}: {len(ends)}")
        for name, types in () if count else ends:
            typer.echo(f"    {name} [{', '.join(types)}]" if show_types else f"    {name}")


@app.command("send_goal")
def send_goal(
    action_name: ActionName,
    action_type: Annotated[str, typer.Argument(help="Type of the action.")],
    goal: Annotated[str, typer.Argument(help="Values of the goal in YAML, such as '{order: 10}'.")] = "{}",
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the goal from standard input.")] = False,
    feedback: Annotated[bool, typer.Option("-f", "--feedback", help="Echo the feedback.")] = False,
) -> None:
    """Send an action goal; Ctrl-C cancels it. Exit code 1 when it is rejected or does not succeed."""
    from molmo_ros.cli.ros import messages
    from molmo_ros.cli.ros.goals import Goal, interrupts

    kind = messages.load_type("action", action_type)
    request = kind.Goal()
    messages.fill(request, messages.read_values(messages.read_stdin() if stdin else goal))

    def show(message: Any) -> None:
        typer.echo(f"Feedback:\n    {messages.as_yaml(message.feedback)}")

    with ros_node("send_goal") as node:
        sent = Goal(node, kind, action_name)
        typer.echo("Waiting for an action server to become available...")
        wait_until(node, sent.client.server_is_ready)
        typer.echo(f"Sending goal:\n     {messages.as_yaml(request)}")
        with interrupts() as interrupted:
            if not sent.send(request, show if feedback else None):
                typer.echo("Goal was rejected.")
                raise typer.Exit(1)
            typer.echo(f"Goal accepted with ID: {sent.identity}\n")
            outcome = sent.wait(interrupted)
            if outcome is None:
                typer.echo("Canceling goal...")
                typer.echo("Goal canceled." if sent.cancel() else "Failed to cancel goal")
                raise KeyboardInterrupt
        typer.echo(f"Result:\n    {messages.as_yaml(outcome.result)}")
        typer.echo(f"Goal finished with status: {outcome.status}")
    if outcome.status != "SUCCEEDED":
        raise typer.Exit(1)
