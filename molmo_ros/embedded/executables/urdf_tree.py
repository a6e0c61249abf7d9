"""The joints of a URDF and the transforms they make."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from molmo_ros.core.errors import ErrorCode, MolmoRosError

MAX_URDF_CHARS = 16 * 2**20

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_MOVING = {"revolute", "continuous", "prismatic"}
_STATIC = {"fixed", "planar"}


@dataclass(frozen=True, kw_only=True)
class Mimic:
    """A joint that follows another: ``multiplier * position + offset``."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A joint between two links; lengths in m, angles in rad.

    ``translation`` and ``rotation`` (x, y, z, w) place the joint in its parent's frame; ``axis`` is a
    unit vector in the joint's own frame.
    """

    name: str
    kind: str
    parent: str
    child: str
    translation: Vector
    rotation: Quaternion
    axis: Vector
    mimic: Mimic | None

    @property
    def is_moving(self) -> bool:
        """Whether its transform depends on a position."""
        return self.kind in _MOVING

    @property
    def is_static(self) -> bool:
        """Whether its transform never changes."""
        return self.kind in _STATIC

    def transform(self, position: float = 0.0) -> tuple[Vector, Quaternion]:
        """Return translation (m) and rotation of the child's frame in the parent's."""
        if self.kind == "prismatic":
            shift = _rotate(self.rotation, self.axis)
            x, y, z = (t + position * s for t, s in zip(self.translation, shift, strict=True))
            return (x, y, z), self.rotation
        if not self.is_moving:
            return self.translation, self.rotation
        sine = math.sin(position / 2.0)
        ax, ay, az = self.axis
        turn = (ax * sine, ay * sine, az * sine, math.cos(position / 2.0))
        return self.translation, _multiply(self.rotation, turn)


def parse_urdf(text: str) -> list[Joint]:
    """Return the joints of a robot description.

    Raises:
        MolmoRosError: It is no URDF, or its links form no tree.
    """
    if len(text) > MAX_URDF_CHARS or "<!" in text.replace("<!--", ""):
        raise _invalid("it is too large or declares a document type, which no URDF needs")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise _invalid(f"it is no XML ({error})") from error
    if root.tag != "robot":
        raise _invalid(f"its root element is <{root.tag}>, not <robot>")
    links = {link.get("name", "") for link in root.findall("link")}
    joints = [_joint(element) for element in root.findall("joint")]
    _require_tree(links, joints)
    return joints


def _joint(element: ET.Element) -> Joint:
    name = element.get("name", "")
    origin = element.find("origin")
    xyz = _numbers(origin, "xyz", (0.0, 0.0, 0.0), name)
    rpy = _numbers(origin, "rpy", (0.0, 0.0, 0.0), name)
    axis = _numbers(element.find("axis"), "xyz", (1.0, 0.0, 0.0), name)
    length = math.sqrt(sum(v * v for v in axis))
    kind = element.get("type", "")
    if kind in _MOVING and length == 0.0:
        raise _invalid(f"the axis of joint '{name}' is zero")
    x, y, z = (v / length if length else v for v in axis)
    mimic = element.find("mimic")
    return Joint(
        name=name,
        kind=kind,
        parent=_link(element, "parent", name),
        child=_link(element, "child", name),
        translation=xyz,
        rotation=_from_rpy(*rpy),
        axis=(x, y, z),
        mimic=None if mimic is None else _mimic(mimic, name),
    )


def _mimic(element: ET.Element, name: str) -> Mimic:
    return Mimic(
        joint=element.get("joint", ""),
        multiplier=_number(element.get("multiplier", "1"), name),
        offset=_number(element.get("offset", "0"), name),
    )


def _link(element: ET.Element, role: str, name: str) -> str:
    found = element.find(role)
    link = "" if found is None else found.get("link", "")
    if not link:
        raise _invalid(f"joint '{name}' names no {role} link")
    return link


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _invalid(f"joint '{name}' has '{text}' where a number belongs") from None
    if not math.isfinite(value):
        raise _invalid(f"joint '{name}' has a number that is not finite")
    return value


def _numbers(element: ET.Element | None, attribute: str, default: Vector, name: str) -> Vector:
    text = None if element is None else element.get(attribute)
    if text is None:
        return default
    values = [_number(part, name) for part in text.split()]
    if len(values) != 3:
        raise _invalid(f"joint '{name}' has '{text}' where three numbers belong")
    return (values[0], values[1], values[2])


def _require_tree(links: set[str], joints: list[Joint]) -> None:
    parents: dict[str, str] = {}
    for joint in joints:
        for link in (joint.parent, joint.child):
            if link not in links:
                raise _invalid(f"joint '{joint.name}' names the unknown link '{link}'")
        if joint.child in parents:
            raise _invalid(f"link '{joint.child}' has two parents")
        parents[joint.child] = joint.parent
    roots = links - parents.keys()
    if len(roots) != 1:
        raise _invalid(f"it has {len(roots)} root links instead of one")


def _from_rpy(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Return the rotation by roll, pitch and yaw about the static axes x, y and z."""
    cr, sr = math.cos(roll / 2.0), math.sin(roll / 2.0)
    cp, sp = math.cos(pitch / 2.0), math.sin(pitch / 2.0)
    cy, sy = math.cos(yaw / 2.0), math.sin(yaw / 2.0)
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _rotate(q: Quaternion, v: Vector) -> Vector:
    x, y, z, _ = _multiply(_multiply(q, (*v, 0.0)), (-q[0], -q[1], -q[2], q[3]))
    return (x, y, z)


def _invalid(reason: str) -> MolmoRosError:
    return MolmoRosError(ErrorCode.CONFIG_INVALID, f"The robot description cannot be used: {reason}.")
