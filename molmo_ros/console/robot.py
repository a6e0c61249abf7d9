"""A URDF of primitive shapes, drawn in the browser and moved by joint positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError

Array = npt.NDArray[np.float64]
GREY = (0.7, 0.7, 0.7)
STILL = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Shape:
    """One primitive: ``size`` is (x, y, z) of a box, (radius, length) of a cylinder, (radius,) of a sphere [m]."""

    kind: str
    size: tuple[float, ...]
    T_link_shape: Array
    rgb: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """One joint: its child link hangs at ``T_parent_joint``; unmeasured, it follows ``factor`` x ``source`` + offset."""

    name: str
    kind: str
    parent: str
    child: str
    T_parent_joint: Array
    axis: Array
    source: str
    factor: float
    offset: float

    def pose(self, q: float) -> Array:
        """(4, 4) of the child in the parent at a position [rad or m]."""
        if self.kind == "prismatic":
            return self.T_parent_joint @ geometry.make_transform(None, self.axis * q)
        if self.kind in ("revolute", "continuous"):
            return self.T_parent_joint @ geometry.make_transform(_turn(self.axis, q))
        return self.T_parent_joint


def _turn(axis: Array, angle: float) -> Array:
    return geometry.quaternion_to_rotation([*(np.sin(angle / 2) * axis), np.cos(angle / 2)])


def _floats(text: str | None, default: str) -> Array:
    return np.array([float(v) for v in (text or default).split()])


def _origin(element: ElementTree.Element) -> Array:
    origin = element.find("origin")
    if origin is None:
        return np.eye(4)
    rpy = _floats(origin.get("rpy"), "0 0 0")
    return geometry.make_transform(geometry.rpy_to_rotation(*rpy), _floats(origin.get("xyz"), "0 0 0"))


def _joint(element: ElementTree.Element) -> Joint:
    axis = element.find("axis")
    direction = _floats(axis.get("xyz") if axis is not None else None, "1 0 0")
    mimic = element.find("mimic")
    name = element.get("name", "")
    return Joint(
        name=name,
        kind=element.get("type", "fixed"),
        parent=element.find("parent").get("link"),  # type: ignore[union-attr, arg-type]
        child=element.find("child").get("link"),  # type: ignore[union-attr, arg-type]
        T_parent_joint=_origin(element),
        axis=direction / max(float(np.linalg.norm(direction)), 1e-12),
        source=mimic.get("joint", name) if mimic is not None else name,
        factor=float(mimic.get("multiplier", "1")) if mimic is not None else 1.0,
        offset=float(mimic.get("offset", "0")) if mimic is not None else 0.0,
    )


def _shape(visual: ElementTree.Element, colours: Mapping[str, tuple[int, int, int]]) -> Shape | None:
    for kind, keys in (("box", ("size",)), ("cylinder", ("radius", "length")), ("sphere", ("radius",))):
        form = visual.find(f"geometry/{kind}")
        if form is not None:
            size = tuple(float(v) for key in keys for v in form.get(key, "0").split())
            material = visual.find("material")
            name = material.get("name", "") if material is not None else ""
            own = material.find("color") if material is not None else None
            rgb = _rgb(own) if own is not None else colours.get(name, _bytes(GREY))
            return Shape(kind=kind, size=size, T_link_shape=_origin(visual), rgb=rgb)
    return None


def _bytes(rgb: tuple[float, ...]) -> tuple[int, int, int]:
    r, g, b = (round(255 * v) for v in rgb[:3])
    return r, g, b


def _rgb(colour: ElementTree.Element) -> tuple[int, int, int]:
    return _bytes(tuple(_floats(colour.get("rgba"), "0.7 0.7 0.7 1")))


def read_urdf(text: str) -> tuple[list[Joint], dict[str, list[Shape]]]:
    """Joints and the shapes of each link; meshes are left out.

    Raises:
        MolmoRosError: CONFIG_INVALID when it is no URDF.
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  the graph's own robot_state_publisher wrote it
        colours = {
            m.get("name", ""): _rgb(m.find("color"))  # type: ignore[arg-type]
            for m in root.findall("material")
            if m.find("color") is not None
        }
        joints = [_joint(j) for j in root.findall("joint")]
        links = {
            link.get("name", ""): [s for v in link.findall("visual") if (s := _shape(v, colours)) is not None]
            for link in root.findall("link")
        }
    except (ElementTree.ParseError, ValueError, AttributeError, TypeError) as error:
        raise MolmoRosError(ErrorCode.CONFIG_INVALID, f"robot_description is not a valid URDF: {error}") from error
    return joints, links


class RobotView:
    """The robot in the scene.

    Args:
        scene: viser's scene.
        urdf: URDF text.
    """

    def __init__(self, scene: Any, urdf: str) -> None:
        joints, links = read_urdf(urdf)
        self._joints = [j for j in joints if j.kind != "fixed"]
        self._shown: dict[str, float] = {}
        self._frames: dict[str, Any] = {}
        children = {j.child for j in joints}
        by_parent: dict[str, list[Joint]] = {}
        for joint in joints:
            by_parent.setdefault(joint.parent, []).append(joint)
        waiting = [(link, f"/robot/{link}", np.eye(4), "") for link in links if link not in children]
        while waiting:
            link, path, T, joint_name = waiting.pop()
            self._frames[joint_name] = scene.add_frame(path, show_axes=False, **_placed(T))
            for i, shape in enumerate(links.get(link, ())):
                _draw(scene, f"{path}/shape{i}", shape)
            waiting += [(j.child, f"{path}/{j.child}", j.pose(0.0), j.name) for j in by_parent.get(link, ())]

    def move(self, positions: Mapping[str, float]) -> None:
        """Moves the joints that are named [rad or m]; what has not moved is not sent."""
        for joint in self._joints:
            position = positions.get(joint.name)
            if position is None and joint.source in positions:
                position = joint.factor * positions[joint.source] + joint.offset
            if position is None or not np.isfinite(position):
                continue
            if abs(self._shown.get(joint.name, np.inf) - position) < STILL:
                continue
            self._shown[joint.name] = position
            placed = _placed(joint.pose(position))
            self._frames[joint.name].wxyz = placed["wxyz"]
            self._frames[joint.name].position = placed["position"]


def _placed(T: Array) -> dict[str, Array]:
    x, y, z, w = geometry.rotation_to_quaternion(T[:3, :3])
    return {"wxyz": np.array([w, x, y, z]), "position": T[:3, 3]}


def _draw(scene: Any, name: str, shape: Shape) -> None:
    placed = _placed(shape.T_link_shape)
    if shape.kind == "box":
        scene.add_box(name, color=shape.rgb, dimensions=shape.size, **placed)
    elif shape.kind == "cylinder":
        scene.add_cylinder(name, radius=shape.size[0], height=shape.size[1], color=shape.rgb, **placed)
    else:
        scene.add_icosphere(name, radius=shape.size[0], color=shape.rgb, **placed)
