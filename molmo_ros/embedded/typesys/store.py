"""Message definitions of the standard packages, from the Jazzy type store of `rosbags`.

The store is imported when the first of its messages is asked for. It holds neither services,
actions nor default values; messages that declare defaults are shipped as text instead.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .model import BASIC_SIZES, EMPTY_MEMBER, Constant, Field, FieldType, MessageDef
from .parse import MSG_TO_IDL

STORE_PACKAGES = frozenset(
    (
        "action_msgs",
        "actionlib_msgs",
        "builtin_interfaces",
        "diagnostic_msgs",
        "geometry_msgs",
        "lifecycle_msgs",
        "nav_msgs",
        "rcl_interfaces",
        "rmw_dds_common",
        "rosbag2_interfaces",
        "rosgraph_msgs",
        "sensor_msgs",
        "service_msgs",
        "shape_msgs",
        "statistics_msgs",
        "std_msgs",
        "stereo_msgs",
        "tf2_msgs",
        "trajectory_msgs",
        "type_description_interfaces",
        "unique_identifier_msgs",
        "visualization_msgs",
    )
)
"""The packages of the store, known without importing it."""


@lru_cache(maxsize=1)
def _fielddefs() -> dict[str, Any]:
    from rosbags.typesys.stores import ros2_jazzy

    return ros2_jazzy.FIELDDEFS


def store_names(package: str) -> list[str]:
    """The messages that the store has of a package."""
    prefix = f"{package}/msg/"
    return [name.removeprefix(prefix) for name in _fielddefs() if name.startswith(prefix)]


def store_message(fullname: str) -> MessageDef | None:
    """A message of the store, or None where it has none of that name."""
    if fullname.partition("/")[0] not in STORE_PACKAGES:
        return None
    entry = _fielddefs().get(fullname)
    if entry is None:
        return None
    return message_from_entry(fullname, entry)


def message_from_entry(fullname: str, entry: tuple[Any, Any]) -> MessageDef:
    """A message definition from the constants and fields that `rosbags` holds of it."""
    constants, fields = entry
    return MessageDef(
        fullname=fullname,
        constants=tuple(Constant(name=name, base=MSG_TO_IDL[base], value=value) for name, base, value in constants),
        fields=tuple(
            Field(name=name.rstrip("_"), type=_field_type(desc)) for name, desc in fields if name != EMPTY_MEMBER
        ),
    )


def _field_type(desc: tuple[Any, Any], shape: str = "scalar", size: int = 0) -> FieldType:
    node, args = desc
    if node.name == "NAME":
        return FieldType(base=args, shape=shape, size=size)
    if node.name == "BASE":
        base = MSG_TO_IDL[args[0]]
        bound = 0 if base in BASIC_SIZES else args[1]
        return FieldType(base=base, string_bound=bound, shape=shape, size=size)
    return _field_type(args[0], "array" if node.name == "ARRAY" else "sequence", args[1])
