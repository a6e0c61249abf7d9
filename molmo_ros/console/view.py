"""The whole page: scene, panel and what both must agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.console.edit import CameraPose, Waypoint
from molmo_ros.console.overlay import overlaid
from molmo_ros.console.panel import Commands, Panel
from molmo_ros.console.scene import SceneView
from molmo_ros.core.types import Grasp, Trace


class ConsoleView:
    """The page of one console; several viewers see the same.

    Args:
        server: A viser server.
        commands: What a person can ask for.
        changed: Called when a viewer came or went.
    """

    def __init__(self, server: Any, commands: Commands, changed: Callable[[], None] = lambda: None) -> None:
        self._server = server
        server.gui.configure_theme(control_width="large", show_logo=False, show_share_button=False)
        server.initial_camera.position = (1.25, 0.75, 0.75)
        server.initial_camera.look_at = (0.35, 0.0, 0.2)
        server.gui.main_panel.dock_right()
        self.panel = Panel(server.gui, commands)
        self.scene = SceneView(server.scene, commands.drag)
        self._trace: Trace | None = None
        self._grasps: Sequence[Grasp] = ()
        server.on_client_connect(lambda _: changed())
        server.on_client_disconnect(lambda _: changed())

    @property
    def viewers(self) -> int:
        """How many pages are open."""
        return len(self._server.get_clients())

    def grasps(self, items: Sequence[Grasp]) -> None:
        """The newest grasps."""
        self._grasps = items
        self.scene.grasps(items)

    def plan(self, trace: Trace | None, waypoints: Sequence[Waypoint], *, waiting: bool, words: str = "") -> None:
        """The newest trace, and whether it waits for a person."""
        self._trace = trace
        self.scene.trace(trace, waypoints, editable=waiting)
        self.panel.plan(waiting=waiting, waypoints=len(waypoints), words=words)

    def image(self, rgb: npt.NDArray[np.uint8], camera: CameraPose | None) -> None:
        """The newest camera image (H, W, 3)."""
        self.panel.image(overlaid(rgb, self._trace, self._grasps, camera))

    def close(self) -> None:
        """Closes the page for everybody."""
        self._server.stop()
