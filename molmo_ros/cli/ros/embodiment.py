"""Joint names and cameras of a running graph, for `molmo-ros check --live`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from molmo_ros.cli.ros.node import ros_node, wait_until


def look(
    cameras: Mapping[str, str], seconds: float, use_sim_time: bool
) -> tuple[list[str] | None, dict[str, Any] | None, list[str]]:
    """What a running graph says of itself.

    Args:
        cameras: Topic prefix of each camera, by its name in the contract.
        seconds: How long to wait.
        use_sim_time: Follow `/clock`.

    Returns:
        Joint names, cameras as (width, height, K) by name, and what did not come.
    """
    import numpy as np

    joints: list[str] = []
    seen: dict[str, Any] = {}
    with ros_node("check", use_sim_time=use_sim_time) as node:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, JointState  # type: ignore[import-not-found]

        def on_info(name: str, message: Any) -> None:
            seen[name] = (int(message.width), int(message.height), np.array(message.k).reshape(3, 3))

        node.create_subscription(
            JointState, "joint_states", lambda m: joints.extend(m.name) if not joints else None, qos_profile_sensor_data
        )
        for name, prefix in cameras.items():
            node.create_subscription(
                CameraInfo, f"{prefix}/color/camera_info", lambda m, n=name: on_info(n, m), qos_profile_sensor_data
            )
        wait_until(node, lambda: bool(joints) and len(seen) == len(cameras), seconds)
    silent = [] if joints else ["joint_states"]
    silent += [f"{prefix}/color/camera_info" for name, prefix in cameras.items() if name not in seen]
    return joints or None, seen if seen or not cameras else None, silent
