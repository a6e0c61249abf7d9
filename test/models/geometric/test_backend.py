"""The geometric backend answers with points and traces, and refuses by name."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import T_BASE_CAMERA, K, scene, thing

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.footprint import footprint_gap_m
from molmo_ros.core.types import Author, Frame, Thought, Trace
from molmo_ros.models.geometric.backend import GeometricModel
from molmo_ros.models.protocols import Pointer, Steering, TracePlanner, TraceRequest

BLOCK = thing(0, "red", "block", (0.45, 0.18), (0.04, 0.04, 0.04))
BOWL = thing(1, "blue", "bowl", (0.55, -0.05), (0.16, 0.16, 0.05), receptacle=True)
CAN = thing(2, "green", "can", (0.5, -0.22), (0.06, 0.06, 0.1))
TABLE = scene(BLOCK, BOWL, CAN)
MODEL = GeometricModel(lambda _: TABLE)
FRAME = Frame(
    rgb=np.zeros((480, 640, 3), np.uint8),
    depth_m=np.ones((480, 640), np.float32),
    K=K,
    T_base_camera=T_BASE_CAMERA,
    stamp_ns=1,
    frame_id="camera",
)


def plan(reference: str, relation: str, **more: object) -> Thought:
    request = TraceRequest(
        instruction="x",
        reference=reference,
        relation=relation,
        start_px=BLOCK.center_px,
        held_size_m=BLOCK.size_m,
        **more,  # type: ignore[arg-type]
    )
    return MODEL.plan([FRAME], request)


def place_of(uv: np.ndarray) -> np.ndarray:
    """The table point under a pixel."""
    ray = T_BASE_CAMERA[:3, :3] @ geometry.deproject(K, uv, 1.0)
    return T_BASE_CAMERA[:3, 3] - ray * T_BASE_CAMERA[2, 3] / ray[2]


def test_it_is_a_pointer_and_a_trace_planner() -> None:
    assert isinstance(MODEL, Pointer)
    assert isinstance(MODEL, TracePlanner)


def test_it_points_at_the_thing() -> None:
    thought = MODEL.point(FRAME, "the green can")
    assert thought.code is ErrorCode.NONE
    assert TABLE.object_at(tuple(thought.points_px[0])) is CAN
    assert thought.phase_s["total"] >= 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("the yellow duck", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD),
        ("the yellow ball", ErrorCode.NOT_GROUNDED),
        ("the thing", ErrorCode.AMBIGUOUS),
        ("the table", ErrorCode.NOT_GROUNDED),
    ],
)
def test_what_it_can_not_point_at_it_refuses(text: str, code: ErrorCode) -> None:
    thought = MODEL.point(FRAME, text)
    assert thought.code is code
    assert thought.message
    assert len(thought.points_px) == 0


def test_a_trace_runs_from_the_thing_to_the_place() -> None:
    thought = plan("the bowl", "in")
    assert np.linalg.norm(thought.trace_px[0] - BLOCK.center_px) < 12
    assert TABLE.object_at(tuple(thought.trace_px[-1])) is BOWL


def test_next_to_leaves_a_small_gap_and_touches_nothing() -> None:
    end = place_of(plan("the can", "next_to").trace_px[-1])
    T = geometry.make_transform(None, end)
    gap = footprint_gap_m(T, BLOCK.size_m, CAN.T_base_box, CAN.size_m)
    assert 0.0 < gap <= 0.05
    assert footprint_gap_m(T, BLOCK.size_m, BOWL.T_base_box, BOWL.size_m) > 0.01


@pytest.mark.parametrize("relation", ["left_of", "right_of", "behind", "in_front_of"])
def test_a_direction_is_that_of_the_picture(relation: str) -> None:
    end = plan("the bowl", relation).trace_px[-1]
    u, v = BOWL.center_px
    assert {"left_of": end[0] < u, "right_of": end[0] > u, "behind": end[1] < v, "in_front_of": end[1] > v}[relation]


def test_no_room_is_said() -> None:
    crowd = [thing(i, "grey", "block", (x, y), (0.1, 0.1, 0.05)) for i, (x, y) in enumerate(
        [(0.5 + 0.12 * a, 0.12 * b) for a in (-2, -1, 0, 1, 2) for b in (-3, -2, -1, 0, 1, 2, 3)], start=10)]  # fmt: skip
    crowded = GeometricModel(lambda _: scene(BLOCK, CAN, *crowd))
    request = TraceRequest(
        instruction="x", reference="the can", relation="next_to", start_px=BLOCK.center_px, held_size_m=BLOCK.size_m
    )
    thought = crowded.plan([FRAME], request)
    assert thought.code is ErrorCode.TARGET_UNREACHABLE
    assert "room" in thought.message


def test_a_persons_trace_is_followed_as_drawn() -> None:
    drawn = Trace(uv=np.array([[10.0, 10], [200, 200], [300, 100]]), width_px=640, height_px=480, author=Author.PERSON)
    assert np.array_equal(plan("the bowl", "in", steering=Steering(trace=drawn)).trace_px, drawn.uv)
