"""`molmo-ros check` says every mismatch in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from molmo_ros.cli.contracts import contract_files
from molmo_ros.cli.main import app
from molmo_ros.core.contract import load_contract
from molmo_ros.core.errors import MolmoRosError


def check(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *words])
    if isinstance(done.exception, MolmoRosError):
        raise done.exception
    return done.exit_code, done.output


def test_a_matching_contract_fits() -> None:
    code, out = check("molmobot_droid_fr3")
    assert (code, "fits" in out, "mismatch" in out) == (0, True, False)
    assert load_contract(next(p for p in contract_files() if p.stem == "molmobot_droid_fr3")).hash[:12] in out


def test_another_gripper_is_said_in_words() -> None:
    code, out = check("molmobot_droid_fr3_2f85")
    assert code == 1
    assert "0.085 m (Robotiq 2F-85), this one opens 0.080 m" in out


def test_another_robot_is_said_in_words() -> None:
    code, out = check("molmobot_rby1_door", "--robot", "fr3")
    assert code == 1
    assert "for the robot rby1, not fr3" in out
    assert "left_arm_0" in out


def test_the_checkpoints_own_files_count(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    stats = {"action_horizon": 10, "action_stats": {"q01": [0.0] * 7}, "state_stats": {"q01": [0.0] * 8}}
    (tmp_path / "norm_stats.json").write_text(json.dumps({"metadata_by_tag": {"franka_droid": stats}}))
    code, out = check("molmoact2_droid_fr3", "--checkpoint", str(tmp_path))
    assert code == 1
    assert "the model says action dim 7, the contract 8" in out
    assert "the model says chunk length 10, the contract 15" in out
    assert "state dim" not in out


def test_missing_statistics_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"norm_stats": {"libero": {}}}))
    code, out = check("molmoact2_droid_fr3", "--checkpoint", str(tmp_path))
    assert code == 1
    assert "no normalisation statistics franka_droid; it has libero" in out


def test_an_overview_of_all_contracts_is_no_failure() -> None:
    code, out = check()
    assert code == 0
    assert all(path.stem in out for path in contract_files())


def test_a_silent_graph_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "229")
    code, out = check("molmobot_droid_fr3", "--live", "--wait", "0.3")
    assert code == 1
    assert "joint_states" in out


def test_an_unknown_contract_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MolmoRosError, match="molmobot_droid_fr3"):
        check("nonsense")


@pytest.mark.parametrize("path", contract_files(), ids=lambda p: p.stem)
def test_every_contract_names_what_its_robot_has(path: Path) -> None:
    contract = load_contract(path)
    assert contract.robot in ("fr3", "rby1")
    assert path.stem.startswith(contract.backend.split("_")[0])
    if contract.action_kind is not None:
        assert contract.gripper is not None
        assert contract.cameras
        assert len(contract.action_names) in (8, 19, 20)
