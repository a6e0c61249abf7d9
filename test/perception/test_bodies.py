"""Boxes, sizes, colours and shape words of single objects."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import Ball, Bowl, Box, Cylinder, World

from molmo_ros.perception import PerceptionConfig, perceive
from molmo_ros.perception.colour import MIXED, NAMES, colour_shares, name_colour


def only(thing, seed=0):
    frame, _ = World([thing]).render(seed)
    objects = perceive(frame, PerceptionConfig()).objects
    assert len(objects) == 1
    return objects[0]


@pytest.mark.parametrize(
    ("thing", "centre", "size"),
    [
        (Box((0.5, 0.1, 0.02), (0.04, 0.04, 0.04), 0.3), (0.5, 0.1), (0.04, 0.04, 0.04)),
        (Box((0.55, -0.1, 0.03), (0.10, 0.05, 0.06), 0.9), (0.55, -0.1), (0.10, 0.05, 0.06)),
        (Cylinder((0.5, 0.0, 0.0), 0.03, 0.10), (0.5, 0.0), (0.06, 0.06, 0.10)),
        (Ball((0.5, 0.05, 0.03), 0.03), (0.5, 0.05), (0.06, 0.06, 0.06)),
        (Bowl((0.5, 0.0, 0.0), 0.075), (0.5, 0.0), (0.15, 0.15, 0.075)),
    ],
    ids=["cube", "box", "can", "ball", "bowl"],
)
def test_centre_and_size_are_within_a_centimetre(thing, centre, size):
    item = only(thing)
    np.testing.assert_allclose(item.center_base_m[:2], centre, atol=0.008)
    np.testing.assert_allclose(item.size_m, size, atol=0.013)


def test_the_box_stands_upright_on_the_table():
    item = only(Box((0.5, 0.1, 0.03), (0.08, 0.04, 0.06), 0.5))
    np.testing.assert_allclose(item.T_base_box[:3, 2], (0, 0, 1), atol=0.01)
    assert item.center_base_m[2] - 0.5 * item.size_m[2] == pytest.approx(0.0, abs=0.004)
    assert item.size_m[0] > item.size_m[1]
    assert abs(np.cos(np.arctan2(item.T_base_box[1, 0], item.T_base_box[0, 0]) - 0.5)) > 0.98


@pytest.mark.parametrize(
    ("thing", "word"),
    [
        (Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04), 0.4), "block"),
        (Box((0.5, 0.0, 0.035), (0.11, 0.055, 0.07), 0.4), "box"),
        (Box((0.5, 0.0, 0.011), (0.16, 0.022, 0.022), 0.4), "stick"),
        (Cylinder((0.5, 0.0, 0.0), 0.03, 0.11), "can"),
        (Ball((0.5, 0.0, 0.029), 0.029), "ball"),
        (Bowl((0.5, 0.0, 0.0), 0.075), "bowl"),
    ],
)
def test_everyday_shapes_get_their_word(thing, word):
    item = only(thing)
    assert item.shape == word
    assert max(item.shape_scores, key=item.shape_scores.get) == word


def test_a_bowl_takes_things_and_a_block_does_not():
    assert only(Bowl((0.5, 0.0, 0.0), 0.075)).is_receptacle
    assert not only(Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04))).is_receptacle


# Colours of ordinary paint under white light, sRGB.
PAINTS = {
    "red": (204, 26, 23),
    "green": (33, 140, 43),
    "blue": (26, 64, 199),
    "yellow": (237, 204, 26),
    "orange": (242, 115, 13),
    "purple": (115, 41, 158),
    "pink": (242, 128, 173),
    "brown": (102, 56, 26),
    "black": (15, 15, 18),
    "white": (237, 237, 235),
    "grey": (122, 122, 125),
    "cyan": (26, 184, 199),
}


@pytest.mark.parametrize("name", sorted(PAINTS))
def test_a_shaded_surface_keeps_its_colour_name(name):
    rng = np.random.default_rng(5)
    shade = rng.uniform(0.6, 1.0, (600, 1))
    pixels = np.clip(np.array(PAINTS[name]) * shade + rng.normal(0, 4, (600, 3)), 0, 255).astype(np.uint8)
    assert name_colour(pixels) == name


def test_every_paint_has_a_name_of_the_list():
    assert set(PAINTS) == set(NAMES)


def test_a_plain_lid_does_not_name_the_jar():
    body, lid = np.tile(PAINTS["blue"], (400, 1)), np.tile(PAINTS["grey"], (600, 1))
    assert name_colour(np.concatenate([body, lid]).astype(np.uint8)) == "blue"


def test_many_colours_are_mixed():
    pixels = np.concatenate([np.tile(PAINTS[n], (100, 1)) for n in ("red", "green", "blue", "yellow")])
    assert name_colour(pixels.astype(np.uint8)) == MIXED


def test_shares_add_up():
    rng = np.random.default_rng(1)
    assert sum(colour_shares(rng.integers(0, 256, (500, 3)).astype(np.uint8)).values()) == pytest.approx(1.0)
