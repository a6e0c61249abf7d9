"""What `molmo-ros check` compares: contracts, the robot's description, a checkpoint's own files, a running graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from molmo_ros.core.contract import EmbodimentContract, compare, load_contract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.description import RobotConfig, load_robot, share_file


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One contract and how it fits.

    Attributes:
        contract: The contract.
        mismatches: One sentence for each; empty when it fits.
        looked_at: What it was compared with.
        skipped: What it could not be compared with, and why.
    """

    contract: EmbodimentContract
    mismatches: tuple[str, ...]
    looked_at: tuple[str, ...]
    skipped: tuple[str, ...] = field(default=())


def contract_files() -> list[Path]:
    """The contracts that ship with the package."""
    return sorted(share_file("config/contracts/molmobot_droid_fr3.yaml").parent.glob("*.yaml"))


def find(names: list[str]) -> Iterator[EmbodimentContract]:
    """Contracts by file name or path; all that ship with the package when none is named.

    Raises:
        MolmoRosError: CONFIG_INVALID when one is not found, or not valid.
    """
    known = {path.stem: path for path in contract_files()}
    for name in names or list(known):
        path = Path(name)
        if name in known:
            yield load_contract(known[name])
        elif path.suffix in (".yaml", ".yml") and path.is_file():
            yield load_contract(path)
        else:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f'There is no contract "{name}"; there are: {", ".join(known)}.'
            )


def metadata_of(checkpoint: str) -> dict[str, Any]:
    """What a checkpoint's own files say: its statistics and, of one tag, the dimensions.

    Raises:
        MolmoRosError: CONFIG_INVALID when it is no folder with a readable ``config.json``.
    """
    folder = Path(checkpoint).expanduser()
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        stats_file = folder / "norm_stats.json"
        stats = json.loads(stats_file.read_text(encoding="utf-8")) if stats_file.is_file() else {}
    except (OSError, ValueError) as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{folder} is no checkpoint folder: {error}") from error
    tags = stats.get("metadata_by_tag") or config.get("norm_stats") or {}
    return {"normalisation_tags": sorted(tags), "by_tag": tags}


def _of_tag(metadata: dict[str, Any], tag: str) -> dict[str, Any]:
    known: dict[str, Any] = {"normalisation_tags": metadata["normalisation_tags"]}
    entry = metadata["by_tag"].get(tag)
    if isinstance(entry, dict):
        for key, name in (("action_stats", "action_dim"), ("state_stats", "state_dim")):
            low = (entry.get(key) or {}).get("q01")
            if isinstance(low, list):
                known[name] = len(low)
        if isinstance(entry.get("action_horizon"), int):
            known["chunk_length"] = entry["action_horizon"]
    return known


def judge(
    contract: EmbodimentContract,
    *,
    robot: str = "",
    metadata: dict[str, Any] | None = None,
    joint_state_names: list[str] | None = None,
    cameras: dict[str, Any] | None = None,
) -> Finding:
    """How one contract fits to what is known.

    Args:
        contract: What the checkpoint expects.
        robot: Robot to compare with; the contract's own when empty.
        metadata: From `metadata_of`.
        joint_state_names: Names seen in joint_states.
        cameras: Width, height and K by camera, from camera_info.
    """
    looked, skipped = [], []
    description: RobotConfig | None = None
    name = robot or contract.robot
    try:
        description = load_robot(name)
        looked.append(f"URDF of {name}")
    except MolmoRosError as error:
        skipped.append(f"URDF of {name}: {error.message}")
    model_says = None
    if metadata is not None:
        model_says = _of_tag(metadata, contract.normalisation_tag)
        looked.append("checkpoint")
    looked += ["joint_states"] if joint_state_names is not None else []
    looked += ["camera_info"] if cameras is not None else []
    found = compare(
        contract,
        robot=name,
        urdf_joints=None if description is None else (*description.limits.names, *description.gripper_joints),
        gripper_max_width_m=None if description is None else description.gripper_width_m,
        joint_state_names=joint_state_names,
        cameras=cameras,
        model_metadata=model_says,
    )
    return Finding(contract=contract, mismatches=tuple(found), looked_at=tuple(looked), skipped=tuple(skipped))
