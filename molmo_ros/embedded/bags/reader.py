"""Read a bag, whatever storage it has and however it ended."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import BagError
from .metadata import METADATA_FILE, read_metadata
from .model import NO_START_NS, BagInfo, BagMessage, Definition, Topic
from .storage import FileReader, open_reader, storage_of

_NUMBER = re.compile(r"\d+")
_EVENT_SUFFIX = "/_service_event"
MAX_MESSAGE_BYTES = 2**30


@dataclass(frozen=True, kw_only=True)
class TopicFilter:
    """Which topics to read: those named or matched, without those excluded; all by default."""

    topics: Collection[str] = ()
    services: Collection[str] = ()
    regex: str = ""
    exclude_topics: Collection[str] = ()
    exclude_services: Collection[str] = ()
    exclude_regex: str = ""

    def __post_init__(self) -> None:
        for pattern in (self.regex, self.exclude_regex):
            try:
                re.compile(pattern)
            except re.error as error:
                raise BagError(f"'{pattern}' is no regular expression: {error}.") from error

    def selects(self, topic: str) -> bool:
        """Tell whether a topic is to be read."""
        is_event = topic.endswith(_EVENT_SUFFIX) and topic != _EVENT_SUFFIX
        excluded = self.exclude_services if is_event else self.exclude_topics
        if topic in excluded or (self.exclude_regex and re.fullmatch(self.exclude_regex, topic)):
            return False
        included = self.services if is_event else self.topics
        if not included and not self.regex:
            return True
        return topic in included or bool(self.regex and re.fullmatch(self.regex, topic))


class BagReader:
    """Reads the messages of a bag by the time they were received.

    A bag without metadata.yaml, or with a file that lacks its end, is read as far as it goes.

    Args:
        uri: Folder of the bag, or a single .mcap or .db3 file.

    Raises:
        BagError: There is no bag, or it cannot be read at all.
    """

    def __init__(self, uri: str | os.PathLike[str]) -> None:
        self.path = Path(uri)
        paths, self._described = _files_of(self.path)
        self._readers: list[FileReader] = []
        try:
            for path in paths:
                self._readers.append(open_reader(path))
        except BaseException:
            self.close()
            raise

    @property
    def is_damaged(self) -> bool:
        """Whether the bag lacks its metadata or one of its files its end."""
        return self._described is None or any(reader.is_damaged for reader in self._readers)

    def info(self) -> BagInfo:
        """Describe the bag; counted from the files where metadata.yaml cannot be trusted."""
        if self._described is not None and not self.is_damaged:
            return self._described
        found = merge_infos([reader.info() for reader in self._readers])
        if self._described is not None:
            found = replace(
                found,
                custom_data=self._described.custom_data,
                compression_format=self._described.compression_format,
                compression_mode=self._described.compression_mode,
                ros_distro=self._described.ros_distro,
            )
        return found

    def topics(self) -> list[Topic]:
        """Return the topics."""
        return list(self.info().topics)

    def definitions(self) -> list[Definition]:
        """Return the message definitions the bag carries, one per type."""
        found: dict[str, Definition] = {}
        for reader in self._readers:
            for definition in reader.definitions():
                found.setdefault(definition.type, definition)
        return list(found.values())

    def messages(
        self,
        selection: TopicFilter | None = None,
        *,
        start_ns: int | None = None,
        reverse: bool = False,
    ) -> Iterator[BagMessage]:
        """Yield messages by the time they were received.

        Args:
            selection: Which topics; all when not given.
            start_ns: Only from here on (with ``reverse``: up to here).
            reverse: The newest first.
        """
        if start_ns is None:
            start_ns = NO_START_NS if reverse else 0
        if self._is_compressed_by_message:
            yield from map(_decompressed, self._stored_messages(selection, start_ns, reverse))
        else:
            yield from self._stored_messages(selection, start_ns, reverse)

    @property
    def _is_compressed_by_message(self) -> bool:
        described = self._described
        return described is not None and described.compression_mode.upper() == "MESSAGE"

    def _stored_messages(self, selection: TopicFilter | None, start_ns: int, reverse: bool) -> Iterator[BagMessage]:
        for reader in reversed(self._readers) if reverse else self._readers:
            topics = None
            if selection is not None:
                names = [topic.name for topic in reader.info().topics]
                topics = [name for name in names if selection.selects(name)]
                if not topics:
                    continue
                if len(topics) == len(names):
                    topics = None
            yield from reader.messages(topics, start_ns, reverse=reverse)

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _decompressed(message: BagMessage) -> BagMessage:
    """Undo rosbag2's compression of single messages."""
    import zstandard

    try:
        data = zstandard.decompress(message.data, max_output_size=MAX_MESSAGE_BYTES)
    except zstandard.ZstdError as error:
        raise BagError(f"A message of {message.topic} cannot be decompressed: {error}.") from error
    return message._replace(data=data)


def merge_infos(infos: list[BagInfo]) -> BagInfo:
    """Return the description of a bag from those of its files."""
    filled = [info for info in infos if info.message_count]
    start_ns = min((info.start_ns for info in filled), default=NO_START_NS)
    end_ns = max((info.end_ns for info in filled), default=start_ns)
    topics: dict[str, Topic] = {}
    counts: dict[str, int] = {}
    for info in infos:
        for topic in info.topics:
            topics.setdefault(topic.name, topic)
            counts[topic.name] = counts.get(topic.name, 0) + info.counts.get(topic.name, 0)
    return BagInfo(
        storage=infos[0].storage if infos else "mcap",
        start_ns=start_ns,
        duration_ns=end_ns - start_ns,
        message_count=sum(info.message_count for info in infos),
        topics=tuple(topics.values()),
        counts=counts,
        files=tuple(file for info in infos for file in info.files),
        custom_data=infos[0].custom_data if infos else {},
        ros_distro=infos[0].ros_distro if infos else "",
        size_bytes=sum(info.size_bytes for info in infos),
    )


def _files_of(path: Path) -> tuple[list[Path], BagInfo | None]:
    """Return the files of a bag in their order, and its description if it has one."""
    if path.is_file():
        return [path], None
    if not path.is_dir():
        raise BagError(f"There is no bag {path}.")
    if (path / METADATA_FILE).is_file():
        info = read_metadata(path)
        if info.compression_mode.upper() == "FILE":
            raise BagError(
                f"The files of {path} are compressed as a whole: decompress them with "
                f"{info.compression_format} and reindex the bag."
            )
        paths = [path / Path(file.path).name for file in info.files]
        if paths and all(file.is_file() for file in paths):
            return paths, info
    found = [file for file in path.iterdir() if file.is_file() and storage_of(file)]
    if not found:
        raise BagError(f"{path} is no bag: it has no .mcap or .db3 file.")
    return sorted(found, key=_natural), None


def _natural(path: Path) -> tuple[list[int], str]:
    """Sort numbers in names by value: _2 before _10."""
    return [int(number) for number in _NUMBER.findall(path.stem)], path.name
