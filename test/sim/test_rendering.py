"""Colour and depth agree with geometry: a pixel, its depth and K give back the point that was drawn."""

import numpy as np
import pytest

from molmo_ros.core import geometry as geo
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim import rendering
from molmo_ros.sim.config import load_world_config
from molmo_ros.sim.scene import ObjectSpec, SceneSpec, build_scene
from molmo_ros.sim.world import SimWorld


@pytest.fixture(scope="module")
def ball_world():
    config = load_world_config()
    spec = SceneSpec(objects=(ObjectSpec(kind="ball", colour="red", name="ball", xy_m=(0.55, 0.12)),))
    with SimWorld(build_scene(spec, 1, config), config) as world:
        yield world


def test_depth_of_the_table_is_that_of_the_plane(ball_world):
    frame = ball_world.render("front")
    v, u = np.mgrid[200:470:20, 20:300:20]
    points = geo.apply(
        frame.T_base_camera, geo.deproject(frame.K, np.stack([u, v], axis=-1), frame.depth_m[200:470:20, 20:300:20])
    )
    assert np.abs(points[..., 2]).max() < 1e-3


def test_a_ball_is_drawn_where_the_intrinsics_say(ball_world):
    frame = ball_world.render("front")
    centre = ball_world.object_state("ball").T_base_object[:3, 3] + (
        0,
        0,
        ball_world.scene.objects["ball"].model.size_m[2] / 2,
    )
    uv = geo.project(frame.K, geo.apply(geo.invert(frame.T_base_camera), centre))
    red = (frame.rgb[..., 0] > 60) & (frame.rgb[..., 1] < 60)
    v, u = np.nonzero(red)
    # A sphere's outline is an ellipse whose middle lies a fraction of a pixel outwards of the projected centre.
    assert np.abs(np.array([(u.min() + u.max()) / 2, (v.min() + v.max()) / 2]) - uv).max() < 0.8


def test_the_nearest_point_of_a_ball_is_its_radius_before_its_centre(ball_world):
    frame = ball_world.render("front")
    model = ball_world.scene.objects["ball"].model
    centre = ball_world.object_state("ball").T_base_object[:3, 3] + (0, 0, model.size_m[2] / 2)
    uv = np.rint(geo.project(frame.K, geo.apply(geo.invert(frame.T_base_camera), centre))).astype(int)
    point = geo.apply(frame.T_base_camera, geo.deproject(frame.K, uv, frame.depth_m[uv[1], uv[0]]))
    assert np.linalg.norm(point - centre) == pytest.approx(model.size_m[2] / 2, abs=5e-4)


def test_the_wrist_camera_moves_with_the_hand(ball_world):
    before = ball_world.render("wrist").T_base_camera
    ball_world.place_robot(ball_world.arm_positions + 0.2, 0.08)
    after = ball_world.render("wrist").T_base_camera
    ball_world.place_robot(ball_world.robot.poses["ready"], 0.08)
    assert np.linalg.norm(after[:3, 3] - before[:3, 3]) > 0.02


def test_the_arm_is_seen_where_it_reaches_into_the_picture(ball_world):
    away = ball_world.render("front")
    ball_world.place_robot([0.0, 0.4, 0.0, -2.0, 0.0, 2.4, 0.78], 0.08)
    reaching = ball_world.render("front")
    ball_world.place_robot(ball_world.robot.poses["ready"], 0.08)
    assert np.count_nonzero(np.abs(reaching.depth_m - away.depth_m) > 0.02) > 5000


def test_an_unknown_camera_is_refused_with_the_choices(ball_world):
    with pytest.raises(MolmoRosError, match="front, overview, wrist") as caught:
        ball_world.render("ceiling")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_no_back_end_names_the_packages_to_install(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(rendering, "_egl_works", lambda: False)
    monkeypatch.setattr(rendering, "_osmesa_works", lambda: False)
    with pytest.raises(MolmoRosError, match="apt install libegl1") as caught:
        rendering.backend.__wrapped__()
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING


def test_another_thread_is_refused(ball_world):
    import threading

    ball_world.render("front")
    caught = []

    def draw():
        try:
            ball_world.render("front")
        except MolmoRosError as error:
            caught.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    assert caught
