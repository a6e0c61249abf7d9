"""A WebSocket connection with a deadline on everything; lost ones come back after a while, never in the middle."""

from __future__ import annotations

import inspect
import threading
import time
from contextlib import suppress
from typing import Any

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError
from molmo_ros.models.codecs.arrays import DEFAULT
from molmo_ros.models.servers.address import Address
from molmo_ros.models.servers.remote import BackOff, short


def _library() -> Any:
    try:
        import websockets.exceptions
        import websockets.sync.client
    except ModuleNotFoundError as error:
        raise MissingDependencyError("websockets", "serve") from error
    return websockets


class Link:
    """One connection to a policy server. Not safe for use from two threads at once.

    Args:
        address: The server.
        backoff: When the next try may be made.
        hello: Whether the server speaks first.
        connect_s: How long connecting may take [s].
    """

    def __init__(self, address: Address, backoff: BackOff, *, hello: bool = True, connect_s: float = 5.0) -> None:
        self._address, self._backoff, self._hello, self._connect_s = address, backoff, hello, connect_s
        self._connection: Any = None
        self.greeting: bytes = b""

    @property
    def alive(self) -> bool:
        """Whether the other side is there, as far as is known without asking."""
        connection = self._connection
        return connection is not None and int(getattr(connection, "state", 1)) == 1

    def open(self) -> None:
        """Connects, unless it is, and takes the greeting.

        Raises:
            MolmoRosError: MODEL_UNAVAILABLE, or MODEL_TIMEOUT when the server accepts but says nothing.
        """
        if self._connection is not None:
            return
        if self._backoff.left_s > 0:
            raise MolmoRosError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"The policy server at {self._address.url} is gone; trying again in {self._backoff.left_s:.1f} s.",
            )
        library = _library()
        connect = library.sync.client.connect
        options: dict[str, Any] = {"proxy": None} if "proxy" in inspect.signature(connect).parameters else {}
        try:
            self._connection = connect(
                self._address.url,
                compression=None,
                max_size=DEFAULT.bytes,
                open_timeout=self._connect_s,
                close_timeout=0.2,
                additional_headers=self._address.headers,
                **options,
            )
        except (OSError, TimeoutError, library.exceptions.WebSocketException) as error:
            self._backoff.failed()
            raise MolmoRosError(
                ErrorCode.MODEL_UNAVAILABLE,
                f"No policy server answers at {self._address.url} ({short(str(error) or type(error).__name__, 80)}).",
            ) from error
        if self._hello:
            self.greeting = self._receive(time.monotonic() + self._connect_s)

    def ask(self, message: bytes, deadline: float) -> bytes:
        """The server's next frame after a message.

        Args:
            message: A binary frame.
            deadline: ``time.monotonic()`` value at which this gives up.

        Raises:
            MolmoRosError: MODEL_TIMEOUT, MODEL_UNAVAILABLE; the connection is dropped then, so that a late answer is
                never taken for the next one.
        """
        self.open()
        library = _library()
        try:
            self._connection.send(message)
        except (OSError, library.exceptions.WebSocketException) as error:
            self.drop()
            raise self._lost(error) from error
        return self._receive(deadline)

    def _receive(self, deadline: float) -> bytes:
        library = _library()
        try:
            frame = self._connection.recv(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            self.drop()
            raise MolmoRosError(
                ErrorCode.MODEL_TIMEOUT, f"The policy server at {self._address.url} gave no answer in time."
            ) from error
        except (OSError, library.exceptions.WebSocketException) as error:
            self.drop()
            raise self._lost(error) from error
        if isinstance(frame, str):
            # These servers send text only to report a failure, and close.
            self.drop()
            raise MolmoRosError(ErrorCode.MODEL_UNAVAILABLE, f"The policy server failed: {short(frame)}")
        self._backoff.succeeded()
        return bytes(frame)

    def _lost(self, error: Exception) -> MolmoRosError:
        return MolmoRosError(
            ErrorCode.MODEL_UNAVAILABLE,
            f"The connection to {self._address.url} broke ({short(str(error) or type(error).__name__, 80)}).",
        )

    def drop(self) -> None:
        """Gives the connection up; the next try waits."""
        self._backoff.failed()
        self.close()

    def close(self) -> None:
        """Closes the connection, without waiting for the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            threading.Thread(target=_close, args=(connection,), name="closing", daemon=True).start()


def _close(connection: Any) -> None:
    # A connection that is given up owes nothing.
    with suppress(Exception):
        connection.close()
