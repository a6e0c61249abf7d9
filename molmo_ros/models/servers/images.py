"""Images as a policy was trained on them: cut to its aspect ratio about the centre, then scaled."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def fitted(image: npt.NDArray[np.uint8], width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """(height_px, width_px, 3) of an image: the largest centred part of that aspect ratio, by area averaging."""
    height, width = image.shape[:2]
    if (width, height) == (width_px, height_px):
        return np.ascontiguousarray(image)
    if width * height_px > height * width_px:
        kept = round(height * width_px / height_px)
        left = (width - kept) // 2
        image = image[:, left : left + kept]
    elif width * height_px < height * width_px:
        kept = round(width * height_px / width_px)
        top = (height - kept) // 2
        image = image[top : top + kept]
    shrinks = image.shape[1] >= width_px
    scaled = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)
