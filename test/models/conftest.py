"""One thread for torch, and a table of the golden comparisons at the end of the run."""

from __future__ import annotations

from typing import Any

import golden
import pytest


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> None:
    import torch

    torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if golden.LEDGER:
        terminalreporter.section("golden numbers: largest difference")
        for name, (count, error, limit) in sorted(golden.LEDGER.items()):
            terminalreporter.write_line(f"{name:<58} {count:>6} checks  {error:.3g} <= {limit:g}")
