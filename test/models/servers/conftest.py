"""Fakes and observations of the server tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fakes import FakePolicyServer


@pytest.fixture
def policy_server(request: pytest.FixtureRequest) -> Iterator[FakePolicyServer]:
    server = FakePolicyServer(getattr(request, "param", "one"))
    yield server
    server.close()
