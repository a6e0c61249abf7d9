"""Quality of service as numbers (the values of ``rmw/types.h``) and the matching rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

INFINITE_NS = 9_223_372_036_854_775_807
NS_PER_S = 1_000_000_000

HISTORY_SYSTEM_DEFAULT, HISTORY_KEEP_LAST, HISTORY_KEEP_ALL, HISTORY_UNKNOWN = range(4)
(
    RELIABILITY_SYSTEM_DEFAULT,
    RELIABILITY_RELIABLE,
    RELIABILITY_BEST_EFFORT,
    RELIABILITY_UNKNOWN,
    RELIABILITY_BEST_AVAILABLE,
) = range(5)
(
    DURABILITY_SYSTEM_DEFAULT,
    DURABILITY_TRANSIENT_LOCAL,
    DURABILITY_VOLATILE,
    DURABILITY_UNKNOWN,
    DURABILITY_BEST_AVAILABLE,
) = range(5)
LIVELINESS_SYSTEM_DEFAULT, LIVELINESS_AUTOMATIC = 0, 1
LIVELINESS_MANUAL_BY_TOPIC, LIVELINESS_UNKNOWN, LIVELINESS_BEST_AVAILABLE = 3, 4, 5

DEFAULT_DEPTH = 42
"""Depth rmw_zenoh uses when the user leaves it at zero."""

# QoSPolicyKind of rmw, used to name the offending policy.
KIND_INVALID, KIND_DURABILITY, KIND_DEADLINE, KIND_LIVELINESS, KIND_RELIABILITY = 1, 2, 4, 8, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class QoS:
    """One quality-of-service profile; durations in nanoseconds, zero meaning unspecified."""

    history: int = HISTORY_KEEP_LAST
    depth: int = DEFAULT_DEPTH
    reliability: int = RELIABILITY_RELIABLE
    durability: int = DURABILITY_VOLATILE
    deadline_ns: int = INFINITE_NS
    lifespan_ns: int = INFINITE_NS
    liveliness: int = LIVELINESS_AUTOMATIC
    lease_ns: int = INFINITE_NS

    @property
    def reliable(self) -> bool:
        """Whether delivery is reliable."""
        return self.reliability == RELIABILITY_RELIABLE

    @property
    def transient_local(self) -> bool:
        """Whether late joiners get earlier samples."""
        return self.durability == DURABILITY_TRANSIENT_LOCAL

    def resolved(self) -> QoS:
        """The profile with every default, unknown and best-available setting made concrete."""
        return replace(
            self,
            history=self.history if self.history in (1, 2) else HISTORY_KEEP_LAST,
            depth=self.depth or DEFAULT_DEPTH,
            reliability=self.reliability if self.reliability in (1, 2) else RELIABILITY_RELIABLE,
            durability=self.durability if self.durability in (1, 2) else DURABILITY_VOLATILE,
            deadline_ns=self.deadline_ns if 0 < self.deadline_ns < INFINITE_NS - 2 else INFINITE_NS,
            lifespan_ns=self.lifespan_ns or INFINITE_NS,
            liveliness=self.liveliness if self.liveliness in (1, 3) else LIVELINESS_AUTOMATIC,
            lease_ns=self.lease_ns if 0 < self.lease_ns < INFINITE_NS - 2 else INFINITE_NS,
        )


def incompatible_policy(offered: QoS, requested: QoS) -> int:
    """The kind of the first policy in which an offer falls short of a request, or zero.

    The rules are those of DDS (request versus offered), which rclpy users know.
    """
    if requested.reliable and offered.reliability == RELIABILITY_BEST_EFFORT:
        return KIND_RELIABILITY
    if requested.transient_local and offered.durability == DURABILITY_VOLATILE:
        return KIND_DURABILITY
    if offered.deadline_ns > requested.deadline_ns:
        return KIND_DEADLINE
    if offered.liveliness < requested.liveliness or offered.lease_ns > requested.lease_ns:
        return KIND_LIVELINESS
    return 0


def _pair(duration_ns: int) -> str:
    if duration_ns >= INFINITE_NS:
        return ","
    return f"{duration_ns // NS_PER_S},{duration_ns % NS_PER_S}"


def encode(qos: QoS) -> str:
    """The compact text rmw_zenoh puts at the end of an endpoint's liveliness token."""
    reliability = "" if qos.reliable else str(qos.reliability)
    durability = "" if qos.durability == DURABILITY_VOLATILE else str(qos.durability)
    history = "" if qos.history == HISTORY_KEEP_LAST else str(qos.history)
    liveliness = "" if qos.liveliness == LIVELINESS_AUTOMATIC else str(qos.liveliness)
    return (
        f"{reliability}:{durability}:{history},{qos.depth}:{_pair(qos.deadline_ns)}"
        f":{_pair(qos.lifespan_ns)}:{liveliness},{_pair(qos.lease_ns)}"
    )


def _number(text: str, default: int, ceiling: int) -> int:
    if not text:
        return default
    if len(text) > 20 or not (text.isascii() and text.isdigit()):
        raise ValueError(f"not a number: {text[:20]!r}")
    return min(int(text), ceiling)


def _duration(sec: str, nsec: str) -> int:
    if not sec and not nsec:
        return INFINITE_NS
    return min(_number(sec, 0, INFINITE_NS) * NS_PER_S + _number(nsec, 0, INFINITE_NS), INFINITE_NS)


def decode(text: str) -> QoS:
    """Read :func:`encode`'s text, as any peer may have written it.

    Raises:
        ValueError: The text does not have the six fields, or a field is not a number.
    """
    parts = text.split(":")
    if len(parts) != 6:
        raise ValueError("a QoS text has six fields")
    history, depth = parts[2].split(",")
    deadline, lifespan = parts[3].split(","), parts[4].split(",")
    liveliness, lease_s, lease_ns = parts[5].split(",")
    return QoS(
        reliability=_number(parts[0], RELIABILITY_RELIABLE, 4),
        durability=_number(parts[1], DURABILITY_VOLATILE, 4),
        history=_number(history, HISTORY_KEEP_LAST, 3),
        depth=_number(depth, DEFAULT_DEPTH, 2**31),
        deadline_ns=_duration(*deadline),
        lifespan_ns=_duration(*lifespan),
        liveliness=_number(liveliness, LIVELINESS_AUTOMATIC, 5),
        lease_ns=_duration(lease_s, lease_ns),
    )
