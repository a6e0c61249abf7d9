"""Figures of a report: intervals from the literature, rates per task, causes and violations counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.cli.evaluation.report import EpisodeResult, TouchRecord, summarise, wilson_interval


def _result(index, task, success, cause="", touches=(), gate=0):
    return EpisodeResult(
        index=index,
        task=task,
        instruction="pick up the red block",
        target="red block",
        reference="",
        success=success,
        code="NONE" if success else cause,
        message="",
        failed_predicate="" if success else "lifted",
        cause=cause,
        gate_violations=gate,
        touches=touches,
        sim_s=10.0,
        wall_s=1.0 + index,
    )


def _summary(results):
    return summarise(results, suite="tabletop", seed=3, noise=True, wall_s=9.0, jobs=2, version="0.1.0")


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombe(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=6e-5)


@given(trials=st.integers(1, 5000), share=st.floats(0, 1))
def test_an_interval_holds_its_rate_and_stays_in_bounds(trials, share):
    successes = round(share * trials)
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials + 1e-9
    assert successes / trials <= high + 1e-9 <= 1.0 + 2e-9


def test_no_trials_say_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_rates_causes_and_violations_are_counted():
    touch = TouchRecord(kind="arm_table", first="fr3_link5", second="table", time_s=1.0, force_n=2.0)
    report = _summary(
        [
            _result(0, "pick", True),
            _result(1, "pnp", False, "NO_GRASP", gate=2),
            _result(2, "pick", False, "NOT_GROUNDED", touches=(touch,)),
            _result(3, "pnp", False, "NO_GRASP"),
        ]
    )
    assert report["overall"]["successes"] == 1
    assert report["tasks"]["pick"]["success_rate"] == 0.5
    assert report["tasks"]["pnp"]["episodes"] == 2
    assert report["causes"] == {"NO_GRASP": 2, "NOT_GROUNDED": 1}
    assert report["violations"] == {"gate": 2, "arm_table": 1, "arm_self": 0, "arm_object": 0, "finger_table": 0}
    assert report["seconds"]["per_episode_mean"] == 2.5


def test_every_field_of_the_report_is_documented():
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/reference/eval-report.md").read_text(encoding="utf-8")
    report = _summary([_result(0, "pick", True)])
    names = {*report, *report["overall"], *report["violations"], *report["seconds"], *report["episodes"][0]}
    assert not {name for name in names if f"`{name}`" not in page}
