"""Molmo models behind an OpenAI-compatible server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import FakeHttpServer, wait_until
from samples import model

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.types import Frame

RGB = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
FRAME = Frame(
    rgb=RGB,
    depth_m=np.ones((48, 64), np.float32),
    K=np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]),
    T_base_camera=np.eye(4),
    stamp_ns=1,
    frame_id="camera",
)
# Molmo2's grammar: image 1, object 1 at (500, 250) of 1000.
GOOD = '<points coords="1 1 500 250">red block</points>'


def reply(text: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


@pytest.fixture
def vllm() -> Iterator[FakeHttpServer]:
    server = FakeHttpServer(lambda _: reply(GOOD))
    yield server
    server.close()


def client(vllm: FakeHttpServer, **options: Any) -> Any:
    return model("openai", url=f"{vllm.url}/v1", checkpoint="allenai/Molmo2-4B", **options)


def test_a_point_in_the_answer_is_a_pixel_of_the_image(vllm: FakeHttpServer) -> None:
    thought = client(vllm).point(FRAME, "the red block")
    assert (thought.code, thought.message) == (ErrorCode.NONE, "")
    assert thought.points_px == pytest.approx(np.array([[32.0, 12.0]]))
    assert thought.raw_text == GOOD


def test_the_image_is_sent_without_loss_before_the_question(vllm: FakeHttpServer) -> None:
    client(vllm).point(FRAME, "the red block")
    assert vllm.paths == ["/v1/chat/completions"]
    request = vllm.requests[0]
    assert (request["model"], request["temperature"]) == ("allenai/Molmo2-4B", 0.0)
    image, text = request["messages"][0]["content"]
    assert text["text"].startswith("Point to the red block\n")
    data = base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,"))
    assert np.array_equal(cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB), RGB)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("There are none.", ErrorCode.MODEL_REFUSED),
        ('<points coords="1 1 5', ErrorCode.MODEL_ANSWER_INVALID),
        ("I like trains.", ErrorCode.MODEL_ANSWER_INVALID),
        ("", ErrorCode.MODEL_ANSWER_INVALID),
        (None, ErrorCode.MODEL_ANSWER_INVALID),
        ("x" * 200_000, ErrorCode.MODEL_ANSWER_INVALID),
    ],
)
def test_an_answer_without_a_point_has_a_name(vllm: FakeHttpServer, text: Any, code: ErrorCode) -> None:
    vllm.answer = lambda _: reply(text)
    thought = client(vllm).point(FRAME, "the red block")
    assert thought.code is code
    assert len(thought.points_px) == 0


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [7]}, {"choices": [{"message": []}]}, [1], "x"])
def test_an_answer_of_another_shape_is_refused(vllm: FakeHttpServer, answer: Any) -> None:
    vllm.answer = lambda _: answer
    assert client(vllm).point(FRAME, "x").code is ErrorCode.MODEL_ANSWER_INVALID


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        ("dead", ErrorCode.MODEL_TIMEOUT),
        ("drip", ErrorCode.MODEL_TIMEOUT),
        ("disconnect", ErrorCode.MODEL_UNAVAILABLE),
        ("garbage", ErrorCode.PAYLOAD_INVALID),
        ("error", ErrorCode.MODEL_UNAVAILABLE),
        ("refused", ErrorCode.MODEL_REFUSED),
    ],
)
def test_whatever_the_server_does_has_a_name(vllm: FakeHttpServer, mode: str, code: ErrorCode) -> None:
    asked = client(vllm, deadline_s=0.4 if mode in ("dead", "drip") else 5.0)
    vllm.mode = mode
    assert asked.point(FRAME, "x").code is code
    vllm.mode, asked.deadline_s = "good", 5.0
    wait_until(lambda: asked.point(FRAME, "x").code is ErrorCode.NONE)


@pytest.mark.parametrize(
    "options", [{"grammar": "xml"}, {"url": "ftp://127.0.0.1"}, {"url": "http://gpu.example:8000/v1"}]
)
def test_unsafe_or_unknown_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(MolmoRosError) as caught:
        model("openai", checkpoint="m", **options)
    assert caught.value.code is ErrorCode.CONFIG_INVALID
