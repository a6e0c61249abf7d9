"""What MolmoBot's servers are told of a robot, and what their actions mean on it.

Group names, orders and ranges: allenai/MolmoBot, ``configure_real_robot.py`` (FR3) and
``real_robot_molmobot_rby1_{door,multitask}.py`` (RB-Y1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.columns import BASE_COLUMNS, GRIPPER_COLUMN
from molmo_ros.core.contract import EmbodimentContract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.protocols import Observation

Array = npt.NDArray[np.float64]

ROBOTIQ_CLOSED_RAD = 0.824033
"""Driver joint of the closed Robotiq 2F-85 that the FR3 checkpoints know."""

GRIPPER_THRESHOLD = 128.0
"""FR3: a command above this, of 0..255, closes."""

RBY1_CLOSES = 5.0
"""RB-Y1: the gripper command is a motor force of the simulation, -100 or +100; from this on it closes."""

RBY1_TORSO = (0.0, 0.738)
"""RB-Y1: range of the torso's one number h; its joints 1, 2, 3 are h, -2h, h [rad]."""


def _invalid(message: str) -> MolmoRosError:
    return MolmoRosError(ErrorCode.MODEL_ANSWER_INVALID, message)


def group(action: Mapping[Any, Any], name: str, size: int) -> Array:
    """One group of an action, checked.

    Raises:
        MolmoRosError: MODEL_ANSWER_INVALID when it is missing, of another size, or not finite.
    """
    value = action.get(name)
    if value is None:
        raise _invalid(f"The policy's action lacks {name}.")
    try:
        array = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise _invalid(f"The policy's {name} is not made of numbers.") from error
    if array.shape != (size,):
        raise _invalid(f"The policy's {name} has {array.size} numbers instead of {size}.")
    if not np.all(np.isfinite(array)):
        raise _invalid(f"The policy's {name} holds a value that is not finite.")
    return array


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Decoded actions.

    Attributes:
        names: Column names: joints, grippers [m], base steps.
        values: (rows, columns).
    """

    names: tuple[str, ...]
    values: Array


class Fr3:
    """FR3 with a two-finger gripper: seven absolute joint positions, gripper 0 (open) to 255 (closed).

    A Franka Hand is spoken of as if it were the Robotiq 2F-85 of the training data: its opening is mapped to that
    gripper's joint, and commands count only as open or closed.
    """

    groups = ("arm", "gripper")

    def __init__(self, contract: EmbodimentContract) -> None:
        self._arm = tuple(n for n in contract.action_names if "gripper" not in n)
        if len(self._arm) != 7:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{contract.name}: MolmoBot's FR3 has seven arm joints.")
        self._open_m = contract.gripper.max_width_m if contract.gripper is not None else 0.08
        self.names = (*self._arm, GRIPPER_COLUMN)

    def qpos(self, observation: Observation, arm: Array | None = None) -> dict[str, Any]:
        """Measured joints; ``arm`` (7,) in place of the measured one."""
        share = min(max(observation.gripper_width_m / self._open_m, 0.0), 1.0)
        return {
            "arm": np.asarray(observation.joints.select(self._arm) if arm is None else arm, dtype=np.float32),
            "gripper": np.full(2, (1.0 - share) * ROBOTIQ_CLOSED_RAD, dtype=np.float32),
        }

    def foreseen(self, rows: Sequence[Array], observation: Observation) -> Array:
        """(7,) where the arm will be after these rows."""
        del observation
        return np.asarray(rows[-1][:7], dtype=np.float64)

    def row(self, action: Mapping[Any, Any]) -> Array:
        """One action as a row: seven joints [rad] and the opening [m]."""
        width = 0.0 if group(action, "gripper", 1)[0] > GRIPPER_THRESHOLD else self._open_m
        return np.append(group(action, "arm", 7), width)

    def finish(self, rows: Sequence[Array], observation: Observation) -> Rows:
        """The rows as they are."""
        del observation
        return Rows(names=self.names, values=np.array(rows))


class RbY1:
    """RB-Y1: steps of base and arms, absolute grippers and torso.

    Arm steps are added to the measured joints, so that the chunk names positions; base steps stay steps, in the frame
    of the odometry.
    """

    groups = ("base", "left_arm", "left_gripper", "right_arm", "right_gripper", "torso")

    def __init__(self, contract: EmbodimentContract) -> None:
        names = contract.action_names
        self._left = tuple(n for n in names if n.startswith("left_arm"))
        self._right = tuple(n for n in names if n.startswith("right_arm"))
        self._torso = tuple(n for n in contract.state_names if n.startswith("torso"))
        self._tall = any(n.startswith("torso") for n in names)
        if len(self._left) != 7 or len(self._right) != 7:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{contract.name}: RB-Y1 has seven joints in each arm.")
        if self._tall and len(self._torso) != 6:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{contract.name}: name all six torso joints in state_names.")
        self._open_m = contract.gripper.max_width_m if contract.gripper is not None else 0.1
        self._fingers = {
            side: tuple(n for n in contract.state_names if n.startswith(f"{side}_gripper"))
            for side in ("left", "right")
        }

    def qpos(self, observation: Observation, arm: Array | None = None) -> dict[str, Any]:
        """Measured joints and the base in the odometry frame; ``arm`` (14,) in place of the measured arms."""
        joints = observation.joints
        arms = np.concatenate([joints.select(self._left), joints.select(self._right)]) if arm is None else arm
        out: dict[str, Any] = {
            "base": planar(observation.T_odom_base).astype(np.float32),
            "left_arm": np.asarray(arms[:7], dtype=np.float32),
            "right_arm": np.asarray(arms[7:14], dtype=np.float32),
        }
        for side, fingers in self._fingers.items():
            known = [n for n in fingers if n in joints.names]
            # A finger joint runs from -0.05 (open) to 0 (closed).
            value = joints.select((known[0],))[0] if known else -observation.gripper_width_m / 2
            out[f"{side}_gripper"] = np.array([value], dtype=np.float32)
        if self._torso:
            out["torso"] = joints.select(self._torso).astype(np.float32)
        return out

    def foreseen(self, rows: Sequence[Array], observation: Observation) -> Array:
        """(14,) where the arms will be after these rows."""
        total = np.sum(rows, axis=0)
        joints = observation.joints
        return np.concatenate([joints.select(self._left) + total[3:10], joints.select(self._right) + total[11:18]])

    def row(self, action: Mapping[Any, Any]) -> Array:
        """One action: base 3, left arm 7, left gripper, right arm 7, right gripper, torso height or NaN."""
        parts = [group(action, "base", 3), group(action, "left_arm", 7), group(action, "left_gripper", 1)]
        parts += [group(action, "right_arm", 7), group(action, "right_gripper", 1)]
        height = group(action, "torso", 1) if self._tall else np.array([np.nan])
        return np.concatenate([*parts, height])

    def finish(self, rows: Sequence[Array], observation: Observation) -> Rows:
        """Rows with absolute arms, openings [m] and torso joints."""
        values = np.array(rows)
        joints = observation.joints
        left = joints.select(self._left) + np.cumsum(values[:, 3:10], axis=0)
        right = joints.select(self._right) + np.cumsum(values[:, 11:18], axis=0)
        openings = np.where(values[:, [10, 18]] >= RBY1_CLOSES, 0.0, self._open_m)
        names = [*BASE_COLUMNS, *self._left, *self._right]
        names += [f"left_{GRIPPER_COLUMN}", f"right_{GRIPPER_COLUMN}"]
        columns = [values[:, :3], left, right, openings]
        if self._tall:
            h = np.clip(values[:, 19], *RBY1_TORSO)
            zero = np.zeros_like(h)
            columns.append(np.column_stack([zero, h, -2 * h, h, zero, zero]))
            names += self._torso
        return Rows(names=tuple(names), values=np.column_stack(columns))


def planar(T_odom_base: npt.NDArray[np.float64] | None) -> Array:
    """(x, y, yaw) of a base pose; zero without odometry."""
    if T_odom_base is None:
        return np.zeros(3)
    return np.array([T_odom_base[0, 3], T_odom_base[1, 3], np.arctan2(T_odom_base[1, 0], T_odom_base[0, 0])])


def embodiment(contract: EmbodimentContract) -> Fr3 | RbY1:
    """How MolmoBot speaks of the contract's robot.

    Raises:
        MolmoRosError: NOT_SUPPORTED for a robot it was not trained for.
    """
    if contract.robot == "fr3":
        return Fr3(contract)
    if contract.robot == "rby1":
        return RbY1(contract)
    raise MolmoRosError(ErrorCode.NOT_SUPPORTED, f"MolmoBot knows fr3 and rby1, not {contract.robot}.")
