"""Quality of service."""

from __future__ import annotations

import warnings
from enum import Enum, IntEnum
from typing import Any

from rclpy.duration import Duration
from rclpy.impl import qos as _core

QoSCompatibility = _core.QoSCompatibility


class QoSPolicyKind(IntEnum):
    """Names of the policies, as events and overrides use them."""

    INVALID = 1 << 0
    DURABILITY = 1 << 1
    DEADLINE = 1 << 2
    LIVELINESS = 1 << 3
    RELIABILITY = 1 << 4
    HISTORY = 1 << 5
    LIFESPAN = 1 << 6
    DEPTH = 1 << 7
    LIVELINESS_LEASE_DURATION = 1 << 8
    AVOID_ROS_NAMESPACE_CONVENTIONS = 1 << 9


def qos_policy_name_from_kind(policy_kind: QoSPolicyKind | int) -> str:
    """The name of a policy."""
    return QoSPolicyKind(policy_kind).name


class InvalidQoSProfileException(Exception):
    """A profile lacks what it must have."""

    def __init__(self, *args: Any) -> None:
        super().__init__("Invalid QoSProfile", *args)


class QoSPolicyEnum(IntEnum):
    """A policy whose settings also have short lower-case names."""

    @classmethod
    def short_keys(cls) -> list[str]:
        """The lower-case names."""
        return [name.lower() for name in cls.__members__ if not name.startswith("RMW")]

    @classmethod
    def get_from_short_key(cls, name: str) -> int:
        """The value of a lower-case name."""
        return cls[name.upper()].value

    @property
    def short_key(self) -> str:
        """The lower-case name of this setting."""
        return self.name.lower()


class _OldName:
    """A setting's name of old, which warns and stands for the new one."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def __get__(self, instance: Any, policy: Any) -> Any:
        name = policy.__name__
        warnings.warn(f"{name}.{self._old} is deprecated. Use {name}.{self._new} instead.", stacklevel=2)
        return policy[self._new]


def _with_old_names(*prefixes: str) -> Any:
    def decorate(policy: Any) -> Any:
        for prefix in prefixes:
            for member in list(policy.__members__):
                if member == "BEST_AVAILABLE" and prefix != "LIVELINESS":
                    continue
                old = f"RMW_QOS_POLICY_{prefix}_{member}"
                setattr(policy, old, _OldName(old, member))
        return policy

    return decorate


@_with_old_names("HISTORY")
class HistoryPolicy(QoSPolicyEnum):
    """How many samples are kept."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2
    UNKNOWN = 3


@_with_old_names("RELIABILITY")
class ReliabilityPolicy(QoSPolicyEnum):
    """Whether samples may be lost."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


@_with_old_names("DURABILITY")
class DurabilityPolicy(QoSPolicyEnum):
    """Whether late joiners get earlier samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2
    UNKNOWN = 3
    BEST_AVAILABLE = 4


@_with_old_names("LIVELINESS")
class LivelinessPolicy(QoSPolicyEnum):
    """Who shows that a publisher is alive."""

    SYSTEM_DEFAULT = 0
    AUTOMATIC = 1
    MANUAL_BY_TOPIC = 3
    UNKNOWN = 4
    BEST_AVAILABLE = 5


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy
QoSLivelinessPolicy = LivelinessPolicy


class _Policy:
    """One property of a profile with the check of its type."""

    def __init__(self, policy: type | None, *types: type) -> None:
        self._policy, self._types = policy, types

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, profile: Any, owner: Any = None) -> Any:
        return self if profile is None else getattr(profile, self._slot)

    def __set__(self, profile: Any, value: Any) -> None:
        if not isinstance(value, self._types):
            raise AssertionError(f"{self._slot[1:]} must be one of {self._types}, not {type(value)}")
        setattr(profile, self._slot, value if self._policy is None else self._policy(value))


class QoSProfile:
    """A profile; what is not given has rmw's default.

    Args:
        **kwargs: ``history``, ``depth``, ``reliability``, ``durability``, ``lifespan``, ``deadline``,
            ``liveliness``, ``liveliness_lease_duration``, ``avoid_ros_namespace_conventions``.

    Raises:
        InvalidQoSProfileException: Neither history nor depth is given, or a kept history has no depth.
        AssertionError: An argument is unknown or of the wrong type.
    """

    __slots__ = (
        "_avoid_ros_namespace_conventions",
        "_deadline",
        "_depth",
        "_durability",
        "_history",
        "_lifespan",
        "_liveliness",
        "_liveliness_lease_duration",
        "_reliability",
    )

    history = _Policy(HistoryPolicy, int)
    reliability = _Policy(ReliabilityPolicy, int)
    durability = _Policy(DurabilityPolicy, int)
    liveliness = _Policy(LivelinessPolicy, int)
    lifespan = _Policy(None, Duration)
    deadline = _Policy(None, Duration)
    liveliness_lease_duration = _Policy(None, Duration)
    avoid_ros_namespace_conventions = _Policy(None, bool)

    def __init__(self, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if name not in _NAMES]
        if unknown:
            raise AssertionError(f"Invalid arguments passed to constructor: {list(kwargs)!r}")
        if "history" not in kwargs:
            if "depth" not in kwargs:
                raise InvalidQoSProfileException("History and/or depth settings are required.")
            kwargs["history"] = HistoryPolicy.KEEP_LAST
        if kwargs["history"] == HistoryPolicy.KEEP_LAST and "depth" not in kwargs:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        for name in _NAMES:
            setattr(self, name, kwargs[name] if name in kwargs else _DEFAULTS[name])

    @property
    def depth(self) -> int:
        """How many samples a kept history holds."""
        return self._depth

    @depth.setter
    def depth(self, value: int) -> None:
        if not isinstance(value, int):
            raise AssertionError(f"depth must be an int, not {type(value)}")
        if self.history == HistoryPolicy.KEEP_LAST and value == 0:
            warnings.warn(
                "A zero depth with KEEP_LAST doesn't make sense; no data could be stored. "
                "This will be interpreted as SYSTEM_DEFAULT",
                stacklevel=2,
            )
        self._depth = value

    def get_c_qos_profile(self) -> _core.rmw_qos_profile_t:
        """The profile the core takes."""
        return _core.rmw_qos_profile_t(
            self.history,
            self.depth,
            self.reliability,
            self.durability,
            self.lifespan.get_c_duration(),
            self.deadline.get_c_duration(),
            self.liveliness,
            self.liveliness_lease_duration.get_c_duration(),
            self.avoid_ros_namespace_conventions,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QoSProfile):
            return False
        return all(getattr(self, name) == getattr(other, name) for name in _NAMES)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in _NAMES)})"


_NAMES = (
    "history",
    "depth",
    "reliability",
    "durability",
    "lifespan",
    "deadline",
    "liveliness",
    "liveliness_lease_duration",
    "avoid_ros_namespace_conventions",
)


def _predefined(name: str) -> dict[str, Any]:
    return _core.rmw_qos_profile_t.predefined(name).to_dict()


_DEFAULTS = _predefined("qos_profile_default")

DeadlineBestAvailable = Duration(nanoseconds=_core.RMW_QOS_DEADLINE_BEST_AVAILABLE)
LivelinessLeaseDurationeBestAvailable = Duration(nanoseconds=_core.RMW_QOS_LIVELINESS_LEASE_DURATION_BEST_AVAILABLE)

qos_profile_unknown = QoSProfile(**_predefined("qos_profile_unknown"))
qos_profile_default = QoSProfile(**_predefined("qos_profile_default"))
qos_profile_system_default = QoSProfile(**_predefined("qos_profile_system_default"))
qos_profile_sensor_data = QoSProfile(**_predefined("qos_profile_sensor_data"))
qos_profile_services_default = QoSProfile(**_predefined("qos_profile_services_default"))
qos_profile_parameters = QoSProfile(**_predefined("qos_profile_parameters"))
qos_profile_parameter_events = QoSProfile(**_predefined("qos_profile_parameter_events"))
qos_profile_best_available = QoSProfile(**_predefined("qos_profile_best_available"))
qos_profile_action_status_default = QoSProfile(
    **_core.rclpy_action_get_rmw_qos_profile("rcl_action_qos_profile_status_default")
)


class QoSPresetProfiles(Enum):
    """The named profiles."""

    UNKNOWN = qos_profile_unknown
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events
    ACTION_STATUS_DEFAULT = qos_profile_action_status_default
    BEST_AVAILABLE = qos_profile_best_available

    @classmethod
    def short_keys(cls) -> list[str]:
        """The lower-case names."""
        return [name.lower() for name in cls.__members__]

    @classmethod
    def get_from_short_key(cls, name: str) -> QoSProfile:
        """The profile of a lower-case name."""
        return cls[name.upper()].value


def qos_check_compatible(publisher_qos: QoSProfile, subscription_qos: QoSProfile) -> tuple[QoSCompatibility, str]:
    """Whether a subscription hears a publisher, and why not."""
    result = _core.rclpy_qos_check_compatible(publisher_qos.get_c_qos_profile(), subscription_qos.get_c_qos_profile())
    return result.compatibility, result.reason
