"""The bridge."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
import sensor_msgs.msg

from ._conversion import cvtColor2
from ._encodings import DEPTHS, NUMPY_TYPES, CvBridgeError, getCvType, layout_of

__all__ = ["CvBridge", "CvBridgeError"]


class CvBridge:
    """Converts between ``sensor_msgs`` images and numpy arrays as OpenCV uses them."""

    def __init__(self) -> None:
        self.cvdepth_to_numpy_depth = {i: NUMPY_TYPES[d] for i, d in enumerate(DEPTHS)}
        self.cvtype_to_name = {getCvType(f"{depth}C{n}"): f"{depth}C{n}" for depth in DEPTHS for n in (1, 2, 3, 4)}
        self.numpy_type_to_cvtype = {v: k for k, v in NUMPY_TYPES.items()} | NUMPY_TYPES

    def dtype_with_channels_to_cvtype2(self, dtype: np.dtype, n_channels: int) -> str:
        """Return the generic encoding of a numpy type, such as ``16UC1``."""
        try:
            return f"{self.numpy_type_to_cvtype[dtype.name]}C{n_channels}"
        except KeyError:
            raise CvBridgeError(f"OpenCV has no image of type {dtype.name}") from None

    def cvtype2_to_dtype_with_channels(self, cvtype: int) -> tuple[str, int]:
        """Return numpy type and number of channels of an OpenCV type."""
        return self.cvdepth_to_numpy_depth[cvtype & 7], (cvtype >> 3) + 1

    def encoding_to_cvtype2(self, encoding: str) -> int:
        """Return OpenCV's type number of an encoding."""
        return getCvType(encoding)

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """Return numpy type and number of channels of an encoding."""
        layout = layout_of(encoding)
        return layout.dtype, layout.channels

    def imgmsg_to_cv2(self, img_msg: sensor_msgs.msg.Image, desired_encoding: str = "passthrough") -> np.ndarray:
        """Convert an image message to an array.

        Args:
            img_msg: The message; rows may be padded and bytes in either order.
            desired_encoding: What to convert to; ``passthrough`` keeps the encoding.

        Returns:
            (H, W) for one channel, else (H, W, channels). With ``passthrough`` it may share
            memory with the message.

        Raises:
            CvBridgeError: The message is malformed or the conversion does not exist.
        """
        layout = layout_of(img_msg.encoding)
        dtype = np.dtype(layout.dtype).newbyteorder(">" if img_msg.is_bigendian else "<")
        pixel_bytes = dtype.itemsize * layout.channels
        height, width, step = img_msg.height, img_msg.width, img_msg.step
        data = img_msg.data
        if isinstance(data, list | tuple):
            data = bytes(data)
        if step < width * pixel_bytes or memoryview(data).nbytes < height * step:
            raise CvBridgeError(
                f"Image is wrongly formed: {width}x{height} {img_msg.encoding} with step {step} "
                f"does not fit {memoryview(data).nbytes} bytes"
            )
        image = np.ndarray(
            shape=(height, width, layout.channels),
            dtype=dtype,
            buffer=data,
            strides=(step, pixel_bytes, dtype.itemsize),
        )
        if layout.channels == 1:
            image = image[:, :, 0]
        if not dtype.isnative:
            image = image.astype(dtype.newbyteorder("="))
        image = np.ascontiguousarray(image)
        if desired_encoding == "passthrough":
            return image
        return cvtColor2(image, img_msg.encoding, desired_encoding)

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: sensor_msgs.msg.CompressedImage, desired_encoding: str = "passthrough"
    ) -> np.ndarray:
        """Decode a compressed image message.

        Args:
            cmprs_img_msg: The message.
            desired_encoding: What to convert to; ``passthrough`` keeps what the file holds
                (colour as BGR).

        Returns:
            (H, W) for one channel, else (H, W, channels).

        Raises:
            CvBridgeError: The data is no image, or the conversion does not exist.
        """
        data = cmprs_img_msg.data
        if isinstance(data, list | tuple):
            data = bytes(data)
        buffer = np.frombuffer(data, np.uint8)
        image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED) if buffer.size else None
        if image is None:
            raise CvBridgeError(f"{buffer.size} bytes of format '{cmprs_img_msg.format}' are no image")
        if desired_encoding == "passthrough":
            return image
        channels = 1 if image.ndim == 2 else image.shape[2]
        name = {1: "mono", 3: "bgr", 4: "bgra"}.get(channels, "")
        return cvtColor2(image, f"{name}{8 * image.dtype.itemsize}", desired_encoding)

    def cv2_to_imgmsg(
        self, cvim: np.ndarray, encoding: str = "passthrough", header: Any = None
    ) -> sensor_msgs.msg.Image:
        """Convert an array to an image message.

        Args:
            cvim: (H, W) or (H, W, channels).
            encoding: What the array holds; ``passthrough`` names only its type (``8UC3``).
            header: Header of the message.

        Returns:
            The message.

        Raises:
            CvBridgeError: The array's type is not that of the encoding.
            TypeError: It is no array.
        """
        _require_array(cvim)
        height, width = cvim.shape[:2]
        channels = 1 if cvim.ndim < 3 else cvim.shape[2]
        cv_type = self.dtype_with_channels_to_cvtype2(cvim.dtype, channels)
        if encoding == "passthrough":
            encoding = cv_type
        else:
            layout = layout_of(encoding)
            if f"{layout.depth}C{layout.channels}" != cv_type:
                raise CvBridgeError(f"encoding specified as {encoding}, but image has incompatible type {cv_type}")
        img_msg = sensor_msgs.msg.Image()
        if header is not None:
            img_msg.header = header
        img_msg.height = height
        img_msg.width = width
        img_msg.encoding = encoding
        order = cvim.dtype.byteorder
        img_msg.is_bigendian = order == ">" or (order == "=" and sys.byteorder == "big")
        img_msg.step = width * channels * cvim.dtype.itemsize
        img_msg.data.frombytes(_bytes_of(cvim))
        return img_msg

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray, dst_format: str = "jpg") -> sensor_msgs.msg.CompressedImage:
        """Encode an array as a compressed image message.

        Args:
            cvim: (H, W) or (H, W, channels), colour as BGR.
            dst_format: A file extension that OpenCV writes, such as ``jpg`` or ``png``.

        Returns:
            The message.

        Raises:
            CvBridgeError: OpenCV cannot write this array in this format.
            TypeError: It is no array.
        """
        _require_array(cvim)
        try:
            written, encoded = cv2.imencode(f".{dst_format}", cvim)
        except cv2.error as error:
            raise CvBridgeError(f"OpenCV cannot write this image as {dst_format}: {error}") from error
        if not written:
            raise CvBridgeError(f"OpenCV cannot write this image as {dst_format}")
        message = sensor_msgs.msg.CompressedImage()
        message.format = dst_format
        message.data.frombytes(_bytes_of(encoded))
        return message


def _require_array(cvim: Any) -> None:
    if not isinstance(cvim, np.ndarray | np.generic):
        raise TypeError("Your input type is not a numpy array")


def _bytes_of(image: np.ndarray) -> np.ndarray:
    """Return an array's bytes, copied only where they do not lie in one piece."""
    return np.ascontiguousarray(image).reshape(-1).view(np.uint8)
