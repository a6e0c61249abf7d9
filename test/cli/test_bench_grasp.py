"""The grasp bench: a thousand candidates exactly, and a report."""

from __future__ import annotations

import sys
from pathlib import Path

from molmo_ros.cli.bench.grasp import CANDIDATES, exactly, run
from molmo_ros.grasping import FRANKA_HAND
from molmo_ros.grasping.propose import sample_candidates
from molmo_ros.perception import PerceptionConfig, perceive

sys.path.insert(0, str(Path(__file__).parents[1] / "perception"))

from scenes import Ball, Box, World


def scene():
    frame, _ = World([Box((0.5, 0.1, 0.03), (0.05, 0.08, 0.06)), Ball((0.5, -0.1, 0.03), 0.03)]).render()
    return perceive(frame, PerceptionConfig())


def test_candidates_are_repeated_or_cut_to_the_number_wanted():
    table = scene()
    sampled = [sample_candidates(item, table, FRANKA_HAND, 60) for item in table.objects]
    for wanted in (50, CANDIDATES):
        assert sum(len(part) for part in exactly(sampled, wanted)) == wanted


def test_the_report_has_percentiles_and_accepted_grasps():
    report = run([scene()], repeats=2)
    assert report["candidates"] == 1000
    assert report["accepted_per_scene"] > 0
    for name in ("filter", "filter_cpu", "propose", "propose_cpu"):
        assert report["times_ms"][name]["p50"] <= report["times_ms"][name]["p99"]
