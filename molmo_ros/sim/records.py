"""Episodes in the fields of MolmoSpaces' EpisodeSpec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.sim.assembly import quaternion_wxyz
from molmo_ros.sim.config import WorldConfig
from molmo_ros.sim.scene import PlacedObject
from molmo_ros.sim.suite import Episode

Array = npt.NDArray[np.float64]

TASK_CLASS = {
    "pick": "PickTask",
    "pnp": "PickAndPlaceTask",
    "next_to": "PickAndPlaceNextToTask",
    "colour": "PickAndPlaceColorTask",
}


def _pose7(T: Array) -> list[float]:
    return [*(float(v) for v in T[:3, 3]), *quaternion_wxyz(T[:3, :3])]


def episode_record(
    episode: Episode, config: WorldConfig, start: dict[str, Array], init_qpos: Sequence[float]
) -> dict[str, Any]:
    """The episode in the field names of MolmoSpaces' EpisodeSpec (``evaluation/benchmark_schema.py``), as plain data.

    Args:
        episode: The episode.
        config: The world.
        start: (4, 4) settled poses of the objects.
        init_qpos: Arm joints at the start [rad].
    """
    objects = episode.scene.objects
    task: dict[str, Any] = {
        "task_cls": TASK_CLASS[episode.task],
        "task_type": episode.task,
        "robot_base_pose": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        "task_horizon_sec": episode.horizon_s,
        "pickup_obj_name": episode.target,
        "pickup_obj_start_pose": _pose7(start[episode.target]),
    }
    if episode.task == "pick":
        task["succ_pos_threshold"] = 0.01
    else:
        task["place_receptacle_name"] = episode.reference
        task["place_receptacle_start_pose"] = _pose7(start[episode.reference])
    if episode.task in ("pnp", "colour"):
        task |= {
            "receptacle_supported_weight_frac": 0.5,
            "max_place_receptacle_pos_displacement": 0.10,
            "max_place_receptacle_rot_displacement": 45.0,
        }
    if episode.task == "next_to":
        task |= {"min_surface_to_surface_gap": 0.0, "max_surface_to_surface_gap": 0.05}
    if episode.task == "colour":
        rivals = [name for name in objects if name.startswith("other_place")]
        task["object_colors"] = {name: objects[name].model.colour for name in (episode.reference, *rivals)}
        task["other_receptacle_names"] = rivals
        task["other_receptacle_start_poses"] = [_pose7(start[name]) for name in rivals]
    return {
        "source": {"episode_key": episode.key, "camera_system_class": "tabletop"},
        "house_index": episode.index,
        "scene_dataset": "molmo_ros_tabletop",
        "data_split": "eval",
        "seed": episode.seed,
        "robot": {"robot_name": config.robot, "init_qpos": {"arm": [float(q) for q in init_qpos]}},
        "img_resolution": [config.cameras["front"].width_px, config.cameras["front"].height_px],
        "cameras": [_camera_record(name, config) for name in config.cameras],
        "scene_modifications": {
            "added_objects": {name: _object_label(placed) for name, placed in objects.items()},
            "object_poses": {name: _pose7(start[name]) for name in objects},
            "removed_objects": [],
        },
        "task": task,
        "task_relevant_objects": [name for name in (episode.target, episode.reference) if name],
        "language": {
            "task_description": episode.instruction,
            "referral_expressions": {},
            "referral_expressions_priority": {},
        },
    }


def _object_label(placed: PlacedObject) -> str:
    return f"procedural/{placed.model.colour}_{placed.model.kind}"


def _camera_record(name: str, config: WorldConfig) -> dict[str, Any]:
    camera = config.cameras[name]
    record: dict[str, Any] = {"name": name, "fov": camera.fovy_deg, "record_depth": True}
    if camera.link:
        return record | {
            "reference_body_names": [camera.link],
            "camera_offset": [0.0, 0.0, 0.0],
            "camera_quaternion": quaternion_wxyz(np.diag([1.0, -1.0, -1.0])),
        }
    T = camera.T_base_optical
    return record | {
        "pos": [float(v) for v in T[:3, 3]],
        "up": [float(v) for v in -T[:3, 1]],
        "forward": [float(v) for v in T[:3, 2]],
    }
