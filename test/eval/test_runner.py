"""Episodes are judged on ground truth, whatever the stack says of itself; results do not depend on who runs them."""

import numpy as np
import pytest

from molmo_ros.cli.evaluation.pictures import write_sheets
from molmo_ros.cli.evaluation.runner import Answer, EvalPlan, run_episode, run_suite
from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim.config import load_world_config
from molmo_ros.sim.robot import SimRobot
from molmo_ros.sim.suite import TabletopSuite

CONFIG = load_world_config()


def boastful(simulation, _episode):
    """Does nothing and claims success."""
    SimRobot(simulation).wait(0.1)
    return Answer(code=ErrorCode.NONE, message="Done.")


def magician(simulation, episode):
    """Puts the thing where it belongs without a robot."""
    world = simulation.world
    if episode.task in ("pnp", "colour"):
        place = world.object_state(episode.reference).T_base_object[:3, 3]
        world.place_object(episode.target, geo.make_transform(None, place + (0, 0, 0.06)))
        simulation.step(1.5)
    return Answer(code=ErrorCode.NONE, message="Done.", details={"attempts": 1})


def broken(_simulation, _episode):
    raise ValueError("oops")


def refusing(_simulation, _episode):
    raise MolmoRosError(ErrorCode.NOT_GROUNDED, "I do not see it.")


def make_boastful(_config):
    return boastful


def make_magician(_config):
    return magician


@pytest.fixture(scope="module")
def episode():
    return TabletopSuite(2, CONFIG, ("pnp",)).episode(0)


def test_a_claim_without_a_deed_is_a_failure_named_after_the_rule(episode):
    result = run_episode(episode, CONFIG, boastful).result
    assert not result.success
    assert result.code == "NONE"
    assert result.cause == result.failed_predicate == "carried_by_receptacle"


def test_a_deed_is_a_success(episode):
    result = run_episode(episode, CONFIG, magician).result
    assert result.success
    assert result.cause == ""
    assert result.details == {"attempts": 1}


def test_a_named_fault_is_the_cause(episode):
    result = run_episode(episode, CONFIG, refusing).result
    assert (result.code, result.cause) == ("NOT_GROUNDED", "NOT_GROUNDED")


def test_a_crash_in_one_episode_is_an_internal_error_of_that_episode(episode):
    result = run_episode(episode, CONFIG, broken).result
    assert result.code == "INTERNAL"
    assert "oops" in result.message


def test_pictures_show_before_and_after(episode, tmp_path):
    finished = run_episode(episode, CONFIG, magician, pictures=True)
    assert finished.pictures is not None
    assert not np.array_equal(finished.pictures.before, finished.pictures.after)
    paths = write_sheets([finished.pictures] * 4, tmp_path / "pictures")
    assert [path.name for path in paths] == ["contact_sheet.png"]
    assert paths[0].stat().st_size > 10_000


def test_failures_get_a_sheet_of_their_own(episode, tmp_path):
    finished = run_episode(episode, CONFIG, boastful, pictures=True)
    paths = write_sheets([finished.pictures], tmp_path)
    assert [path.name for path in paths] == ["contact_sheet.png", "failures.png"]


def _comparable(finished):
    ordered = sorted((one.result for one in finished), key=lambda result: result.index)
    return [(r.index, r.instruction, r.success, r.cause, r.measured, r.sim_s) for r in ordered]


@pytest.mark.slow
def test_processes_do_not_change_the_results():
    plan = EvalPlan(seed=4, episodes=4, tasks=("pnp", "colour"))
    alone = _comparable(run_suite(plan, make_magician, jobs=1))
    together = _comparable(run_suite(plan, make_magician, jobs=2))
    assert alone == together


def test_episode_records_can_be_kept():
    plan = EvalPlan(seed=4, episodes=1, tasks=("pick",), records=True)
    (finished,) = run_suite(plan, make_boastful)
    assert finished.result.details["episode"]["task"]["task_type"] == "pick"
