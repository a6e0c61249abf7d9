"""Time each phase of every model: small shapes on the CPU, true sizes with random weights where there is a GPU."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FULL_SIZE = ("molmoact 7B-D, 2 images, bfloat16", "molmoact2 DROID, 2 images, 10 steps, bfloat16")


def command(
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs per model, after one to warm up.")] = 5,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Print median milliseconds per phase; decode is per token. What has no device here is "not measured"."""
    from rich.console import Console
    from rich.table import Table

    from molmo_ros.core.errors import MissingDependencyError

    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingDependencyError("torch", "models") from error
    from molmo_ros.cli.bench import _model_phases as phases

    console = Console()
    figures: dict[str, dict[str, float] | str] = {}
    with tempfile.TemporaryDirectory() as folder, console.status("small models on the CPU"):
        for name, rows in phases.small_models(Path(folder), repeats):
            figures[f"{name}, tiny, CPU"] = medians(rows)
    gpu = torch.cuda.is_available()
    if gpu:
        device = torch.device("cuda")
        runs: tuple[Callable[..., list[dict[str, float]]], ...] = (phases.full_molmoact, phases.full_molmoact2)
        for name, run in zip(FULL_SIZE, runs, strict=True):
            with console.status(name):
                torch.cuda.reset_peak_memory_stats()
                measured = medians(run(device, repeats))
                measured["peak memory [GB]"] = torch.cuda.max_memory_allocated() / 1e9
                figures[name] = measured
                torch.cuda.empty_cache()
    else:
        figures |= dict.fromkeys(FULL_SIZE, "not measured: no GPU here")
    device_name = torch.cuda.get_device_name() if gpu else "CPU"
    day = datetime.now(tz=UTC).date().isoformat()
    table = Table("model", "phase", "median [ms]", title=f"{device_name}, torch {torch.__version__}, {day}")
    for name, figure in figures.items():
        lines = {figure: ""} if isinstance(figure, str) else {k: f"{v:.2f}" for k, v in figure.items()}
        for phase, milliseconds in lines.items():
            table.add_row(name, phase, milliseconds)
            name = ""  # noqa: PLW2901  (named once, above its phases)
        table.add_section()
    console.print(table)
    if out is not None:
        payload = {"device": device_name, "torch": torch.__version__, "date": day, "figures": figures}
        out.write_text(json.dumps(payload, indent=1), encoding="utf-8")


def medians(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Median per phase in milliseconds, over the runs that have it."""
    import numpy as np

    values: dict[str, list[float]] = {}
    for row in rows:
        for phase, seconds in row.items():
            values.setdefault(phase, []).append(seconds)
    return {phase: float(np.median(seconds)) * 1e3 for phase, seconds in values.items()}
