"""Objects: sizes a hand can take, named colours, real hollows, and rest without drift, for any seed."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim import colours, objects
from molmo_ros.sim.objects import KINDS
from molmo_ros.sim.scene import ObjectSpec, SceneSpec
from molmo_ros.sim.simulation import Simulation

HAND_OPENING_M = 0.08


def test_there_are_at_least_fourteen_kinds_and_twelve_colours():
    assert len(KINDS) >= 14
    assert {
        "red",
        "green",
        "blue",
        "yellow",
        "orange",
        "purple",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "cyan",
    } <= set(colours.NAMES)


@given(kind=st.sampled_from([k for k, e in KINDS.items() if e.pickable]), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_pickable_thing_is_narrower_than_the_hand(kind, seed):
    colour = (KINDS[kind].colours or ("blue",))[0]
    model = objects.make(kind, colour, np.random.default_rng(seed))
    graspable = model.size_m[1] if kind not in ("ring", "l_block") else model.size_m[2]
    assert graspable < HAND_OPENING_M - 0.006
    assert model.inner_radius_m <= model.radius_m


@given(name=st.sampled_from(colours.NAMES), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_shade_is_nearer_to_its_own_name_than_to_any_other(name, seed):
    shade = colours.vary(name, np.random.default_rng(seed))

    def cylinder(rgb):
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        return np.array([s * v * np.cos(2 * np.pi * h), s * v * np.sin(2 * np.pi * h), v])

    distances = {other: np.linalg.norm(cylinder(shade) - cylinder(rgb)) for other, rgb in colours.RGB.items()}
    assert min(distances, key=distances.get) == name


def test_unknown_kinds_are_refused_with_the_choices():
    with pytest.raises(MolmoRosError, match="bowl") as caught:
        objects.make("teapot", "red", np.random.default_rng(0))
    assert caught.value.code is ErrorCode.CONFIG_INVALID


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_stands_still_where_it_was_put(kind):
    colour = (KINDS[kind].colours or ("green",))[0]
    spec = SceneSpec(objects=(ObjectSpec(kind=kind, colour=colour, name="it", xy_m=(0.5, 0.0), yaw_rad=0.4),))
    with Simulation(spec, 11, noise=False) as simulation:
        settled = simulation.world.object_state("it").T_base_object
        simulation.step(1.0)
        now = simulation.world.object_state("it").T_base_object
        assert np.linalg.norm(now[:3, 3] - settled[:3, 3]) < 5e-4
        assert np.linalg.norm(now[:2, 3] - (0.5, 0.0)) < 5e-3
        assert abs(now[2, 3]) < 3e-3


@pytest.mark.parametrize(("kind", "radius_m"), [("bowl", 0.02), ("cup", 0.011), ("mug", 0.012)])
def test_a_ball_dropped_into_a_vessel_comes_to_rest_inside(kind, radius_m):
    spec = SceneSpec(
        objects=(
            ObjectSpec(kind=kind, colour="white", name="vessel", xy_m=(0.5, 0.0)),
            ObjectSpec(kind="ball", colour="red", name="ball", xy_m=(0.62, 0.2)),
        )
    )
    with Simulation(spec, 4, noise=False) as simulation:
        world = simulation.world
        model = world.scene.objects["ball"].model
        world.reset(_with_ball(world.scene, radius_m / (model.size_m[2] / 2)))
        T = world.object_state("vessel").T_base_object.copy()
        size = world.scene.objects["vessel"].model.size_m
        drop = np.eye(4)
        # The handle moves the middle of a mug's box away from its axis, which is where the ball must go.
        axis = np.array([-size[0] / 2 + size[1] / 2 if kind == "mug" else 0.0, 0.0, 0.0])
        drop[:3, 3] = T[:3, 3] + T[:3, :3] @ axis + (0, 0, size[2] + 0.01)
        world.place_object("ball", drop)
        simulation.step(1.5)
        rest = world.object_state("ball").T_base_object[:3, 3]
        assert rest[2] < size[2] * 0.5
        assert np.linalg.norm(rest[:2] - drop[:2, 3]) < size[1] / 2
        assert np.linalg.norm(world.object_state("vessel").T_base_object[:3, 3] - T[:3, 3]) < 5e-3


def _with_ball(scene, factor):
    from dataclasses import replace

    ball = scene.objects["ball"]
    return replace(scene, objects={**scene.objects, "ball": replace(ball, model=objects.scaled(ball.model, factor))})
