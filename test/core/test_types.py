"""The data types refuse states that must not exist."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ros.core import ActionChunk, ActionKind, ErrorCode, Frame, Grasp, GraspStatus, MolmoRosError, Thought, Trace

K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])


def frame(**changes: object) -> Frame:
    parts: dict[str, object] = {
        "rgb": np.zeros((480, 640, 3), np.uint8),
        "depth_m": np.ones((480, 640), np.float32),
        "K": K,
        "T_base_camera": np.eye(4),
        "stamp_ns": 1,
        "frame_id": "camera",
    }
    return Frame(**{**parts, **changes})  # type: ignore[arg-type]


def test_a_frame_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        frame().depth_m[0, 0] = 2.0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rgb": np.zeros((480, 640), np.uint8)}, ErrorCode.CAMERA_LOST),
        ({"depth_m": np.ones((240, 320), np.float32)}, ErrorCode.DEPTH_INVALID),
        ({"K": np.zeros((3, 3))}, ErrorCode.CAMERA_INFO_INVALID),
        ({"T_base_camera": np.full((4, 4), np.nan)}, ErrorCode.TRANSFORM_MISSING),
        ({"T_base_camera": np.diag([1.0, 1.0, -1.0, 1.0])}, ErrorCode.TRANSFORM_MISSING),
    ],
)
def test_a_frame_whose_parts_do_not_fit_is_refused(changes: dict[str, object], code: ErrorCode) -> None:
    with pytest.raises(MolmoRosError) as caught:
        frame(**changes)
    assert caught.value.code is code


def test_a_rejected_grasp_carries_its_reason_and_no_other_does() -> None:
    grasp = Grasp(T_base_tcp=np.eye(4), width_m=0.04, quality=0.5)
    refused = grasp.rejected(ErrorCode.GRASP_TOO_WIDE, "wider than the hand")
    assert refused.status is GraspStatus.REJECTED
    assert refused.accepted().reason == ""
    with pytest.raises(MolmoRosError):
        Grasp(T_base_tcp=np.eye(4), width_m=0.04, quality=0.5, status=GraspStatus.REJECTED)


@pytest.mark.parametrize(
    "uv",
    [
        np.zeros((0, 2)),
        np.array([[1.0, 1.0]]),
        np.array([[1.0, 1.0], [np.nan, 2.0]]),
        np.array([[1.0, 1.0], [640.0, 2.0]]),
    ],
    ids=["empty", "one point", "not a number", "off the image"],
)
def test_a_trace_that_is_none_is_refused(uv: np.ndarray) -> None:
    with pytest.raises(MolmoRosError) as caught:
        Trace(uv=uv, width_px=640, height_px=480)
    assert caught.value.code is ErrorCode.TRACE_INVALID


def chunk(**changes: object) -> ActionChunk:
    parts: dict[str, object] = {
        "names": ("a", "b"),
        "values": np.zeros((4, 2)),
        "kind": ActionKind.JOINT_POSITION,
        "dt_s": 0.1,
        "observation_stamp_ns": 0,
        "sequence": 0,
    }
    return ActionChunk(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"values": np.zeros((4, 3))}, {"values": np.full((4, 2), np.inf)}, {"names": ("a", "a")}, {"dt_s": 0.0}],
    ids=["shape", "infinite", "duplicate", "no time"],
)
def test_a_chunk_that_could_move_wrongly_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MolmoRosError):
        chunk(**changes)


def test_a_thought_keeps_its_parts_in_shape() -> None:
    thought = Thought(prompt="p", raw_text="r", points_px=np.array([1.0, 2.0]), phase_s={"total": 0.1})
    assert thought.points_px.shape == (1, 2)
    assert thought.trace_px.shape == (0, 2)
    with pytest.raises(TypeError):
        thought.phase_s["total"] = 2.0  # type: ignore[index]
