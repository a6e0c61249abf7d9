"""The panel shows what it is told, escaped, and its buttons follow the state."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from molmo_ros.console.panel import Commands
from molmo_ros.console.server import open_server
from molmo_ros.console.view import ConsoleView
from molmo_ros.core.types import Trace
from molmo_ros.motion.description import load_robot

NAMES = ("send", "confirm", "reject", "stop", "release", "arm", "drag", "insert", "delete", "undo")


@pytest.fixture(scope="module")
def view() -> Iterator[ConsoleView]:
    """A page on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    commands: dict[str, Any] = {name: lambda *_: None for name in NAMES}
    page = ConsoleView(open_server("127.0.0.1", port), Commands(**commands))
    yield page
    page.close()


def test_a_models_text_is_escaped(view: ConsoleView) -> None:
    view.panel.thought([("answer", "<script>alert(1)</script>")])
    assert "<script>" not in view.panel._model.content
    assert "&lt;script&gt;" in view.panel._model.content


def test_a_latched_stop_must_be_released_before_rearming(view: ConsoleView) -> None:
    view.panel.robot(armed=False, stopped=True, words="", mode="stopped")
    assert (view.panel._release.disabled, view.panel._arm.disabled) == (False, True)
    view.panel.robot(armed=False, stopped=False, words="", mode="holding")
    assert (view.panel._release.disabled, view.panel._arm.disabled) == (True, False)
    view.panel.robot(armed=True, stopped=False, words="", mode="holding")
    assert (view.panel._release.disabled, view.panel._arm.disabled) == (True, True)


def test_a_plan_can_be_decided_only_while_it_waits(view: ConsoleView) -> None:
    view.panel.plan(waiting=False, waypoints=3)
    assert view.panel._confirm.disabled
    view.panel.plan(waiting=True, waypoints=3)
    assert not view.panel._confirm.disabled
    assert tuple(view.panel._waypoint.options) == ("1", "2", "3")


def test_progress_outside_its_range_is_bounded(view: ConsoleView) -> None:
    view.panel.stage("ground", "", 7.0)
    assert view.panel._bar.value == 100.0
    view.panel.stage("ground", "", -1.0)
    assert view.panel._bar.value == 0.0


def test_the_robot_and_a_trace_are_drawn_and_taken_away(view: ConsoleView) -> None:
    robot = load_robot("fr3")
    view.scene.robot(robot.urdf_text)
    view.scene.joints(dict(zip(robot.limits.names, robot.poses["ready"], strict=True)))
    points = np.column_stack([np.full(8, 0.4), np.linspace(-0.1, 0.1, 8), np.full(8, 0.1)])
    trace = Trace(uv=np.column_stack([np.arange(8), np.arange(8)]), width_px=64, height_px=48, points_base_m=points)
    from molmo_ros.console.edit import thin

    view.plan(trace, thin(trace), waiting=True)
    assert len(view.scene._handles) == 8
    view.plan(None, (), waiting=False)
    assert view.scene._handles == []


def test_objects_that_stand_still_are_not_drawn_again(view: ConsoleView) -> None:
    box = ("red block", np.eye(4), np.full(3, 0.04))
    view.scene.objects([box])
    drawn = list(view.scene._objects)
    view.scene.objects([("red block", np.eye(4), np.full(3, 0.041))])
    assert view.scene._objects == drawn
    view.scene.objects([("blue bowl", np.eye(4), np.full(3, 0.04))])
    assert view.scene._objects[0] is not drawn[0]
    assert view.scene._objects[1].text == "blue bowl"
