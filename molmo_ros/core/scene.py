"""What perception believes about one frame: the support plane and the objects on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """The support plane ``normal . p = offset_m`` in the base frame.

    Attributes:
        normal: (3,) unit normal, pointing away from the support towards free space.
        offset_m: Signed distance of the plane from the base origin along the normal [m].
        inlier_ratio: Share of the known depth pixels that lie on it, 0..1.
    """

    normal: npt.NDArray[np.float64]
    offset_m: float
    inlier_ratio: float = 1.0

    def height_m(self, points_base_m: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Signed height of (..., 3) points above the plane [m]."""
        return np.asarray(points_base_m @ self.normal - self.offset_m, dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneObject:
    """One object instance.

    Attributes:
        object_id: Index within the scene.
        mask: (H, W) bool, the pixels that show it.
        bbox_px: (x0, y0, x1, y1) of the mask, x1 and y1 exclusive [px].
        points_base_m: (N, 3) its visible points in the base frame [m].
        T_base_box: (4, 4) centre of its upright bounding box: z along the support normal, x along the longer side.
        size_m: (3,) extents of that box along its x, y, z [m].
        colour: Basic colour name, e.g. "red"; "mixed" where none dominates.
        rgb: (3,) mean colour 0..255.
        shape: Shape word: "block", "ball", "can", "bottle", "box", "mug", "bowl", "plate", "tray", "stick", ...,
            or "object".
        shape_scores: Score per shape word, 0..1.
        colour_scores: How well each basic colour name fits, 0..1; more than one may, near a boundary.
        is_receptacle: Whether things can be put in or on it (a concave or flat open top).
        touches_border: Whether the mask is cut by the image border.
        confidence: 0..1.
    """

    object_id: int
    mask: npt.NDArray[np.bool_]
    bbox_px: tuple[int, int, int, int]
    points_base_m: npt.NDArray[np.float64]
    T_base_box: npt.NDArray[np.float64]
    size_m: npt.NDArray[np.float64]
    colour: str
    rgb: npt.NDArray[np.float64]
    shape: str
    shape_scores: dict[str, float]
    colour_scores: dict[str, float] = field(default_factory=dict)
    is_receptacle: bool = False
    touches_border: bool = False
    confidence: float = 1.0

    @property
    def center_base_m(self) -> npt.NDArray[np.float64]:
        """(3,) centre of the bounding box [m]."""
        return self.T_base_box[:3, 3]

    @property
    def center_px(self) -> tuple[float, float]:
        """A pixel (u, v) on the object close to the middle of its mask."""
        v, u = np.nonzero(self.mask)
        middle = np.array([u.mean(), v.mean()])
        nearest = int(np.argmin((u - middle[0]) ** 2 + (v - middle[1]) ** 2))
        return float(u[nearest]), float(v[nearest])


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Everything perceived in one frame.

    Attributes:
        stamp_ns: Stamp of the frame [ns].
        points_base_m: (H, W, 3) organised cloud in the base frame [m]; NaN where depth is unknown.
        plane: The support plane.
        objects: The instances; ``objects[i].object_id == i``.
        camera_base_m: (3,) position of the camera in the base frame [m].
    """

    stamp_ns: int
    points_base_m: npt.NDArray[np.float32]
    plane: Plane
    objects: tuple[SceneObject, ...]
    camera_base_m: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def object_at(self, uv_px: tuple[float, float]) -> SceneObject | None:
        """The object whose mask holds a pixel (u, v), or None."""
        u, v = round(uv_px[0]), round(uv_px[1])
        for item in self.objects:
            if 0 <= v < item.mask.shape[0] and 0 <= u < item.mask.shape[1] and item.mask[v, u]:
                return item
        return None
