"""The embodiment contract: what a checkpoint expects of a robot, and every way in which the two can differ.

One YAML per checkpoint and robot (``config/contracts``). Comparison gives sentences; no sentence means a match.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionKind

FOV_TOLERANCE_DEG = 3.0


@dataclass(frozen=True, kw_only=True)
class CameraContract:
    """One image the checkpoint wants.

    Attributes:
        name: Name of the camera in the graph.
        width_px: Width of the image.
        height_px: Height of the image.
        horizontal_fov_deg: Field of view it was trained with, or None where it was varied.
    """

    name: str
    width_px: int
    height_px: int
    horizontal_fov_deg: float | None = None


@dataclass(frozen=True, kw_only=True)
class GripperContract:
    """How the gripper is written in an action.

    Attributes:
        open_value: Action value of the open gripper.
        closed_value: Action value of the closed gripper.
        max_width_m: Opening of the open gripper [m].
        model: Gripper the checkpoint was trained with.
    """

    open_value: float
    closed_value: float
    max_width_m: float
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class EmbodimentContract:
    """What one checkpoint expects of one robot.

    Attributes:
        name: Name of the file.
        backend: Backend that serves the checkpoint.
        checkpoint: Published name.
        robot: Robot it drives.
        gives: Abilities: "points", "trace", "actions", "depth", "progress".
        state_names: Joint names of the state, in the model's order.
        action_names: Names of the action columns, in the model's order.
        action_kind: Meaning of the action, or None for a model without actions.
        dt_s: Time between actions [s].
        chunk_length: Actions per answer.
        execute_length: Actions executed before the next answer takes over.
        gripper: How the gripper is written, or None.
        ee_frame: Frame of end-effector actions.
        cameras: Images in the model's order.
        normalisation_tag: Key of the statistics.
        notes: What an operator must know, in sentences.
    """

    name: str
    backend: str
    checkpoint: str
    robot: str
    gives: tuple[str, ...]
    state_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    action_kind: ActionKind | None = None
    dt_s: float = 0.0
    chunk_length: int = 0
    execute_length: int = 0
    gripper: GripperContract | None = None
    ee_frame: str = ""
    cameras: tuple[CameraContract, ...] = ()
    normalisation_tag: str = ""
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of what the contract says, in hexadecimal; notes do not count."""
        said = {k: v for k, v in asdict(self).items() if k != "notes"}
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def load_contract(path: str | Path) -> EmbodimentContract:
    """Reads and checks one contract.

    Raises:
        MolmoRosError: CONFIG_INVALID, naming the file and the key.
    """
    import yaml

    source = Path(path)
    try:
        data = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{source}: not a readable contract: {error}") from error
    if not isinstance(data, dict):
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{source}: a contract is a mapping")
    return contract_from(data, source.stem, str(source))


def contract_from(data: Mapping[str, Any], name: str, source: str = "contract") -> EmbodimentContract:
    """A contract from its YAML form.

    Raises:
        MolmoRosError: CONFIG_INVALID, naming the source and what is wrong.
    """
    try:
        action = dict(data.get("action") or {})
        gripper = data.get("gripper")
        contract = EmbodimentContract(
            name=name,
            backend=str(data["backend"]),
            checkpoint=str(data["checkpoint"]),
            robot=str(data["robot"]),
            gives=tuple(str(g) for g in data["gives"]),
            state_names=tuple(str(n) for n in data.get("state_names") or ()),
            action_names=tuple(str(n) for n in action.get("names") or ()),
            action_kind=ActionKind(action["kind"]) if action else None,
            dt_s=float(action.get("dt_s", 0.0)),
            chunk_length=int(action.get("chunk_length", 0)),
            execute_length=int(action.get("execute_length", 0)),
            gripper=GripperContract(**gripper) if gripper else None,
            ee_frame=str(data.get("ee_frame", "")),
            cameras=tuple(CameraContract(**c) for c in data.get("cameras") or ()),
            normalisation_tag=str(data.get("normalisation_tag", "")),
            notes=tuple(str(n) for n in data.get("notes") or ()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{source}: {type(error).__name__}: {error}") from error
    problems = _self_check(contract)
    if problems:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{source}: {'; '.join(problems)}")
    return contract


def _self_check(contract: EmbodimentContract) -> list[str]:
    problems = []
    unknown = set(contract.gives) - {"points", "trace", "actions", "depth", "progress"}
    if unknown:
        problems.append(f"gives names {', '.join(sorted(unknown))}, which is no ability")
    for label, names in (("state_names", contract.state_names), ("action names", contract.action_names)):
        if len(set(names)) != len(names):
            problems.append(f"{label} holds a name twice")
    if ("actions" in contract.gives) != (contract.action_kind is not None):
        problems.append("a contract that gives actions has an action section, any other has none")
    if contract.action_kind is not None:
        if not contract.dt_s > 0:
            problems.append("action.dt_s must be > 0")
        if not 1 <= contract.execute_length <= contract.chunk_length:
            problems.append("action needs 1 <= execute_length <= chunk_length")
        if not contract.action_names:
            problems.append("action.names is empty")
    return problems


def compare(
    contract: EmbodimentContract,
    *,
    robot: str | None = None,
    urdf_joints: Sequence[str] | None = None,
    urdf_frames: Sequence[str] | None = None,
    joint_state_names: Sequence[str] | None = None,
    cameras: Mapping[str, tuple[int, int, npt.NDArray[np.float64]]] | None = None,
    gripper_max_width_m: float | None = None,
    model_metadata: Mapping[str, Any] | None = None,
) -> list[str]:
    """Every mismatch between a contract and what is there, one sentence each. What is None is not compared.

    Args:
        contract: What the checkpoint expects.
        robot: Name of the robot that is there.
        urdf_joints: Joint names of its URDF.
        urdf_frames: Link names of its URDF.
        joint_state_names: Names seen in joint_states.
        cameras: Per camera name its width, height [px] and (3, 3) K, from camera_info.
        gripper_max_width_m: Opening of the gripper that is there [m].
        model_metadata: What the loaded model says: "action_dim", "state_dim", "chunk_length", "normalisation_tags", "robot".
    """
    found: list[str] = []
    if robot is not None and robot != contract.robot:
        found.append(f"the contract {contract.name} is for the robot {contract.robot}, not {robot}")
    wanted = [n for n in (*contract.state_names, *contract.action_names) if _is_joint(n)]
    for label, names in (("the URDF", urdf_joints), ("joint_states", joint_state_names)):
        if names is not None:
            missing = [n for n in dict.fromkeys(wanted) if n not in names]
            if missing:
                found.append(f"{label} has no joint {', '.join(missing)}, which {contract.checkpoint} drives")
    if urdf_frames is not None and contract.ee_frame and contract.ee_frame not in urdf_frames:
        found.append(f"the URDF has no frame {contract.ee_frame}, in which {contract.checkpoint} acts")
    if cameras is not None:
        found += _compare_cameras(contract, cameras)
    if gripper_max_width_m is not None and contract.gripper is not None:
        wide = contract.gripper.max_width_m
        if abs(wide - gripper_max_width_m) > 0.005:
            found.append(
                f"{contract.checkpoint} expects a gripper of {wide:.3f} m ({contract.gripper.model or 'unnamed'}), "
                f"this one opens {gripper_max_width_m:.3f} m"
            )
    if model_metadata is not None:
        found += _compare_metadata(contract, model_metadata)
    return found


def _is_joint(name: str) -> bool:
    """Whether a column is a joint of the robot, not a gripper's opening, a base step or a model's own coordinate."""
    return not name.startswith(("ee_", "base_")) and "gripper" not in name and not name.endswith("_height")


def _compare_cameras(
    contract: EmbodimentContract, cameras: Mapping[str, tuple[int, int, npt.NDArray[np.float64]]]
) -> list[str]:
    found = []
    for want in contract.cameras:
        have = cameras.get(want.name)
        if have is None:
            found.append(
                f"there is no camera {want.name}; the contract lists {', '.join(c.name for c in contract.cameras)}"
            )
            continue
        width, height, K = have
        if width * want.height_px != height * want.width_px:
            found.append(
                f"the camera {want.name} gives {width}x{height} px; {contract.checkpoint} was trained on "
                f"{want.width_px}x{want.height_px} px, another aspect ratio"
            )
        if want.horizontal_fov_deg is not None:
            fov = float(np.degrees(2 * np.arctan2(width / 2, K[0, 0])))
            if abs(fov - want.horizontal_fov_deg) > FOV_TOLERANCE_DEG:
                found.append(
                    f"the camera {want.name} sees {fov:.0f} degrees across; "
                    f"{contract.checkpoint} was trained with {want.horizontal_fov_deg:.0f}"
                )
    return found


def _compare_metadata(contract: EmbodimentContract, metadata: Mapping[str, Any]) -> list[str]:
    found = []
    expected = {
        "action_dim": len(contract.action_names),
        "state_dim": len(contract.state_names),
        "chunk_length": contract.chunk_length,
    }
    for key, want in expected.items():
        if metadata.get(key) is not None and int(metadata[key]) != want:
            found.append(f"the model says {key.replace('_', ' ')} {metadata[key]}, the contract {want}")
    tags = metadata.get("normalisation_tags")
    if tags is not None and contract.normalisation_tag and contract.normalisation_tag not in tags:
        found.append(
            f"the model has no normalisation statistics {contract.normalisation_tag}; it has {', '.join(map(str, tags))}"
        )
    if metadata.get("robot") is not None and metadata["robot"] != contract.robot:
        found.append(f"the model was trained for {metadata['robot']}, the contract is for {contract.robot}")
    return found
