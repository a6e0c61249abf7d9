"""Check whether this machine can run and reach robots."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    report: Annotated[bool, typer.Option("-r", "--report", help="Print all that was found.")] = False,
    report_failed: Annotated[bool, typer.Option("-rf", "--report-failed", help="Only of failed checks.")] = False,
    include_warnings: Annotated[bool, typer.Option("-iw", "--include-warnings", help="Warnings fail as well.")] = False,
) -> None:
    """Check whether this machine can run and reach robots; exit code 1 when a check fails."""
    from rich.console import Console
    from rich.markup import escape

    from molmo_ros.cli.ros.doctor import run_checks

    console = Console(highlight=False, soft_wrap=True)
    failed: list[str] = []
    results = run_checks()
    for result in results:
        bad = bool(result.errors or (include_warnings and result.warnings))
        if bad:
            failed.append(result.category)
        if report or (report_failed and bad):
            console.print(f"\n   [bold]{result.category.upper()}[/]")
            width = max((len(name) for name, _ in result.facts), default=0)
            for name, value in result.facts:
                console.print(f"{name:<{width}} : {escape(value)}")
        for text in result.errors:
            console.print(f"[red]error[/]   {result.category}: {escape(text)}")
        for text in result.warnings:
            console.print(f"[yellow]warning[/] {result.category}: {escape(text)}")
    if failed:
        console.print(f"\n{len(failed)}/{len(results)} check(s) failed\n\nFailed modules: {', '.join(failed)}")
        raise typer.Exit(1)
    console.print(f"\nAll {len(results)} checks passed")
