"""The checks of `molmo-ros doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from molmo_ros.cli.ros.messages import load_type
from molmo_ros.cli.ros.node import ros_node, wait_until
from molmo_ros.core.errors import MolmoRosError

LOOP_S = 5.0
VARIABLES = (
    "ROS_DISTRO",
    "ROS_DOMAIN_ID",
    "RMW_IMPLEMENTATION",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "ZENOH_SESSION_CONFIG_URI",
    "ZENOH_ROUTER_CONFIG_URI",
    "ZENOH_CONFIG_OVERRIDE",
    "MOLMO_ROS_INTERFACES_PATH",
    "AMENT_PREFIX_PATH",
)
OWN_INTERFACES = "molmo_ros_interfaces/action/ExecuteInstruction"


@dataclass(kw_only=True)
class Check:
    """What one check found."""

    category: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def run_checks() -> list[Check]:
    """Run every check; one that breaks is a failed check."""
    checks: tuple[tuple[str, Callable[[Check], None]], ...] = (
        ("platform", _platform),
        ("packages", _packages),
        ("environment", _environment),
        ("interfaces", _interfaces),
        ("middleware", _middleware),
    )
    results = []
    for category, run in checks:
        check = Check(category=category)
        try:
            run(check)
        except MolmoRosError as error:
            check.errors.append(error.message)
        except Exception as error:
            check.errors.append(f"{type(error).__name__}: {error}")
        results.append(check)
    return results


def _platform(check: Check) -> None:
    check.facts += [
        ("system", platform.platform()),
        ("python", sys.version.split()[0]),
        ("interpreter", sys.executable),
        ("cores", str(os.cpu_count())),
    ]


def _packages(check: Check) -> None:
    """Installed versions against what this package requires."""
    try:
        wanted = importlib.metadata.requires("molmo_ros") or []
    except importlib.metadata.PackageNotFoundError:
        check.warnings.append("molmo_ros is not installed as a distribution; versions are not checked")
        return
    try:
        from packaging.requirements import Requirement
    except ImportError:
        check.warnings.append("the library 'packaging' is not installed; versions are not checked")
        return
    check.facts.append(("molmo_ros", importlib.metadata.version("molmo_ros")))
    for line in wanted:
        requirement = Requirement(line)
        optional = requirement.marker is not None and "extra" in str(requirement.marker)
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            if not optional:
                check.errors.append(f"{requirement.name} is not installed")
            continue
        check.facts.append((requirement.name, version))
        if version not in requirement.specifier:
            said = check.warnings if optional else check.errors
            said.append(f"{requirement.name} is {version}, wanted is {requirement.specifier}")


def _environment(check: Check) -> None:
    check.facts += [(name, os.environ.get(name, "<unset>")) for name in VARIABLES]
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not domain.isdigit() or int(domain) > 232:
        check.errors.append(f"ROS_DOMAIN_ID is '{domain}'; it must be a number from 0 to 232")
    for name in ("ZENOH_SESSION_CONFIG_URI", "ZENOH_ROUTER_CONFIG_URI"):
        path = os.environ.get(name, "")
        if path and not os.path.isfile(path.removeprefix("file://")):
            check.errors.append(f"{name} names '{path}', which is not a file")


def _interfaces(check: Check) -> None:
    from molmo_ros.cli.ros.interfaces import all_interfaces

    names = all_interfaces()
    check.facts += [
        ("packages", str(len({name.split("/", maxsplit=1)[0] for name in names}))),
        ("types", str(len(names))),
    ]
    if OWN_INTERFACES not in names:
        check.errors.append("molmo_ros_interfaces is not found; reinstall, or name it in MOLMO_ROS_INTERFACES_PATH")


def _middleware(check: Check) -> None:
    """A message from this process to itself, and the graph as it looks from here."""
    with ros_node("doctor") as node:
        import rclpy

        embedded = "molmo_ros" in str(rclpy.__file__)
        implementation = rclpy.get_rmw_implementation_identifier()
        check.facts += [
            ("rclpy", f"{'embedded' if embedded else 'ROS 2'} ({rclpy.__file__})"),
            ("middleware", str(implementation)),
        ]
        _loop(check, node)
        _graph(check, node)


def _loop(check: Check, node: Any) -> None:
    text = load_type("message", "std_msgs/msg/String")
    heard: list[str] = []
    topic = f"/_molmo_ros_doctor_{os.getpid()}"
    subscription = node.create_subscription(text, topic, lambda message: heard.append(message.data), 10)
    publisher = node.create_publisher(text, topic, 10)
    if not wait_until(node, lambda: publisher.get_subscription_count() > 0, LOOP_S):
        check.errors.append("a publisher and a subscription of this process do not find each other")
    publisher.publish(text(data="hello"))
    if not wait_until(node, lambda: bool(heard), LOOP_S):
        check.errors.append("a message published by this process does not come back to it")
    node.destroy_subscription(subscription)
    node.destroy_publisher(publisher)


def _graph(check: Check, node: Any) -> None:
    from rclpy.qos import QoSCompatibility, qos_check_compatible

    from molmo_ros.cli.ros.graph import node_names
    from molmo_ros.cli.ros.topics import names_and_types

    names = node_names(node, hidden=False)
    topics = names_and_types(node, hidden=False, spin_time_s=0.0)
    check.facts += [("nodes", str(len(names))), ("topics", str(len(topics)))]
    check.warnings += [f"{number} nodes share the name {name}" for name, number in Counter(names).items() if number > 1]
    for topic, types in topics:
        if len(types) > 1:
            check.warnings.append(f"topic {topic} has several types: {', '.join(types)}")
        for publisher in node.get_publishers_info_by_topic(topic):
            for subscription in node.get_subscriptions_info_by_topic(topic):
                compatibility, reason = qos_check_compatible(publisher.qos_profile, subscription.qos_profile)
                if compatibility == QoSCompatibility.ERROR:
                    pair = f"{publisher.node_name} and {subscription.node_name}"
                    check.warnings.append(f"topic {topic}: {pair} cannot talk ({reason})")
