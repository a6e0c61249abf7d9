"""Give the robot an instruction in words and follow it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from molmo_ros.cli.ros.node import refuse, ros_node, wait_until
from molmo_ros.core.errors import ErrorCode

ACTION = "execute_instruction"
FINISH_S = 10.0
INTERRUPTED = 130


def command(
    instruction: Annotated[str, typer.Argument(help="What to do, in a sentence.")],
    strategy: Annotated[str, typer.Option("--strategy", help="trace or policy; the configured one if empty.")] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Wait for a person to accept or edit the plan.")] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=0.0, help="Longest run in seconds; 0: the configured limit.")
    ] = 0.0,
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace of the robot.")] = "",
    wait: Annotated[float, typer.Option("--wait", min=0.0, help="Seconds to wait for the robot to be there.")] = 30.0,
) -> None:
    """Give the robot an instruction and follow it; Ctrl-C cancels it.

    Exit code 0 when it succeeded, 1 with a code and a sentence otherwise.
    """
    from molmo_ros.cli.ros.goals import Goal, interrupts
    from molmo_ros.cli.ros.messages import load_type

    kind = load_type("action", "molmo_ros_interfaces/action/ExecuteInstruction")
    request = kind.Goal(instruction=instruction, strategy=strategy, confirm=confirm, time_limit_s=time_limit)
    name = f"{namespace.rstrip('/')}/{ACTION}"
    with ros_node("goal") as node, Display() as display:
        goal = Goal(node, kind, name if name.startswith("/") else f"/{name}")
        display.show("waiting", f"for {name}", 0.0)
        if not wait_until(node, goal.client.server_is_ready, wait):
            raise refuse(f"no robot listens to '{name}' after {wait:g} s; start one with molmo-ros launch")
        with interrupts() as interrupted:
            if not goal.send(request, lambda message: display.feedback(message.feedback)):
                display.close()
                _say_failed("REJECTED", "the robot rejected the instruction")
                raise typer.Exit(1)
            outcome = goal.wait(interrupted)
            if outcome is None:
                display.show("canceling", "the robot holds still", None)
                goal.cancel()
                wait_until(node, goal.outcome.done, FINISH_S)
                raise KeyboardInterrupt
    _report(outcome)


def _report(outcome: Any) -> None:
    result = outcome.result
    if result.bag_uri:
        typer.echo(f"recorded: {result.bag_uri}")
    if outcome.status == "SUCCEEDED":
        typer.echo(f"succeeded: {result.error_msg}" if result.error_msg else "succeeded")
        return
    try:
        name = ErrorCode(result.error_code).name
    except ValueError:
        name = str(result.error_code)
    sentence = result.error_msg or f"the goal ended {outcome.status.lower()} ({result.stop_cause or 'no cause given'})"
    _say_failed(name if result.error_code else outcome.status, sentence)
    raise typer.Exit(1)


def _say_failed(name: str, sentence: str) -> None:
    sys.stderr.write(f"error [{name}] {' '.join(sentence.split())}\n")


class Display:
    """Stages as they come: one progress bar on a terminal, one line per stage elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        console = Console()
        self.live = console.is_terminal
        self.progress = Progress(
            TextColumn("[bold]{task.fields[stage]:<12}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not self.live,
        )
        self.task = self.progress.add_task("", total=1.0, stage="")
        self.stage: tuple[str, str] | None = None

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the live display."""
        self.progress.stop()

    def feedback(self, feedback: Any) -> None:
        """Show a feedback message of the action."""
        self.show(feedback.stage, feedback.message, float(feedback.progress))

    def show(self, stage: str, message: str, progress: float | None) -> None:
        """Show a stage; the progress stays where it is when None."""
        if self.live:
            from rich.markup import escape

            if self.stage is not None and self.stage[0] != stage:
                self.progress.console.print(f"[green]·[/] {escape(self.stage[0])}: {escape(self.stage[1])}")
            self.progress.update(self.task, completed=progress, description=escape(message), stage=escape(stage))
        elif self.stage != (stage, message):
            percent = "" if progress is None else f" {100.0 * progress:3.0f} %"
            typer.echo(f"{stage}:{percent} {message}")
        self.stage = (stage, message)
