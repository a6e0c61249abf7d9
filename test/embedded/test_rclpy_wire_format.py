"""Key expressions, tokens and attachments, as rmw_zenoh's design document gives them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ros.embedded.transport import keys
from molmo_ros.embedded.transport.qos import INFINITE_NS, QoS, decode, encode, incompatible_policy

NAME = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
FULL_NAME = st.lists(NAME, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
DURATION = st.one_of(st.just(INFINITE_NS), st.integers(0, INFINITE_NS - 1))
PROFILE = st.builds(
    QoS,
    history=st.integers(1, 2),
    depth=st.integers(0, 10**6),
    reliability=st.integers(1, 2),
    durability=st.integers(1, 2),
    deadline_ns=DURATION,
    lifespan_ns=DURATION,
    liveliness=st.sampled_from((1, 3)),
    lease_ns=DURATION,
)
ENTITY = st.builds(
    keys.Entity,
    domain_id=st.integers(0, 232),
    zid=st.from_regex(r"[0-9a-f]{1,32}", fullmatch=True),
    node_id=st.integers(0, 999).map(str),
    entity_id=st.integers(0, 999).map(str),
    kind=st.sampled_from(sorted(keys.KINDS - {keys.NODE})),
    enclave=st.just("/"),
    namespace=st.one_of(st.just("/"), FULL_NAME),
    node_name=NAME,
    name=FULL_NAME,
    dds_type=st.just("std_msgs::msg::dds_::String_"),
    type_hash=st.just("RIHS01_" + "0a" * 32),
    qos=PROFILE,
)


def test_a_topic_travels_on_domain_name_type_and_hash() -> None:
    # The example of rmw_zenoh's design document, docs/design.md.
    key = keys.data_key(2, "/chatter", "std_msgs::msg::dds_::String_", "RIHS01_df66")
    assert key == "2/chatter/std_msgs::msg::dds_::String_/RIHS01_df66"


def test_a_node_is_announced_with_mangled_slashes() -> None:
    node = keys.Entity(
        domain_id=2,
        zid="aac3178e",
        node_id="0",
        entity_id="0",
        kind=keys.NODE,
        enclave="/",
        namespace="/left/arm",
        node_name="talker",
    )
    assert node.token() == "@ros2_lv/2/aac3178e/0/0/NN/%/%left%arm/talker"


def test_default_policies_are_left_out_of_the_text() -> None:
    assert encode(QoS(depth=7)) == "::,7:,:,:,,"
    assert encode(QoS(depth=10, reliability=2, durability=1, history=2)) == "2:1:2,10:,:,:,,"


@given(PROFILE)
def test_a_profile_survives_its_text(profile: QoS) -> None:
    assert decode(encode(profile)) == profile


@given(ENTITY)
def test_an_endpoint_survives_its_token(entity: keys.Entity) -> None:
    assert keys.parse_token(entity.token()) == entity


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser_of_tokens(text: str) -> None:
    try:
        keys.parse_token(text)
    except ValueError:
        return


@given(st.text(alphabet="0123456789:,-x", max_size=60))
def test_no_text_breaks_the_parser_of_profiles(text: str) -> None:
    try:
        profile = decode(text)
    except ValueError:
        return
    assert profile.deadline_ns <= INFINITE_NS


def test_an_attachment_is_sequence_time_and_gid() -> None:
    gid = bytes(range(16))
    packed = keys.pack_attachment(3, 5, gid)
    assert packed == struct.pack("<QQB", 3, 5, 16) + gid
    assert keys.unpack_attachment(packed) == (3, 5, gid)


@given(st.binary(max_size=64))
def test_no_bytes_break_the_parser_of_attachments(data: bytes) -> None:
    try:
        keys.unpack_attachment(data)
    except ValueError:
        return


def test_gids_are_the_xxh3_hash_of_the_token_low_half_first() -> None:
    # XXH3-128 of the empty input: 99aa06d3014798d8 6001c324468d497f (xxHash specification).
    assert keys.gid_of("").hex() == "7f498d4624c30160d8984701d306aa99"


def test_dds_types_read_as_ros_types() -> None:
    assert keys.ros_type("std_msgs::msg::dds_::String_") == "std_msgs/msg/String"


@pytest.mark.parametrize(
    ("offered", "requested", "kind"),
    [
        (QoS(), QoS(), 0),
        (QoS(), QoS(reliability=2), 0),
        (QoS(reliability=2), QoS(), 16),
        (QoS(), QoS(durability=1), 2),
        (QoS(durability=1), QoS(), 0),
        (QoS(deadline_ns=20), QoS(deadline_ns=10), 4),
        (QoS(deadline_ns=10), QoS(deadline_ns=20), 0),
        (QoS(), QoS(liveliness=3), 8),
        (QoS(lease_ns=20), QoS(lease_ns=10), 8),
    ],
)
def test_offers_and_requests_match_by_the_rules_of_dds(offered: QoS, requested: QoS, kind: int) -> None:
    assert incompatible_policy(offered, requested) == kind
