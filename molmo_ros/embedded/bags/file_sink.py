"""A file to append to that keeps the page cache and the processor out of a recording's way."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from pathlib import Path

from .gather import Rope

BLOCK_BYTES = 4096
BUFFER_BYTES = 4 * 2**20


class FileSink:
    """Appends to a new file, where the system can do it without copying through its cache.

    Camera images fill the page cache in seconds, and every page costs time that the robot needs
    elsewhere. Direct writes must be whole blocks, so the last block is padded with zeros until more
    follows; `close` cuts the padding off. What was flushed is readable after a kill.

    Args:
        path: Where; nothing may be there.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        self._is_direct = self._set_direct(wanted=True)
        # Anonymous maps begin at a page, as direct writes require.
        self._view = memoryview(mmap.mmap(-1, BUFFER_BYTES))
        self._offset = 0
        self._filled = 0

    @property
    def size(self) -> int:
        """How much was written."""
        return self._offset + self._filled

    def write(self, data: bytes | Rope) -> int:
        """Append; raises ``OSError`` if it cannot all be written."""
        for piece in data if isinstance(data, Rope) else (data,):
            rest = memoryview(piece)
            while rest:
                part = rest[: BUFFER_BYTES - self._filled]
                self._view[self._filled : self._filled + len(part)] = part
                self._filled += len(part)
                rest = rest[len(part) :]
                if self._filled == BUFFER_BYTES:
                    self._drain()
        return len(data)

    def tell(self) -> int:
        """Return how much was written."""
        return self.size

    def flush(self) -> None:
        """Hand everything to the disk."""
        self._drain()

    def close(self) -> None:
        """Write the rest and close; closing again changes nothing."""
        if self._descriptor < 0:
            return
        try:
            self._drain()
            os.ftruncate(self._descriptor, self.size)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without writing any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._view = memoryview(b"")

    def _drain(self) -> None:
        """Write the buffer, and keep what fills no whole block to be written again."""
        if not self._filled:
            return
        length = self._filled
        if self._is_direct:
            length = -(-length // BLOCK_BYTES) * BLOCK_BYTES
            self._view[self._filled : length] = bytes(length - self._filled)
        self._write_out(length)
        whole = self._filled // BLOCK_BYTES * BLOCK_BYTES
        left = self._filled - whole
        if whole and left:
            self._view[:left] = self._view[whole : self._filled]
        self._offset += whole
        self._filled = left

    def _write_out(self, length: int) -> None:
        done = 0
        while done < length:
            try:
                written = os.pwrite(self._descriptor, self._view[done:length], self._offset + done)
            except OSError as error:
                if error.errno == errno.EINVAL and self._is_direct:
                    self._is_direct = self._set_direct(wanted=False)
                    continue
                raise
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done += written

    def _set_direct(self, *, wanted: bool) -> bool:
        """Turn direct writing on or off; returns whether it is on."""
        direct = getattr(os, "O_DIRECT", 0)
        if not direct:
            return False
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & ~direct
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | (direct if wanted else 0))
        except OSError:
            return False
        return wanted
