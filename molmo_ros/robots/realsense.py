"""An Intel RealSense through pyrealsense2: colour, depth aligned to it, intrinsics; lost and found again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError

FILTERS = ("decimation", "threshold", "spatial", "temporal", "hole_filling")
"""Depth filters in the order in which they are applied; spatial and temporal work on disparity."""
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
CLOCK_SLACK_NS = 500_000_000
MISSES = 3


@dataclass(frozen=True, kw_only=True)
class RealSenseConfig:
    """What to ask of the camera.

    Attributes:
        serial: Serial number; a leading underscore is dropped, the first camera found when empty.
        width: Of both images [px].
        height: Of both images [px].
        rate_hz: Images per second.
        filters: Names out of FILTERS.
        depth_max_m: Farther depth is dropped by the threshold filter [m].
        timeout_ms: Longest wait for one pair of images [ms].
    """

    serial: str = ""
    width: int = 640
    height: int = 480
    rate_hz: int = 30
    filters: tuple[str, ...] = ()
    depth_max_m: float = 4.0
    timeout_ms: int = 1000

    def __post_init__(self) -> None:
        unknown = sorted(set(self.filters) - set(FILTERS))
        if unknown:
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"No depth filter is called {unknown[0]}; there are {', '.join(FILTERS)}."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Intrinsics of the colour stream, and where it sits.

    Attributes:
        K: (3, 3).
        model: ROS's name of the distortion model.
        coefficients: Of the distortion, as the camera states them.
        T_depth_color: (4, 4) pose of the colour camera in the depth camera's optical frame [m].
    """

    K: npt.NDArray[np.float64]
    model: str
    coefficients: tuple[float, ...]
    T_depth_color: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """One pair of images.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_mm: (H, W) uint16 along the optical axis of the colour camera, 0 = unknown [mm].
        stamp_ns: Time of the colour image on this computer's clock [ns].
        number: The camera's count of colour images.
    """

    rgb: npt.NDArray[np.uint8]
    depth_mm: npt.NDArray[np.uint16]
    stamp_ns: int
    number: int


def load_realsense() -> Any:
    """The vendor's module.

    Raises:
        MolmoRosError: DEPENDENCY_MISSING when it, or the USB library that it needs, is not installed.
    """
    try:
        import pyrealsense2
    except ModuleNotFoundError as error:
        raise MissingDependencyError("pyrealsense2", "realsense") from error
    except ImportError as error:
        raise MolmoRosError(
            ErrorCode.DEPENDENCY_MISSING, f"pyrealsense2 lacks a system library ({error}); apt install libusb-1.0-0"
        ) from error
    return pyrealsense2


class RealSenseCamera:
    """One camera; `open`, then `read` again and again, then `close`.

    Args:
        config: What to ask of it.
        realsense: The vendor's module; imported when None.
    """

    def __init__(self, config: RealSenseConfig, realsense: Any = None) -> None:
        self._rs = load_realsense() if realsense is None else realsense
        self._config = config
        self._pipeline: Any = None
        self._filters: list[Any] = []
        self._scale_mm = 1.0
        self._number = -1
        self._misses = 0

    def open(self) -> Calibration:
        """Starts the streams.

        Raises:
            MolmoRosError: CAMERA_LOST when no such camera is there or it refuses the format, CAMERA_INFO_INVALID when
                it has no calibration.
        """
        self.close()
        rs, config = self._rs, self._config
        serials = [d.get_info(rs.camera_info.serial_number) for d in rs.context().query_devices()]
        wanted = config.serial.lstrip("_")
        if not serials or (wanted and wanted not in serials):
            found = f"; there are {', '.join(serials)}" if serials else "; check its USB 3 cable"
            name = f"RealSense {wanted}" if wanted else "RealSense"
            raise MolmoRosError(ErrorCode.CAMERA_LOST, f"No {name} is connected{found}.")
        asked = rs.config()
        asked.enable_device(wanted or serials[0])
        asked.enable_stream(rs.stream.depth, config.width, config.height, rs.format.z16, config.rate_hz)
        asked.enable_stream(rs.stream.color, config.width, config.height, rs.format.rgb8, config.rate_hz)
        pipeline = rs.pipeline()
        try:
            profile = pipeline.start(asked)
        except RuntimeError as error:
            raise MolmoRosError(
                ErrorCode.CAMERA_LOST,
                f"The RealSense refuses {config.width}x{config.height} px at {config.rate_hz} Hz: {error}",
            ) from error
        self._pipeline, self._number, self._misses = pipeline, -1, 0
        self._scale_mm = 1000.0 * float(profile.get_device().first_depth_sensor().get_depth_scale())
        self._filters = [*self._chain(), rs.align(rs.stream.color)]
        return self._calibration(profile)

    def _calibration(self, profile: Any) -> Calibration:
        rs = self._rs
        color, depth = profile.get_stream(rs.stream.color), profile.get_stream(rs.stream.depth)
        found = color.as_video_stream_profile().get_intrinsics()
        if not (found.fx > 0 and found.fy > 0):
            raise MolmoRosError(ErrorCode.CAMERA_INFO_INVALID, "The RealSense has no calibration; restore it first.")
        moved = color.get_extrinsics_to(depth)
        T = np.eye(4)
        T[:3, :3] = np.array(moved.rotation, dtype=np.float64).reshape(3, 3, order="F")
        T[:3, 3] = moved.translation
        fisheye = found.model == rs.distortion.kannala_brandt4
        return Calibration(
            K=np.array([[found.fx, 0.0, found.ppx], [0.0, found.fy, found.ppy], [0.0, 0.0, 1.0]]),
            model="equidistant" if fisheye else "plumb_bob",
            coefficients=tuple(float(c) for c in found.coeffs)[: 4 if fisheye else 5],
            T_depth_color=T,
        )

    def _chain(self) -> list[Any]:
        rs, names = self._rs, self._config.filters
        chain: list[Any] = []
        if "decimation" in names:
            chain.append(rs.decimation_filter())
        if "threshold" in names:
            chain.append(rs.threshold_filter(0.1, self._config.depth_max_m))
        smooth = [n for n in ("spatial", "temporal") if n in names]
        if smooth:
            chain.append(rs.disparity_transform(True))
            chain += [getattr(rs, f"{n}_filter")() for n in smooth]
            chain.append(rs.disparity_transform(False))
        if "hole_filling" in names:
            chain.append(rs.hole_filling_filter())
        return chain

    def read(self) -> Images | None:
        """The next pair of images; None for one that was seen already or is incomplete.

        Raises:
            MolmoRosError: CAMERA_LOST when it is not open or has gone, CAMERA_STALE when it has sent nothing for long.
        """
        if self._pipeline is None:
            raise MolmoRosError(ErrorCode.CAMERA_LOST, "The RealSense is not open.")
        try:
            came, frames = self._pipeline.try_wait_for_frames(self._config.timeout_ms)
            arrived_ns = time.time_ns()
            if not came:
                self._missed("sends no images")
                return None
            for step in self._filters[:-1]:
                frames = step.process(frames).as_frameset()
            frames = self._filters[-1].process(frames)
            color, depth = frames.get_color_frame(), frames.get_depth_frame()
        except RuntimeError as error:
            raise MolmoRosError(ErrorCode.CAMERA_LOST, f"The RealSense has gone; check its cable: {error}") from error
        if not color or not depth:
            self._missed("sends no colour or no depth")
            return None
        number = int(color.get_frame_number())
        if number == self._number:
            self._missed("repeats the same image")
            return None
        self._number, self._misses = number, 0
        # The vendor's buffers come from a small pool and are used again: keep copies.
        rgb = np.array(np.asanyarray(color.get_data()), dtype=np.uint8, copy=True)
        raw = np.asanyarray(depth.get_data())
        if rgb.shape[:2] != raw.shape[:2]:
            raise MolmoRosError(ErrorCode.DEPTH_INVALID, "The RealSense's depth is not aligned to its colour image.")
        return Images(rgb=rgb, depth_mm=self._millimetres(raw), stamp_ns=self._stamp(color, arrived_ns), number=number)

    def _missed(self, how: str) -> None:
        """Counts a miss.

        Raises:
            MolmoRosError: CAMERA_STALE at the third in a row.
        """
        self._misses += 1
        if self._misses >= MISSES:
            raise MolmoRosError(ErrorCode.CAMERA_STALE, f"The RealSense {how}; it is started again.")

    def _millimetres(self, raw: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        if abs(self._scale_mm - 1.0) < 1e-6:
            return np.array(raw, dtype=np.uint16, copy=True)
        return np.asarray(np.clip(np.rint(raw * self._scale_mm), 0, 65535), dtype=np.uint16)

    def _stamp(self, frame: Any, arrived_ns: int) -> int:
        """The camera's time where it is on this computer's clock, else the time of arrival."""
        if frame.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock:
            return arrived_ns
        taken_ns = int(float(frame.get_timestamp()) * 1e6)
        return taken_ns if abs(arrived_ns - taken_ns) < CLOCK_SLACK_NS else arrived_ns

    def close(self) -> None:
        """Stops the streams; a camera that has gone is let go of."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            try:
                pipeline.stop()
            except RuntimeError:
                return


def keep_reading(
    camera: RealSenseCamera,
    *,
    opened: Callable[[Calibration], None],
    images: Callable[[Images], None],
    fault: Callable[[MolmoRosError], None],
    wait: Callable[[float], bool],
) -> None:
    """Reads until told to stop; a camera that is lost is looked for again, ever less often.

    Args:
        camera: The camera.
        opened: Called whenever it has been opened.
        images: Called for each pair of images.
        fault: Called for each fault.
        wait: Waits some seconds; true when it is time to stop.
    """
    failures = 0
    try:
        while not wait(0.0):
            try:
                opened(camera.open())
                while not wait(0.0):
                    pair = camera.read()
                    if pair is not None:
                        failures = 0
                        images(pair)
            except MolmoRosError as error:
                camera.close()
                fault(error)
                if wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]):
                    return
                failures += 1
    finally:
        camera.close()
