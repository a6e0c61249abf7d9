"""Entry point of the `molmo-ros` command.

Exit codes: 0 done, 1 a goal or a run failed, 2 the request was refused (`error [CODE] sentence` on stderr),
130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from molmo_ros.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from molmo_ros.core.errors import MolmoRosError

REFUSED = 2
INTERRUPTED = 130


class MainGroup(LazyGroup):
    """The subcommands of `molmo-ros`, the everyday ones first."""

    package = "molmo_ros.cli.commands"
    order = (
        "launch",
        "run",
        "goal",
        "topic",
        "node",
        "service",
        "action",
        "param",
        "interface",
        "bag",
        "doctor",
        "check",
        "calibrate",
        "eval",
        "bench",
        "faults",
        "diff-thoughts",
    )

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; Ctrl-C ends quietly."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=MainGroup,
    name="molmo-ros",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"molmo-ros {version('molmo_ros')}")
        raise typer.Exit


@app.callback()
def molmo_ros(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Say what you want done, watch how the robot means to do it, and let it do it."""
    del version


def _fail(error: MolmoRosError) -> NoReturn:
    sys.stderr.write(f"error [{error.code.name}] {' '.join(error.message.split())}\n")
    sys.stderr.flush()
    raise SystemExit(REFUSED)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        argv: arguments after the program name; those of the process by default.
    """
    try:
        app(args=argv, prog_name="molmo-ros")
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        from molmo_ros.core.errors import MolmoRosError

        if isinstance(error, MolmoRosError):
            _fail(error)
        raise
    raise SystemExit(0)
