"""HTTP requests with a deadline on the whole and a bound on the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError
from molmo_ros.models.codecs.arrays import DEFAULT, Limits
from molmo_ros.models.codecs.wire import Dialect, decode, encode
from molmo_ros.models.servers.address import Address
from molmo_ros.models.servers.remote import BackOff, short


class Requests:
    """Asks one server over one kept connection. Not safe for use from two threads at once.

    Args:
        address: The server.
        backoff: When the next try may be made after a failed one.
        limits: How much an answer may hold.
    """

    def __init__(self, address: Address, backoff: BackOff, limits: Limits = DEFAULT) -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingDependencyError("httpx", "serve") from error
        self._httpx, self._address, self._backoff, self._limits = httpx, address, backoff, limits
        # Without the environment's proxies: the server is this machine, or one on the robot's own network.
        self._client: Any = httpx.Client(trust_env=False, follow_redirects=False, headers=address.headers)

    def post(self, path: str, body: Mapping[str, Any], deadline: float) -> Any:
        """The decoded answer to a JSON request.

        Args:
            path: Appended to the server's address.
            body: Plain data; arrays as json_numpy writes them.
            deadline: ``time.monotonic()`` value at which this gives up.

        Raises:
            MolmoRosError: MODEL_UNAVAILABLE, MODEL_TIMEOUT, MODEL_REFUSED for a request the server rejects,
                PAYLOAD_INVALID for an answer that is not plain data.
        """
        url = self._address.url.rstrip("/") + path
        if self._backoff.left_s > 0:
            raise MolmoRosError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The server at {self._address.url} is gone; trying again in {self._backoff.left_s:.1f} s.",
            )
        httpx = self._httpx
        try:
            status, data = self._send(url, encode(dict(body), Dialect.JSON_NUMPY), deadline)
        except httpx.TimeoutException as error:
            self._backoff.failed()
            raise MolmoRosError(
                ErrorCode.MODEL_TIMEOUT, f"The server at {self._address.url} gave no answer in time."
            ) from error
        except httpx.HTTPError as error:
            self._backoff.failed()
            reason = short(str(error) or type(error).__name__, 80)
            raise MolmoRosError(
                ErrorCode.MODEL_UNAVAILABLE, f"No answer from the server at {self._address.url} ({reason})."
            ) from error
        if status >= 500:
            self._backoff.failed()
            raise MolmoRosError(ErrorCode.MODEL_UNAVAILABLE, f"The server failed ({status}): {_said(data)}")
        if status != 200:
            raise MolmoRosError(ErrorCode.MODEL_REFUSED, f"The server refused the request ({status}): {_said(data)}")
        self._backoff.succeeded()
        return decode(data, Dialect.JSON_NUMPY, self._limits)

    def _send(self, url: str, body: bytes, deadline: float) -> tuple[int, bytes]:
        def left() -> float:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise self._httpx.ReadTimeout("the deadline has passed")
            return seconds

        headers = {"Content-Type": "application/json"}
        with self._client.stream("POST", url, content=body, headers=headers, timeout=left()) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                size += len(part)
                if size > self._limits.bytes:
                    raise MolmoRosError(
                        ErrorCode.PAYLOAD_INVALID, f"The server's answer is longer than {self._limits.bytes} bytes."
                    )
                parts.append(part)
                left()
            return int(response.status_code), b"".join(parts)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


def _said(data: bytes) -> str:
    return short(data[:2000].decode("utf-8", "replace"))
