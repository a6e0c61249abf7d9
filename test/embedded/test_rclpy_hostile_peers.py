"""What a broken or hostile peer sends is dropped with one warning and harms nobody."""

from __future__ import annotations

import pytest
import zenoh
from rclpy_world import node, spinning
from std_msgs.msg import String
from std_srvs.srv import Trigger

from molmo_ros.embedded import typesys
from molmo_ros.embedded.transport import config, graph, keys, topics

GID = bytes(range(16))


@pytest.fixture
def peer():
    session = zenoh.open(config.build())
    yield session
    session.close()


def key_of(mine, name: str, cls: type) -> str:
    domain = mine.context.get_domain_id()
    return keys.data_key(domain, name, typesys.dds_type_name(cls), typesys.type_hash(cls))


def attachment(sequence: int) -> bytes:
    return keys.pack_attachment(sequence, 0, GID)


GOOD = typesys.serialize(String(data="good"))

BAD_SAMPLES = {
    "no attachment": (GOOD, None),
    "short attachment": (GOOD, b"\x00" * 7),
    "another gid length": (GOOD, attachment(1)[:16] + b"\xff" + GID),
    "empty payload": (b"", attachment(1)),
    "no encapsulation": (b"\xff" * 12, attachment(1)),
    "string longer than the sample": (b"\x00\x01\x00\x00\xff\xff\xff\x7fx", attachment(1)),
}


@pytest.mark.parametrize("kind", BAD_SAMPLES)
def test_a_bad_sample_is_dropped_with_one_warning(kind, peer, capfd) -> None:
    payload, attached = BAD_SAMPLES[kind]
    heard = []
    with node() as mine, spinning(mine) as until:
        mine.create_subscription(String, "topic", lambda message: heard.append(message.data), 100)
        key = key_of(mine, "/topic", String)

        def good_one_came() -> bool:
            for _ in range(3):
                peer.put(key, payload, attachment=attached)
            peer.put(key, GOOD, attachment=attachment(9))
            return bool(heard)

        assert until(good_one_came)
    assert set(heard) == {"good"}
    assert capfd.readouterr().err.count("Dropped a") == 1


def test_an_oversized_sample_is_dropped(peer, capfd, monkeypatch) -> None:
    monkeypatch.setattr(topics, "MAX_SAMPLE_BYTES", 64)
    heard = []
    with node() as mine, spinning(mine) as until:
        mine.create_subscription(String, "topic", lambda message: heard.append(message.data), 100)
        key = key_of(mine, "/topic", String)
        large = typesys.serialize(String(data="x" * 100))

        def good_one_came() -> bool:
            peer.put(key, large, attachment=attachment(1))
            peer.put(key, GOOD, attachment=attachment(2))
            return bool(heard)

        assert until(good_one_came)
    assert set(heard) == {"good"}
    assert capfd.readouterr().err.count("oversized") == 1


def test_a_publisher_with_another_type_hash_is_not_heard_and_warned_of_once(peer, capfd) -> None:
    heard = []
    with node() as mine, spinning(mine) as until:
        subscription = mine.create_subscription(String, "topic", heard.append, 10)
        domain = mine.context.get_domain_id()
        wrong = "RIHS01_" + "0" * 64
        tokens = [
            peer.liveliness().declare_token(
                keys.Entity(
                    domain_id=domain,
                    zid="beef",
                    node_id="0",
                    entity_id=str(number),
                    kind=keys.PUBLISHER,
                    enclave="/",
                    namespace="/",
                    node_name="evil",
                    name="/topic",
                    dds_type=typesys.dds_type_name(String),
                    type_hash=wrong,
                ).token()
            )
            for number in range(3)
        ]
        assert until(lambda: mine.count_publishers("topic") == 3)
        peer.put(keys.data_key(domain, "/topic", "std_msgs::msg::dds_::String_", wrong), GOOD, attachment=attachment(1))
        assert until(lambda: subscription.get_publisher_count() == 0 and not subscription.event_handlers[1].poll())
        for token in tokens:
            token.undeclare()
    assert heard == []
    assert capfd.readouterr().err.count("Incompatible type on topic 'topic'") == 1


@pytest.mark.parametrize(
    "tail",
    ["zid", "zid/0/0/XX/%/%/n", "zid/0/1/MP/%/%/n/%topic", "zid/0/1/MP/%/%/n/%topic/type/hash/not-a-qos", "z" * 3000],
)
def test_a_malformed_token_is_ignored(tail, peer, capfd) -> None:
    with node() as mine, spinning(mine) as until:
        domain = mine.context.get_domain_id()
        bad = peer.liveliness().declare_token(f"{keys.ADMIN_SPACE}/{domain}/{tail}")
        good = peer.liveliness().declare_token(f"{keys.ADMIN_SPACE}/{domain}/beef/0/0/NN/%/%/honest")
        assert until(lambda: "honest" in mine.get_node_names())
        assert sorted(mine.get_node_names()) == ["honest", "node"]
        bad.undeclare()
        good.undeclare()


def test_the_graph_does_not_grow_without_end(monkeypatch) -> None:
    monkeypatch.setattr(graph, "MAX_ENTITIES", 5)
    view = graph.Graph()
    for number in range(20):
        token = f"{keys.ADMIN_SPACE}/0/beef/{number}/{number}/NN/%/%/n{number}"
        view.add(token, keys.parse_token(token))
    assert len(view.entities(keys.NODE)) == 5


def test_a_malformed_request_gets_no_answer_and_the_next_one_does(peer, capfd) -> None:
    def serve(request, response):
        response.success = True
        return response

    with node() as mine, spinning(mine) as until:
        mine.create_service(Trigger, "service", serve)
        key = key_of(mine, "/service", Trigger)
        replies = []
        request = typesys.serialize(Trigger.Request())
        wanted = {"target": zenoh.QueryTarget.ALL, "timeout": 20.0}

        def answered() -> bool:
            if not replies:
                peer.get(key, lambda r: None, payload=b"\xff\xff", attachment=attachment(1), **wanted)
                peer.get(key, lambda r: None, payload=request, **wanted)
                peer.get(key, replies.append, payload=request, attachment=attachment(2), **wanted)
            return bool(replies)

        assert until(answered)
        response = typesys.deserialize(replies[0].ok.payload.to_bytes(), Trigger.Response)
        assert response.success
        assert keys.unpack_attachment(replies[0].ok.attachment.to_bytes())[::2] == (2, GID)
    assert "Dropped a malformed request" in capfd.readouterr().err
