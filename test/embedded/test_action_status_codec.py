"""The quick codec of goal statuses writes and reads what the message's own does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from action_msgs.msg import GoalInfo, GoalStatus, GoalStatusArray
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.action.status_codec import pack_status, unpack_status
from unique_identifier_msgs.msg import UUID

from molmo_ros.embedded import typesys

GOAL = st.builds(
    SimpleNamespace,
    key=st.binary(min_size=16, max_size=16),
    stamp=st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1)),
    status=st.integers(0, 6),
)


def with_info(goal: SimpleNamespace) -> SimpleNamespace:
    uuid = UUID(uuid=list(goal.key))
    goal.info = GoalInfo(goal_id=uuid, stamp=Time(sec=goal.stamp[0], nanosec=goal.stamp[1]))
    return goal


@given(st.lists(GOAL, max_size=6))
def test_both_write_the_same_bytes_and_read_the_same_statuses(goals) -> None:
    goals = [with_info(goal) for goal in goals]
    statuses = [GoalStatus(goal_info=goal.info, status=goal.status) for goal in goals]
    sample = typesys.serialize(GoalStatusArray(status_list=statuses))
    assert pack_status(goals) == sample
    assert unpack_status(sample) == [(goal.key, goal.status) for goal in goals]


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        unpack_status(data)
    except typesys.DeserializationError:
        return


def test_a_count_beyond_the_sample_is_refused() -> None:
    with pytest.raises(typesys.DeserializationError):
        unpack_status(b"\x00\x01\x00\x00\xff\xff\xff\xff" + bytes(25))
