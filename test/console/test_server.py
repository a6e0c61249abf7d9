"""The console opens one port of this machine, or says in one sentence why not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from molmo_ros.console.server import check_port, is_loopback, open_server
from molmo_ros.core.errors import ErrorCode, MolmoRosError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.4", False), ("x", False)],
)
def test_which_addresses_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_taken_port_is_said_in_one_sentence(taken: int) -> None:
    with pytest.raises(MolmoRosError, match=f"Port {taken}") as caught:
        check_port("127.0.0.1", taken)
    assert caught.value.code is ErrorCode.PORT_TAKEN
    assert "\n" not in caught.value.message


def test_the_page_is_served() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = open_server("127.0.0.1", port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}") as answer:
            assert answer.status == 200
            assert b"<html" in answer.read()
    finally:
        server.stop()


def test_without_viser_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(MolmoRosError, match=r"molmo_ros\[console\]") as caught:
        open_server("127.0.0.1", 1)
    assert caught.value.code is ErrorCode.DEPENDENCY_MISSING


def run_node(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The node, as a launch file starts it."""
    code = (
        "from molmo_ros.embedded import install; install(); import sys; "
        "from molmo_ros.nodes.console_node import main; main(sys.argv)"
    )
    environment: dict[str, Any] = {**os.environ, "ROS_DOMAIN_ID": str(1 + os.getpid() % 230)}
    command = [sys.executable, "-c", code, "--ros-args", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_the_node_ends_with_code_2_when_its_port_is_taken(taken: int) -> None:
    done = run_node("-p", f"port:={taken}")
    assert done.returncode == 2
    assert "[PORT_TAKEN]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_node_refuses_to_listen_beyond_this_machine() -> None:
    done = run_node("-p", "host:=0.0.0.0")
    assert done.returncode == 2
    assert "[CONFIG_INVALID]" in done.stderr
    assert "Traceback" not in done.stderr
