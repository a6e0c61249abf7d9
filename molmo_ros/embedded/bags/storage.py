"""What a storage is: one kind of file that a bag can consist of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from .errors import BagError
from .model import BagInfo, BagMessage, Definition, FileInfo, Topic


class FileWriter(Protocol):
    """Writes one file of a bag."""

    @property
    def size_bytes(self) -> int:
        """How large the file is, with what is still in memory."""

    @property
    def info(self) -> FileInfo:
        """What was written so far."""

    def create_topic(self, topic: Topic, definition: Definition) -> None:
        """Announce a topic."""

    def write(self, message: BagMessage) -> None:
        """Append a message of an announced topic."""

    def flush(self) -> None:
        """Hand everything to the operating system, readable even if we are killed now."""

    def close(self, bag: BagInfo) -> None:
        """Finish the file, with a description of the bag so far."""

    def abandon(self) -> None:
        """Close the file as it is, without writing any more."""


class FileReader(Protocol):
    """Reads one file of a bag."""

    is_damaged: bool
    """Whether the file lacks its end; what is readable is read."""

    def info(self) -> BagInfo:
        """Describe the file as if it were a whole bag."""

    def definitions(self) -> list[Definition]:
        """Return the message definitions it carries."""

    def messages(self, topics: Collection[str] | None, start_ns: int, *, reverse: bool) -> Iterator[BagMessage]:
        """Yield messages by the time they were received.

        Args:
            topics: Only of these topics.
            start_ns: Only from here on (with ``reverse``: up to here).
            reverse: The newest first.
        """

    def close(self) -> None:
        """Close the file."""


SUFFIXES = {"mcap": ".mcap", "sqlite3": ".db3"}
STORAGES = tuple(SUFFIXES)


def require_storage(storage: str) -> str:
    """Return the name of a storage, ``mcap`` for an empty one.

    Raises:
        BagError: There is no such storage.
    """
    storage = storage or "mcap"
    if storage not in SUFFIXES:
        raise BagError(f"There is no bag storage '{storage}': use one of {', '.join(STORAGES)}.")
    return storage


def storage_of(path: Path) -> str | None:
    """Return which storage a file belongs to by its name, or nothing."""
    return next((name for name, suffix in SUFFIXES.items() if path.suffix == suffix), None)


def open_reader(path: Path) -> FileReader:
    """Open one file of a bag.

    Raises:
        BagError: It is missing or no bag file.
    """
    from .mcap_storage import McapFileReader
    from .sqlite_storage import SqliteFileReader

    if not path.is_file():
        raise BagError(f"There is no bag file {path}.")
    readers = {"mcap": McapFileReader, "sqlite3": SqliteFileReader}
    storage = storage_of(path)
    if storage is None:
        raise BagError(f"{path} is no bag file: its name ends neither in .mcap nor in .db3.")
    return readers[storage](path)


def open_writer(path: Path, storage: str, *, compression: str, chunk_bytes: int) -> FileWriter:
    """Create one file of a bag."""
    from .mcap_storage import McapFileWriter
    from .sqlite_storage import SqliteFileWriter

    if storage == "mcap":
        return McapFileWriter(path, compression=compression, chunk_bytes=chunk_bytes)
    if compression:
        raise BagError("Only MCAP bags can be compressed: choose the mcap storage.")
    return SqliteFileWriter(path)
