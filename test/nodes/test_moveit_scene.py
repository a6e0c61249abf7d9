"""What MoveIt is told of the scene: boxes in the base frame, a held box attached to the tool, and let go of again."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from molmo_ros.embedded import install

install()

from molmo_ros.core.errors import MolmoRosError  # noqa: E402
from molmo_ros.motion.collision import Box  # noqa: E402
from molmo_ros.motion.description import load_robot  # noqa: E402
from molmo_ros.motion.planner import OmplPlanner  # noqa: E402
from molmo_ros.nodes.moveit_scene import SceneMessages, planner_factory  # noqa: E402


class CollisionObject(SimpleNamespace):
    """moveit_msgs/CollisionObject, whose types this machine need not have."""

    ADD, REMOVE = 0, 1


class AttachedCollisionObject(SimpleNamespace):
    """moveit_msgs/AttachedCollisionObject."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**{"object": CollisionObject(), "touch_links": [], **values})


class Scene:
    """What a planning scene does with those messages: a detached object goes back to the world."""

    def __init__(self) -> None:
        self.world: dict[str, Any] = {}
        self.attached: dict[str, Any] = {}

    def remove_all_collision_objects(self) -> None:
        self.world.clear()

    def apply_collision_object(self, message: Any) -> None:
        assert message.id not in self.attached
        self.world[message.id] = message

    def process_attached_collision_object(self, message: Any) -> None:
        if message.object.operation == CollisionObject.REMOVE:
            self.world[message.object.id] = self.attached.pop(message.object.id)
        else:
            self.attached[message.object.id] = message


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    package, messages = ModuleType("moveit_msgs"), ModuleType("moveit_msgs.msg")
    messages.CollisionObject, messages.AttachedCollisionObject = CollisionObject, AttachedCollisionObject  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moveit_msgs", package)
    monkeypatch.setitem(sys.modules, "moveit_msgs.msg", messages)
    return Scene()


def box(x: float) -> Box:
    T = np.eye(4)
    T[0, 3] = x
    return Box(T_base_box=T, size_m=np.array([0.1, 0.2, 0.3]))


def test_boxes_are_replaced_not_added(scene: Scene) -> None:
    writer = SceneMessages(load_robot("fr3"))
    writer.write(scene, [box(0.1), box(0.2)], None)
    writer.write(scene, [box(0.3)], None)
    (only,) = scene.world.values()
    assert (only.header.frame_id, only.pose.position.x) == ("fr3_link0", 0.3)
    assert list(only.primitives[0].dimensions) == [0.1, 0.2, 0.3]


def test_a_held_box_moves_with_the_tool_and_is_gone_after_letting_go(scene: Scene) -> None:
    writer = SceneMessages(load_robot("fr3"))
    writer.write(scene, [], box(0.01))
    held = scene.attached["held"]
    assert held.link_name == held.object.header.frame_id == "fr3_hand_tcp"
    assert {"fr3_hand", "fr3_leftfinger", "fr3_rightfinger"} <= set(held.touch_links)
    writer.write(scene, [], None)
    assert (scene.world, scene.attached) == ({}, {})


def test_the_built_in_planner_needs_no_moveit() -> None:
    assert planner_factory("ompl", load_robot("fr3")) is OmplPlanner


def test_moveit_that_is_not_there_is_named_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moveit", None)
    with pytest.raises(MolmoRosError, match="moveit-py"):
        planner_factory("moveit", load_robot("fr3"))
