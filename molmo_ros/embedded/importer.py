"""The meta-path finder that stands in for a ROS 2 installation.

It is the last finder asked, so whatever a real ROS 2 (or anything else) provides wins.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

SITE = Path(__file__).parent / "site"

STANDALONE = frozenset({"tf_transformations"})
"""Packages that need no rclpy and may therefore stand beside a real one."""


def real_rclpy_found() -> bool:
    """Whether a ROS 2 installation's rclpy is on the import path."""
    return PathFinder.find_spec("rclpy", sys.path) is not None


class EmbeddedFinder:
    """Finds rclpy, its companions and interface packages that nothing else provides."""

    def __init__(self) -> None:
        self._names = frozenset(entry.stem for entry in SITE.iterdir() if entry.is_dir() or entry.suffix == ".py")
        self._real: bool | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module the embedded runtime provides, or nothing."""
        top = fullname.partition(".")[0]
        if top in self._names:
            if path is not None or (top not in STANDALONE and self._real_rclpy()):
                return None
            return PathFinder.find_spec(fullname, [str(SITE)], target)
        if not fullname.isascii() or self._real_rclpy():
            return None
        from molmo_ros.embedded import typesys

        return typesys.find_spec(fullname)

    def _real_rclpy(self) -> bool:
        if self._real is None:
            rclpy = sys.modules.get("rclpy")
            if rclpy is not None:
                self._real = not str(getattr(rclpy, "__file__", "")).startswith(str(SITE))
            else:
                self._real = real_rclpy_found()
        return self._real
