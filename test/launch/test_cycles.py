"""Launching again and again leaves no process, descriptor or file behind.

The same with a thousand launches: `molmo-ros bench launch-cycles --cycles 1000`.
"""

import sys
import tempfile

import pytest

from molmo_ros.cli.bench.launch_cycles import GRAPH, run_cycles

PLAIN = """
<launch>
  <executable cmd="sleep 100"/>
  <executable cmd="true" on_exit="shutdown"/>
</launch>
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts descriptors in /proc")


@pytest.mark.parametrize("graph", [PLAIN, GRAPH], ids=["processes", "nodes"])
def test_repeated_launches_leave_nothing_behind(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = run_cycles(6, graph=graph)
    assert result.failed == 0
    assert result.after.processes == 0
    assert result.after.descriptors == result.before.descriptors
    assert result.after.files == 0
    assert result.after.resident_kib < result.before.resident_kib + 4096
