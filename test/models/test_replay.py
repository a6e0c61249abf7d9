"""A recorded run says again what it said, in order, and admits what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.models.protocols import Observation, Steering, TraceRequest
from molmo_ros.models.registry import ModelSpec, build_model

INTERFACES = Path(__file__).parents[2] / "molmo_ros_interfaces" / "msg"
STORE = get_typestore(Stores.ROS2_JAZZY)
for _name in ("Goal", "Thought", "ActionChunk", "Progress"):
    _type = f"molmo_ros_interfaces/msg/{_name}"
    STORE.register(get_types_from_msg((INTERFACES / f"{_name}.msg").read_text(), _type))


def zero(field: tuple) -> Any:
    kind, spec = field
    if kind.name == "BASE":
        return {"string": "", "bool": False}.get(spec[0], 0)
    if kind.name == "NAME":
        return message(spec)
    return np.zeros(0) if spec[0][0].name == "BASE" and spec[0][1][0] != "string" else []


def message(name: str, **values: Any) -> Any:
    made = {field: zero(spec) for field, spec in STORE.fielddefs[name][1]}
    return STORE.types[name](**{**made, **values})


def record(folder: Path, entries: list[tuple[str, str, dict[str, Any]]]) -> str:
    writer = Writer(folder / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
    with writer:
        connections = {}
        for i, (topic, kind, values) in enumerate(entries):
            name = f"molmo_ros_interfaces/msg/{kind}"
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, name, typestore=STORE)
            writer.write(connections[topic], 1000 + i, STORE.serialize_cdr(message(name, **values), name))
    return str(folder / "bag")


def goal(want: str, prompt: str, instruction: str = "do it") -> tuple[str, str, dict[str, Any]]:
    return (
        "/goal",
        "Goal",
        {"goal_id": "g", "wants": [want], "prompt": prompt, "instruction": instruction, "active": True},
    )


def thought(**values: Any) -> tuple[str, str, dict[str, Any]]:
    return "/thought", "Thought", {"goal_id": "g", "backend": "molmo2", **values}


def points(*uv: float) -> dict[str, Any]:
    return {"points_px": np.array(uv, dtype=np.float64)}


@pytest.fixture
def bag(tmp_path: Path) -> str:
    chunk = {"goal_id": "g", "dt_s": 0.1, "kind": "joint_position", "names": ["a", "b"], "horizon": 2}
    return record(
        tmp_path,
        [
            goal("grasps", "the red block"),
            thought(prompt="p1", **points(1, 2)),
            goal("trace", "the bowl"),
            thought(prompt="p2", trace_px=np.array([1.0, 2, 3, 4])),
            goal("grasps", "the red block"),
            thought(prompt="p3", error_code=int(ErrorCode.NOT_GROUNDED), error_msg="not there"),
            goal("actions", "", "wave"),
            thought(prompt="p4", actions=np.arange(4.0), actions_horizon=2),
            ("/action_chunk", "ActionChunk", {**chunk, "values": np.arange(4.0), "sequence": 7}),
            ("/progress", "Progress", {"goal_id": "g", "progress": 0.25, "success_probability": 0.5}),
        ],
    )


def replay(bag: str) -> Any:
    return build_model(ModelSpec(backend="replay", options={"bag": bag}))


def test_the_same_questions_get_the_same_answers_in_order(bag: str) -> None:
    model = replay(bag)
    first = model.point(None, "The red  block")
    assert first.points_px.tolist() == [[1.0, 2.0]]
    assert (first.backend, first.prompt) == ("molmo2", "p1")
    assert model.point(None, "the red block").code is ErrorCode.NOT_GROUNDED
    trace = model.plan([], TraceRequest(instruction="x", reference="the bowl"))
    assert trace.trace_px.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_two_replays_of_a_bag_are_alike(bag: str) -> None:
    a, b = (replay(bag).point(None, "the red block") for _ in range(2))
    assert (a.prompt, a.raw_text, a.points_px.tolist()) == (b.prompt, b.raw_text, b.points_px.tolist())


def test_actions_answer_the_present_observation(bag: str) -> None:
    joints = JointState(names=(), positions=np.zeros(0), velocities=np.zeros(0), efforts=np.zeros(0), stamp_ns=0)
    seen = Observation(images={}, joints=joints, gripper_width_m=0.0, stamp_ns=77)
    model = replay(bag)
    said, chunk = model.act(seen, "Wave")
    assert said.prompt == "p4"
    assert (chunk.names, chunk.values.tolist()) == (("a", "b"), [[0.0, 1.0], [2.0, 3.0]])
    assert (chunk.observation_stamp_ns, chunk.sequence) == (77, 1)
    missing, none = model.act(seen, "wave")
    assert (missing.code, none) == (ErrorCode.REPLAY_MISSING, None)


def test_what_the_bag_lacks_is_said(bag: str) -> None:
    model = replay(bag)
    for answer in (
        model.point(None, "the unicorn"),
        model.plan([], TraceRequest(instruction="x", reference="the moon")),
        model.plan([], TraceRequest(instruction="x", reference="the bowl", steering=Steering(trace=None))),
    ):
        assert answer.code is ErrorCode.REPLAY_MISSING
        assert "bag holds" in answer.message


def test_progress_is_said_again_until_it_runs_out(bag: str) -> None:
    model = replay(bag)
    assert model.estimate([], "x") == (0.25, 0.5)
    with pytest.raises(MolmoRosError) as caught:
        model.estimate([], "x")
    assert caught.value.code is ErrorCode.REPLAY_MISSING


@pytest.mark.parametrize("kind", ["missing", "empty", "broken"])
def test_a_bag_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "nothing")
    if kind == "empty":
        path = record(tmp_path, [goal("grasps", "x")])
    if kind == "broken":
        (tmp_path / "x.mcap").write_bytes(b"\x89MCAP0\r\nnot really")
        path = str(tmp_path / "x.mcap")
    with pytest.raises(MolmoRosError) as caught:
        replay(path).warm_up()
    assert caught.value.code is ErrorCode.BAG_INVALID
