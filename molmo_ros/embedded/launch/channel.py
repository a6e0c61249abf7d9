"""Framed messages with file descriptors between the launcher and its spawner."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

MAX_MESSAGE_BYTES = 16 << 20
_HEADER = struct.Struct("<I")


class ChannelClosed(Exception):
    """The other end is gone."""


class Channel:
    """One end of a socket pair; messages are dictionaries, optionally with file descriptors."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a message.

        Raises:
            ChannelClosed: when nobody reads any more.
        """
        payload = json.dumps(message).encode()
        try:
            socket.send_fds(self.socket, [_HEADER.pack(len(payload))], list(descriptors))
            self.socket.sendall(payload)
        except (BrokenPipeError, ConnectionError) as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Wait for a message and its file descriptors.

        Raises:
            ChannelClosed: when the other end is gone.
        """
        try:
            header, descriptors, _, _ = socket.recv_fds(self.socket, _HEADER.size, 8)
            header += self._exactly(_HEADER.size - len(header)) if header else b""
            if not header:
                raise ChannelClosed
            (length,) = _HEADER.unpack(header)
            if length > MAX_MESSAGE_BYTES:
                raise ChannelClosed
            return json.loads(self._exactly(length)), [_close_on_exec(descriptor) for descriptor in descriptors]
        except ConnectionError as error:
            raise ChannelClosed from error

    def _exactly(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            part = self.socket.recv(length - len(parts))
            if not part:
                raise ChannelClosed
            parts += part
        return bytes(parts)

    def close(self) -> None:
        self.socket.close()


def _close_on_exec(descriptor: int) -> int:
    os.set_inheritable(descriptor, False)
    return descriptor
