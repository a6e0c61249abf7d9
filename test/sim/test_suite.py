"""Episodes: the same for the same seed, each sentence about exactly one target, fields of MolmoSpaces' EpisodeSpec."""

import json

import numpy as np
import pytest

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.sim import wording
from molmo_ros.sim.config import load_world_config
from molmo_ros.sim.feasibility import hand_has_room
from molmo_ros.sim.objects import KINDS
from molmo_ros.sim.records import episode_record
from molmo_ros.sim.scene import ObjectSpec, SceneSpec, build_scene
from molmo_ros.sim.suite import TASKS, TabletopSuite
from molmo_ros.sim.visibility import hidden_share, seen
from molmo_ros.sim.wording import Seen

CONFIG = load_world_config()


@pytest.fixture(scope="module")
def episodes():
    return list(TabletopSuite(21, CONFIG).episodes(60))


def test_tasks_take_turns(episodes):
    assert [e.task for e in episodes[:8]] == [*TASKS, *TASKS]


def test_an_episode_is_the_same_whatever_else_is_asked_for(episodes):
    again = TabletopSuite(21, CONFIG).episode(37)
    assert again.instruction == episodes[37].instruction
    for name, placed in episodes[37].scene.objects.items():
        assert np.array_equal(again.scene.objects[name].xy_m, placed.xy_m)


def test_one_task_alone_gives_the_same_episodes(episodes):
    alone = list(TabletopSuite(21, CONFIG, ("next_to",)).episodes(5))
    assert [e.instruction for e in alone] == [e.instruction for e in episodes if e.task == "next_to"][:5]


def test_sentences_and_scenes_vary(episodes):
    assert len({e.instruction for e in episodes}) == len(episodes)
    assert len({e.scene.objects["target"].model.kind for e in episodes}) >= 10
    assert len({e.scene.objects["target"].model.colour for e in episodes}) >= 8


def test_nothing_else_in_the_scene_has_the_targets_name(episodes):
    for episode in episodes:
        if "twin" in episode.scene.objects:
            continue
        target = episode.scene.objects["target"].model
        for name, placed in episode.scene.objects.items():
            same = (placed.model.colour, KINDS[placed.model.kind].family) == (target.colour, KINDS[target.kind].family)
            assert name == "target" or not same, episode.instruction


def test_the_sentence_names_the_target(episodes):
    for episode in episodes:
        target = episode.scene.objects["target"].model
        words = episode.instruction.lower().replace("gray", "grey")
        assert target.colour in words or any(noun.lower() in words for noun in KINDS[target.kind].nouns)


def test_colour_episodes_have_rival_receptacles_and_say_the_colour(episodes):
    for episode in (e for e in episodes if e.task == "colour"):
        place = episode.scene.objects["reference"].model
        rivals = [o.model for name, o in episode.scene.objects.items() if name.startswith("other_place")]
        assert rivals
        assert all(r.kind == place.kind and r.colour != place.colour for r in rivals)
        assert place.colour in episode.instruction.lower().replace("gray", "grey")


def test_every_sentence_is_in_the_grammar(episodes):
    from molmo_ros.task.instruction import CommandKind, parse_instruction

    relation = {"next_to": "next_to", "in": "in", "on": "on"}
    for episode in episodes:
        commands = parse_instruction(episode.instruction)
        wanted = CommandKind.PICK if episode.task == "pick" else CommandKind.PLACE
        assert commands[0].kind is wanted, episode.instruction
        if episode.relation:
            assert commands[0].relation == relation[episode.relation], episode.instruction


def _seen(name, kind="block", colour="red", u_px=300.0, distance_m=0.6, size_m=0.04):
    return Seen(name=name, kind=kind, colour=colour, u_px=u_px, distance_m=distance_m, size_m=size_m)


@pytest.mark.parametrize(
    ("twin", "words"),
    [
        ({"u_px": 450.0}, ("left",)),
        ({"u_px": 150.0}, ("right",)),
        ({"distance_m": 0.8}, ("nearest", "closest")),
        ({"distance_m": 0.4}, ("farthest", "furthest")),
        ({"size_m": 0.03}, ("large", "big")),
        ({"size_m": 0.055}, ("small",)),
    ],
)
def test_twins_are_told_apart_by_what_differs(twin, words):
    target, other = _seen("a"), _seen("b", **twin)
    for draw in range(10):
        phrase = wording.refer(np.random.default_rng(draw), target, [target, other])
        assert any(word in phrase for word in words)


def test_twins_that_differ_in_nothing_are_refused():
    with pytest.raises(MolmoRosError, match="nothing tells"):
        wording.refer(np.random.default_rng(0), _seen("a"), [_seen("a"), _seen("b")])


def test_a_colour_alone_is_used_only_where_it_is_unique():
    target = _seen("a")
    for draw in range(60):
        rng = np.random.default_rng(draw)
        phrase = wording.refer(rng, target, [target, _seen("b", kind="ball"), _seen("c", kind="block", colour="blue")])
        assert "object" not in phrase
        assert "thing" not in phrase
        assert "red" in phrase


def test_records_have_the_fields_of_an_episode_spec(episodes):
    # Field names: allenai/molmospaces, evaluation/benchmark_schema.py.
    for episode in episodes[:4]:
        start = {name: np.eye(4) for name in episode.scene.objects}
        record = json.loads(json.dumps(episode_record(episode, CONFIG, start, [0.0] * 7)))
        assert {
            "source", "house_index", "scene_dataset", "data_split", "seed", "robot", "img_resolution", "cameras",
            "scene_modifications", "task", "task_relevant_objects", "language",
        } <= record.keys()  # fmt: skip
        assert record["img_resolution"] == [640, 480]
        assert len(record["task"]["robot_base_pose"]) == 7
        assert record["language"]["task_description"] == episode.instruction
        assert {"pos", "up", "forward", "fov"} <= record["cameras"][0].keys()


def test_what_the_camera_sees_of_a_scene(episodes):
    view = seen(episodes[0].scene, CONFIG)
    assert {item.name for item in view} == set(episodes[0].scene.objects)
    # Image right is the base frame's +y, for the camera looks back at the robot.
    ys = [episodes[0].scene.objects[item.name].xy_m[1] for item in view]
    assert np.corrcoef(ys, [item.u_px for item in view])[0, 1] > 0.9


def test_what_the_task_is_about_can_be_seen(episodes):
    for episode in episodes:
        assert hidden_share(episode.scene, "target", CONFIG) <= 0.2
        if episode.reference:
            assert hidden_share(episode.scene, episode.reference, CONFIG) <= 0.2


def test_a_ball_behind_a_bottle_is_hidden():
    # The camera stands at x = 1.0 and looks back: what has the smaller x is behind.
    def scene(x_m):
        spec = SceneSpec(
            objects=(
                ObjectSpec(kind="ball", colour="red", name="ball", xy_m=(x_m, 0.0)),
                ObjectSpec(kind="bottle", colour="blue", name="bottle", xy_m=(0.55, 0.0)),
            ),
            clearance_m=0.01,
        )
        return build_scene(spec, 3, CONFIG)

    assert hidden_share(scene(0.46), "ball", CONFIG) > 0.6
    assert hidden_share(scene(0.66), "ball", CONFIG) == 0.0


def _flanked(gap_m, neighbour="bottle"):
    spec = SceneSpec(
        objects=(
            ObjectSpec(kind="book", colour="red", name="book", xy_m=(0.5, 0.0), yaw_rad=0.0),
            ObjectSpec(kind=neighbour, colour="blue", name="beside", xy_m=(0.5, 0.06 + gap_m), yaw_rad=0.0),
        ),
        clearance_m=0.0,
    )
    return build_scene(spec, 3, CONFIG)


def test_a_hand_has_no_room_between_a_flat_thing_and_a_tall_one():
    # The housing is 0.204 m wide, so it reaches 0.102 m to either side of a book that is taken across.
    assert not hand_has_room(_flanked(0.02), "book")
    assert hand_has_room(_flanked(0.1), "book")


def test_low_neighbours_are_under_the_palm():
    assert hand_has_room(_flanked(0.02, "stick"), "book")


def test_every_target_can_be_taken(episodes):
    assert all(hand_has_room(episode.scene, "target") for episode in episodes)


def test_an_unknown_task_is_refused_with_the_choices():
    with pytest.raises(MolmoRosError, match="pick, pnp") as caught:
        TabletopSuite(0, CONFIG, ("juggle",))
    assert caught.value.code is ErrorCode.CONFIG_INVALID
