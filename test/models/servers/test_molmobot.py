"""The MolmoBot client: every dialect, both robots, and a named outcome for whatever a server does."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fakes import FakePolicyServer, wait_until
from hypothesis import given
from hypothesis import strategies as st
from samples import Q, contract, fr3, model, rby1

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.molmobot.dialects import Reply, kind_of
from molmo_ros.models.molmobot.embodiments import embodiment

NAME = "molmobot_droid_fr3"


@pytest.mark.parametrize("policy_server", ["one", "list", "openpi"], indirect=True)
def test_every_dialect_gives_the_same_kind_of_chunk(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    thought, chunk = client.act(fr3(contract(NAME)), "pick up the mug")
    assert (thought.code, thought.message) == (ErrorCode.NONE, "")
    assert chunk.names == (*(f"fr3_joint{i}" for i in range(1, 8)), "gripper_width")
    rows = 10 if policy_server.dialect == "openpi" else 8
    assert chunk.values.shape == (rows, 8)
    assert chunk.values[:, 0] == pytest.approx(Q[0] + 0.02 * np.arange(1, rows + 1), abs=1e-6)
    assert chunk.values[:, 1:7] == pytest.approx(np.tile(Q[1:], (rows, 1)), abs=1e-6)
    width = 0.0 if policy_server.dialect == "one" else 0.08
    assert set(chunk.values[:, 7]) == {width}
    assert (chunk.dt_s, chunk.observation_stamp_ns) == (2.0, 5)
    assert thought.contract_hash == client.contract.hash
    client.close()


def test_fr3_is_told_what_its_server_expects(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    client.act(fr3(contract(NAME)), "pick up the mug")
    request = policy_server.requests[0]
    assert request["task"] == "pick up the mug"
    assert request["exo_camera_1"].shape == request["wrist_camera"].shape == (360, 640, 3)
    assert (request["exo_camera_1"].dtype, int(request["wrist_camera"][0, 0, 0])) == (np.uint8, 80)
    assert request["qpos"]["arm"] == pytest.approx(Q, abs=1e-6)
    # (1 - 0.02 / 0.08) of the closed Robotiq 2F-85, MolmoBot robot_eval/scripts/droid/run_policy.py
    assert request["qpos"]["gripper"] == pytest.approx([0.75 * 0.824033] * 2)


def test_a_server_of_single_actions_is_asked_from_where_each_action_leads(policy_server: FakePolicyServer) -> None:
    policy_server.step_rad = 0.1
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    _, chunk = client.act(fr3(contract(NAME)), "go")
    assert len(policy_server.requests) == 8
    assert chunk.values[-1, 0] == pytest.approx(Q[0] + 0.8, abs=1e-5)
    assert policy_server.requests[3]["qpos"]["arm"] == pytest.approx(chunk.values[2, :7], abs=1e-6)


def test_a_server_too_slow_for_its_own_actions_is_named(policy_server: FakePolicyServer) -> None:
    policy_server.delay_s = 0.2
    client = model("molmobot", NAME, url=policy_server.url)
    thought, chunk = client.act(fr3(contract(NAME)), "go")
    assert (thought.code, chunk) == (ErrorCode.MODEL_TIMEOUT, None)
    assert "of 8 actions within the 0.53 s" in thought.message


def test_a_new_goal_resets_the_server_by_connecting_again(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    client.act(fr3(contract(NAME)), "go")
    client.act(fr3(contract(NAME)), "go")
    assert policy_server.connections == 1
    assert [bool(r.get("reset")) for r in policy_server.requests] == [True] + 15 * [False]
    client.start()
    client.act(fr3(contract(NAME)), "stop")
    assert policy_server.connections == 2


@pytest.mark.parametrize("policy_server", ["openpi"], indirect=True)
def test_openpi_is_spoken_to_in_its_own_keys(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url, velocity=True)
    _, chunk = client.act(fr3(contract(NAME)), "go")
    request = policy_server.requests[0]
    assert set(request) == {
        "observation/exterior_image_1_left",
        "observation/wrist_image_left",
        "observation/joint_position",
        "observation/gripper_position",
        "prompt",
    }
    assert request["observation/gripper_position"] == pytest.approx([0.75])
    # Velocities: a row moves on by 0.2 times its value.
    assert chunk.values[0, 0] == pytest.approx(Q[0] + 0.2 * (Q[0] + 0.02), abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("dead", ErrorCode.MODEL_TIMEOUT),
        ("disconnect", ErrorCode.MODEL_UNAVAILABLE),
        ("error", ErrorCode.MODEL_UNAVAILABLE),
        ("garbage", ErrorCode.PAYLOAD_INVALID),
        ("keys", ErrorCode.MODEL_ANSWER_INVALID),
        ("nan", ErrorCode.MODEL_ANSWER_INVALID),
        ("shape", ErrorCode.MODEL_ANSWER_INVALID),
    ],
)
def test_whatever_the_server_does_has_a_name(policy_server: FakePolicyServer, mode: str, code: ErrorCode) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url, deadline_s=3.0)
    assert client.act(fr3(contract(NAME)), "go")[1] is not None
    client.deadline_s = 0.5 if mode == "dead" else 3.0
    policy_server.mode = mode
    thought, chunk = client.act(fr3(contract(NAME)), "go")
    assert (thought.code, chunk) == (code, None)
    assert thought.message.isprintable()
    policy_server.mode, client.deadline_s = "good", 3.0
    wait_until(lambda: client.act(fr3(contract(NAME)), "go")[1] is not None)


def test_a_late_answer_is_never_taken_for_the_next_one(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url, deadline_s=3.0)
    client.act(fr3(contract(NAME)), "go")
    policy_server.delay_s, client.deadline_s = 0.6, 0.3
    assert client.act(fr3(contract(NAME)), "go")[0].code is ErrorCode.MODEL_TIMEOUT
    policy_server.delay_s, client.deadline_s = 0.0, 3.0
    wait_until(lambda: client.act(fr3(contract(NAME)), "go")[1] is not None)
    assert policy_server.connections >= 2


def test_a_lost_server_is_noticed_without_asking(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    client.act(fr3(contract(NAME)), "go")
    assert client.alive
    policy_server.close()
    wait_until(lambda: not client.alive)


def test_tries_after_a_failure_are_spaced(policy_server: FakePolicyServer) -> None:
    policy_server.close()
    client = model("molmobot", NAME, url="ws://127.0.0.1:1")
    assert client.act(fr3(contract(NAME)), "go")[0].code is ErrorCode.MODEL_UNAVAILABLE
    started = time.monotonic()
    thought, _ = client.act(fr3(contract(NAME)), "go")
    assert "trying again" in thought.message
    assert time.monotonic() - started < 0.2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"url": "ws://192.168.1.7:8000"}, "another machine"),
        ({"url": "http://127.0.0.1:8000"}, "ws://"),
        ({"url": "ws://user:secret@127.0.0.1"}, "token_env"),
        ({"token_env": "MOLMO_ROS_NO_SUCH_TOKEN"}, "16 printable"),
        ({"protocol": "grpc"}, "protocol"),
        ({"rows": 100_000}, "rows"),
    ],
)
def test_unsafe_or_unknown_options_are_refused(options: dict, word: str) -> None:
    with pytest.raises(MolmoRosError) as caught:
        model("molmobot", NAME, **options)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert word in caught.value.message


def test_another_machine_may_be_trusted_by_name() -> None:
    model("molmobot", NAME, url="ws://192.168.1.7:8000", trusted_network=True)


def rby1_action(**changes):
    action = {
        "base": np.array([0.01, 0.02, 0.05]),
        "left_arm": np.full(7, 0.03),
        "left_gripper": np.array([100.0]),
        "right_arm": np.full(7, -0.01),
        "right_gripper": np.array([-100.0]),
        "torso": np.array([0.9]),
    }
    return {**action, **changes}


def test_rby1_steps_become_positions_and_the_base_stays_steps() -> None:
    c = contract("molmobot_rby1_multitask")
    robot, observation = embodiment(c), rby1(contract("molmobot_rby1_multitask"))
    rows = robot.finish([robot.row(rby1_action())] * 3, observation)
    values = dict(zip(rows.names, rows.values.T, strict=True))
    q = dict(zip(observation.joints.names, observation.joints.positions, strict=True))
    assert values["left_arm_2"] == pytest.approx(q["left_arm_2"] + np.array([0.03, 0.06, 0.09]))
    assert values["right_arm_6"] == pytest.approx(q["right_arm_6"] - np.array([0.01, 0.02, 0.03]))
    assert values["base_yaw"] == pytest.approx([0.05] * 3)
    assert (values["left_gripper_width"][0], values["right_gripper_width"][0]) == (0.0, 0.1)
    # h is bounded to 0.738; joints 1, 2, 3 are h, -2h, h (real_robot_molmobot_rby1_multitask.py)
    assert [values[f"torso_{i}"][0] for i in range(6)] == pytest.approx([0, 0.738, -1.476, 0.738, 0, 0])


def test_rby1_is_told_its_odometry_and_all_torso_joints() -> None:
    c = contract("molmobot_rby1_multitask")
    qpos = embodiment(c).qpos(rby1(c))
    assert qpos["base"] == pytest.approx([2.0, -1.0, np.pi / 2], abs=1e-6)
    assert {k: len(v) for k, v in qpos.items()} == {
        "base": 3, "left_arm": 7, "right_arm": 7, "left_gripper": 1, "right_gripper": 1, "torso": 6,
    }  # fmt: skip
    assert qpos["left_gripper"] == pytest.approx([-0.05])


@pytest.mark.parametrize(("force", "width"), [(4.9, 0.1), (5.0, 0.0), (100.0, 0.0), (-100.0, 0.1)])
def test_rby1_grippers_follow_the_threshold(force: float, width: float) -> None:
    c = contract("molmobot_rby1_door")
    robot = embodiment(c)
    rows = robot.finish([robot.row(rby1_action(left_gripper=np.array([force])))], rby1(c))
    assert rows.values[0, rows.names.index("left_gripper_width")] == width


def test_points_go_with_the_first_request_as_fractions_of_the_raw_head_image(policy_server: FakePolicyServer) -> None:
    c = contract("molmobot_rby1_door")
    client = model("molmobot", "molmobot_rby1_door", url=policy_server.url, point_name="door_handle")
    policy_server.mode = "keys"
    client.act(rby1(c, points_px=np.array([[512.0, 144.0]])), "open the door")
    entry = policy_server.requests[0]["object_image_points"]["door_handle"]["head_camera"]
    assert entry["points"] == pytest.approx(np.array([[0.5, 0.25]]))
    assert entry["num_points"].tolist() == [1]


def test_a_missing_camera_is_named(policy_server: FakePolicyServer) -> None:
    client = model("molmobot", NAME, dt_s=2.0, url=policy_server.url)
    thought, _ = client.act(fr3(contract(NAME), images={}), "go")
    assert thought.code is ErrorCode.CAMERA_LOST
    assert "exo_camera_1" in thought.message


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(np.zeros(3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["actions", "arm", "x"]), inner),
    max_leaves=6,
)


@given(reply=junk)
def test_any_reply_is_told_apart_or_refused_by_name(reply: object) -> None:
    try:
        assert kind_of(reply, ("arm", "gripper")) in Reply
    except MolmoRosError as error:
        assert error.code is ErrorCode.MODEL_ANSWER_INVALID
