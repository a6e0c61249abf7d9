"""One thread for torch, and a table of the golden comparisons at the end of the run."""

from __future__ import annotations

import os
import sys
from typing import Any

# Before torch is imported: the machines that run the tests are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import golden
import pytest


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if golden.LEDGER:
        terminalreporter.section("golden numbers: largest difference")
        for name, (count, error, limit) in sorted(golden.LEDGER.items()):
            terminalreporter.write_line(f"{name:<58} {count:>6} checks  {error:.3g} <= {limit:g}")
