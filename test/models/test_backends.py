"""Backends over small checkpoints written on the spot: real loader, real tokenizer, real decoding."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.core.types import Frame, Trace
from molmo_ros.models import tiny
from molmo_ros.models.molmoact.symbols import encode
from molmo_ros.models.protocols import (
    Observation,
    Pointer,
    Policy,
    ProgressEstimator,
    Steering,
    TracePlanner,
    TraceRequest,
)
from molmo_ros.models.registry import ModelSpec, build_model

GRASP = (
    'In order to accomplish the task "lift", the optimal grasp is described as follows: "the handle".\n\n'
    '<point x="25.0" y="75.0" alt="Where to grasp the object">Where to grasp the object</point>'
)
STEP = ", ".join(encode(v) for v in (0.5, -0.5, 0.25, 0.0, 0.1, -0.1, 0.9))
DEPTH = "<DEPTH_START>" + "".join(f"<DEPTH_{i}>" for i in range(100)) + "<DEPTH_END>"
TRACE = (
    f"The depth map of the image is {DEPTH}. The trajectory of the end effector is [[10, 20], [100, 51], [255, 255]]. "
)
ACTION = f"Based on this information, the action that the robot should take is [{STEP}]."


def frame(width=64, height=48, seed=0):
    rng = np.random.default_rng(seed)
    return Frame(
        rgb=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        depth_m=np.ones((height, width), dtype=np.float32),
        K=np.array([[60.0, 0, width / 2], [0, 60.0, height / 2], [0, 0, 1]]),
        T_base_camera=np.eye(4),
        stamp_ns=1_000_000_000 * (seed + 1),
        frame_id="camera",
    )


def observation(seed=0, joints=7):
    names = tuple(f"joint_{i}" for i in range(joints))
    zeros = np.zeros(joints)
    state = JointState(names=names, positions=zeros, velocities=zeros, efforts=zeros, stamp_ns=5)
    images = {"exterior_1_left": frame(seed=seed).rgb, "wrist_left": frame(seed=seed + 50).rgb}
    return Observation(images=images, joints=state, gripper_width_m=0.04, stamp_ns=5)


def model(backend, folder, **options):
    return build_model(ModelSpec.from_mapping({"backend": backend, "checkpoint": str(folder), **options}))


@pytest.fixture(scope="module")
def molmoact(tmp_path_factory):
    folder = tiny.write_molmoact(tmp_path_factory.mktemp("molmoact"), answer=TRACE + ACTION, shards=2)
    return model("molmoact", folder, image_px=[64, 48])


def test_a_trace_is_drawn_in_the_frames_own_pixels(molmoact):
    assert isinstance(molmoact, TracePlanner)
    thought = molmoact.plan([frame()], TraceRequest(instruction="Pick up the cup."))
    assert thought.code is ErrorCode.NONE, thought.message
    assert thought.raw_text == TRACE + ACTION
    expected = np.array([[10, 20], [100, 51], [255, 255]]) * np.array([63, 47]) / 255
    np.testing.assert_allclose(thought.trace_px, expected)
    assert thought.depth_tokens == tuple(range(100))
    assert "The task is pick up the cup. " in thought.prompt
    assert {"preprocess", "vision", "prefill", "decode", "total"} <= thought.phase_s.keys()


def test_two_cameras_use_the_prompt_for_several_images(molmoact):
    thought = molmoact.plan([frame(), frame(seed=1)], TraceRequest(instruction="pick up the cup"))
    assert thought.code is ErrorCode.NONE, thought.message
    assert "in the first image" in thought.prompt


def test_steering_asks_again_with_the_persons_trace(molmoact):
    drawn = np.array([[1.0, 2.0], [30.0, 20.0]])
    steering = Steering(trace=Trace(uv=drawn, width_px=64, height_px=48))
    thought = molmoact.plan([frame()], TraceRequest(instruction="pick up the cup", steering=steering))
    assert thought.code is ErrorCode.NONE, thought.message
    assert "annotated on the image" in thought.prompt
    np.testing.assert_allclose(thought.trace_px, drawn)
    assert thought.actions.shape == (1, 7)


def test_actions_come_with_units(molmoact):
    assert isinstance(molmoact, Policy)
    thought, chunk = molmoact.act(observation(), "pick up the cup")
    assert thought.code is ErrorCode.NONE, thought.message
    assert chunk.names[:3] == ("x", "y", "z")
    assert chunk.values[0, 0] == pytest.approx(0.5 * 0.02, abs=2e-4)


def test_the_same_action_for_different_images_is_caught(tmp_path):
    blind = model("molmoact", tiny.write_molmoact(tmp_path, answer=TRACE + ACTION), image_px=[64, 48])
    codes = [blind.act(observation(seed=seed), "pick up the cup")[0].code for seed in range(4)]
    assert codes == [ErrorCode.NONE] * 3 + [ErrorCode.ACTION_REJECTED]


def test_near_zero_actions_are_refused(tmp_path):
    zero = ", ".join(encode(0.0) for _ in range(7))
    folder = tiny.write_molmoact(tmp_path, answer=f"The action that the robot should take is [{zero}].")
    thought, chunk = model("molmoact", folder, image_px=[64, 48]).act(observation(), "pick up the cup")
    assert thought.code is ErrorCode.ACTION_REJECTED
    assert chunk is None


def test_an_answer_without_a_trace_is_a_named_outcome(tmp_path):
    lost = model("molmoact", tiny.write_molmoact(tmp_path, answer="I do not know."), image_px=[64, 48])
    thought = lost.plan([frame()], TraceRequest(instruction="pick up the cup"))
    assert thought.code is ErrorCode.MODEL_ANSWER_INVALID
    assert len(thought.trace_px) == 0


def test_an_instruction_with_a_mark_of_the_model_is_refused(molmoact):
    thought = molmoact.plan([frame()], TraceRequest(instruction="pick up <im_patch> the cup"))
    assert thought.code is ErrorCode.INSTRUCTION_NOT_UNDERSTOOD


@pytest.mark.parametrize("shards", [1, 3])
def test_graspmolmo_points_at_the_grasp(tmp_path, shards):
    grasp = model("graspmolmo", tiny.write_graspmolmo(tmp_path, answer=GRASP, shards=shards))
    assert isinstance(grasp, Pointer)
    thought = grasp.point(frame(), "lift the cup")
    assert thought.code is ErrorCode.NONE, thought.message
    np.testing.assert_allclose(thought.points_px, [[16.0, 36.0]])
    assert thought.prompt.endswith("the following task: lift the cup")


@pytest.fixture(scope="module")
def molmo2(tmp_path_factory):
    answer = 'There are 2 <points coords="1 1 250 500 2 1000 1000">cup</points>.'
    return model("molmo2", tiny.write_molmo2(tmp_path_factory.mktemp("molmo2"), answer=answer))


def test_molmo2_points_inside_the_image(molmo2):
    assert isinstance(molmo2, Pointer)
    thought = molmo2.point(frame(), "cup")
    assert thought.code is ErrorCode.NONE, thought.message
    np.testing.assert_allclose(thought.points_px, [[16.0, 24.0], [63.0, 47.0]])


def test_molmo2_says_that_it_is_not_there(tmp_path):
    thought = model("molmo2", tiny.write_molmo2(tmp_path, answer="There are none.")).point(frame(), "cup")
    assert thought.code is ErrorCode.MODEL_REFUSED


def test_molmo2_tracks(tmp_path):
    answer = '<tracks coords="0.0 1 500 500;1.0 1 250 500">cup</tracks>'
    tracker = model("molmo2", tiny.write_molmo2(tmp_path, answer=answer))
    found = tracker.track([frame().rgb, frame(seed=1).rgb], [0.0, 1.0], "the cup", fps=2)
    assert [(f.frame, f.points["1"]) for f in found] == [(0, (32.0, 24.0)), (2, (16.0, 24.0))]


def test_progress_is_a_probability(tmp_path):
    estimator = model("molmo2", tiny.write_molmo2(tmp_path, seed=3), max_frames=2)
    assert isinstance(estimator, ProgressEstimator)
    progress, success = estimator.estimate([frame(seed=s) for s in range(3)], "pick up the cup")
    assert 0 <= progress <= 1
    assert 0 < success < 1
    assert estimator.estimate([frame(seed=s) for s in range(3)], "pick up the cup") == (progress, success)


@pytest.mark.parametrize("think", [False, True])
def test_molmoact2_gives_repeatable_chunks(tmp_path, think):
    folder = tiny.write_molmoact2(tmp_path, think=think)
    chunks = []
    for _ in range(2):
        policy = model("molmoact2", folder, norm_tag="franka_droid", seed=7, depth=think)
        assert isinstance(policy, Policy)
        thought, chunk = policy.act(observation(), "Put the cube in the bowl.")
        assert thought.code is ErrorCode.NONE, thought.message
        assert chunk.values.shape == (15, 8)
        assert np.abs(chunk.values).max() <= 2.5 + 1e-6
        assert len(thought.depth_tokens) == (9 if think else 0)
        chunks.append(chunk.values)
    np.testing.assert_array_equal(chunks[0], chunks[1])
    assert "The task is to put the cube in the bowl. The setup is <setup_start>single franka" in thought.prompt


def test_thinking_again_about_the_same_frame_reuses_its_depth(tmp_path):
    policy = model("molmoact2", tiny.write_molmoact2(tmp_path, think=True), norm_tag="franka_droid", depth=True)
    first, _ = policy.act(observation(), "put the cube in the bowl")
    kept = policy.engine._memory
    policy.engine._memory = type(kept)(image=kept.image, bins=tuple((b + 1) % 16 for b in kept.bins))
    again, _ = policy.act(observation(), "put the cube in the bowl")
    assert again.depth_tokens == tuple((b + 1) % 16 for b in first.depth_tokens)
    policy.start()
    fresh, _ = policy.act(observation(), "put the cube in the bowl")
    assert fresh.depth_tokens == first.depth_tokens


def test_a_chunk_continues_the_running_one(tmp_path):
    policy = model("molmoact2", tiny.write_molmoact2(tmp_path), norm_tag="franka_droid")
    _, first = policy.act(observation(), "put the cube in the bowl")
    kept = policy._last.copy()
    _, free = policy.act(observation(seed=9), "put the cube in the bowl")
    policy._last = kept
    _, held = policy.act_continuing(observation(seed=9), "put the cube in the bowl", executed=5, delay=4)
    gap = lambda chunk: np.abs(chunk.values[:4] - first.values[5:9]).mean()  # noqa: E731
    assert gap(held) < 0.5 * gap(free)


def test_a_state_of_another_robot_is_named(tmp_path):
    policy = model("molmoact2", tiny.write_molmoact2(tmp_path), norm_tag="franka_droid")
    thought, chunk = policy.act(observation(joints=6), "put the cube in the bowl")
    assert thought.code is ErrorCode.JOINT_STATES_INVALID
    assert chunk is None


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"backend": "molmoact", "checkpoint": "/nowhere"}, ErrorCode.MODEL_LOAD_FAILED),
        ({"backend": "molmo2", "checkpoint": "nobody/nothing"}, ErrorCode.MODEL_LOAD_FAILED),
        ({"backend": "molmoact", "checkpoint": "x", "device": "cuda:7"}, ErrorCode.CONFIG_INVALID),
        ({"backend": "molmoact", "checkpoint": "x", "deadline_s": "soon"}, ErrorCode.CONFIG_INVALID),
        ({"backend": "molmoact2", "checkpoint": "x"}, ErrorCode.CONFIG_INVALID),
    ],
)
def test_what_cannot_load_says_why(options, code, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MolmoRosError) as caught:
        build_model(ModelSpec.from_mapping(options)).warm_up()
    assert caught.value.code is code


def test_a_deadline_ends_the_answer(molmoact):
    hasty = model("molmoact", molmoact.spec.checkpoint, image_px=[64, 48], deadline_s=1e-6)
    thought = hasty.plan([frame()], TraceRequest(instruction="pick up the cup"))
    assert thought.code is ErrorCode.MODEL_TIMEOUT
