"""A sentence to the action server moves the simulated FR3, in separate processes from the launch file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graph import Graph

from molmo_ros.core.errors import ErrorCode

pytestmark = pytest.mark.slow
STAGES = ["understand", "ground", "grasp", "trace", "approach", "lift", "carry", "release", "retreat", "verify", "done"]


def test_the_block_ends_in_the_bowl_with_a_bag_and_pictures(graph: Graph) -> None:
    goal = graph.send("put the red block in the bowl")
    status, result = goal.ends()
    assert (status, result.error_msg, result.stop_cause) == ("succeeded", "", "succeeded")
    order = [stage for stage in dict.fromkeys(goal.stages) if stage in STAGES]
    assert order == STAGES
    assert result.progress == 1.0
    bag = Path(result.bag_uri)
    graph.until(lambda: (bag / "metadata.yaml").exists(), "the end of the bag")
    from rosbags.highlevel import AnyReader

    with AnyReader([bag]) as reader:
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
    for topic in ("/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw", "/camera/color/camera_info",
                  "/thought", "/grasps", "/trace", "/execution_state", "/goal", "/joint_states", "/tf_static"):  # fmt: skip
        assert counts.get(topic, 0) > 0, f"{topic} is not in the bag: {counts}"
    assert {p.name for p in bag.parent.glob("*.png")} >= {"before.png", "after.png"}


@pytest.mark.parametrize("stage", ["ground", "trace", "approach", "lift", "carry", "verify"])
def test_a_cancelled_goal_holds_and_ends_once(graph: Graph, stage: str) -> None:
    goal = graph.send("put the red block in the bowl")
    goal.reaches(stage)
    goal.handle.cancel_goal_async()
    status, result = goal.ends()
    assert (status, result.error_code) == ("canceled", ErrorCode.CANCELED)
    graph.until(lambda: not graph.moving(), "standing still")
    count = len(graph.joints)
    graph.until(lambda: len(graph.joints) > count + 20, "more joint states")
    assert not graph.moving()


def test_a_newer_goal_takes_over(graph: Graph) -> None:
    first = graph.send("put the red block in the bowl")
    first.reaches("approach")
    second = graph.send("pick up the purple block")
    status, result = first.ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.SUPERSEDED)
    status, result = second.ends()
    assert (status, result.error_msg) == ("succeeded", "")


@pytest.mark.parametrize(
    ("instruction", "code", "words"),
    [
        ("", ErrorCode.INSTRUCTION_EMPTY, "empty"),
        ("pick up the red block " * 200, ErrorCode.INSTRUCTION_TOO_LONG, "500"),
        ("把红色的积木放进碗里", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, "English"),
        ("pick up the unicorn", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, "unicorn"),
        ("pick up the orange book", ErrorCode.NOT_GROUNDED, "I see"),
        ("pick up the block", ErrorCode.AMBIGUOUS, "Which one"),
        ("pick up the bowl dancing", ErrorCode.INSTRUCTION_NOT_UNDERSTOOD, "dancing"),
    ],
)
def test_bad_instructions_end_in_words_and_without_motion(
    graph: Graph, instruction: str, code: ErrorCode, words: str
) -> None:
    before = list(graph.joints[-1].position)
    status, result = graph.send(instruction).ends()
    assert (status, ErrorCode(result.error_code)) == ("aborted", code)
    assert words in result.error_msg
    assert "\n" not in result.error_msg
    assert max(abs(a - b) for a, b in zip(before, graph.joints[-1].position, strict=True)) < 0.01


def test_an_unknown_strategy_is_refused(graph: Graph) -> None:
    status, result = graph.send("pick up the red block", strategy="magic").ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.STRATEGY_UNKNOWN)


def test_a_time_limit_ends_the_goal(graph: Graph) -> None:
    status, result = graph.send("put the red block in the bowl", time_limit_s=0.5).ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.TIME_LIMIT)


def test_a_pressed_stop_is_latched_until_released_and_armed(graph: Graph) -> None:
    goal = graph.send("put the red block in the bowl")
    goal.reaches("approach")
    assert graph.call("stop").success
    status, result = goal.ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.STOPPED)
    assert not graph.call("arm").success
    graph.call("release_stop")
    status, result = graph.send("pick up the purple block").ends()
    assert (status, result.error_code) == ("aborted", ErrorCode.NOT_ARMED)
    assert not graph.moving()
    assert graph.call("arm").success
    status, result = graph.send("pick up the purple block").ends()
    assert (status, result.error_msg) == ("succeeded", "")


def test_the_launch_says_nothing_alarming(graph: Graph) -> None:
    graph.log.flush()
    text = (graph.runs / "launch.log").read_text(errors="replace")
    assert "Traceback" not in text
    assert not re.search(r"process has died", text)
