"""What RViz draws: objects, grasps, traces."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from molmo_ros.core.geometry import apply
from molmo_ros.core.scene import Scene
from molmo_ros.core.types import Grasp, GraspStatus, Trace
from molmo_ros.nodes import convert

GREEN = ColorRGBA(r=0.1, g=0.8, b=0.2, a=1.0)
GREY = ColorRGBA(r=0.55, g=0.55, b=0.55, a=0.5)
GOLD = ColorRGBA(r=1.0, g=0.75, b=0.0, a=1.0)
WHITE = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
# Gripper drawn as a polyline in the tool frame (+y closing, +z approach), half stroke and finger length of the hand [m].
_HALF_STROKE_M, _FINGER_M = 0.041, 0.046


def _clear(frame_id: str, stamp: int) -> Marker:
    return Marker(header=convert.header(frame_id, stamp), action=Marker.DELETEALL)


def _text(frame_id: str, stamp: int, ns: str, number: int, where: np.ndarray, words: str, height_m: float) -> Marker:
    marker = Marker(header=convert.header(frame_id, stamp), ns=ns, id=number, type=Marker.TEXT_VIEW_FACING, text=words)
    marker.pose.position = convert.point_msg(where)
    marker.pose.orientation.w = 1.0
    marker.scale.z = height_m
    marker.color = WHITE
    return marker


def objects(scene: Scene, frame_id: str) -> MarkerArray:
    """Boxes and names of the perceived objects."""
    out = MarkerArray(markers=[_clear(frame_id, scene.stamp_ns)])
    for item in scene.objects:
        box = Marker(
            header=convert.header(frame_id, scene.stamp_ns),
            ns="objects",
            id=item.object_id,
            type=Marker.CUBE,
            pose=convert.pose_msg(item.T_base_box),
            scale=Vector3(**{k: max(float(v), 1e-3) for k, v in zip("xyz", item.size_m, strict=True)}),
            lifetime=Duration(),
        )
        r, g, b = (float(c) / 255 for c in item.rgb)
        box.color = ColorRGBA(r=r, g=g, b=b, a=0.35)
        out.markers.append(box)
        above = item.center_base_m + [0, 0, item.size_m[2] / 2 + 0.03]
        out.markers.append(
            _text(frame_id, scene.stamp_ns, "names", item.object_id, above, f"{item.colour} {item.shape}", 0.02)
        )
    return out


def grasps(items: list[Grasp] | tuple[Grasp, ...], frame_id: str, stamp: int, limit: int = 60) -> MarkerArray:
    """Grippers: the chosen one gold, accepted ones green, rejected ones grey with the reason as text."""
    out = MarkerArray(markers=[_clear(frame_id, stamp)])
    shape = np.array(
        [
            [0, _HALF_STROKE_M, 0],
            [0, _HALF_STROKE_M, -_FINGER_M],
            [0, -_HALF_STROKE_M, -_FINGER_M],
            [0, -_HALF_STROKE_M, 0],
        ]
    )
    for i, grasp in enumerate(items[:limit]):
        line = Marker(header=convert.header(frame_id, stamp), ns=grasp.status.value, id=i, type=Marker.LINE_STRIP)
        line.pose.orientation.w = 1.0
        chosen = grasp.status is GraspStatus.CHOSEN
        line.scale.x = 0.006 if chosen else 0.002
        line.color = GOLD if chosen else GREY if grasp.status is GraspStatus.REJECTED else GREEN
        line.points = [convert.point_msg(p) for p in apply(grasp.T_base_tcp, shape)]
        out.markers.append(line)
        if grasp.status is GraspStatus.REJECTED:
            out.markers.append(_text(frame_id, stamp, "reasons", i, grasp.T_base_tcp[:3, 3], grasp.reason, 0.008))
    return out


def trace(item: Trace, frame_id: str) -> MarkerArray:
    """The lifted trace as a line whose colour runs from blue (now) to red (later)."""
    out = MarkerArray(markers=[_clear(frame_id, item.stamp_ns)])
    if item.points_base_m is None:
        return out
    line = Marker(header=convert.header(frame_id, item.stamp_ns), ns="trace", id=0, type=Marker.LINE_STRIP)
    line.pose.orientation.w = 1.0
    line.scale.x = 0.006
    for share, point in zip(np.linspace(0, 1, len(item.points_base_m)), item.points_base_m, strict=True):
        line.points.append(convert.point_msg(point))
        line.colors.append(ColorRGBA(r=float(share), g=0.2, b=float(1 - share), a=1.0))
    out.markers.append(line)
    return out
