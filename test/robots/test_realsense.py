"""The RealSense wrapper at the vendor's boundary, and the vendor's own alignment on frames made by software."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_realsense import HEIGHT, WIDTH, Bench, fake_realsense

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.robots import realsense
from molmo_ros.robots.realsense import BACK_OFF_S, RealSenseCamera, RealSenseConfig, keep_reading


@pytest.fixture
def bench() -> Bench:
    return Bench()


def camera(bench: Bench, **config: Any) -> RealSenseCamera:
    return RealSenseCamera(RealSenseConfig(width=WIDTH, height=HEIGHT, **config), fake_realsense(bench))


def pair(made: RealSenseCamera) -> realsense.Images:
    images = made.read()
    assert images is not None
    return images


def test_images_outlive_the_vendors_buffers(bench: Bench) -> None:
    made = camera(bench)
    made.open()
    first = pair(made)
    bench.raw = bench.raw + 100
    second = pair(made)
    assert (first.rgb[0, 0, 0], first.depth_mm[0, 0]) == (1, 1500)
    assert (second.rgb[0, 0, 0], second.depth_mm[0, 0]) == (2, 1600)


@pytest.mark.parametrize(("scale", "expected"), [(0.001, 1500), (0.0001, 150), (0.01, 15000)])
def test_depth_is_millimetres_whatever_the_cameras_unit(bench: Bench, scale: float, expected: int) -> None:
    bench.scale = scale
    made = camera(bench)
    made.open()
    assert np.all(pair(made).depth_mm == expected)


def test_depth_beyond_the_encoding_does_not_wrap_around(bench: Bench) -> None:
    bench.scale, bench.raw = 0.01, np.full((HEIGHT, WIDTH), 60000, np.uint16)
    made = camera(bench)
    made.open()
    assert np.all(pair(made).depth_mm == 65535)


def test_calibration_keeps_the_distortion_and_reads_rotations_by_column(bench: Bench) -> None:
    found = camera(bench).open()
    np.testing.assert_array_equal(found.K, [[30, 0, 16], [0, 31, 12], [0, 0, 1]])
    assert (found.model, found.coefficients) == ("plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.0))
    np.testing.assert_array_equal(found.T_depth_color[:3, 0], [0, 1, 0])
    np.testing.assert_array_equal(found.T_depth_color[:3, 3], [0.015, 0, 0])


def test_a_fisheye_is_called_equidistant(bench: Bench) -> None:
    bench.model = "kannala_brandt4"
    found = camera(bench).open()
    assert (found.model, len(found.coefficients)) == ("equidistant", 4)


@pytest.mark.parametrize("serial", ["222", "_222"])
def test_a_serial_number_selects_the_camera(bench: Bench, serial: str) -> None:
    camera(bench, serial=serial).open()
    assert bench.running is not None
    assert bench.running._serial == "222"


def test_an_absent_serial_number_names_those_that_are_there(bench: Bench) -> None:
    with pytest.raises(MolmoRosError, match="111, 222") as caught:
        camera(bench, serial="333").open()
    assert caught.value.code is ErrorCode.CAMERA_LOST


def test_a_refused_format_is_named(bench: Bench) -> None:
    with pytest.raises(MolmoRosError, match="at 7 Hz"):
        camera(bench, rate_hz=7).open()


def test_filters_come_in_the_vendors_order_and_alignment_last(bench: Bench) -> None:
    made = camera(bench, filters=("hole_filling", "temporal", "spatial", "decimation", "threshold"))
    made.open()
    pair(made)
    assert bench.processed == [
        "decimation_filter", "threshold_filter", "to_disparity", "spatial_filter", "temporal_filter", "to_depth",
        "hole_filling_filter", "align",
    ]  # fmt: skip


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(MolmoRosError, match="median"):
        RealSenseConfig(filters=("median",))


@pytest.mark.parametrize("fault", ["frozen", "silent"])
def test_a_camera_that_stands_still_is_stale(bench: Bench, fault: str) -> None:
    made = camera(bench)
    made.open()
    pair(made)
    setattr(bench, fault, True)
    assert made.read() is None
    assert made.read() is None
    with pytest.raises(MolmoRosError) as caught:
        made.read()
    assert caught.value.code is ErrorCode.CAMERA_STALE


@pytest.mark.parametrize(("domain", "ahead_s", "trusted"), [
    ("global_time", 0.0, True), ("global_time", 5.0, False), ("hardware_clock", 0.0, False),
])  # fmt: skip
def test_only_a_stamp_on_this_computers_clock_is_trusted(
    bench: Bench, domain: str, ahead_s: float, trusted: bool
) -> None:
    bench.domain, bench.time_ms = domain, (time.time() - 0.02 + ahead_s) * 1e3
    made = camera(bench)
    made.open()
    before = time.time_ns()
    stamp = pair(made).stamp_ns
    assert (abs(stamp - bench.time_ms * 1e6) < 1e3) is trusted
    if not trusted:
        assert before <= stamp <= time.time_ns()


def test_a_lost_camera_is_looked_for_ever_less_often_and_found_again(bench: Bench) -> None:
    made = camera(bench, serial="111")
    waits: list[float] = []
    faults: list[ErrorCode] = []
    seen: list[int] = []

    def wait(seconds: float) -> bool:
        if seconds:
            waits.append(seconds)
            if len(waits) == 7:
                bench.serials = ["111"]
        if len(seen) == 5:
            bench.serials = []
            seen.append(-1)
        return len(seen) >= 10

    keep_reading(
        made,
        opened=lambda _: None,
        images=lambda images: seen.append(images.number),
        fault=lambda error: faults.append(error.code),
        wait=wait,
    )
    assert faults[0] is ErrorCode.CAMERA_STALE
    assert set(faults[1:]) == {ErrorCode.CAMERA_LOST}
    assert waits == [*BACK_OFF_S, BACK_OFF_S[-1], BACK_OFF_S[-1]]
    assert len(seen) == 10, "it goes on once the camera is back"
    assert bench.running is None, "the end lets go of the camera"


def test_without_the_wheel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(MolmoRosError, match=r"pip install 'molmo_ros\[realsense\]'"):
        realsense.load_realsense()


def vendor() -> Any:
    try:
        return realsense.load_realsense()
    except MolmoRosError as error:
        pytest.skip(f"the vendor's own frames need its library: {error}")


class SoftwareCamera:
    """The vendor's software device behind the two pipeline calls that need a real one."""

    def __init__(self, rs: Any) -> None:
        self._rs = rs
        self._device = rs.software_device()
        self._sensors = [self._device.add_sensor(n) for n in ("Depth", "Color")]
        kinds = ((rs.stream.depth, 0, rs.format.z16, 2), (rs.stream.color, 1, rs.format.rgb8, 3))
        self._streams = [s.add_video_stream(self._stream(*k)) for s, k in zip(self._sensors, kinds, strict=True)]
        self._sensors[0].add_read_only_option(rs.option.depth_units, 0.001)
        beside = rs.extrinsics()
        beside.rotation, beside.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0.05, 0, 0]
        self._streams[0].register_extrinsics_to(self._streams[1], beside)
        self._device.create_matcher(rs.matchers.default)
        self._syncer, self._number = rs.syncer(), 0

    def _stream(self, kind: Any, uid: int, fmt: Any, size: int) -> Any:
        made, lens = self._rs.video_stream(), self._rs.intrinsics()
        made.type, made.index, made.uid, made.fmt, made.bpp = kind, 0, uid, fmt, size
        made.width, made.height, made.fps = WIDTH * 4, HEIGHT * 4, 30
        lens.width, lens.height, lens.fx, lens.fy = WIDTH * 4, HEIGHT * 4, 100.0, 100.0
        lens.ppx, lens.ppy, lens.coeffs = WIDTH * 2.0, HEIGHT * 2.0, [0.0] * 5
        lens.model = self._rs.distortion.inverse_brown_conrady
        made.intrinsics = lens
        return made

    def start(self, _: Any) -> Any:
        for sensor, stream in zip(self._sensors, self._streams, strict=True):
            sensor.open(stream)
            sensor.start(self._syncer)
        scale = SimpleNamespace(get_depth_scale=lambda: 0.001)
        return SimpleNamespace(
            get_device=lambda: SimpleNamespace(first_depth_sensor=lambda: scale),
            get_stream=lambda kind: self._streams[0 if kind == self._rs.stream.depth else 1],
        )

    def try_wait_for_frames(self, timeout_ms: int) -> tuple[bool, Any]:
        for _ in range(5):
            self._number += 1
            self._feed(0, np.full((HEIGHT * 4, WIDTH * 4), 1000, np.uint16), 2)
            self._feed(1, np.full((HEIGHT * 4, WIDTH * 4, 3), 7, np.uint8), 3)
            frames = self._syncer.wait_for_frames(timeout_ms)
            if frames.size() == 2:
                return True, frames
        return False, None

    def _feed(self, which: int, pixels: np.ndarray, size: int) -> None:
        frame = self._rs.software_video_frame()
        frame.stride, frame.bpp, frame.pixels = WIDTH * 4 * size, size, pixels
        frame.timestamp, frame.frame_number = self._number * 33.0, self._number
        frame.domain, frame.profile = (
            self._rs.timestamp_domain.hardware_clock,
            self._streams[which].as_video_stream_profile(),
        )
        if which == 0:
            frame.depth_units = 0.001
        self._sensors[which].on_video_frame(frame)

    def stop(self) -> None:
        for sensor in self._sensors:
            sensor.stop()
            sensor.close()


@pytest.mark.parametrize("filters", [(), ("threshold", "spatial", "temporal", "hole_filling")])
def test_the_vendors_frames_come_out_aligned(filters: tuple[str, ...]) -> None:
    rs = vendor()
    parts = {name: getattr(rs, name) for name in dir(rs) if not name.startswith("__")}
    device = SimpleNamespace(get_info=lambda _: "soft")
    parts.update(context=lambda: SimpleNamespace(query_devices=lambda: [device]), pipeline=lambda: SoftwareCamera(rs))
    made = RealSenseCamera(RealSenseConfig(filters=filters), SimpleNamespace(**parts))
    calibration = made.open()
    assert calibration.T_depth_color[0, 3] == pytest.approx(-0.05)
    images = next(i for i in (made.read() for _ in range(3)) if i is not None)
    made.close()
    known = images.depth_mm > 0
    # 0.05 m beside at 1 m and 100 px focal length: depth begins 5 px further right in the colour image.
    assert not np.any(known[:, :4]) or "hole_filling" in filters
    assert np.mean(known[:, 6:]) > 0.95
    assert np.all(np.abs(images.depth_mm[known].astype(int) - 1000) <= 2)
    assert np.all(images.rgb == 7)
