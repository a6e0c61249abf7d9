"""Fuzz every reader of model text: mutated answers, hostile lengths, time per kilobyte."""

from __future__ import annotations

import time
from typing import Annotated

import typer


def command(
    count: Annotated[int, typer.Option(help="Mutated answers; each goes through every reader.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of the mutations.")] = 20251121,
) -> None:
    """Break answers in every way and report what the readers do with them.

    Anything but a result or a named answer fault is a bug and ends the run with code 1.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from molmo_ros.cli.bench import _answers
    from molmo_ros.models.errors import AnswerError
    from molmo_ros.models.grammars.bounds import MAX_TEXT

    console = Console()
    rng = np.random.default_rng(seed)
    slowest = dict.fromkeys(_answers.READERS, 0.0)
    refused = dict.fromkeys(_answers.READERS, 0)
    wrong, crashes = 0, []

    def run(text: str) -> None:
        for name, reader in _answers.READERS.items():
            started = time.thread_time()
            try:
                reader(text)
            except AnswerError:
                refused[name] += 1
            except Exception as error:
                crashes.append((name, type(error).__name__, text[:200]))
            slowest[name] = max(slowest[name], time.thread_time() - started)

    texts: list[str] = []
    for _ in track(range(max(count // 50, 1)), "well-formed", console=console):
        written = _answers.MAKERS[int(rng.integers(len(_answers.MAKERS)))](rng)
        wrong += _answers.meaning(written) != written.meaning
        texts.append(written.text)
    for _ in track(range(count), "mutated", console=console):
        run(_answers.broken(rng, texts))
    for text in track(_answers.hostile(MAX_TEXT), "hostile", console=console):
        run(text)
    table = Table("reader", "refused", "slowest call [ms]", title=f"{count} mutated answers, seed {seed}")
    for name in _answers.READERS:
        table.add_row(name, str(refused[name]), f"{slowest[name] * 1e3:.1f}")
    console.print(table)
    console.print(f"{len(texts)} well-formed answers, {wrong} read differently from what was written")
    for name, kind, text in crashes[:10]:
        console.print(f"{name}: {kind} on {text!r}")
    if wrong or crashes:
        raise typer.Exit(1)
