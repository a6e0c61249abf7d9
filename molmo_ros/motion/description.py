"""Robot descriptions: URDF text from xacro files, and the limits and names that a URDF has no place for.

Files are found in the source tree or, installed, below ``share/molmo_ros`` of the same prefix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.limits import JointLimits

PACKAGE = "molmo_ros"


def share_file(relative: str | Path) -> Path:
    """Absolute path of a file that ships with the package, such as ``urdf/fr3.urdf.xacro``.

    Raises:
        MolmoRosError: CONFIG_INVALID when it is nowhere.
    """
    here = Path(__file__).resolve()
    roots = [parent for parent in here.parents if (parent / "package.xml").is_file()]
    roots += [parent / "share" / PACKAGE for parent in here.parents]
    roots += [Path(p) / "share" / PACKAGE for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for root in roots:
        if (root / relative).is_file():
            return root / relative
    raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"{relative} was not found; is the package installed completely?")


def load_urdf(path: str | Path, mappings: Mapping[str, str] | None = None) -> str:
    """URDF text of a xacro (or plain URDF) file; each file is processed once per process and set of arguments.

    Args:
        path: An existing file, or a path below the package's share folder such as ``urdf/fr3.urdf.xacro``.
        mappings: xacro arguments, e.g. ``{"prefix": "left_", "hand": "false"}``.

    Raises:
        MolmoRosError: CONFIG_INVALID when the file is missing or xacro refuses it.
    """
    file = Path(path) if Path(path).is_file() else share_file(path)
    return _process(file.resolve(), file.stat().st_mtime_ns, tuple(sorted((mappings or {}).items())))


@lru_cache(maxsize=32)
def _process(file: Path, _changed_ns: int, mappings: tuple[tuple[str, str], ...]) -> str:
    import xacro

    try:
        document = xacro.process_file(str(file), mappings=dict(mappings))
    except Exception as error:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"{file.name} is not a valid xacro file: {' '.join(str(error).split())}"
        ) from error
    return str(document.toprettyxml(indent="  "))


@dataclass(frozen=True, kw_only=True, eq=False)
class RobotConfig:
    """What the motion code must know about a robot beside its URDF; read from ``config/robots/<name>.yaml``.

    Attributes:
        name: Name of the robot.
        urdf: Path of its xacro file, below the share folder.
        xacro_arguments: Arguments the file is processed with.
        base_frame: Root link; every Cartesian quantity is expressed in it.
        flange_frame: Last link of the arm.
        tcp_frame: Tool frame: between the finger tips, +z approach, +y closing.
        limits: Limits of the planned joints, in planning order.
        hand_frame: The hand's body.
        gripper_joints: Finger joints.
        gripper_width_m: Opening when fully open [m].
        gripper_upper_m: Largest position of one finger joint [m].
        workspace_lower_m: (3,) lowest tool position [m].
        workspace_upper_m: (3,) highest tool position [m].
        poses: Named joint configurations [rad].
        never_checked: Pairs of links whose contact is never checked.
    """

    name: str
    urdf: str
    xacro_arguments: Mapping[str, str]
    base_frame: str
    flange_frame: str
    tcp_frame: str
    limits: JointLimits
    hand_frame: str
    gripper_joints: tuple[str, ...]
    gripper_width_m: float
    gripper_upper_m: float
    workspace_lower_m: npt.NDArray[np.float64]
    workspace_upper_m: npt.NDArray[np.float64]
    poses: Mapping[str, npt.NDArray[np.float64]]
    never_checked: frozenset[frozenset[str]]

    @cached_property
    def urdf_text(self) -> str:
        """The URDF, processed once."""
        return load_urdf(self.urdf, self.xacro_arguments)


def _pairs(data: Mapping[str, Any], prefix: str) -> frozenset[frozenset[str]]:
    pairs = {frozenset(prefix + link for link in pair) for pair in data.get("never_checked", [])}
    hand = [prefix + link for link in data.get("hand_links", [])]
    others = [prefix + link for link in data.get("hand_never_checked_with", [])]
    pairs |= {frozenset((a, b)) for a in hand for b in (*hand, *others) if a != b}
    return frozenset(pairs)


def load_robot(name: str | Path, *, prefix: str = "", xacro_arguments: Mapping[str, str] | None = None) -> RobotConfig:
    """Reads ``config/robots/<name>.yaml``, or the YAML file at a path.

    Args:
        name: Robot name such as ``fr3``, or a path.
        prefix: Put before every joint and link name, as the xacro argument ``prefix`` does.
        xacro_arguments: Further arguments for the xacro file.

    Raises:
        MolmoRosError: CONFIG_INVALID when the file is missing or lacks a key.
    """
    import yaml

    path = Path(name) if Path(name).is_file() else share_file(f"config/robots/{name}.yaml")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        gripper = data.get("gripper", {})
        arguments = {"prefix": prefix, **(xacro_arguments or {})}
        return RobotConfig(
            name=path.stem,
            urdf=str(data["urdf"]),
            xacro_arguments=MappingProxyType(arguments),
            base_frame=prefix + data["base_frame"],
            flange_frame=prefix + data["flange_frame"],
            tcp_frame=prefix + data["tcp_frame"],
            limits=JointLimits.from_mapping(
                {prefix + joint: values for joint, values in data["joints"].items()},
                velocity_tolerance=float(data.get("velocity_tolerance", 0.0)),
            ),
            hand_frame=prefix + data.get("hand_frame", data["tcp_frame"]),
            gripper_joints=tuple(prefix + joint for joint in gripper.get("joints", [])),
            gripper_width_m=float(gripper.get("max_width", 0.0)),
            gripper_upper_m=float(gripper.get("upper", 0.0)),
            workspace_lower_m=np.asarray(data["workspace"]["lower"], dtype=float),
            workspace_upper_m=np.asarray(data["workspace"]["upper"], dtype=float),
            poses=MappingProxyType({key: np.asarray(q, dtype=float) for key, q in data.get("poses", {}).items()}),
            never_checked=_pairs(data, prefix),
        )
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"{path.name} does not describe a robot: {' '.join(str(error).split())}"
        ) from error
