"""rclpy and its companions where no ROS 2 is installed.

:func:`install` makes ``import rclpy`` work; ``python -m molmo_ros.embedded SCRIPT`` runs a script so.
"""

from __future__ import annotations

import sys

from molmo_ros.embedded.importer import EmbeddedFinder


def install() -> None:
    """Append the finder that provides rclpy, its companions and interface packages.

    It comes last, so a real ROS 2 always wins. Installing twice changes nothing.
    """
    if not any(isinstance(finder, EmbeddedFinder) for finder in sys.meta_path):
        from molmo_ros.embedded.typesys import SourceTreeFinder

        sys.meta_path.insert(0, SourceTreeFinder())
        sys.meta_path.append(EmbeddedFinder())


__all__ = ["install"]
