"""The gate's bench: hostile commands do not get through, and its auditor would notice if they did."""

import numpy as np
import pytest

from molmo_ros.cli.bench import gate as bench
from molmo_ros.cli.bench._audit import Auditor

PERIOD_NS = 10_000_000


@pytest.fixture(scope="module")
def auditor(model):
    return Auditor(model.fk_batch)


def judged(auditor, q, measured=None, gap_ns=PERIOD_NS):
    q = np.asarray(q, dtype=float)
    stamps = np.arange(len(q), dtype=np.int64) * gap_ns
    first = np.arange(len(q)) == 0
    audit = auditor.judge(q, q if measured is None else measured, stamps, first)
    return {name for name, count in audit.violations.items() if count}


def test_hostile_commands_do_not_get_through():
    report = bench.run(6000, seed=11, jobs=1)
    assert report["held"], report["violations"]
    assert report["moving"] > 500
    assert {"GATE_NOT_FINITE", "GATE_NAMES", "GATE_STALE", "GATE_ACCELERATION", "GATE_POSITION"} <= set(
        report["refused"]
    )


def test_the_same_seed_asks_the_same_questions():
    first, second = (bench.run(1500, seed=4, jobs=1) for _ in range(2))
    assert first["refused"] == second["refused"]


def test_the_auditor_passes_a_still_arm(auditor, ready):
    assert judged(auditor, np.tile(ready, (5, 1))) == set()


@pytest.mark.parametrize(
    ("rows", "bound"),
    [
        ([[0.0], [0.05]], "velocity"),
        ([[0.0], [0.0011]], "acceleration"),
        ([[0.0], [0.0], [np.nan]], "not finite"),
        ([[3.0]], "position"),
    ],
)
def test_the_auditor_notices_a_broken_bound(auditor, ready, rows, bound):
    q = np.tile(ready, (len(rows), 1))
    q[:, :1] += rows
    assert bound in judged(auditor, q)


def test_the_auditor_notices_a_step_from_the_measured_state(auditor, ready):
    assert "step" in judged(auditor, ready[None], measured=ready[None] + 0.03)


def test_the_auditor_notices_commands_that_outrun_the_clock(auditor, ready):
    assert "rate" in judged(auditor, np.tile(ready, (5, 1)), gap_ns=1_000_000)


def test_the_auditor_notices_the_table_and_the_workspace(auditor, model, ready):
    down = model.fk(ready)
    down[2, 3] = -0.03
    found = judged(auditor, model.ik(down, ready)[None])
    assert {"table", "workspace"} <= found
