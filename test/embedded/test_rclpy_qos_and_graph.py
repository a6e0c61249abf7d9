"""Quality of service, its events, the graph and the log."""

from __future__ import annotations

import pytest
from rcl_interfaces.msg import Log
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import (
    InvalidHandle,
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
)
from rclpy.logging import LoggingSeverity
from rclpy.node import NodeNameNonExistentError
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_best_available,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy_world import context, node, spinning
from std_msgs.msg import Int32, String
from std_srvs.srv import Trigger

LATCHED = QoSProfile(depth=2, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_late_subscriptions_get_the_last_latched_messages() -> None:
    heard = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", LATCHED)
        for word in ("one", "two", "three"):
            publisher.publish(String(data=word))
        it.create_subscription(String, "topic", lambda message: heard.append(message.data), LATCHED)
        assert until(lambda: len(heard) == 2)
    assert heard == ["two", "three"]


def test_both_sides_hear_of_a_mismatch_and_no_message_passes() -> None:
    events, heard = [], []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(
            String,
            "topic",
            qos_profile_sensor_data,
            event_callbacks=PublisherEventCallbacks(incompatible_qos=events.append),
        )
        subscription = it.create_subscription(
            String,
            "topic",
            heard.append,
            10,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=events.append),
        )
        publisher.publish(String())
        assert until(lambda: len(events) == 2 and not subscription.handle.is_ready())
        assert (publisher.get_subscription_count(), subscription.get_publisher_count()) == (0, 0)
    assert {event.last_policy_kind for event in events} == {QoSPolicyKind.RELIABILITY}
    assert heard == []


def test_matches_are_counted_as_they_come_and_go() -> None:
    counts = []
    with node() as it, spinning(it) as until:
        callbacks = PublisherEventCallbacks(matched=lambda event: counts.append(event.current_count))
        it.create_publisher(String, "topic", 1, event_callbacks=callbacks)
        subscription = it.create_subscription(String, "topic", lambda message: None, 1)
        assert until(lambda: counts == [1])
        it.destroy_subscription(subscription)
        assert until(lambda: counts == [1, 0])


def test_missed_deadlines_are_counted_on_both_sides() -> None:
    missed: dict[str, int] = {"offered": 0, "requested": 0}

    def count(side: str):
        def callback(event) -> None:
            missed[side] += event.total_count_change

        return callback

    with node() as it, spinning(it) as until:
        qos = QoSProfile(depth=1, deadline=Duration(seconds=0.02))
        publisher = it.create_publisher(
            String, "topic", qos, event_callbacks=PublisherEventCallbacks(deadline=count("offered"))
        )
        callbacks = SubscriptionEventCallbacks(deadline=count("requested"))
        it.create_subscription(String, "topic", lambda message: None, qos, event_callbacks=callbacks)
        assert not until(lambda: any(missed.values()), timeout_s=0.1)
        publisher.publish(String())
        assert until(lambda: min(missed.values()) >= 3)


def test_a_best_available_subscription_fits_a_best_effort_publisher() -> None:
    heard = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", qos_profile_sensor_data)
        it.create_subscription(String, "topic", heard.append, qos_profile_best_available)
        publisher.publish(String())
        assert until(lambda: len(heard) == 1)


def test_a_message_past_its_lifespan_is_not_heard() -> None:
    heard = []
    with node() as it, spinning(it) as until:
        publisher = it.create_publisher(String, "topic", 10)
        qos = QoSProfile(depth=10, lifespan=Duration(nanoseconds=1))
        subscription = it.create_subscription(String, "topic", heard.append, qos)
        publisher.publish(String())
        assert until(lambda: not subscription.handle.is_ready())
    assert heard == []


def test_a_parameter_overrides_the_quality_of_service() -> None:
    name = "qos_overrides./topic.publisher.depth"
    with node(parameter_overrides=[Parameter(name, value=77)]) as it:
        qos = QoSProfile(depth=1)
        it.create_publisher(String, "topic", qos, qos_overriding_options=QoSOverridingOptions.with_default_policies())
        assert qos.depth == 77
        [endpoint] = it.get_publishers_info_by_topic("topic")
        assert endpoint.qos_profile.depth == 77


def test_the_graph_shows_what_nodes_have_and_forgets_what_is_destroyed() -> None:
    with node(name="asks") as it:
        publisher = it.create_publisher(Int32, "/a/number", 1)
        it.create_service(Trigger, "serve", lambda request, response: response)
        it.create_client(Trigger, "/else/serve")
        assert ("/a/number", ["std_msgs/msg/Int32"]) in it.get_topic_names_and_types()
        assert ("/serve", ["std_srvs/srv/Trigger"]) in it.get_service_names_and_types()
        assert it.get_client_names_and_types_by_node("asks", "/") == [("/else/serve", ["std_srvs/srv/Trigger"])]
        assert (it.count_services("serve"), it.count_clients("/else/serve")) == (1, 1)
        it.destroy_publisher(publisher)
        assert it.count_publishers("/a/number") == 0
        with pytest.raises(NodeNameNonExistentError):
            it.get_publisher_names_and_types_by_node("nobody", "/")


def test_endpoint_info_tells_type_hash_gid_and_quality_of_service() -> None:
    with node() as it:
        qos = QoSProfile(history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.BEST_EFFORT)
        it.create_publisher(String, "topic", qos)
        [info] = it.get_publishers_info_by_topic("topic")
        # rosidl's hash of std_msgs/msg/String in Jazzy.
        expected = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
        assert str(info.topic_type_hash) == expected
        assert len(info.endpoint_gid) == 16
        assert (info.qos_profile.history, info.qos_profile.reliability) == (2, 2)


def test_a_destroyed_handle_cannot_be_used() -> None:
    with node() as it:
        publisher = it.create_publisher(String, "topic", 1)
        assert it.destroy_publisher(publisher)
        with pytest.raises(InvalidHandle):
            publisher.publish(String())
        assert not it.destroy_publisher(publisher)


@pytest.mark.parametrize("name", ["1st", "a?", "a//b", "a/", "~a", "{node", "a/1b", ""])
def test_bad_topic_and_service_names_are_refused(name: str) -> None:
    with node() as it:
        with pytest.raises(InvalidTopicNameException):
            it.create_publisher(String, name, 1)
        with pytest.raises(InvalidServiceNameException):
            it.create_client(Trigger, name)


def test_bad_node_names_and_namespaces_are_refused() -> None:
    import rclpy

    with context() as made:
        with pytest.raises(InvalidNodeNameException):
            rclpy.create_node("a/b", context=made)
        with pytest.raises(InvalidNamespaceException):
            rclpy.create_node("a", namespace="//b", context=made)


def test_what_a_node_logs_is_on_rosout_with_the_place_it_was_said() -> None:
    logs = []
    with node(name="speaker") as it, spinning(it) as until:
        it.create_subscription(Log, "/rosout", logs.append, 10)
        it.get_logger().error("it broke")
        it.get_logger().get_child("part").warning("nearly")
        assert until(lambda: len(logs) == 2)
    assert [(log.name, log.level, log.msg) for log in logs] == [
        ("speaker", LoggingSeverity.ERROR, "it broke"),
        ("speaker.part", LoggingSeverity.WARN, "nearly"),
    ]
    assert logs[0].file.endswith("test_rclpy_qos_and_graph.py")
    assert logs[0].function == "test_what_a_node_logs_is_on_rosout_with_the_place_it_was_said"


def test_once_skip_and_throttle_limit_what_is_said(capfd) -> None:
    with node(enable_rosout=False) as it:
        logger = it.get_logger()
        once = [logger.info("a", once=True) for _ in range(3)]
        skip = [logger.info("b", skip_first=True) for _ in range(3)]
        throttle = [logger.info("c", throttle_duration_sec=3600) for _ in range(3)]
    assert (once, skip, throttle) == ([True, False, False], [False, True, True], [True, False, False])
    assert capfd.readouterr().err.count("[INFO]") == 4


def test_levels_are_inherited_and_set_by_the_command_line() -> None:
    with node("--ros-args", "--log-level", "loud:=debug") as it:
        logger = it.get_logger()
        logger.set_level(LoggingSeverity.ERROR)
        assert logger.get_child("below").get_effective_level() == LoggingSeverity.ERROR
        assert not logger.warning("unheard")
        logger.set_level(LoggingSeverity.INFO)
