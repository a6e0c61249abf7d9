"""Markers that a person can drag and click in a viewer."""

from .interactive_marker_server import InteractiveMarkerServer
from .menu_handler import MenuHandler

__all__ = ["InteractiveMarkerServer", "MenuHandler"]
