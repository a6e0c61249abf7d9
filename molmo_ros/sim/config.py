"""What a simulated world is made of, read from ``config/sim/*.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.motion.description import share_file

Array = npt.NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraConfig:
    """One simulated RGB-D camera.

    Attributes:
        name: Short name, e.g. "front".
        frame_id: Name of its optical frame (x right, y down, z forward).
        link: Link whose frame is the optical frame; "" for a camera fixed in the base frame.
        T_base_optical: (4, 4) pose of a fixed camera; identity for one on a link.
        width_px: Image width.
        height_px: Image height.
        f_px: Focal length, the same for both axes.
    """

    name: str
    frame_id: str
    link: str
    T_base_optical: Array
    width_px: int
    height_px: int
    f_px: float

    @property
    def K(self) -> Array:
        """(3, 3) intrinsics; pixel centres are integers, so the optical axis meets (W - 1) / 2."""
        return np.array(
            [
                [self.f_px, 0.0, (self.width_px - 1) / 2],
                [0.0, self.f_px, (self.height_px - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )

    @property
    def fovy_deg(self) -> float:
        """Vertical field of view [degrees]."""
        return float(np.degrees(2 * np.arctan(self.height_px / (2 * self.f_px))))


@dataclass(frozen=True, kw_only=True, eq=False)
class WorldConfig:
    """One kind of world; lengths in metres in the base frame.

    Attributes:
        robot: Name below ``config/robots``.
        timestep_s: Physics step [s].
        table_top_z_m: Height of the table's surface.
        table_x_m: Extent of the table along x.
        table_y_m: Extent along y.
        workspace_x_m: Where objects are put, along x.
        workspace_y_m: The same along y.
        stiffness: Servo stiffness per arm joint [Nm/rad].
        damping: Servo damping per arm joint [Nms/rad].
        armature: Rotor inertia per arm joint [kgm^2].
        joint_damping: Viscous friction of the arm joints [Nms/rad].
        friction_loss: Dry friction per arm joint [Nm].
        start: Name of the arm's first pose.
        gripper_speed_m_s: Rate of the opening.
        gripper_stiffness: Per finger [N/m].
        gripper_friction: Sliding friction of the finger tips.
        cameras: Cameras by name.
    """

    robot: str
    timestep_s: float
    table_top_z_m: float
    table_x_m: Span
    table_y_m: Span
    workspace_x_m: Span
    workspace_y_m: Span
    stiffness: Array
    damping: Array
    armature: Array
    joint_damping: float
    friction_loss: Array
    start: str
    gripper_speed_m_s: float
    gripper_stiffness: float
    gripper_friction: float
    cameras: Mapping[str, CameraConfig]


def _camera(name: str, data: Mapping[str, Any]) -> CameraConfig:
    link = str(data.get("link", ""))
    pose = np.eye(4) if link else geo.look_at(data["eye"], data["target"])
    return CameraConfig(
        name=name,
        frame_id=str(data["frame_id"]),
        link=link,
        T_base_optical=pose,
        width_px=int(data["width_px"]),
        height_px=int(data["height_px"]),
        f_px=float(data["f_px"]),
    )


def _span(values: Any) -> Span:
    low, high = (float(v) for v in values)
    if not low < high:
        raise ValueError(f"[{low}, {high}] is not an interval")
    return low, high


def load_world_config(name: str | Path = "tabletop") -> WorldConfig:
    """Reads ``config/sim/<name>.yaml``, or the YAML file at a path.

    Raises:
        MolmoRosError: CONFIG_INVALID when the file is missing or lacks a key.
    """
    import yaml

    path = Path(name) if Path(name).is_file() else share_file(f"config/sim/{name}.yaml")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        arm, gripper, table = data["arm"], data["gripper"], data["table"]
        return WorldConfig(
            robot=str(data["robot"]),
            timestep_s=float(data["timestep_s"]),
            table_top_z_m=float(table["top_z"]),
            table_x_m=_span(table["x"]),
            table_y_m=_span(table["y"]),
            workspace_x_m=_span(data["workspace"]["x"]),
            workspace_y_m=_span(data["workspace"]["y"]),
            stiffness=np.asarray(arm["stiffness"], dtype=np.float64),
            damping=np.asarray(arm["damping"], dtype=np.float64),
            armature=np.asarray(arm["armature"], dtype=np.float64),
            joint_damping=float(arm["joint_damping"]),
            friction_loss=np.asarray(arm["friction_loss"], dtype=np.float64),
            start=str(arm["start"]),
            gripper_speed_m_s=float(gripper["speed"]),
            gripper_stiffness=float(gripper["stiffness"]),
            gripper_friction=float(gripper["friction"]),
            cameras=MappingProxyType({key: _camera(key, value) for key, value in data["cameras"].items()}),
        )
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise MolmoRosError(
            ErrorCode.CONFIG_INVALID, f"{path.name} does not describe a world: {' '.join(str(error).split())}"
        ) from error
