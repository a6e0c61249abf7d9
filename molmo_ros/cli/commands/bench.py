"""Measure a part against its budget (sub-commands say which)."""

from __future__ import annotations

import typer

from molmo_ros.cli.lazy import LazyGroup


class BenchGroup(LazyGroup):
    """Every module of `molmo_ros.cli.bench` is one benchmark."""

    package = "molmo_ros.cli.bench"


app = typer.Typer(cls=BenchGroup, no_args_is_help=True, add_completion=False)


@app.callback()
def bench() -> None:
    """Measure a part against its budget."""
