"""How a bag's messages or files are compressed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class CompressionMode(IntEnum):
    """What is compressed."""

    NONE = 0
    FILE = 1
    MESSAGE = 2


def compression_mode_from_string(compression_mode: str) -> CompressionMode:
    """Return the mode of a name, ``NONE`` for an unknown one."""
    return CompressionMode.__members__.get(compression_mode.upper(), CompressionMode.NONE)


def compression_mode_to_string(compression_mode: CompressionMode) -> str:
    """Return the name of a mode."""
    return CompressionMode(compression_mode).name


@dataclass
class CompressionOptions:
    """How to compress; the queue and the threads are accepted and not needed."""

    compression_format: str = ""
    compression_mode: CompressionMode = CompressionMode.NONE
    compression_queue_size: int = 1
    compression_threads: int = 0
    thread_priority: int | None = None
