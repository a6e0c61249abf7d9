"""Between pixels and rays: pinhole and stereo camera models."""

from .cameramodels import PinholeCameraModel, StereoCameraModel

__all__ = ["PinholeCameraModel", "StereoCameraModel"]
