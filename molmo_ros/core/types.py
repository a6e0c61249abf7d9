"""The data that flows through the house: camera -> perception -> models/grasping -> motion -> robots.

Every type is frozen and keyword-only, checks its shapes on construction, and carries units and frames in its names.
Arrays are made read-only, so an instance can be shared between threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.geometry import is_transform

FloatArray = npt.NDArray[np.floating[Any]]


def _invalid(message: str, code: ErrorCode = ErrorCode.PAYLOAD_INVALID) -> MolmoRosError:
    return MolmoRosError(code, message)


def _frozen(array: npt.ArrayLike, dtype: type | np.dtype[Any]) -> npt.NDArray[Any]:
    """A read-only view of array in dtype; copies only where the type differs."""
    out = np.asarray(array, dtype=dtype)
    out = out.view()
    out.flags.writeable = False
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One RGB-D image with its calibration.

    Attributes:
        rgb: (H, W, 3) uint8, red first.
        depth_m: (H, W) float32 along the optical axis [m]; NaN where unknown.
        K: (3, 3) pinhole intrinsics of both images [px].
        T_base_camera: (4, 4) pose of the camera's optical frame (x right, y down, z forward) in the base frame.
        stamp_ns: Acquisition time [ns].
        frame_id: Name of the optical frame.

    Raises:
        MolmoRosError: CAMERA_INFO_INVALID, DEPTH_INVALID or TRANSFORM_MISSING, for parts that do not fit together.
    """

    rgb: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]
    K: npt.NDArray[np.float64]
    T_base_camera: npt.NDArray[np.float64]
    stamp_ns: int
    frame_id: str

    def __post_init__(self) -> None:
        rgb = _frozen(self.rgb, np.uint8)
        depth_m = _frozen(self.depth_m, np.float32)
        K = _frozen(self.K, np.float64)
        T = _frozen(self.T_base_camera, np.float64)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise _invalid(f"a colour image must be (H, W, 3), got {rgb.shape}", ErrorCode.CAMERA_LOST)
        if depth_m.shape != rgb.shape[:2]:
            raise _invalid(
                f"depth is {depth_m.shape[::-1]} px but colour is {rgb.shape[1::-1]} px; "
                "use the depth aligned to colour",
                ErrorCode.DEPTH_INVALID,
            )
        if K.shape != (3, 3) or not np.all(np.isfinite(K)) or K[0, 0] <= 0 or K[1, 1] <= 0:
            raise _invalid(
                "camera_info has no valid focal length; is the camera calibrated?", ErrorCode.CAMERA_INFO_INVALID
            )
        if not is_transform(T):
            raise _invalid(
                f"the pose of {self.frame_id or 'the camera'} in the base frame is not a rigid transform",
                ErrorCode.TRANSFORM_MISSING,
            )
        for name, value in (("rgb", rgb), ("depth_m", depth_m), ("K", K), ("T_base_camera", T)):
            object.__setattr__(self, name, value)

    @property
    def width_px(self) -> int:
        """Image width [px]."""
        return int(self.rgb.shape[1])

    @property
    def height_px(self) -> int:
        """Image height [px]."""
        return int(self.rgb.shape[0])


class GraspStatus(StrEnum):
    """Where a grasp stands between proposal and execution."""

    CANDIDATE = "candidate"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CHOSEN = "chosen"


@dataclass(frozen=True, kw_only=True, eq=False)
class Grasp:
    """A pose of the tool at the moment the fingers close.

    Attributes:
        T_base_tcp: (4, 4) tool frame in the base frame: between the finger tips, +z approach, +y closing.
        width_m: Distance between the two contacts [m].
        quality: Geometric quality, 0..1.
        model_score: Fit to the model's point, 0..1; None when no model spoke.
        status: Where it stands.
        reason_code: Why it was rejected; NONE otherwise.
        reason: The same in one sentence.
        object_id: Index of the perceived object, -1 when unknown.
        source: Family of the generator, e.g. "contour", "antipodal".
        grasp_id: Stable name within one answer.
    """

    T_base_tcp: npt.NDArray[np.float64]
    width_m: float
    quality: float
    model_score: float | None = None
    status: GraspStatus = GraspStatus.CANDIDATE
    reason_code: ErrorCode = ErrorCode.NONE
    reason: str = ""
    object_id: int = -1
    source: str = ""
    grasp_id: str = ""

    def __post_init__(self) -> None:
        T = _frozen(self.T_base_tcp, np.float64)
        if not is_transform(T):
            raise _invalid("a grasp pose must be a finite rigid transform")
        if not np.isfinite(self.width_m) or self.width_m < 0:
            raise _invalid(f"a grasp width must be >= 0 m, got {self.width_m}")
        if not 0.0 <= self.quality <= 1.0:
            raise _invalid(f"a grasp quality lies in 0..1, got {self.quality}")
        if (self.status is GraspStatus.REJECTED) != (self.reason_code is not ErrorCode.NONE):
            raise _invalid("a rejected grasp carries a reason code, any other grasp carries none")
        object.__setattr__(self, "T_base_tcp", T)

    def rejected(self, code: ErrorCode, reason: str) -> Grasp:
        """The same grasp, rejected for a reason."""
        return replace(self, status=GraspStatus.REJECTED, reason_code=code, reason=reason)

    def accepted(self) -> Grasp:
        """The same grasp, accepted."""
        return replace(self, status=GraspStatus.ACCEPTED, reason_code=ErrorCode.NONE, reason="")


class Author(StrEnum):
    """Who drew a trace."""

    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """A planned path of the end effector, drawn on an image.

    Attributes:
        uv: (N, 2) polyline [px] in the source image, N >= 2.
        width_px: Width of the source image.
        height_px: Height of the source image.
        points_base_m: (N, 3) the same polyline in the base frame [m], or None before lifting.
        author: Who drew it.
        stamp_ns: Stamp of the image it was drawn on [ns].
        revision: Grows with every edit.
    """

    uv: npt.NDArray[np.float64]
    width_px: int
    height_px: int
    points_base_m: npt.NDArray[np.float64] | None = None
    author: Author = Author.MODEL
    stamp_ns: int = 0
    revision: int = 0

    def __post_init__(self) -> None:
        uv = _frozen(self.uv, np.float64)
        if uv.ndim != 2 or uv.shape[1] != 2 or len(uv) < 2:
            raise _invalid(
                f"a trace needs two points or more, got {len(uv) if uv.ndim else 0}", ErrorCode.TRACE_INVALID
            )
        if not np.all(np.isfinite(uv)):
            raise _invalid("a trace has a point that is not a number", ErrorCode.TRACE_INVALID)
        if np.any(uv < 0) or np.any(uv[:, 0] >= self.width_px) or np.any(uv[:, 1] >= self.height_px):
            raise _invalid(
                f"a trace point lies off the {self.width_px}x{self.height_px} image", ErrorCode.TRACE_INVALID
            )
        object.__setattr__(self, "uv", uv)
        if self.points_base_m is not None:
            points = _frozen(self.points_base_m, np.float64)
            if points.shape != (len(uv), 3) or not np.all(np.isfinite(points)):
                raise _invalid("a lifted trace needs one finite 3-D point per pixel", ErrorCode.TRACE_INVALID)
            object.__setattr__(self, "points_base_m", points)


class ActionKind(StrEnum):
    """What the numbers of a chunk mean."""

    JOINT_POSITION = "joint_position"
    JOINT_DELTA = "joint_delta"
    EE_DELTA = "ee_delta"
    BASE_DELTA = "base_delta"


@dataclass(frozen=True, kw_only=True, eq=False)
class ActionChunk:
    """Consecutive actions of a policy.

    Attributes:
        names: One joint or coordinate name per column; no duplicates.
        values: (horizon, len(names)); rad, m, or m/rad deltas as kind says.
        kind: Meaning of the values.
        dt_s: Time between rows [s].
        observation_stamp_ns: Stamp of the observation these actions answer [ns].
        sequence: Grows by one with each chunk.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    kind: ActionKind
    dt_s: float
    observation_stamp_ns: int
    sequence: int

    def __post_init__(self) -> None:
        values = _frozen(self.values, np.float64)
        if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] != len(self.names):
            raise _invalid(f"an action chunk must be (horizon, {len(self.names)}), got {values.shape}")
        if not np.all(np.isfinite(values)):
            raise _invalid("an action chunk holds a value that is not finite", ErrorCode.GATE_NOT_FINITE)
        if len(set(self.names)) != len(self.names):
            raise _invalid("an action chunk names a joint twice", ErrorCode.GATE_NAMES)
        if not (np.isfinite(self.dt_s) and self.dt_s > 0):
            raise _invalid(f"the time between actions must be > 0 s, got {self.dt_s}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "names", tuple(self.names))

    @property
    def horizon(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Thought:
    """What a model was asked, what it said, and what was understood.

    Attributes:
        prompt: The literal prompt.
        raw_text: The literal answer; untrusted.
        points_px: (N, 2) points in the asked image [px].
        depth_tokens: Depth token indices.
        trace_px: (M, 2) trace in the asked image [px].
        actions: (horizon, dof) decoded actions, or (0, 0).
        backend: Name of the backend.
        model_id: Name of the checkpoint.
        revision: Pinned revision of the checkpoint.
        contract_hash: Hash of the embodiment contract in force.
        phase_s: Seconds per phase.
        code: Named outcome of the call.
        message: One sentence for a code other than NONE.
    """

    prompt: str
    raw_text: str
    points_px: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    depth_tokens: tuple[int, ...] = ()
    trace_px: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    actions: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    backend: str = ""
    model_id: str = ""
    revision: str = ""
    contract_hash: str = ""
    phase_s: Mapping[str, float] = field(default_factory=dict)
    code: ErrorCode = ErrorCode.NONE
    message: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_px", _frozen(np.reshape(self.points_px, (-1, 2)), np.float64))
        object.__setattr__(self, "trace_px", _frozen(np.reshape(self.trace_px, (-1, 2)), np.float64))
        object.__setattr__(self, "actions", _frozen(self.actions, np.float64))
        object.__setattr__(self, "phase_s", MappingProxyType(dict(self.phase_s)))
