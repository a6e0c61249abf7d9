"""A camera at pyrealsense2's boundary: connected or not, and with buffers that are used again as the vendor's are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

WIDTH, HEIGHT = 32, 24


class Bench:
    """The cameras on the table, and what they do."""

    def __init__(self) -> None:
        self.serials = ["111", "222"]
        self.scale = 0.001
        self.raw = np.full((HEIGHT, WIDTH), 1500, np.uint16)
        self.coefficients = [0.1, -0.2, 0.001, 0.002, 0.0]
        self.model = "inverse_brown_conrady"
        self.domain = "global_time"
        self.time_ms = 0.0
        self.number = 0
        self.frozen = self.silent = False
        self.aligned = True
        self.running: FakePipeline | None = None
        self.asked: list[tuple[Any, ...]] = []
        self.processed: list[str] = []


class FakeFrame:
    """Stands for video_frame and depth_frame."""

    def __init__(self, bench: Bench, data: np.ndarray) -> None:
        self._bench, self._data, self._number = bench, data, bench.number

    def get_data(self) -> np.ndarray:
        return self._data

    def get_frame_number(self) -> int:
        return self._number

    def get_timestamp(self) -> float:
        return self._bench.time_ms

    def get_frame_timestamp_domain(self) -> str:
        return self._bench.domain


class FakeFrameset:
    """Stands for composite_frame."""

    def __init__(self, bench: Bench, color: np.ndarray, depth: np.ndarray) -> None:
        self._color, self._depth, self.aligned = FakeFrame(bench, color), FakeFrame(bench, depth), False

    def as_frameset(self) -> FakeFrameset:
        return self

    def get_color_frame(self) -> FakeFrame:
        return self._color

    def get_depth_frame(self) -> FakeFrame:
        return self._depth


class FakeConfig:
    """Stands for config."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.serial = bench, ""

    def enable_device(self, serial: str) -> None:
        self.serial = serial

    def enable_stream(self, stream_type: str, width: int, height: int, format: str, framerate: int) -> None:
        self.bench.asked.append((stream_type, width, height, format, framerate))


class FakeProfile:
    """Stands for pipeline_profile and for what hangs below it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def get_device(self) -> FakeProfile:
        return self

    def first_depth_sensor(self) -> FakeProfile:
        return self

    def get_depth_scale(self) -> float:
        return self._bench.scale

    def get_stream(self, stream_type: str) -> FakeProfile:
        return self

    def as_video_stream_profile(self) -> FakeProfile:
        return self

    def get_intrinsics(self) -> Any:
        return SimpleNamespace(
            width=WIDTH, height=HEIGHT, fx=30.0, fy=31.0, ppx=16.0, ppy=12.0,
            model=self._bench.model, coeffs=self._bench.coefficients,
        )  # fmt: skip

    def get_extrinsics_to(self, to: FakeProfile) -> Any:
        # Column-major, as the vendor's: a quarter turn about z that takes x to y.
        return SimpleNamespace(rotation=[0.0, 1, 0, -1, 0, 0, 0, 0, 1], translation=[0.015, 0.0, 0.0])


class FakePipeline:
    """Stands for pipeline."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._serial = bench, ""
        self._color = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._depth = np.zeros((HEIGHT, WIDTH), np.uint16)

    def start(self, config: FakeConfig) -> FakeProfile:
        if self._bench.running is not None:
            raise RuntimeError("xioctl(VIDIOC_S_FMT) failed Last Error: Device or resource busy")
        if config.serial not in self._bench.serials:
            raise RuntimeError("No device connected")
        if any(asked[4] == 7 for asked in self._bench.asked):
            raise RuntimeError("Couldn't resolve requests")
        self._serial, self._bench.running = config.serial, self
        return FakeProfile(self._bench)

    def stop(self) -> None:
        if self._bench.running is not self:
            raise RuntimeError("stop() cannot be called before start()")
        self._bench.running = None

    def try_wait_for_frames(self, timeout_ms: int = 5000) -> tuple[bool, FakeFrameset | None]:
        if self._bench.running is not self:
            raise RuntimeError("try_wait_for_frames cannot be called before start()")
        if self._serial not in self._bench.serials or self._bench.silent:
            return False, None
        if not self._bench.frozen:
            self._bench.number += 1
        self._color[:] = self._bench.number % 256
        self._depth[:] = self._bench.raw
        return True, FakeFrameset(self._bench, self._color, self._depth)


def fake_realsense(bench: Bench) -> Any:
    """The vendor's module in front of that table."""

    def step(name: str) -> Any:
        def make(*_: Any) -> Any:
            def process(frames: FakeFrameset) -> FakeFrameset:
                bench.processed.append(name)
                return frames

            return SimpleNamespace(process=process)

        return make

    def enum(*names: str) -> Any:
        return SimpleNamespace(**{n: n for n in names})

    filters = ("decimation_filter", "threshold_filter", "spatial_filter", "temporal_filter", "hole_filling_filter")
    return SimpleNamespace(
        context=lambda: SimpleNamespace(
            query_devices=lambda: [SimpleNamespace(get_info=lambda _, s=s: s) for s in bench.serials]
        ),
        config=lambda: FakeConfig(bench),
        pipeline=lambda: FakePipeline(bench),
        align=step("align"),
        disparity_transform=lambda to=True: step("to_disparity" if to else "to_depth")(),
        **{name: step(name) for name in filters},
        camera_info=enum("serial_number"),
        stream=enum("depth", "color"),
        format=enum("z16", "rgb8"),
        distortion=enum("kannala_brandt4", "inverse_brown_conrady"),
        timestamp_domain=enum("hardware_clock", "system_time", "global_time"),
    )
