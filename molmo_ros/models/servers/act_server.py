"""A server of our own for any policy: ``GET /act`` and ``/healthz`` for health, ``POST /act`` for actions.

It speaks what MolmoAct2's servers speak, decodes data only, answers one request at a time, and listens on this machine
unless it has a token.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from molmo_ros.core.contract import EmbodimentContract
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.models.codecs.arrays import Limits
from molmo_ros.models.codecs.wire import Dialect, decode, encode
from molmo_ros.models.protocols import Observation, Policy
from molmo_ros.models.servers.act_client import IMAGE_KEYS
from molmo_ros.models.servers.address import authorised, may_listen

LIMITS = Limits(bytes=32 * 2**20)
MAX_INSTRUCTION = 4096
MAX_CONNECTIONS = 8
SOCKET_TIMEOUT_S = 10.0


def observation_from(body: Any, contract: EmbodimentContract, image_keys: tuple[str, ...]) -> tuple[Observation, str]:
    """A request as an observation and an instruction.

    Raises:
        MolmoRosError: PAYLOAD_INVALID, naming the field that does not fit.
    """
    if not isinstance(body, Mapping):
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, "The request is no map.")
    instruction = body.get("instruction")
    if not isinstance(instruction, str) or not 0 < len(instruction) <= MAX_INSTRUCTION:
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, "instruction must be a text.")
    images = {}
    for key, camera in zip(image_keys, contract.cameras, strict=True):
        image = body.get(key)
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, f"{key} must be an image (H, W, 3) of uint8.")
        if not 8 <= min(image.shape[:2]) <= max(image.shape[:2]) <= 4096:
            raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, f"{key} must be 8 to 4096 px wide and high.")
        images[camera.name] = image
    state = body.get("state")
    if not isinstance(state, np.ndarray) or state.dtype.kind != "f" or state.shape != (len(contract.state_names),):
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, f"state must be {len(contract.state_names)} floats.")
    if not np.all(np.isfinite(state)):
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, "state holds a value that is not finite.")
    now = time.time_ns()
    values = state.astype(np.float64)
    joints = JointState(
        names=contract.state_names, positions=values, velocities=values * 0, efforts=values * 0, stamp_ns=now
    )
    return Observation(images=images, joints=joints, gripper_width_m=0.0, stamp_ns=now), instruction


class ActServer:
    """Serves a policy.

    Args:
        policy: Who acts; it gets the contract's state names as joints, grippers in the model's own range.
        contract: The embodiment that clients must match.
        host: Where to listen.
        port: 0 takes a free one.
        token: Asked of every request; needed beyond this machine.
        image_keys: Names of the contract's cameras in a request, in order.

    Raises:
        MolmoRosError: CONFIG_INVALID for an open port without a token, PORT_TAKEN.
    """

    def __init__(
        self,
        policy: Policy,
        contract: EmbodimentContract,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str = "",
        image_keys: tuple[str, ...] = IMAGE_KEYS,
    ) -> None:
        may_listen(host, token)
        if len(image_keys) != len(contract.cameras):
            raise MolmoRosError(
                ErrorCode.CONFIG_INVALID, f"{contract.name} has {len(contract.cameras)} cameras; name as many keys."
            )
        self._policy, self._contract, self._token, self._keys = policy, contract, token, image_keys
        self._turn = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self, "timeout": SOCKET_TIMEOUT_S})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise MolmoRosError(ErrorCode.PORT_TAKEN, f"{host}:{port} cannot be listened on: {error}.") from error
        self.port = int(self._server.server_address[1])

    def answer(self, body: Any) -> dict[str, Any]:
        """The answer to a decoded request.

        Raises:
            MolmoRosError: PAYLOAD_INVALID, BUSY, or the policy's own refusal.
        """
        observation, instruction = observation_from(body, self._contract, self._keys)
        if not self._turn.acquire(blocking=False):
            raise MolmoRosError(ErrorCode.BUSY, "Another request is being answered.")
        try:
            started = time.perf_counter()
            thought, chunk = self._policy.act(observation, instruction)
            if chunk is None:
                raise MolmoRosError(thought.code, thought.message)
            return {"actions": chunk.values.astype(np.float32), "dt_ms": (time.perf_counter() - started) * 1e3}
        finally:
            self._turn.release()

    def health(self) -> dict[str, Any]:
        """Who serves what."""
        info = self._policy.info
        return {
            "status": "ok",
            "model": info.model_id or info.backend,
            "contract": self._contract.name,
            "contract_hash": self._contract.hash,
        }

    def allows(self, header: str | None) -> bool:
        """Whether a request may come in."""
        return authorised(header, self._token)

    def serve_forever(self) -> None:
        """Answers until `close`."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """A bounded number of connections at once."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, *args: Any) -> None:
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is no event."""


STATUS = {ErrorCode.PAYLOAD_INVALID: 400, ErrorCode.BUSY: 503}


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: ActServer
    protocol_version = "HTTP/1.1"
    # Headers and body leave together; in two parts the second would wait 40 ms for the first's acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1
    server_version = "molmo_ros"
    sys_version = ""

    def do_GET(self) -> None:
        """Health."""
        if self.path not in ("/act", "/healthz"):
            self._say(404, {"error": "there is /act and /healthz"})
        elif not self.owner.allows(self.headers.get("Authorization")):
            self._say(401, {"error": "a token is needed"})
        else:
            self._say(200, self.owner.health())

    def do_POST(self) -> None:
        """Actions."""
        if not self.owner.allows(self.headers.get("Authorization")):
            self.close_connection = True
            self._say(401, {"error": "a token is needed"})
            return
        length = self.headers.get("Content-Length", "")
        if self.path != "/act" or not length.isdecimal() or len(length) > 12 or int(length) > LIMITS.bytes:
            self.close_connection = True
            self._say(404 if self.path != "/act" else 413, {"error": f"POST /act with up to {LIMITS.bytes} bytes"})
            return
        try:
            body = self._body(int(length))
            self._say(200, self.owner.answer(decode(body, Dialect.JSON_NUMPY, LIMITS)))
        except MolmoRosError as error:
            self._say(STATUS.get(error.code, 500), {"error": error.message, "code": error.code.name})

    def _body(self, length: int) -> bytes:
        """Reads what comes, not what is claimed; the socket's timeout bounds each part."""
        parts, left = [], length
        while left > 0:
            part = self.rfile.read1(min(left, 2**20))  # type: ignore[attr-defined]
            if not part:
                raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, "The request ends in the middle.")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _say(self, status: int, value: Mapping[str, Any]) -> None:
        try:
            data = encode(dict(value), Dialect.JSON_NUMPY)
        except MolmoRosError as error:
            status, data = 500, json.dumps({"error": error.message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Silent: a robot asks several times a second."""
