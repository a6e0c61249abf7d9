"""CDR of ``action_msgs/msg/GoalStatusArray`` without a message object per goal.

A server sends the status of every goal it remembers at each change, so this is what grows with their
number. The layout repeats: 16 bytes of UUID, padding to four bytes, time, one byte of status.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from molmo_ros.embedded import typesys

_HEADER = b"\x00\x01\x00\x00"
_COUNT = struct.Struct("<I")
_FIRST = struct.Struct("<16siIb")
_NEXT = struct.Struct("<16s3xiIb")


def pack_status(goals: Iterable[Any]) -> bytes:
    """The status of goals (with ``key``, ``stamp`` and ``status``) as a CDR sample."""
    entries = [
        (_NEXT if place else _FIRST).pack(goal.key, *goal.stamp, goal.status) for place, goal in enumerate(goals)
    ]
    return b"".join((_HEADER, _COUNT.pack(len(entries)), *entries))


def unpack_status(data: bytes) -> list[tuple[bytes, int]]:
    """UUIDs and statuses out of a CDR sample.

    Raises:
        DeserializationError: The bytes are not such a sample.
    """
    body = memoryview(data)[len(_HEADER) :]
    if data[: len(_HEADER)] != _HEADER or len(body) < _COUNT.size:
        from action_msgs.msg import GoalStatusArray

        entries = typesys.deserialize(data, GoalStatusArray).status_list
        return [(bytes(entry.goal_info.goal_id.uuid), entry.status) for entry in entries]
    (count,) = _COUNT.unpack_from(body)
    size = _COUNT.size + (_FIRST.size + (count - 1) * _NEXT.size if count else 0)
    if not size <= len(body) < size + 4:
        raise typesys.DeserializationError(f"A status array of {count} goals has another size.")
    if not count:
        return []
    first = _FIRST.unpack_from(body, _COUNT.size)
    rest = _NEXT.iter_unpack(body[_COUNT.size + _FIRST.size : size])
    return [(entry[0], entry[3]) for entry in (first, *rest)]
