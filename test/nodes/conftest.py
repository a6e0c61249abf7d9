"""One launched graph for the tests of this folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from graph import Graph


@pytest.fixture(scope="session")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """The FR3 graph, up and armed."""
    graph = Graph(tmp_path_factory.mktemp("runs"), domain=100 + os.getpid() % 100)
    try:
        graph.ready()
        yield graph
    finally:
        graph.close()


@pytest.fixture
def graph(launched: Graph) -> Graph:
    """The same graph with a fresh scene, armed."""
    launched.reset()
    if not launched.state.armed:
        launched.call("release_stop")
        assert launched.call("arm").success
    return launched
