"""Camera models made from ``sensor_msgs/CameraInfo``."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo

Pixel = tuple[float, float]
Point = tuple[float, float, float]


def _matrix(rows: int, columns: int, values: Sequence[float]) -> np.matrix:
    return np.asmatrix(np.array(values, dtype=np.float64).reshape(rows, columns))


class PinholeCameraModel:
    """An ideal camera. ``K``, ``D``, ``R`` and ``P`` hold for the binned region of interest."""

    def __init__(self) -> None:
        self.K: np.matrix | None = None
        self.D: np.matrix | None = None
        self.R: np.matrix | None = None
        self.P: np.matrix | None = None
        self.full_K: np.matrix | None = None
        self.full_P: np.matrix | None = None
        self.width: int | None = None
        self.height: int | None = None
        self.resolution: tuple[int, int] | None = None
        self.binning_x: int | None = None
        self.binning_y: int | None = None
        self.raw_roi: Any = None
        self.tf_frame: str | None = None
        self.stamp: Any = None

    def fromCameraInfo(self, msg: CameraInfo) -> None:
        """Take the parameters of a message."""
        self.full_K, self.full_P = _matrix(3, 3, msg.k), _matrix(3, 4, msg.p)
        self.K, self.P = self.full_K.copy(), self.full_P.copy()
        self.R = _matrix(3, 3, msg.r)
        self.D = _matrix(len(msg.d), 1, msg.d) if len(msg.d) else None
        self.width, self.height = msg.width, msg.height
        self.resolution = (msg.width, msg.height)
        self.binning_x, self.binning_y = max(1, msg.binning_x), max(1, msg.binning_y)
        self.raw_roi = copy.copy(msg.roi)
        roi = self.raw_roi
        if not any((roi.x_offset, roi.y_offset, roi.width, roi.height)):
            roi.width, roi.height = self.width, self.height
        self.tf_frame, self.stamp = msg.header.frame_id, msg.header.stamp
        for matrix in (self.K, self.P):
            matrix[0, 0] /= self.binning_x
            matrix[1, 1] /= self.binning_y
            matrix[0, 2] = (matrix[0, 2] - roi.x_offset) / self.binning_x
            matrix[1, 2] = (matrix[1, 2] - roi.y_offset) / self.binning_y

    def rectifyImage(self, raw: np.ndarray, rectified: np.ndarray) -> None:
        """Undo the distortion of an image, into another one."""
        self.mapx, self.mapy = cv2.initUndistortRectifyMap(
            self.K, self.D, self.R, self.P, (self.width, self.height), cv2.CV_32FC1
        )
        cv2.remap(raw, self.mapx, self.mapy, cv2.INTER_CUBIC, rectified)

    def rectifyPoint(self, uv_raw: Pixel) -> np.ndarray:
        """Return where a pixel of the raw image lies in the rectified one."""
        source = np.array(uv_raw, dtype=np.float64).reshape(1, 1, 2)
        return cv2.undistortPoints(source, self.K, self.D, R=self.R, P=self.P)[0, 0]

    def project3dToPixel(self, point: Point) -> Pixel:
        """Return the rectified pixel of a point (m); NaN for one in the plane of the camera."""
        u, v, w = np.asarray(self.P) @ (*point[:3], 1.0)
        return (u / w, v / w) if w != 0 else (math.nan, math.nan)

    def projectPixelTo3dRay(self, uv: Pixel) -> Point:
        """Return the unit vector from the camera through a rectified pixel."""
        x, y = (uv[0] - self.cx()) / self.fx(), (uv[1] - self.cy()) / self.fy()
        norm = math.sqrt(x * x + y * y + 1.0)
        return (x / norm, y / norm, 1.0 / norm)

    def getDeltaU(self, deltaX: float, Z: float) -> float:
        """Return how many pixels a shift in x (m) is at a depth (m)."""
        return math.inf if Z == 0 else self.P[0, 0] * deltaX / Z

    def getDeltaV(self, deltaY: float, Z: float) -> float:
        """Return how many pixels a shift in y (m) is at a depth (m)."""
        return math.inf if Z == 0 else self.P[1, 1] * deltaY / Z

    def getDeltaX(self, deltaU: float, Z: float) -> float:
        """Return the shift in x (m) of so many pixels at a depth (m)."""
        return Z * deltaU / self.P[0, 0]

    def getDeltaY(self, deltaV: float, Z: float) -> float:
        """Return the shift in y (m) of so many pixels at a depth (m)."""
        return Z * deltaV / self.P[1, 1]

    def fullResolution(self) -> tuple[int, int]:
        """Return width and height of the camera."""
        return self.resolution

    def intrinsicMatrix(self) -> np.matrix:
        """Return K."""
        return self.K

    def distortionCoeffs(self) -> np.matrix | None:
        """Return D."""
        return self.D

    def rotationMatrix(self) -> np.matrix:
        """Return R."""
        return self.R

    def projectionMatrix(self) -> np.matrix:
        """Return P."""
        return self.P

    def fullIntrinsicMatrix(self) -> np.matrix:
        """Return K of the whole, unbinned image."""
        return self.full_K

    def fullProjectionMatrix(self) -> np.matrix:
        """Return P of the whole, unbinned image."""
        return self.full_P

    def cx(self) -> float:
        """Return the x of the optical centre (pixels)."""
        return self.P[0, 2]

    def cy(self) -> float:
        """Return the y of the optical centre (pixels)."""
        return self.P[1, 2]

    def fx(self) -> float:
        """Return the focal length in x (pixels)."""
        return self.P[0, 0]

    def fy(self) -> float:
        """Return the focal length in y (pixels)."""
        return self.P[1, 1]

    def Tx(self) -> float:
        """Return the x term of the translation of P."""
        return self.P[0, 3]

    def Ty(self) -> float:
        """Return the y term of the translation of P."""
        return self.P[1, 3]

    def fovX(self) -> float:
        """Return the horizontal field of view (rad)."""
        return 2.0 * math.atan(self.width / (2.0 * self.fx()))

    def fovY(self) -> float:
        """Return the vertical field of view (rad)."""
        return 2.0 * math.atan(self.height / (2.0 * self.fy()))

    def tfFrame(self) -> str:
        """Return the camera's frame."""
        return self.tf_frame


class StereoCameraModel:
    """Two ideal cameras side by side."""

    def __init__(self) -> None:
        self.left = PinholeCameraModel()
        self.right = PinholeCameraModel()
        self.Q: np.matrix | None = None

    def fromCameraInfo(self, left_msg: CameraInfo, right_msg: CameraInfo) -> None:
        """Take the parameters of two messages."""
        self.left.fromCameraInfo(left_msg)
        self.right.fromCameraInfo(right_msg)
        right = self.right
        self.Q = np.asmatrix(np.zeros((4, 4)))
        self.Q[0, 0] = self.Q[1, 1] = 1.0
        self.Q[0, 3], self.Q[1, 3], self.Q[2, 3] = -right.cx(), -right.cy(), right.fx()
        self.Q[3, 2] = -right.fx() / right.Tx()

    def tfFrame(self) -> str:
        """Return the frame of the points: that of the left camera."""
        return self.left.tfFrame()

    def project3dToPixel(self, point: Point) -> tuple[Pixel, Pixel]:
        """Return the rectified pixels of a point (m) in both cameras."""
        return self.left.project3dToPixel(point), self.right.project3dToPixel(point)

    def projectPixelTo3d(self, left_uv: Pixel, disparity: float) -> Point:
        """Return the point (m) at a pixel and its disparity; the origin for one at infinity."""
        x, y, z, w = np.asarray(self.Q) @ (left_uv[0], left_uv[1], disparity, 1.0)
        return (x / w, y / w, z / w) if w != 0 else (0.0, 0.0, 0.0)

    def getZ(self, disparity: float) -> float:
        """Return the depth (m) of a disparity (pixels)."""
        return math.inf if disparity == 0 else -self.right.Tx() / disparity

    def getDisparity(self, Z: float) -> float:
        """Return the disparity (pixels) at a depth (m)."""
        return math.inf if Z == 0 else -self.right.Tx() / Z
