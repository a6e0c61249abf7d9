"""MolmoAct2's /act protocol, as a client and as a server."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fakes import FakeHttpServer, wait_until
from samples import Q, contract, fr3, model

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import ActionChunk, ActionKind, Thought
from molmo_ros.models.codecs.wire import Dialect, decode, encode
from molmo_ros.models.protocols import ModelInfo
from molmo_ros.models.servers.act_server import ActServer

NAME = "molmoact2_droid_fr3"
TOKEN = "a-token-of-twenty-two-"


@pytest.fixture
def fake() -> Iterator[FakeHttpServer]:
    def answer(request):
        rows = request["state"] + np.outer(np.arange(1, 16), [0.01, 0, 0, 0, 0, 0, 0, 0.05])
        return {"actions": rows.astype(np.float32), "dt_ms": 31.5}

    server = FakeHttpServer(answer)
    yield server
    server.close()


def test_the_client_says_what_the_server_expects_and_understands_its_answer(fake: FakeHttpServer) -> None:
    client = model("molmoact2", NAME, url=fake.url)
    thought, chunk = client.act(fr3(contract(NAME)), "open the drawer")
    request = fake.requests[0]
    assert fake.paths == ["/act"]
    assert set(request) == {"external_cam", "wrist_cam", "instruction", "state"}
    assert (request["external_cam"].shape, request["external_cam"].dtype) == ((360, 640, 3), np.uint8)
    # The gripper of the state runs from 0 (open) to 1 (closed); 0.02 of 0.08 m is three quarters closed.
    assert request["state"] == pytest.approx([*Q, 0.75], abs=1e-6)
    assert request["state"].dtype == np.float32
    assert chunk.names == (*(f"fr3_joint{i}" for i in range(1, 8)), "gripper_width")
    assert chunk.values[:, 0] == pytest.approx(Q[0] + 0.01 * np.arange(1, 16), abs=1e-6)
    assert chunk.values[0, 7] == pytest.approx(0.2 * 0.08)
    assert chunk.values[-1, 7] == 0.0
    assert thought.phase_s["server_total"] == pytest.approx(0.0315)
    client.close()


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("dead", ErrorCode.MODEL_TIMEOUT),
        ("drip", ErrorCode.MODEL_TIMEOUT),
        ("disconnect", ErrorCode.MODEL_UNAVAILABLE),
        ("short", ErrorCode.MODEL_UNAVAILABLE),
        ("garbage", ErrorCode.PAYLOAD_INVALID),
        ("error", ErrorCode.MODEL_UNAVAILABLE),
        ("refused", ErrorCode.MODEL_REFUSED),
    ],
)
def test_whatever_the_server_does_has_a_name(fake: FakeHttpServer, mode: str, code: ErrorCode) -> None:
    client = model("molmoact2", NAME, url=fake.url, deadline_s=0.5 if mode in ("dead", "drip") else 5.0)
    fake.mode = mode
    thought, chunk = client.act(fr3(contract(NAME)), "go")
    assert (thought.code, chunk) == (code, None), thought.message
    fake.mode, client.deadline_s = "good", 5.0
    wait_until(lambda: client.act(fr3(contract(NAME)), "go")[1] is not None)


@pytest.mark.parametrize(
    "reply",
    [
        {"actions": [[0.0] * 8]},
        {"actions": np.zeros((5, 7))},
        {"actions": np.full((5, 8), np.inf)},
        {"actions": np.zeros((0, 8))},
        {"actions": np.zeros((5, 8), dtype=bool)},
        {"actions": np.zeros((1000, 8))},
        {"error": "x"},
        [1],
    ],
)
def test_an_answer_without_usable_actions_is_refused(fake: FakeHttpServer, reply) -> None:
    fake.answer = lambda _: reply
    thought, chunk = model("molmoact2", NAME, url=fake.url).act(fr3(contract(NAME)), "go")
    assert (thought.code, chunk) == (ErrorCode.MODEL_ANSWER_INVALID, None)


class Echo:
    """A policy that stays where it is, or waits, or fails."""

    info = ModelInfo(backend="echo", model_id="echo")

    def __init__(self) -> None:
        self.seen: list = []
        self.release: threading.Event | None = None
        self.code = ErrorCode.NONE

    def warm_up(self) -> None:
        pass

    def act(self, observation, instruction):
        self.seen.append((observation, instruction))
        if self.release is not None:
            self.release.wait(5.0)
        thought = Thought(prompt=instruction, raw_text="", code=self.code, message="no")
        if self.code is not ErrorCode.NONE:
            return thought, None
        names = observation.joints.names
        chunk = ActionChunk(names=names, values=np.tile(observation.joints.positions, (3, 1)),
                            kind=ActionKind.JOINT_POSITION, dt_s=0.1, observation_stamp_ns=0, sequence=1)  # fmt: skip
        return thought, chunk


class Running:
    def __init__(self, **options) -> None:
        self.policy = Echo()
        self.server = ActServer(self.policy, contract(NAME), port=0, **options)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, decode(data, Dialect.JSON_NUMPY)


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    yield made
    made.server.close()


def request(**changes) -> bytes:
    image = np.zeros((36, 64, 3), dtype=np.uint8)
    body = {"external_cam": image, "wrist_cam": image + 1, "instruction": "go", "state": np.arange(8, dtype=np.float32)}
    return encode({**body, **changes}, Dialect.JSON_NUMPY)


def test_our_server_answers_as_the_published_one(running: Running) -> None:
    status, reply = running.ask("POST", "/act", request())
    assert status == 200
    assert set(reply) == {"actions", "dt_ms"}
    assert (reply["actions"].dtype, reply["actions"].shape) == (np.float32, (3, 8))
    assert reply["actions"][0] == pytest.approx(np.arange(8))
    observation, instruction = running.policy.seen[0]
    assert instruction == "go"
    assert list(observation.images) == ["exterior_1_left", "wrist_left"]
    assert int(observation.images["wrist_left"][0, 0, 0]) == 1


def test_client_and_server_understand_each_other(running: Running) -> None:
    client = model("molmoact2", NAME, url=f"http://127.0.0.1:{running.server.port}")
    thought, chunk = client.act(fr3(contract(NAME)), "go")
    assert thought.code is ErrorCode.NONE
    assert chunk.values[:, :7] == pytest.approx(np.tile(Q, (3, 1)), abs=1e-6)
    assert chunk.values[0, 7] == pytest.approx(0.02, abs=1e-6)


@pytest.mark.parametrize("path", ["/act", "/healthz"])
def test_health_is_a_get(running: Running, path: str) -> None:
    status, reply = running.ask("GET", path)
    assert (status, reply["status"], reply["contract"]) == (200, "ok", NAME)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (request(state=np.zeros(7, dtype=np.float32)), 400),
        (request(state=np.full(8, np.nan, dtype=np.float32)), 400),
        (request(state=[0.0] * 8), 400),
        (request(external_cam=np.zeros((36, 64), dtype=np.uint8)), 400),
        (request(external_cam=np.zeros((36, 64, 3), dtype=np.float32)), 400),
        (request(external_cam=np.zeros((1, 5000, 3), dtype=np.uint8)), 400),
        (request(instruction=""), 400),
        (request(instruction="x" * 5000), 400),
        (b"[" * 5000, 400),
        (b"{}", 400),
        (json.dumps({"external_cam": {"__numpy__": "gASV", "dtype": "|O", "shape": [1]}}).encode(), 400),
    ],
)
def test_a_bad_request_is_refused_and_never_reaches_the_policy(running: Running, body: bytes, status: int) -> None:
    assert running.ask("POST", "/act", body)[0] == status
    assert running.policy.seen == []


def test_a_claim_of_four_gigabytes_is_refused_before_reading(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.server.port), timeout=5) as connection:
        connection.sendall(b"POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967296\r\n\r\n")
        assert connection.recv(200).startswith(b"HTTP/1.1 413")


def test_a_second_request_meanwhile_is_told_that_it_is_busy(running: Running) -> None:
    running.policy.release = threading.Event()
    first = threading.Thread(target=running.ask, args=("POST", "/act", request()))
    first.start()
    wait_until(lambda: bool(running.policy.seen))
    status, reply = running.ask("POST", "/act", request())
    assert (status, reply["code"]) == (503, "BUSY")
    running.policy.release.set()
    first.join()


def test_a_policys_refusal_is_passed_on(running: Running) -> None:
    running.policy.code = ErrorCode.ACTION_REJECTED
    status, reply = running.ask("POST", "/act", request())
    assert (status, reply["code"]) == (500, "ACTION_REJECTED")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7"])
def test_other_machines_are_served_only_with_a_token(host: str) -> None:
    with pytest.raises(MolmoRosError) as caught:
        ActServer(Echo(), contract(NAME), host=host, port=0)
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_a_token_is_asked_of_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(token=TOKEN)
    try:
        for method in ("GET", "POST"):
            assert running.ask(method, "/act", request())[0] == 401
            assert running.ask(method, "/act", request(), {"Authorization": "Bearer wrong"})[0] == 401
        assert running.policy.seen == []
        monkeypatch.setenv("ROBOT_TOKEN", TOKEN)
        client = model("molmoact2", NAME, url=f"http://127.0.0.1:{running.server.port}", token_env="ROBOT_TOKEN")
        assert client.act(fr3(contract(NAME)), "go")[1] is not None
    finally:
        running.server.close()


def test_a_taken_port_is_named(running: Running) -> None:
    with pytest.raises(MolmoRosError) as caught:
        ActServer(Echo(), contract(NAME), port=running.server.port)
    assert caught.value.code is ErrorCode.PORT_TAKEN
