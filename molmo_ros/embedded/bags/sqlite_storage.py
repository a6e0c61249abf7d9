"""sqlite3 files as rosbag2 writes them (its schema version 4)."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from .errors import BagError
from .metadata import info_to_yaml
from .model import METADATA_VERSION, NO_START_NS, BagInfo, BagMessage, Definition, FileInfo, Topic
from .qos import qos_list_from_yaml, qos_list_to_yaml

SCHEMA_VERSION = 4
# Messages are committed together; a kill loses at most so many bytes, as with an MCAP chunk.
COMMIT_BYTES = 1024 * 1024

_TABLES = (
    "CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL)",
    "CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER NOT NULL, metadata TEXT NOT NULL)",
    "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
    "serialization_format TEXT NOT NULL, offered_qos_profiles TEXT NOT NULL, "
    "type_description_hash TEXT NOT NULL)",
    "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT NOT NULL, "
    "encoding TEXT NOT NULL, encoded_message_definition TEXT NOT NULL, "
    "type_description_hash TEXT NOT NULL)",
    "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, "
    "timestamp INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE INDEX timestamp_idx ON messages (timestamp ASC)",
)


class SqliteFileWriter:
    """Writes one sqlite3 file; publishing times have no place in it and are lost.

    Args:
        path: Where; nothing may be there.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise FileExistsError(17, "File exists", str(path))
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        for statement in _TABLES:
            self._database.execute(statement)
        self._database.execute("INSERT INTO schema VALUES (?, ?)", (SCHEMA_VERSION, ""))
        self._topics: dict[str, int] = {}
        self._types: set[str] = set()
        self._size = 0
        self._uncommitted = 0
        self._start_ns = NO_START_NS
        self._end_ns = 0
        self._count = 0

    @property
    def size_bytes(self) -> int:
        """How large the file is, with what is still in memory."""
        return self._size

    @property
    def info(self) -> FileInfo:
        """What was written so far."""
        return FileInfo(
            path=self._path.name,
            start_ns=self._start_ns,
            duration_ns=self._end_ns - self._start_ns if self._count else 0,
            message_count=self._count,
        )

    def create_topic(self, topic: Topic, definition: Definition) -> None:
        """Announce a topic."""
        cursor = self._execute(
            "INSERT INTO topics (name, type, serialization_format, offered_qos_profiles, "
            "type_description_hash) VALUES (?, ?, ?, ?, ?)",
            (
                topic.name,
                topic.type,
                topic.serialization_format,
                qos_list_to_yaml(topic.offered_qos),
                topic.type_hash,
            ),
        )
        self._topics[topic.name] = cursor.lastrowid or 0
        if topic.type not in self._types:
            self._types.add(topic.type)
            self._execute(
                "INSERT INTO message_definitions (topic_type, encoding, "
                "encoded_message_definition, type_description_hash) VALUES (?, ?, ?, ?)",
                (topic.type, definition.encoding, definition.text, definition.type_hash),
            )

    def write(self, message: BagMessage) -> None:
        """Append a message of an announced topic."""
        if not self._uncommitted:
            self._execute("BEGIN")
        self._execute(
            "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)",
            (self._topics[message.topic], message.log_ns, message.data),
        )
        size = len(message.data) + 32
        self._size += size
        self._uncommitted += size
        self._count += 1
        self._start_ns = min(self._start_ns, message.log_ns)
        self._end_ns = max(self._end_ns, message.log_ns)
        if self._uncommitted > COMMIT_BYTES:
            self.flush()

    def flush(self) -> None:
        """Commit, so that everything can be read even if we are killed now."""
        if self._uncommitted:
            self._execute("COMMIT")
            self._uncommitted = 0

    def close(self, bag: BagInfo) -> None:
        """Finish the file, with a description of the bag so far."""
        try:
            self.flush()
            self._execute(
                "INSERT INTO metadata (metadata_version, metadata) VALUES (?, ?)",
                (METADATA_VERSION, info_to_yaml(bag)),
            )
            self._database.execute("PRAGMA journal_mode = DELETE")
        finally:
            self._database.close()

    def abandon(self) -> None:
        """Close the file as it is, without writing any more."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            # "database or disk is full" is what sqlite3 says when the disk is.
            raise OSError(28 if "full" in str(error) else 5, str(error)) from error


class SqliteFileReader:
    """Reads one sqlite3 file.

    Args:
        path: The file.

    Raises:
        BagError: It is no sqlite3 bag.
    """

    is_damaged = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            self._columns = {row[1] for row in self._database.execute("PRAGMA table_info(topics)").fetchall()}
            self._has_definitions = bool(self._database.execute("PRAGMA table_info(message_definitions)").fetchall())
        except sqlite3.Error as error:
            raise BagError(f"{path} is no sqlite3 bag: {error}.") from error
        if "name" not in self._columns:
            raise BagError(f"{path} is no sqlite3 bag: it has no topics.")

    def info(self) -> BagInfo:
        """Describe the file as if it were a whole bag."""
        optional = [
            column if column in self._columns else "''" for column in ("offered_qos_profiles", "type_description_hash")
        ]
        rows = self._query(
            f"SELECT name, type, serialization_format, {', '.join(optional)}, "
            "(SELECT COUNT(*) FROM messages WHERE topic_id = topics.id) FROM topics ORDER BY id"
        )
        topics = tuple(
            Topic(
                name=name,
                type=type_name,
                serialization_format=encoding,
                offered_qos=qos_list_from_yaml(profiles),
                type_hash=type_hash,
            )
            for name, type_name, encoding, profiles, type_hash, _ in rows
        )
        counts = {row[0]: row[-1] for row in rows}
        first, last = self._query("SELECT MIN(timestamp), MAX(timestamp) FROM messages")[0]
        total = sum(counts.values())
        file = FileInfo(
            path=self._path.name,
            start_ns=first if total else NO_START_NS,
            duration_ns=last - first if total else 0,
            message_count=total,
        )
        return BagInfo(
            storage="sqlite3",
            start_ns=file.start_ns,
            duration_ns=file.duration_ns,
            message_count=total,
            topics=topics,
            counts=counts,
            files=(file,),
            size_bytes=self._path.stat().st_size,
        )

    def definitions(self) -> list[Definition]:
        """Return the message definitions it carries."""
        if not self._has_definitions:
            return []
        rows = self._query(
            "SELECT topic_type, encoding, encoded_message_definition, type_description_hash "
            "FROM message_definitions ORDER BY id"
        )
        return [
            Definition(type=type_name, encoding=encoding, text=text, type_hash=type_hash)
            for type_name, encoding, text, type_hash in rows
        ]

    def messages(self, topics: Collection[str] | None, start_ns: int, *, reverse: bool = False) -> Iterator[BagMessage]:
        """Yield messages by the time they were received."""
        order, bound = ("DESC", "<=") if reverse else ("ASC", ">=")
        condition = f"messages.timestamp {bound} ?"
        values: list[Any] = [start_ns]
        if topics is not None:
            condition += f" AND topics.name IN ({', '.join('?' * len(topics))})"
            values += list(topics)
        try:
            cursor = self._database.execute(
                "SELECT topics.name, messages.data, messages.timestamp FROM messages "
                f"JOIN topics ON messages.topic_id = topics.id WHERE {condition} "
                f"ORDER BY messages.timestamp {order}, messages.id {order}",
                values,
            )
            for name, data, timestamp in cursor:
                yield BagMessage(name, data, timestamp, timestamp)
        except sqlite3.Error as error:
            raise BagError(f"{self._path} is damaged: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _query(self, statement: str) -> list[Any]:
        try:
            return self._database.execute(statement).fetchall()
        except sqlite3.Error as error:
            raise BagError(f"{self._path} is damaged: {error}.") from error
