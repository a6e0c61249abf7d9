"""Every call through the door ends: with an answer, a named fault, or at its deadline."""

from __future__ import annotations

import threading

import pytest

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.models.door import Door
from molmo_ros.models.registry import BACKENDS, ModelSpec, build_model


def test_an_answer_comes_through() -> None:
    assert Door("m").call(lambda: 42, 5.0) == 42


def test_a_late_answer_is_a_timeout_and_the_door_stays_busy_until_it_comes() -> None:
    door, go, done = Door("m"), threading.Event(), threading.Event()

    def slow() -> None:
        go.wait(10.0)
        done.set()

    with pytest.raises(MolmoRosError) as caught:
        door.call(slow, 0.02)
    assert caught.value.code is ErrorCode.MODEL_TIMEOUT
    with pytest.raises(MolmoRosError) as again:
        door.call(lambda: 1, 1.0)
    assert again.value.code is ErrorCode.BUSY
    go.set()
    assert done.wait(10.0)
    for thread in threading.enumerate():
        if thread.name == "model m":
            thread.join(10.0)
    assert door.call(lambda: 1, 5.0) == 1


def test_a_call_that_is_called_off_ends_early() -> None:
    go = threading.Event()
    with pytest.raises(MolmoRosError) as caught:
        Door("m").call(lambda: go.wait(10.0), 10.0, cancelled=lambda: True)
    go.set()
    assert caught.value.code is ErrorCode.CANCELED


def test_a_models_own_timeout_error_is_not_taken_for_the_deadline() -> None:
    def raises() -> None:
        raise TimeoutError("socket")

    with pytest.raises(MolmoRosError) as caught:
        Door("m").call(raises, 5.0)
    assert caught.value.code is ErrorCode.INTERNAL


def test_a_backend_nobody_has_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(MolmoRosError, match="geometric") as caught:
        build_model(ModelSpec(backend="magic"))
    assert caught.value.code is ErrorCode.CONFIG_INVALID


def test_a_spec_keeps_what_it_does_not_know_as_options() -> None:
    spec = ModelSpec.from_mapping({"backend": "molmoact", "device": "cuda", "token": "x"})
    assert (spec.device, dict(spec.options)) == ("cuda", {"token": "x"})
    assert set(BACKENDS) >= {
        "geometric",
        "molmoact",
        "molmoact2",
        "molmo2",
        "graspmolmo",
        "molmobot",
        "openai",
        "replay",
    }
