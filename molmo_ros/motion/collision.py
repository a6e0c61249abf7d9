"""Collision checking: the URDF's shapes against each other, the support, obstacles and a held object, with coal.

A cylinder with two spheres of its radius at its ends, the portable way to write a capsule in a URDF, is checked as the
capsule it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.geometry import Array, invert
from molmo_ros.core.scene import Plane, Scene
from molmo_ros.motion.description import RobotConfig
from molmo_ros.motion.model import RobotModel

SUPPORT = "the support"
HELD = "the held object"
CLOUD = "the point cloud"
MARGIN_M = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class Box:
    """An obstacle.

    Attributes:
        T_base_box: (4, 4) pose of its centre in the base frame.
        size_m: (3,) full extents [m].
        name: What a refusal calls it.
    """

    T_base_box: Array
    size_m: Array
    name: str = "an obstacle"


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """The two things that are nearest to each other.

    Attributes:
        distance_m: Distance between them [m], negative when they overlap.
        first: Link or thing.
        second: Link or thing.
    """

    distance_m: float
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second}"


def capsule_ends(geometry: Any, placement: Any) -> tuple[Array, Array]:
    """Both end points (3,) of a cylinder's or capsule's axis, in the frame of its placement."""
    half = placement.rotation[:, 2] * geometry.halfLength
    return placement.translation - half, placement.translation + half


def merge_capsules(pin: Any, shapes: Any) -> Any:
    """A GeometryModel in which every cylinder with two end spheres has become one capsule."""
    import coal

    objects = list(shapes.geometryObjects)
    spheres = [o for o in objects if isinstance(o.geometry, coal.Sphere)]
    merged: set[str] = set()
    out = pin.GeometryModel()
    for item in objects:
        if isinstance(item.geometry, coal.Cylinder):
            ends = [
                next(
                    (
                        s.name
                        for s in spheres
                        if s.parentFrame == item.parentFrame
                        and abs(s.geometry.radius - item.geometry.radius) < 1e-9
                        and np.allclose(s.placement.translation, end, atol=1e-6)
                    ),
                    None,
                )
                for end in capsule_ends(item.geometry, item.placement)
            ]
            if ends[0] is not None and ends[1] is not None:
                capsule = coal.Capsule(item.geometry.radius, 2 * item.geometry.halfLength)
                out.addGeometryObject(
                    pin.GeometryObject(item.name, item.parentJoint, item.parentFrame, item.placement, capsule)
                )
                merged |= {item.name, *(name for name in ends if name is not None)}
    for item in objects:
        if item.name not in merged:
            out.addGeometryObject(item)
    return out


def merge_boxes(pin: Any, shapes: Any) -> Any:
    """A GeometryModel in which several boxes of one link have become the one box around them: fewer, larger shapes."""
    import coal

    out = pin.GeometryModel()
    groups: dict[int, list[Any]] = {}
    for item in shapes.geometryObjects:
        if isinstance(item.geometry, coal.Box):
            groups.setdefault(item.parentFrame, []).append(item)
        else:
            out.addGeometryObject(item)
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    for items in groups.values():
        if len(items) == 1:
            out.addGeometryObject(items[0])
            continue
        corners = [signs * i.geometry.halfSide @ i.placement.rotation.T + i.placement.translation for i in items]
        low, high = np.min(np.vstack(corners), axis=0), np.max(np.vstack(corners), axis=0)
        placement = pin.SE3(np.eye(3), 0.5 * (low + high))
        box = coal.Box(*(high - low).tolist())
        out.addGeometryObject(
            pin.GeometryObject(items[0].name, items[0].parentJoint, items[0].parentFrame, placement, box)
        )
    return out


def self_pairs(model: RobotModel, shapes: Any, never_checked: Iterable[frozenset[str]]) -> list[tuple[int, int]]:
    """Index pairs of shapes that could meet: not on one body, not on neighbours, not exempt by link names."""
    exempt = set(never_checked)
    parents = model.model.parents
    items = list(shapes.geometryObjects)
    links = [model.model.frames[item.parentFrame].name for item in items]
    pairs = []
    for i, a in enumerate(items):
        for j in range(i + 1, len(items)):
            b = items[j]
            ja, jb = a.parentJoint, b.parentJoint
            if ja == jb or parents[ja] == jb or parents[jb] == ja or frozenset((links[i], links[j])) in exempt:
                continue
            pairs.append((i, j))
    return pairs


class CollisionWorld:
    """The robot and what is around it. Belongs to one thread.

    Links of the base and of the first joint are not checked against the support or obstacles: they stand on it, and
    planning cannot move them out of the way.

    Args:
        model: The robot.
        never_checked: Pairs of link names whose contact is never checked.
        hand_frame: Link whose exemptions a held object shares; the tool's body when None.
        margin_m: Distance below which things count as touching [m].
        coarse: Whether the boxes of one link are checked as the one box around them: faster, and never too small.
    """

    def __init__(
        self,
        model: RobotModel,
        *,
        never_checked: Iterable[frozenset[str]] = (),
        hand_frame: str | None = None,
        margin_m: float = MARGIN_M,
        coarse: bool = False,
    ) -> None:
        import pinocchio as pin

        self._pin = pin
        self.model = model
        self.margin_m = margin_m
        self._never = frozenset(never_checked)
        shapes = pin.buildGeomFromUrdfString(model.model, model.urdf, pin.GeometryType.COLLISION)
        capsules = merge_capsules(pin, shapes)
        self._robot = merge_boxes(pin, capsules) if coarse else capsules
        self._links = [model.model.frames[item.parentFrame].name for item in self._robot.geometryObjects]
        self._self_pairs = self_pairs(model, self._robot, self._never)
        self._hand = hand_frame or model.tcp_frame
        self._T_root_base = pin.SE3(invert(model.T_base_root))
        self._support: Plane | None = None
        self._boxes: tuple[Box, ...] = ()
        self._points: Array | None = None
        self._voxel_m = 0.01
        self._held: Box | None = None
        self._others: dict[str, float] = {}
        self._ready: tuple[Any, Any, Any] | None = None
        self._margin_set = np.nan
        self._things: frozenset[str] = frozenset()

    @property
    def things(self) -> frozenset[str]:
        """Names of what is around the robot: the support, obstacles, the point cloud."""
        self._build()
        return self._things

    @classmethod
    def from_config(
        cls, model: RobotModel, config: RobotConfig, *, margin_m: float = MARGIN_M, coarse: bool = False
    ) -> CollisionWorld:
        """An empty world for a described robot."""
        return cls(
            model,
            never_checked=config.never_checked,
            margin_m=margin_m,
            hand_frame=config.hand_frame,
            coarse=coarse,
        )

    @property
    def support(self) -> Plane | None:
        """The plane below which everything is solid."""
        return self._support

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The obstacles that are boxes."""
        return self._boxes

    @property
    def held(self) -> Box | None:
        """The held box; its pose is in the tool frame."""
        return self._held

    def set_support(self, plane: Plane | None) -> None:
        """Everything below a plane is solid; None for no support."""
        self._support = plane
        self._ready = None

    def set_obstacles(
        self,
        boxes: Sequence[Box] = (),
        points_base_m: npt.NDArray[np.floating[Any]] | None = None,
        voxel_m: float = 0.01,
    ) -> None:
        """Replaces all obstacles: boxes, and a point cloud (N, 3) [m] as voxels of a size; NaN rows are dropped."""
        self._boxes = tuple(boxes)
        self._points = None
        if points_base_m is not None:
            rows = np.asarray(points_base_m, dtype=np.float64).reshape(-1, 3)
            known = rows[np.all(np.isfinite(rows), axis=1)]
            self._points = known if len(known) else None
        self._voxel_m = voxel_m
        self._ready = None

    def set_scene(self, scene: Scene, *, without: Iterable[int] = ()) -> None:
        """Support and object boxes of a perceived scene, without the objects of some ids (the target, the place)."""
        left_out = set(without)
        self.set_support(scene.plane)
        self.set_obstacles(
            [
                Box(T_base_box=item.T_base_box, size_m=item.size_m, name=f"the {item.colour} {item.shape}")
                for item in scene.objects
                if item.object_id not in left_out
            ]
        )

    def attach(self, T_tcp_box: Array, size_m: Array) -> None:
        """Holds a box at a pose in the tool frame; it moves with the tool and is checked from now on."""
        self._held = Box(T_base_box=np.asarray(T_tcp_box), size_m=np.asarray(size_m), name=HELD)
        self._ready = None

    def detach(self) -> None:
        """Lets go of the held box."""
        self._held = None
        self._ready = None

    def set_other_joints(self, positions: Mapping[str, float]) -> None:
        """Positions of joints that are not planned, e.g. fingers [m]."""
        self._others = dict(positions)

    def _build(self) -> tuple[Any, Any, Any]:
        if self._ready is not None:
            return self._ready
        import coal

        pin, model = self._pin, self.model.model
        shapes = self._robot.copy()
        robot_count = shapes.ngeoms
        moving = [i for i, item in enumerate(shapes.geometryObjects) if model.parents[item.parentJoint] != 0]
        pairs = list(self._self_pairs)
        names = list(self._links)

        def add(name: str, joint: int, frame: int, placement: Any, geometry: Any) -> int:
            names.append(name)
            return int(shapes.addGeometryObject(pin.GeometryObject(f"{len(names)}", joint, frame, placement, geometry)))

        if self._held is not None:
            tcp = model.frames[model.getFrameId(self.model.tcp_frame)]
            placement = tcp.placement * pin.SE3(self._held.T_base_box)
            index = add(HELD, tcp.parentJoint, 0, placement, coal.Box(*map(float, self._held.size_m)))
            friends = {name for pair in self._never if self._hand in pair for name in pair} | {self._hand}
            pairs += [
                (i, index)
                for i in range(robot_count)
                if names[i] not in friends and self._robot.geometryObjects[i].parentJoint != tcp.parentJoint
            ]
            moving.append(index)
        surroundings = []
        if self._support is not None:
            n, d = np.asarray(self._support.normal, dtype=np.float64), float(self._support.offset_m)
            surroundings.append(add(SUPPORT, 0, 0, self._T_root_base, coal.Halfspace(n, d)))
        for box in self._boxes:
            placement = self._T_root_base * pin.SE3(np.asarray(box.T_base_box, dtype=np.float64))
            surroundings.append(add(box.name, 0, 0, placement, coal.Box(*map(float, box.size_m))))
        if self._points is not None:
            tree = coal.makeOctree(self._points, self._voxel_m)
            surroundings.append(add(CLOUD, 0, 0, self._T_root_base, tree))
        pairs += [(i, j) for j in surroundings for i in moving]
        self._things = frozenset(names[j] for j in surroundings)
        for i, j in pairs:
            shapes.addCollisionPair(pin.CollisionPair(i, j))
        self._ready = shapes, shapes.createData(), names
        self._margin_set = np.nan
        return self._ready

    def _prepare(self, margin_m: float | None) -> tuple[Any, Any, Any]:
        shapes, data, names = self._build()
        margin = self.margin_m if margin_m is None else margin_m
        if margin != self._margin_set:
            size = shapes.ngeoms
            data.setSecurityMargins(shapes, np.full((size, size), margin), True)
            self._margin_set = margin
        return shapes, data, names

    def height_above_support(self, point_base_m: npt.NDArray[np.floating[Any]]) -> float:
        """Height of a point (3,) above the support [m]; infinite without one."""
        return np.inf if self._support is None else float(self._support.height_m(point_base_m))

    def in_collision(self, q: npt.NDArray[np.floating[Any]], *, margin_m: float | None = None) -> bool:
        """Whether anything touches, or comes nearer than the margin, at joint positions q (N,)."""
        shapes, data, _ = self._prepare(margin_m)
        full = self.model.full(q, self._others)
        return bool(self._pin.computeCollisions(self.model.model, self.model.data, shapes, data, full, True))

    def contact(self, q: npt.NDArray[np.floating[Any]], *, margin_m: float | None = None) -> str:
        """A clause such as "fr3_hand touches the support"; empty when nothing touches."""
        pair = self.touching(q, margin_m=margin_m)
        return "" if pair is None else f"{pair[0]} touches {pair[1]}"

    def touching(self, q: npt.NDArray[np.floating[Any]], *, margin_m: float | None = None) -> tuple[str, str] | None:
        """Names of the first two things found to touch, or None; the second is not a link when it is a thing."""
        shapes, data, names = self._prepare(margin_m)
        full = self.model.full(q, self._others)
        if not self._pin.computeCollisions(self.model.model, self.model.data, shapes, data, full, True):
            return None
        # Pairs are visited in order up to the first hit; results after it are left from earlier calls.
        hit = next(k for k, result in enumerate(data.collisionResults) if result.isCollision())
        pair = shapes.collisionPairs[hit]
        return names[pair.first], names[pair.second]

    def clearance(self, q: npt.NDArray[np.floating[Any]]) -> Clearance:
        """The nearest pair of things at joint positions q (N,), without any margin."""
        shapes, data, names = self._prepare(None)
        if not len(shapes.collisionPairs):
            return Clearance(distance_m=np.inf, first="", second="")
        full = self.model.full(q, self._others)
        k = int(self._pin.computeDistances(self.model.model, self.model.data, shapes, data, full))
        distances = [result.min_distance for result in data.distanceResults]
        k = int(np.argmin(distances))
        pair = shapes.collisionPairs[k]
        return Clearance(distance_m=float(distances[k]), first=names[pair.first], second=names[pair.second])

    def all_free(self, positions: npt.NDArray[np.floating[Any]], *, margin_m: float = 0.0) -> bool:
        """Whether joint positions (T, N) are all free of contact, e.g. as ``free=`` of `time_parameterise`."""
        return not any(self.in_collision(q, margin_m=margin_m) for q in positions)

    def first_contact(
        self, path: npt.NDArray[np.floating[Any]], *, step: float = 0.02, margin_m: float | None = None
    ) -> str:
        """The first contact along a joint path (K, N), looked for at least every `step` rad of the fastest joint."""
        rows = densify(np.asarray(path, dtype=np.float64), step)
        for q in rows:
            if self.in_collision(q, margin_m=margin_m):
                return self.contact(q, margin_m=margin_m)
        return ""


def densify(path: Array, step: float) -> Array:
    """The path (K, N) with extra rows, so that no joint moves more than `step` between rows."""
    if len(path) < 2:
        return path
    rows = [path[:1]]
    for a, b in zip(path, path[1:], strict=False):
        count = max(1, int(np.ceil(float(np.max(np.abs(b - a))) / step)))
        rows.append(b - (b - a) * (np.arange(count - 1, -1, -1) / count)[:, None])
    return np.vstack(rows)
