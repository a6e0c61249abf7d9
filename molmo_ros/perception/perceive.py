"""RGB-D frame to scene: cloud, support plane, instances."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Frame
from molmo_ros.perception.cloud import check_depth, make_cloud
from molmo_ros.perception.config import PerceptionConfig
from molmo_ros.perception.objects import make_object
from molmo_ros.perception.plane import find_support
from molmo_ros.perception.segment import label_instances


def perceive(frame: Frame, config: PerceptionConfig, ignore: npt.NDArray[np.bool_] | None = None) -> Scene:
    """What stands on the support in front of the camera.

    Args:
        frame: RGB-D image with calibration and camera pose.
        config: Assumptions about table, sensor and workspace.
        ignore: (H, W) pixels that are not part of the scene, such as the robot itself.

    Returns:
        The cloud in the base frame, the support plane and the objects, largest in the image first.

    Raises:
        MolmoRosError: DEPTH_INVALID, DEPTH_UNITS or NO_SUPPORT_PLANE.
    """
    check_depth(frame.depth_m)
    cloud = make_cloud(frame, config.max_depth_m)
    if ignore is not None:
        cloud[ignore] = np.nan
    camera_m = frame.T_base_camera[:3, 3]
    plane = find_support(cloud, camera_m, config)
    labels, count = label_instances(cloud, frame, plane, config)
    objects = tuple(make_object(i, labels == i + 1, cloud, frame, plane) for i in range(count))
    return Scene(
        stamp_ns=frame.stamp_ns,
        points_base_m=cloud,
        plane=plane,
        objects=objects,
        camera_base_m=np.array(camera_m, dtype=np.float64),
    )
