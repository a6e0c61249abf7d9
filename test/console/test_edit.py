"""Dragged waypoints become a polyline on the image; untouched ones keep their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.console.edit import CameraPose, TraceEdit
from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Author, Trace

CAMERA = CameraPose(
    K=np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]),
    T_base_camera=geometry.look_at([0.45, 0.0, 1.2], [0.45, 0.0, 0.0], up=(1.0, 0.0, 0.0)),
    width_px=640,
    height_px=480,
)


def lifted(count: int = 32) -> Trace:
    """A straight trace along y at 0.12 m, whose first and last points rise and descend over one pixel."""
    y = np.concatenate([[-0.15] * 4, np.linspace(-0.15, 0.15, count - 8), [0.15] * 4])
    z = np.concatenate([np.linspace(0.02, 0.1, 4), np.full(count - 8, 0.12), np.linspace(0.1, 0.05, 4)])
    points = np.column_stack([np.full(count, 0.45), y, z])
    ground = points * [1, 1, 0]
    uv = geometry.project(CAMERA.K, geometry.apply(geometry.invert(CAMERA.T_base_camera), ground))
    return Trace(uv=uv, width_px=640, height_px=480, points_base_m=points)


def test_the_handles_hang_where_the_travel_begins_and_ends() -> None:
    waypoints = TraceEdit(lifted()).waypoints
    assert len(waypoints) == 8
    assert waypoints[0].point_base_m[1] == pytest.approx(-0.15)
    assert waypoints[-1].point_base_m[1] == pytest.approx(0.15)


def test_untouched_handles_keep_their_pixels() -> None:
    edit = TraceEdit(lifted())
    before = np.array([w.uv_px for w in edit.waypoints])
    edit.move(3, edit.waypoints[3].point_base_m + [0.05, 0, 0])
    after = edit.drawn(CAMERA, revision=1).uv
    np.testing.assert_array_equal(np.delete(after, 3, axis=0), np.delete(before, 3, axis=0))


@given(x=st.floats(0.3, 0.6), y=st.floats(-0.2, 0.2), z=st.floats(0.0, 0.4))
def test_a_moved_handle_means_the_spot_on_the_table_below_it(x: float, y: float, z: float) -> None:
    edit = TraceEdit(lifted())
    edit.move(4, [x, y, z])
    drawn = edit.drawn(CAMERA, revision=7)
    assert (drawn.author, drawn.revision) == (Author.PERSON, 7)
    spot = np.array([x, y, 0.0])
    depth = geometry.apply(geometry.invert(CAMERA.T_base_camera), spot[None])[0, 2]
    back = geometry.apply(CAMERA.T_base_camera, geometry.deproject(CAMERA.K, drawn.uv[4:5], np.array([depth])))[0]
    np.testing.assert_allclose(back, spot, atol=1e-9)


def test_insert_delete_and_undo() -> None:
    edit = TraceEdit(lifted())
    original = edit.waypoints
    edit.insert_after(2)
    assert len(edit.waypoints) == 9
    middle = (original[2].point_base_m + original[3].point_base_m) / 2
    np.testing.assert_allclose(edit.waypoints[3].point_base_m, middle)
    edit.delete(0)
    assert len(edit.waypoints) == 8
    edit.undo()
    edit.undo()
    assert edit.waypoints == original
    with pytest.raises(MolmoRosError, match="nothing to undo"):
        edit.undo()


def test_two_waypoints_always_remain() -> None:
    edit = TraceEdit(lifted())
    while len(edit.waypoints) > 2:
        edit.delete(0)
    with pytest.raises(MolmoRosError, match="needs two"):
        edit.delete(0)


@pytest.mark.parametrize("point", [[np.nan, 0, 0], [0, np.inf, 0], [99.0, 0, 0], [0.0, 0.0]])
def test_a_drag_to_nowhere_is_refused(point: list[float]) -> None:
    with pytest.raises(MolmoRosError) as caught:
        TraceEdit(lifted()).move(0, point)
    assert caught.value.code is ErrorCode.EDIT_INVALID


def test_a_drag_off_the_image_is_refused_in_words() -> None:
    edit = TraceEdit(lifted())
    edit.move(5, [0.45, 2.0, 0.1])
    with pytest.raises(MolmoRosError, match="Waypoint 6 lies off the camera's image"):
        edit.drawn(CAMERA, revision=1)


def test_a_trace_that_was_not_lifted_has_nothing_to_drag() -> None:
    flat = lifted()
    with pytest.raises(MolmoRosError) as caught:
        TraceEdit(Trace(uv=flat.uv, width_px=640, height_px=480))
    assert caught.value.code is ErrorCode.TRACE_NOT_LIFTED
