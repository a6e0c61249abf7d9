"""Policy and text servers that misbehave on demand. They speak through the published packages' own encodings."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from websockets.sync.server import ServerConnection, serve

from molmo_ros.models.codecs.wire import Dialect, decode, encode


class FakePolicyServer:
    """MolmoBot's three WebSocket dialects and openpi's, with faults.

    Args:
        dialect: "one", "list" or "openpi".
        step_rad: What each action adds to the first joint.
    """

    def __init__(self, dialect: str = "one", step_rad: float = 0.02) -> None:
        self.dialect, self.step_rad = dialect, step_rad
        self.mode = "good"
        self.delay_s = 0.0
        self.requests: list[dict[str, Any]] = []
        self.connections = 0
        self._buffer: list[np.ndarray] = []
        self._open: list[ServerConnection] = []
        self._awake = threading.Event()
        self._server = serve(self._handle, "127.0.0.1", 0, compression=None, max_size=None)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def _handle(self, connection: ServerConnection) -> None:
        self.connections += 1
        self._buffer = []
        self._open.append(connection)
        wire = Dialect.OPENPI if self.dialect == "openpi" else Dialect.MSGPACK_NUMPY
        connection.send(encode({} if self.dialect == "openpi" else {"model_name": "fake"}, wire))
        while True:
            request = decode(connection.recv(), wire)
            self.requests.append(request)
            if self.delay_s:
                self._awake.wait(self.delay_s)
            if self.mode == "dead":
                self._awake.wait(30.0)
                return
            if self.mode == "disconnect":
                connection.close()
                return
            if self.mode == "error":
                connection.send("Traceback (most recent call last):\n  File\nValueError: no GPU\x07 left")
                connection.close(1011)
                return
            connection.send(self._reply(request, wire))

    def _reply(self, request: dict[str, Any], wire: Dialect) -> bytes:
        if self.mode == "garbage":
            return b"\xdd\xff\xff\xff\xffgarbage"
        if self.mode == "keys":
            return encode({"hello": 1}, wire)
        if self.mode == "nan":
            return encode({"arm": np.full(7, np.nan), "gripper": np.zeros(1)}, wire)
        if self.mode == "shape":
            return encode({"arm": np.zeros(6), "gripper": np.zeros(1)}, wire)
        if self.dialect == "openpi":
            arm = np.asarray(request["observation/joint_position"])
            rows = arm + np.outer(np.arange(1, 11), [self.step_rad, 0, 0, 0, 0, 0, 0])
            return encode({"actions": np.column_stack([rows, np.zeros(10)]).astype(np.float32)}, wire)
        arm = np.asarray(request["qpos"]["arm"] if "arm" in request["qpos"] else np.zeros(7))
        if self.dialect == "list":
            actions = [self._action(arm, i + 1) for i in range(8)]
            return encode({"actions": actions, "server_timing": {"infer_ms": 7, "total_ms": 9}}, wire)
        if not self._buffer:
            self._buffer = [np.asarray(arm) + (i + 1) * self.step_rad * np.eye(7)[0] for i in range(8)]
        goal = self._buffer.pop(0)
        # As the published server: the step is bounded against the qpos of this very request.
        delta = goal - arm
        action = {"arm": arm + delta * min(1.0, 0.2 / max(np.abs(delta).max(), 1e-9)), "gripper": np.array([255.0])}
        return encode({**action, "server_timing": {"total_ms": 11.5}}, wire)

    def _action(self, arm: np.ndarray, count: int) -> dict[str, Any]:
        return {"arm": arm + count * self.step_rad * np.eye(7)[0], "gripper": np.array([0.0])}

    def close(self) -> None:
        self._awake.set()
        self._server.shutdown()
        for connection in self._open:
            connection.close()


class FakeHttpServer:
    """An ``/act`` server or a vLLM endpoint, with faults.

    Args:
        answer: Request to reply, as plain data.
    """

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer, self.mode, self.delay_s = answer, "good", 0.0
        self.requests: list[Any] = []
        self.paths: list[str] = []
        self._awake = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.requests.append(decode(body, Dialect.JSON_NUMPY))
                fake.paths.append(self.path)
                if fake.delay_s:
                    fake._awake.wait(fake.delay_s)
                if fake.mode == "dead":
                    fake._awake.wait(30.0)
                    return
                if fake.mode == "disconnect":
                    self.connection.close()
                    return
                status, data = 200, encode(fake.answer(fake.requests[-1]), Dialect.JSON_NUMPY)
                if fake.mode == "garbage":
                    data = b'{"actions": {"__numpy__": "AAAA", "dtype": "|O", "shape": [1]}}'
                elif fake.mode == "error":
                    status, data = 500, json.dumps({"error": "inference failed"}).encode()
                elif fake.mode == "refused":
                    status, data = 400, json.dumps({"error": "missing required field"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data) + (100 if fake.mode == "short" else 0)))
                self.end_headers()
                if fake.mode == "drip":
                    for byte in data:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        if fake._awake.wait(0.05):
                            return
                else:
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._awake.set()
        self._server.shutdown()
        self._server.server_close()


def wait_until(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)
