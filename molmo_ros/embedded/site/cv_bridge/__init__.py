"""Convert between ROS images and OpenCV (numpy) images."""

from ._display import cvtColorForDisplay
from ._encodings import CvBridgeError, getCvType
from .core import CvBridge

__all__ = ["CvBridge", "CvBridgeError", "cvtColorForDisplay", "getCvType"]
