"""A mismatch between checkpoint and robot is found before anything moves, and said in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molmo_ros.core.contract import compare, contract_from, load_contract
from molmo_ros.core.errors import ErrorCode, MolmoRosError

CONTRACTS = sorted((Path(__file__).parents[2] / "config" / "contracts").glob("*.yaml"))

DATA = {
    "backend": "molmobot",
    "checkpoint": "allenai/MolmoBot",
    "robot": "fr3",
    "gives": ["actions"],
    "state_names": ["fr3_joint1", "fr3_joint2"],
    "action": {
        "names": ["fr3_joint1", "fr3_joint2", "gripper"],
        "kind": "joint_position",
        "dt_s": 0.066,
        "chunk_length": 16,
        "execute_length": 8,
    },
    "gripper": {"open_value": 0.0, "closed_value": 255.0, "max_width_m": 0.085, "model": "Robotiq 2F-85"},
    "cameras": [{"name": "front", "width_px": 640, "height_px": 360, "horizontal_fov_deg": 71.0}],
    "normalisation_tag": "franka",
}


def k_of(fov_deg: float, width: int) -> np.ndarray:
    f = width / 2 / np.tan(np.radians(fov_deg) / 2)
    return np.array([[f, 0, width / 2], [0, f, 1], [0, 0, 1]])


def test_a_matching_robot_gives_no_sentence() -> None:
    contract = contract_from(DATA, "test")
    assert (
        compare(
            contract,
            robot="fr3",
            urdf_joints=["fr3_joint1", "fr3_joint2"],
            joint_state_names=["fr3_joint2", "fr3_joint1"],
            cameras={"front": (1280, 720, k_of(71.0, 1280))},
            gripper_max_width_m=0.085,
            model_metadata={"action_dim": 3, "state_dim": 2, "normalisation_tags": ["franka"]},
        )
        == []
    )


@pytest.mark.parametrize(
    ("there", "word"),
    [
        ({"robot": "rby1"}, "rby1"),
        ({"urdf_joints": ["fr3_joint1"]}, "fr3_joint2"),
        ({"joint_state_names": []}, "fr3_joint1"),
        ({"cameras": {}}, "no camera front"),
        ({"cameras": {"front": (640, 480, k_of(71.0, 640))}}, "aspect ratio"),
        ({"cameras": {"front": (640, 360, k_of(42.0, 640))}}, "42 degrees"),
        ({"gripper_max_width_m": 0.08}, "Robotiq 2F-85"),
        ({"model_metadata": {"action_dim": 8}}, "action dim 8"),
        ({"model_metadata": {"normalisation_tags": ["droid"]}}, "franka"),
    ],
)
def test_each_mismatch_is_one_sentence_that_names_it(there: dict[str, object], word: str) -> None:
    found = compare(contract_from(DATA, "test"), **there)  # type: ignore[arg-type]
    assert len(found) == 1
    assert word in found[0]


def test_the_hash_changes_with_what_is_expected_and_not_with_the_notes() -> None:
    plain = contract_from(DATA, "test")
    noted = contract_from({**DATA, "notes": ["never run on hardware"]}, "test")
    other = contract_from({**DATA, "normalisation_tag": "droid"}, "test")
    assert plain.hash == noted.hash != other.hash


@pytest.mark.parametrize(
    "change",
    [
        {"gives": ["magic"]},
        {"gives": ["points"]},
        {"state_names": ["a", "a"]},
        {"action": {**DATA["action"], "execute_length": 17}},  # type: ignore[dict-item]
        {"action": {**DATA["action"], "kind": "teleport"}},  # type: ignore[dict-item]
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MolmoRosError) as caught:
        contract_from({**DATA, **change}, "test")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda p: p.stem)
def test_every_shipped_contract_is_valid(path: Path) -> None:
    assert load_contract(path).name == path.stem
