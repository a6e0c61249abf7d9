"""QoS profiles as bags write them, and as rclpy has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import BagError
from .model import SECONDS, Qos

_NAMES: dict[str, dict[int, str]] = {
    "history": {0: "system_default", 1: "keep_last", 2: "keep_all", 3: "unknown"},
    "reliability": {
        0: "system_default",
        1: "reliable",
        2: "best_effort",
        3: "unknown",
        4: "best_available",
    },
    "durability": {
        0: "system_default",
        1: "transient_local",
        2: "volatile",
        3: "unknown",
        4: "best_available",
    },
    "liveliness": {
        0: "system_default",
        1: "automatic",
        3: "manual_by_topic",
        4: "unknown",
        5: "best_available",
    },
}
_NUMBERS = {field: {name: n for n, name in names.items()} for field, names in _NAMES.items()}
_UNKNOWN = {"history": 3, "reliability": 3, "durability": 3, "liveliness": 4}

INFINITE_NS = 2**63 - 1
# What Foxy's middlewares wrote for "no limit": (s, ns).
_OLD_INFINITE = {(2147483647, 4294967295), (2147483647, 4294967294), (2147483647, 2147483647)}


def qos_to_dict(qos: Qos, *, as_names: bool = True) -> dict[str, Any]:
    """Return a profile the way metadata.yaml has it: with names (version 9) or numbers (before)."""
    policies: dict[str, Any] = {
        name: (_NAMES[name].get(getattr(qos, name), "unknown") if as_names else getattr(qos, name)) for name in _NAMES
    }
    return {
        "history": policies["history"],
        "depth": qos.depth,
        "reliability": policies["reliability"],
        "durability": policies["durability"],
        "deadline": _time_to_dict(qos.deadline_ns),
        "lifespan": _time_to_dict(qos.lifespan_ns),
        "liveliness": policies["liveliness"],
        "liveliness_lease_duration": _time_to_dict(qos.liveliness_lease_duration_ns),
        "avoid_ros_namespace_conventions": qos.avoid_ros_namespace_conventions,
    }


def qos_from_dict(value: Mapping[str, Any]) -> Qos:
    """Read a profile from metadata.yaml, in names or numbers.

    Raises:
        BagError: It is no profile.
    """
    try:
        return Qos(
            depth=int(value["depth"]),
            deadline_ns=_time_from_dict(value["deadline"]),
            lifespan_ns=_time_from_dict(value["lifespan"]),
            liveliness_lease_duration_ns=_time_from_dict(value["liveliness_lease_duration"]),
            avoid_ros_namespace_conventions=bool(value["avoid_ros_namespace_conventions"]),
            **{name: _policy(name, value[name]) for name in _NAMES},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BagError(f"The bag describes a QoS profile that cannot be read: {error}") from error


def qos_list_to_yaml(profiles: Iterable[Qos], *, as_names: bool = True) -> str:
    """Return profiles as the YAML text that MCAP channels and sqlite3 topics carry."""
    import yaml

    dicts = [qos_to_dict(qos, as_names=as_names) for qos in profiles]
    return yaml.safe_dump(dicts, sort_keys=False).strip() if dicts else ""


def qos_list_from_yaml(text: str | list[Any] | None) -> tuple[Qos, ...]:
    """Read profiles from YAML text, or from a list that was read from YAML."""
    import yaml

    if isinstance(text, str):
        try:
            text = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BagError(f"The bag's QoS profiles are no YAML: {error}") from error
    return tuple(qos_from_dict(item) for item in text or ())


def qos_from_rclpy(profile: Any) -> Qos:
    """Return a ``rclpy.qos.QoSProfile`` in a bag's terms."""
    return Qos(
        history=int(profile.history),
        depth=int(profile.depth),
        reliability=int(profile.reliability),
        durability=int(profile.durability),
        deadline_ns=profile.deadline.nanoseconds,
        lifespan_ns=profile.lifespan.nanoseconds,
        liveliness=int(profile.liveliness),
        liveliness_lease_duration_ns=profile.liveliness_lease_duration.nanoseconds,
        avoid_ros_namespace_conventions=bool(profile.avoid_ros_namespace_conventions),
    )


def qos_to_rclpy(qos: Qos) -> Any:
    """Return the ``rclpy.qos.QoSProfile`` of a bag's profile; unknown policies become defaults."""
    from rclpy.duration import Duration
    from rclpy.qos import (
        DurabilityPolicy,
        HistoryPolicy,
        LivelinessPolicy,
        QoSProfile,
        ReliabilityPolicy,
    )

    keeps_all = qos.history == 2
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if keeps_all else HistoryPolicy.KEEP_LAST,
        depth=qos.depth if keeps_all or qos.depth > 0 else 10,
        reliability=(ReliabilityPolicy.BEST_EFFORT if qos.reliability == 2 else ReliabilityPolicy.RELIABLE),
        durability=(DurabilityPolicy.TRANSIENT_LOCAL if qos.durability == 1 else DurabilityPolicy.VOLATILE),
        deadline=Duration(nanoseconds=qos.deadline_ns),
        lifespan=Duration(nanoseconds=qos.lifespan_ns),
        liveliness=(LivelinessPolicy.MANUAL_BY_TOPIC if qos.liveliness == 3 else LivelinessPolicy.AUTOMATIC),
        liveliness_lease_duration=Duration(nanoseconds=qos.liveliness_lease_duration_ns),
        avoid_ros_namespace_conventions=qos.avoid_ros_namespace_conventions,
    )


def _policy(name: str, value: Any) -> int:
    if isinstance(value, str):
        return _NUMBERS[name].get(value.lower(), _UNKNOWN[name])
    return int(value)


def _time_to_dict(duration_ns: int) -> dict[str, int]:
    sec, nsec = divmod(duration_ns, SECONDS)
    return {"sec": sec, "nsec": nsec}


def _time_from_dict(value: Mapping[str, Any]) -> int:
    sec, nsec = int(value["sec"]), int(value["nsec"])
    if (sec, nsec) in _OLD_INFINITE:
        return INFINITE_NS
    return min(INFINITE_NS, sec * SECONDS + nsec)
