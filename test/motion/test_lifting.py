"""A drawn trace becomes a path over the table that starts and ends on the surface and clears what it passes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.scene import Plane, Scene, SceneObject
from molmo_ros.core.types import Author, Frame, Trace
from molmo_ros.motion.errors import PlanningError
from molmo_ros.motion.lifting import WAYPOINTS, lift_trace

W, H = 320, 240
K = np.array([[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]])
T_BASE_CAMERA = geometry.look_at((1.2, 0.0, 0.7), (0.5, 0.0, 0.0))
TABLE = Plane(normal=np.array([0.0, 0.0, 1.0]), offset_m=0.0)


def ray_cast(boxes=()):
    """Organised cloud (H, W, 3) of a table at z = 0 and upright boxes ((x0, y0), (x1, y1), height)."""
    u, v = np.meshgrid(np.arange(W), np.arange(H))
    rays = geometry.deproject(K, np.dstack([u, v]), np.ones((H, W))) @ T_BASE_CAMERA[:3, :3].T
    eye = T_BASE_CAMERA[:3, 3]
    t = np.where(rays[..., 2] < -1e-3, -eye[2] / rays[..., 2], np.nan)
    owner = np.full((H, W), -1)
    for k, (low, high, height) in enumerate(boxes):
        bounds = np.array([[*low, 0.0], [*high, height]])
        with np.errstate(divide="ignore", invalid="ignore"):
            hits = (bounds[:, None, None, :] - eye) / rays
        near, far = np.minimum(*hits).max(axis=-1), np.maximum(*hits).min(axis=-1)
        hit = (near <= far) & (near > 0) & ~(near > t)
        t = np.where(hit, near, t)
        owner = np.where(hit, k, owner)
    return (eye + rays * t[..., None]).astype(np.float32), owner


def scene_of(boxes=(), holes=None):
    cloud, owner = ray_cast(boxes)
    if holes is not None:
        cloud[holes] = np.nan
    objects = []
    for k, (low, high, height) in enumerate(boxes):
        mask = owner == k
        centre = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, height / 2]
        objects.append(
            SceneObject(
                object_id=k,
                mask=mask,
                bbox_px=(0, 0, 1, 1),
                points_base_m=cloud[mask].astype(float),
                T_base_box=geometry.make_transform(None, centre),
                size_m=np.array([high[0] - low[0], high[1] - low[1], height]),
                colour="red",
                rgb=np.zeros(3),
                shape="box",
                shape_scores={},
            )
        )
    return Scene(stamp_ns=0, points_base_m=cloud, plane=TABLE, objects=tuple(objects))


FRAME = Frame(
    rgb=np.zeros((H, W, 3), np.uint8),
    depth_m=np.ones((H, W), np.float32),
    K=K,
    T_base_camera=T_BASE_CAMERA,
    stamp_ns=0,
    frame_id="camera",
)


def pixel(point):
    return geometry.project(K, geometry.apply(geometry.invert(T_BASE_CAMERA), point))


def trace_of(*points):
    return Trace(uv=np.array([pixel(p) for p in points]), width_px=W, height_px=H, author=Author.PERSON, stamp_ns=7)


A, B = (0.5, -0.2, 0.0), (0.5, 0.2, 0.0)


def test_ends_are_on_the_surface_under_the_ends_of_the_line():
    lifted = lift_trace(trace_of(A, B), scene_of(), FRAME)
    np.testing.assert_allclose(lifted.points_base_m[0], A, atol=0.01)
    np.testing.assert_allclose(lifted.points_base_m[-1], B, atol=0.01)
    assert lifted.points_base_m.shape == (WAYPOINTS, 3)
    assert (lifted.author, lifted.stamp_ns) == (Author.PERSON, 7)


def test_it_rises_travels_and_comes_down_straight():
    lifted = lift_trace(trace_of(A, B), scene_of(), FRAME, carry_height_m=0.12).points_base_m
    np.testing.assert_allclose(lifted[4:-4, 2], 0.12, atol=1e-6)
    np.testing.assert_allclose(lifted[:4, :2], np.tile(lifted[0, :2], (4, 1)), atol=1e-9)
    np.testing.assert_allclose(lifted[-4:, :2], np.tile(lifted[-1, :2], (4, 1)), atol=1e-9)
    assert np.all(np.diff(lifted[:5, 2]) > 0)
    assert np.all(np.diff(lifted[-5:, 2]) < 0)


def test_it_clears_what_it_passes_over():
    wall = ((0.4, -0.03), (0.6, 0.03), 0.2)
    lifted = lift_trace(trace_of(A, B), scene_of([wall]), FRAME, clearance_m=0.04).points_base_m
    over = np.abs(lifted[:, 1]) < 0.03 + 0.05
    assert np.all(lifted[over, 2] >= 0.2 + 0.04 - 1e-6)
    assert lifted[4, 2] < 0.2


def test_the_thing_that_is_carried_is_no_obstacle():
    block = ((0.47, -0.23), (0.53, -0.17), 0.3)
    start = (0.5, -0.2, 0.15)
    lifted = lift_trace(trace_of(start, B), scene_of([block]), FRAME, start_base_m=start).points_base_m
    assert lifted[:, 2].max() < 0.3
    np.testing.assert_array_equal(lifted[0], start)


def test_holes_are_bridged_along_the_line():
    u0, u1 = sorted([pixel((0.5, -0.05, 0.0))[0], pixel((0.5, 0.05, 0.0))[0]])
    holes = np.zeros((H, W), bool)
    holes[:, int(u0) : int(u1)] = True
    whole, holed = (
        lift_trace(trace_of(A, B), scene, FRAME).points_base_m for scene in (scene_of(), scene_of(holes=holes))
    )
    np.testing.assert_allclose(holed, whole, atol=0.01)


def test_noise_in_depth_hardly_moves_the_line():
    scene = scene_of()
    rng = np.random.default_rng(0)
    noisy = scene.points_base_m + rng.normal(0, 0.004, scene.points_base_m.shape).astype(np.float32)
    noisy[rng.uniform(size=(H, W)) < 0.3] = np.nan
    lifted = lift_trace(trace_of(A, B), replace(scene, points_base_m=noisy), FRAME).points_base_m
    clean = lift_trace(trace_of(A, B), scene, FRAME).points_base_m
    assert np.abs(lifted - clean).max() < 0.015


def test_a_trace_on_a_larger_image_is_scaled():
    small = trace_of(A, B)
    large = Trace(uv=small.uv * 2, width_px=2 * W, height_px=2 * H)
    scene = scene_of()
    np.testing.assert_allclose(
        lift_trace(large, scene, FRAME).points_base_m, lift_trace(small, scene, FRAME).points_base_m
    )


def test_duplicate_points_change_nothing():
    scene = scene_of()
    np.testing.assert_allclose(
        lift_trace(trace_of(A, A, B, B, B), scene, FRAME).points_base_m,
        lift_trace(trace_of(A, B), scene, FRAME).points_base_m,
    )


def test_the_shape_of_the_line_is_kept():
    corner = (0.7, 0.0, 0.0)
    lifted = lift_trace(trace_of(A, corner, B), scene_of(), FRAME, waypoints=64).points_base_m
    assert np.min(np.linalg.norm(lifted[:, :2] - corner[:2], axis=1)) < 0.02


def test_all_holes_is_named():
    scene = scene_of(holes=np.ones((H, W), bool))
    with pytest.raises(PlanningError, match="no depth under the trace") as caught:
        lift_trace(trace_of(A, B), scene, FRAME)
    assert caught.value.code is ErrorCode.TRACE_NOT_LIFTED


def test_one_point_drawn_twice_is_named():
    with pytest.raises(PlanningError, match="px long") as caught:
        lift_trace(trace_of(A, A), scene_of(), FRAME)
    assert caught.value.code is ErrorCode.TRACE_INVALID


@pytest.mark.parametrize("uv", [np.zeros((0, 2)), [[5.0, 5.0]], [[5.0, 5.0], [W, 5.0]], [[5.0, 5.0], [np.nan, 5.0]]])
def test_empty_single_and_off_image_traces_do_not_exist(uv):
    with pytest.raises(MolmoRosError) as caught:
        Trace(uv=np.array(uv), width_px=W, height_px=H)
    assert caught.value.code is ErrorCode.TRACE_INVALID


def test_a_start_that_is_no_point_is_refused():
    with pytest.raises(PlanningError) as caught:
        lift_trace(trace_of(A, B), scene_of(), FRAME, start_base_m=(np.nan, 0, 0))
    assert caught.value.code is ErrorCode.TRACE_INVALID


SCENE = scene_of([((0.45, -0.03), (0.55, 0.03), 0.1)])
uv_point = st.tuples(st.floats(0, W - 1), st.floats(0, H - 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(uv_point, min_size=2, max_size=12))
def test_any_line_on_the_image_is_lifted_or_refused_with_a_code(points):
    trace = Trace(uv=np.array(points), width_px=W, height_px=H)
    try:
        lifted = lift_trace(trace, SCENE, FRAME)
    except PlanningError as error:
        code = error.code
        lifted = None
    if lifted is None:
        assert code in {ErrorCode.TRACE_INVALID, ErrorCode.TRACE_NOT_LIFTED}
    else:
        assert np.all(np.isfinite(lifted.points_base_m))
        assert np.all(lifted.points_base_m[4:-4, 2] >= 0.1 - 1e-9)
