"""Read bags message by message."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from molmo_ros.embedded.bags import BagError, BagMessage, BagReader, TopicFilter
from molmo_ros.embedded.bags.storage import STORAGES

from ._storage import (
    BagMetadata,
    ConverterOptions,
    MessageDefinition,
    ReadOrder,
    ReadOrderSortBy,
    StorageFilter,
    StorageOptions,
    TopicMetadata,
    info_to_metadata,
    topic_to_metadata,
)


class SequentialReader:
    """Reads a bag in order of time; filters and seeks may change at any message."""

    def __init__(self) -> None:
        self._reader: BagReader | None = None
        self._begin()

    def _begin(self) -> None:
        self._selection: TopicFilter | None = None
        self._is_reverse = False
        self._start_ns: int | None = None
        self._last: BagMessage | None = None
        self._read_at_once: Counter[str] = Counter()
        self._messages: Iterator[BagMessage] | None = None
        self._next: BagMessage | None = None

    def open_uri(self, uri: str) -> None:
        """Open a bag by its folder or file."""
        self.open(StorageOptions(uri=uri), ConverterOptions())

    def open(self, storage_options: StorageOptions, converter_options: ConverterOptions) -> None:
        """Open a bag.

        Raises:
            RuntimeError: There is none, it has another storage, or it cannot be read.
        """
        if self._reader is not None:
            self._reader.close()
        wanted = converter_options.output_serialization_format or "cdr"
        if wanted != "cdr":
            raise BagError(f"Messages can only be read as cdr, not as '{wanted}'.")
        reader = BagReader(storage_options.uri)
        found = reader.info().storage
        if storage_options.storage_id not in {"", found}:
            reader.close()
            raise BagError(f"{storage_options.uri} has storage '{found}', not '{storage_options.storage_id}'.")
        self._reader = reader
        self._begin()

    def close(self) -> None:
        """Close the bag."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _require_reader(self) -> BagReader:
        if self._reader is None:
            raise BagError("Bag is not open. Call open() before reading.")
        return self._reader

    def set_read_order(self, order: ReadOrder) -> bool:
        """Set the order; returns whether it is supported (by time of receipt is)."""
        self._require_reader()
        if order.sort_by == ReadOrderSortBy.PublishedTimestamp:
            return False
        if order.sort_by == ReadOrderSortBy.File and order.reverse:
            return False
        self._is_reverse = order.reverse
        self._restart()
        return True

    def has_next(self) -> bool:
        """Tell whether there is another message."""
        if self._next is None:
            if self._messages is None:
                self._messages = self._remaining()
            self._next = next(self._messages, None)
        return self._next is not None

    def read_next(self) -> tuple[str, bytes, int]:
        """Return topic, serialized message and time (ns) of receipt of the next message.

        Raises:
            RuntimeError: There is none.
        """
        if not self.has_next():
            raise BagError("No next message is available.")
        message = self._next
        if self._last is None or self._last.log_ns != message.log_ns:
            self._read_at_once.clear()
        self._read_at_once[message.topic] += 1
        self._last, self._next = message, None
        return message.topic, bytes(message.data), message.log_ns

    def get_metadata(self) -> BagMetadata:
        """Return the bag's description."""
        return info_to_metadata(self._require_reader().info())

    def get_all_topics_and_types(self) -> list[TopicMetadata]:
        """Return the topics."""
        topics = self._require_reader().topics()
        return [topic_to_metadata(topic, i) for i, topic in enumerate(topics, start=1)]

    def get_all_message_definitions(self) -> list[MessageDefinition]:
        """Return the message definitions the bag carries."""
        return [
            MessageDefinition(d.type, d.encoding, d.text, d.type_hash) for d in self._require_reader().definitions()
        ]

    def set_filter(self, storage_filter: StorageFilter) -> None:
        """Read only some topics from here on."""
        self._selection = TopicFilter(
            topics=tuple(storage_filter.topics),
            services=tuple(storage_filter.services_events),
            regex=storage_filter.regex,
            exclude_topics=tuple(storage_filter.exclude_topics),
            exclude_services=tuple(storage_filter.exclude_service_events),
            exclude_regex=storage_filter.regex_to_exclude,
        )
        self._restart()

    def reset_filter(self) -> None:
        """Read all topics from here on."""
        self._selection = None
        self._restart()

    def seek(self, timestamp: int) -> None:
        """Continue at the first message at or after a time (reading backwards: at or before)."""
        self._start_ns, self._last = timestamp, None
        self._restart()

    def _restart(self) -> None:
        self._messages, self._next = None, None

    def _remaining(self) -> Iterator[BagMessage]:
        """Yield what follows the last message read, or what a seek led to."""
        reader, last = self._require_reader(), self._last
        if last is None:
            return reader.messages(self._selection, start_ns=self._start_ns, reverse=self._is_reverse)
        step = -1 if self._is_reverse else 1
        later = reader.messages(self._selection, start_ns=last.log_ns + step, reverse=self._is_reverse)
        return itertools.chain(self._rest_of_instant(last), later)

    def _rest_of_instant(self, last: BagMessage) -> Iterator[BagMessage]:
        """Yield selected messages with the last one's time that come after it."""
        all_topics = self._require_reader().messages(start_ns=last.log_ns, reverse=self._is_reverse)
        left = self._read_at_once[last.topic]
        for message in itertools.takewhile(lambda m: m.log_ns == last.log_ns, all_topics):
            if not left:
                if self._selection is None or self._selection.selects(message.topic):
                    yield message
            elif message.topic == last.topic:
                left -= 1


class SequentialCompressionReader(SequentialReader):
    """Reads compressed bags; `SequentialReader` does so too."""


def get_registered_readers() -> set[str]:
    """Return the storages that can be read."""
    return set(STORAGES)
