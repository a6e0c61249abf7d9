"""rclpy and its companions where no ROS 2 is installed.

:func:`install` makes ``import rclpy`` work; ``python -m molmo_ros.embedded SCRIPT`` runs a script so.
"""

from __future__ import annotations

import sys

from molmo_ros.embedded.importer import EmbeddedFinder, real_rclpy_found


def install() -> None:
    """Append the finder that provides rclpy, its companions and interface packages.

    It comes last, so a real ROS 2 always wins. Without one, interface folders named in the
    environment or lying on the path are read as definitions. Installing twice changes nothing.
    """
    if not any(isinstance(finder, EmbeddedFinder) for finder in sys.meta_path):
        if not real_rclpy_found():
            from molmo_ros.embedded.typesys import SourceTreeFinder

            # Folders of definitions on the path look like namespace packages; this one goes first.
            sys.meta_path.insert(0, SourceTreeFinder())
        sys.meta_path.append(EmbeddedFinder())


__all__ = ["install"]
