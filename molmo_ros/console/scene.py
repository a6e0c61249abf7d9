"""What lies on the table and what is meant to happen, in three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.console.edit import Waypoint
from molmo_ros.console.robot import RobotView
from molmo_ros.core import geometry
from molmo_ros.core.types import Grasp, GraspStatus, Trace

Array = npt.NDArray[np.float64]
COLOURS = {
    GraspStatus.CHOSEN: (255, 190, 0),
    GraspStatus.ACCEPTED: (40, 200, 60),
    GraspStatus.CANDIDATE: (40, 200, 60),
    GraspStatus.REJECTED: (150, 150, 150),
}
# The gripper as a line in the tool frame: half stroke and finger length of the hand [m].
_HALF_STROKE_M, _FINGER_M = 0.041, 0.046
GRIPPER = np.array(
    [
        [0, _HALF_STROKE_M, 0],
        [0, _HALF_STROKE_M, -_FINGER_M],
        [0, -_HALF_STROKE_M, -_FINGER_M],
        [0, -_HALF_STROKE_M, 0],
    ]
)
MOST_GRASPS = 40
NAMES = 100
STILL_M = 0.005


class SceneView:
    """Robot, cloud, objects, grasps and trace.

    Args:
        scene: viser's scene.
        dragged: Called with the number of a waypoint and its new place in the base frame (3,) [m].
    """

    def __init__(self, scene: Any, dragged: Callable[[int, Array], None]) -> None:
        self._scene, self._dragged = scene, dragged
        self._robot: RobotView | None = None
        self._objects: list[Any] = []
        self._items: tuple[tuple[str, Array, Array], ...] = ()
        self._drawn = 0
        self._grasps: list[Any] = []
        self._trace: list[Any] = []
        self._handles: list[Any] = []
        scene.add_grid("/table", width=1.6, height=1.6, cell_size=0.1, position=(0.4, 0.0, -0.001))

    def robot(self, urdf: str) -> None:
        """Draws the robot of a URDF."""
        self._robot = RobotView(self._scene, urdf)

    def joints(self, positions: dict[str, float]) -> None:
        """Moves the robot."""
        if self._robot is not None:
            self._robot.move(positions)

    def cloud(self, points_base_m: npt.NDArray[np.float32], rgb: npt.NDArray[np.uint8]) -> None:
        """Draws the cloud, (N, 3) each."""
        self._scene.add_point_cloud("/cloud", points_base_m, rgb, point_size=0.003, point_shape="square")

    def objects(self, items: Sequence[tuple[str, Array, Array]]) -> None:
        """Draws boxes: words, pose (4, 4) in the base frame and size (3,) of each [m]."""
        if self._still(items):
            return
        self._items = tuple(items)
        _remove(self._objects)
        # A node that takes a removed one's name at once may keep its words in the browser.
        self._drawn = (self._drawn + 1) % NAMES
        for i, (words, T, size) in enumerate(items):
            name = f"/objects/{self._drawn}_{i}"
            x, y, z, w = geometry.rotation_to_quaternion(T[:3, :3])
            box = self._scene.add_box(
                name,
                color=(80, 140, 255),
                dimensions=tuple(size),
                wireframe=True,
                wxyz=(w, x, y, z),
                position=T[:3, 3],
            )
            above = T[:3, 3] + [0, 0, float(size[2]) / 2 + 0.03]
            self._objects += [box, self._scene.add_label(f"{name}_name", words, position=above)]

    def _still(self, items: Sequence[tuple[str, Array, Array]]) -> bool:
        return len(items) == len(self._items) and all(
            a[0] == b[0]
            and np.allclose(a[1][:3, 3], b[1][:3, 3], atol=STILL_M)
            and np.allclose(a[1][:3, :3], b[1][:3, :3], atol=0.1)
            and np.allclose(a[2], b[2], atol=STILL_M)
            for a, b in zip(items, self._items, strict=True)
        )

    def grasps(self, items: Sequence[Grasp]) -> None:
        """Draws grippers: the chosen one gold, accepted ones green, rejected ones grey."""
        _remove(self._grasps)
        for i, grasp in enumerate(items[:MOST_GRASPS]):
            line = geometry.apply(grasp.T_base_tcp, GRIPPER)
            chosen = grasp.status is GraspStatus.CHOSEN
            self._grasps.append(
                self._scene.add_line_segments(
                    f"/grasps/{i}",
                    np.stack([line[:-1], line[1:]], axis=1),
                    COLOURS[grasp.status],
                    thickness=0.006 if chosen else 0.002,
                )
            )

    def trace(self, trace: Trace | None, waypoints: Sequence[Waypoint], *, editable: bool) -> None:
        """Draws the lifted trace from blue (now) to red (later), with handles to drag when it may be edited."""
        _remove(self._trace)
        if trace is not None and trace.points_base_m is not None:
            points = trace.points_base_m
            share = np.linspace(0, 1, len(points))
            colours = np.column_stack([255 * share, np.full(len(share), 50), 255 * (1 - share)]).astype(np.uint8)
            self._trace.append(
                self._scene.add_line_segments(
                    "/trace/line",
                    np.stack([points[:-1], points[1:]], axis=1),
                    np.stack([colours[:-1], colours[1:]], axis=1),
                    thickness=0.006,
                )
            )
        self._place_handles(waypoints if editable else ())

    def _place_handles(self, waypoints: Sequence[Waypoint]) -> None:
        if len(waypoints) == len(self._handles):
            for handle, waypoint in zip(self._handles, waypoints, strict=True):
                handle.position = waypoint.point_base_m
            return
        _remove(self._handles)
        for i, waypoint in enumerate(waypoints):
            handle = self._scene.add_transform_controls(
                f"/trace/handle{i}",
                scale=0.05,
                line_width=2.0,
                disable_rotations=True,
                disable_sliders=True,
                depth_test=False,
                position=waypoint.point_base_m,
            )
            handle.on_update(self._letting_go(i))
            self._scene.add_icosphere(f"/trace/handle{i}/ball", radius=0.009, color=(255, 255, 255))
            self._handles.append(handle)

    def _letting_go(self, index: int) -> Callable[[Any], None]:
        def updated(event: Any) -> None:
            if event.phase == "end":
                self._dragged(index, np.asarray(event.target.position, dtype=np.float64))

        return updated


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()
