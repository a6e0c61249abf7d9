"""The only place where messages become data types and back."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from builtin_interfaces.msg import Duration as DurationMsg
from builtin_interfaces.msg import Time as TimeMsg
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TransformStamped
from nav_msgs.msg import Path
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image as ImageMsg
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from trajectory_msgs.msg import JointTrajectoryPoint

from molmo_ros.core import geometry
from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState, JointTrajectory
from molmo_ros.core.types import ActionChunk, ActionKind, Author, Frame, Grasp, GraspStatus, Thought, Trace
from molmo_ros_interfaces.msg import ActionChunk as ActionChunkMsg
from molmo_ros_interfaces.msg import Grasp as GraspMsg
from molmo_ros_interfaces.msg import GraspArray as GraspArrayMsg
from molmo_ros_interfaces.msg import Thought as ThoughtMsg
from molmo_ros_interfaces.msg import Trace as TraceMsg

_GRASP_STATUS = {
    GraspStatus.CANDIDATE: GraspMsg.STATUS_CANDIDATE,
    GraspStatus.ACCEPTED: GraspMsg.STATUS_ACCEPTED,
    GraspStatus.REJECTED: GraspMsg.STATUS_REJECTED,
    GraspStatus.CHOSEN: GraspMsg.STATUS_CHOSEN,
}
_STATUS_GRASP = {number: status for status, number in _GRASP_STATUS.items()}
_AUTHOR = {Author.MODEL: TraceMsg.AUTHOR_MODEL, Author.PERSON: TraceMsg.AUTHOR_PERSON}
_MAX_POINTS = 10_000


def time_msg(stamp_ns: int) -> TimeMsg:
    """Nanoseconds as builtin_interfaces/Time."""
    return TimeMsg(sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)


def stamp_ns(stamp: TimeMsg) -> int:
    """builtin_interfaces/Time as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def header(frame_id: str, stamp: int) -> Header:
    """A header of a frame and nanoseconds."""
    return Header(frame_id=frame_id, stamp=time_msg(stamp))


def point_msg(xyz: Sequence[float] | np.ndarray) -> Point:
    """(3,) as geometry_msgs/Point."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def point_array(point: Point) -> np.ndarray:
    """geometry_msgs/Point as (3,)."""
    return np.array([point.x, point.y, point.z])


def pose_msg(T: np.ndarray) -> Pose:
    """(4, 4) as geometry_msgs/Pose."""
    x, y, z, w = geometry.rotation_to_quaternion(T[:3, :3])
    return Pose(position=point_msg(T[:3, 3]), orientation=Quaternion(x=float(x), y=float(y), z=float(z), w=float(w)))


def pose_matrix(pose: Pose) -> np.ndarray:
    """geometry_msgs/Pose as (4, 4).

    Raises:
        MolmoRosError: PAYLOAD_INVALID when the quaternion has no direction.
    """
    q = pose.orientation
    try:
        R = geometry.quaternion_to_rotation([q.x, q.y, q.z, q.w])
    except ValueError as error:
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, "A pose has a quaternion without direction.") from error
    return geometry.make_transform(R, point_array(pose.position))


def transform_matrix(transform: TransformStamped) -> np.ndarray:
    """geometry_msgs/TransformStamped as (4, 4)."""
    t, q = transform.transform.translation, transform.transform.rotation
    try:
        R = geometry.quaternion_to_rotation([q.x, q.y, q.z, q.w])
    except ValueError as error:
        raise MolmoRosError(ErrorCode.TRANSFORM_MISSING, "A transform has a quaternion without direction.") from error
    return geometry.make_transform(R, [t.x, t.y, t.z])


def transform_msg(T: np.ndarray, parent: str, child: str, stamp: int) -> TransformStamped:
    """(4, 4) as geometry_msgs/TransformStamped."""
    message = TransformStamped(header=header(parent, stamp), child_frame_id=child)
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = (float(v) for v in T[:3, 3])
    q.x, q.y, q.z, q.w = (float(v) for v in geometry.rotation_to_quaternion(T[:3, :3]))
    return message


def camera_matrix(info: CameraInfo) -> np.ndarray:
    """(3, 3) intrinsics of camera_info.

    Raises:
        MolmoRosError: CAMERA_INFO_INVALID when the camera is not calibrated.
    """
    K = np.array(info.k, dtype=np.float64).reshape(3, 3)
    if not np.all(np.isfinite(K)) or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise MolmoRosError(
            ErrorCode.CAMERA_INFO_INVALID, "camera_info has no focal length; calibrate the camera or start its driver."
        )
    return K


def camera_info_msg(
    K: np.ndarray,
    width_px: int,
    height_px: int,
    frame_id: str,
    stamp: int,
    *,
    distortion: tuple[float, ...] = (0.0,) * 5,
    model: str = "plumb_bob",
) -> CameraInfo:
    """Intrinsics of a camera as sensor_msgs/CameraInfo; without distortion unless its coefficients are given."""
    k = [float(v) for v in K.reshape(-1)]
    return CameraInfo(
        header=header(frame_id, stamp),
        width=width_px,
        height=height_px,
        distortion_model=model,
        d=list(distortion),
        k=k,
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[k[0], 0.0, k[2], 0.0, 0.0, k[4], k[5], 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def depth_metres(image: np.ndarray, encoding: str) -> np.ndarray:
    """(H, W) depth of an image in metres, NaN where unknown (REP 118).

    Raises:
        MolmoRosError: DEPTH_UNITS for an encoding that is no depth.
    """
    if encoding in ("16UC1", "mono16"):
        metres = image.astype(np.float32) * np.float32(1e-3)
        metres[image == 0] = np.nan
        return metres
    if encoding == "32FC1":
        metres = image.astype(np.float32, copy=True)
        metres[~(metres > 0) | ~np.isfinite(metres)] = np.nan
        return metres
    raise MolmoRosError(
        ErrorCode.DEPTH_UNITS, f'Depth arrives as "{encoding}"; it must be 16UC1 (millimetres) or 32FC1 (metres).'
    )


def frame_from(bridge: object, color: ImageMsg, depth: ImageMsg, info: CameraInfo, T_base_camera: np.ndarray) -> Frame:
    """One RGB-D message pair as a Frame.

    Args:
        bridge: A cv_bridge.CvBridge.
        color: Colour image of any colour encoding.
        depth: Depth aligned to it.
        info: Calibration of both.
        T_base_camera: (4, 4) pose of the optical frame at the image's stamp.

    Raises:
        MolmoRosError: CAMERA_INFO_INVALID when camera_info is of another size, DEPTH_UNITS, DEPTH_INVALID.
    """
    rgb = bridge.imgmsg_to_cv2(color, desired_encoding="rgb8")
    raw_depth = bridge.imgmsg_to_cv2(depth, desired_encoding="passthrough")
    if (info.width, info.height) != (color.width, color.height):
        raise MolmoRosError(
            ErrorCode.CAMERA_INFO_INVALID,
            f"camera_info is for {info.width}x{info.height} px but the image has {color.width}x{color.height} px; "
            "use the one of the same stream.",
        )
    return Frame(
        rgb=rgb,
        depth_m=depth_metres(raw_depth, depth.encoding),
        K=camera_matrix(info),
        T_base_camera=T_base_camera,
        stamp_ns=stamp_ns(color.header.stamp),
        frame_id=color.header.frame_id,
    )


def joint_state_from(message: JointStateMsg) -> JointState:
    """sensor_msgs/JointState as JointState; missing velocities and efforts are zero.

    Raises:
        MolmoRosError: JOINT_STATES_INVALID for lengths that differ, duplicates or values that are not finite.
    """
    n = len(message.name)
    positions = np.array(message.position, dtype=np.float64)
    if len(positions) != n or len(set(message.name)) != n:
        raise MolmoRosError(
            ErrorCode.JOINT_STATES_INVALID,
            f"joint_states has {n} names and {len(positions)} positions; names must be unique.",
        )
    velocities = np.array(message.velocity, dtype=np.float64) if len(message.velocity) == n else np.zeros(n)
    efforts = np.array(message.effort, dtype=np.float64) if len(message.effort) == n else np.zeros(n)
    if not np.all(np.isfinite(positions)):
        raise MolmoRosError(ErrorCode.JOINT_STATES_INVALID, "joint_states holds a position that is not a number.")
    return JointState(
        names=tuple(message.name),
        positions=positions,
        velocities=velocities,
        efforts=efforts,
        stamp_ns=stamp_ns(message.header.stamp),
    )


def joint_state_msg(state: JointState) -> JointStateMsg:
    """JointState as sensor_msgs/JointState."""
    return JointStateMsg(
        header=header("", state.stamp_ns),
        name=list(state.names),
        position=array("d", state.positions),
        velocity=array("d", state.velocities),
        effort=array("d", state.efforts),
    )


def duration_msg(seconds: float) -> DurationMsg:
    """Seconds as builtin_interfaces/Duration."""
    whole = math.floor(seconds)
    return DurationMsg(sec=whole, nanosec=min(round((seconds - whole) * 1e9), 999_999_999))


def trajectory_msg(trajectory: JointTrajectory) -> JointTrajectoryMsg:
    """JointTrajectory as trajectory_msgs/JointTrajectory."""
    return JointTrajectoryMsg(
        joint_names=list(trajectory.names),
        points=[
            JointTrajectoryPoint(
                positions=array("d", p),
                velocities=array("d", v),
                accelerations=array("d", a),
                time_from_start=duration_msg(t),
            )
            for t, p, v, a in zip(
                trajectory.times_s, trajectory.positions, trajectory.velocities, trajectory.accelerations, strict=True
            )
        ],
    )


def trajectory_from(message: JointTrajectoryMsg) -> JointTrajectory:
    """trajectory_msgs/JointTrajectory as JointTrajectory; missing derivatives come from finite differences.

    Raises:
        MolmoRosError: GATE_NAMES or TRACE_INVALID for parts that do not fit.
    """
    n = len(message.joint_names)
    if not message.points or any(len(p.positions) != n for p in message.points):
        raise MolmoRosError(ErrorCode.GATE_NAMES, f"A trajectory must give {n} positions in each point.")
    times = np.array([p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in message.points])
    positions = np.array([p.positions for p in message.points])
    velocities = _rows(message, "velocities", n, positions, times)
    return JointTrajectory(
        names=tuple(message.joint_names),
        times_s=times,
        positions=positions,
        velocities=velocities,
        accelerations=_rows(message, "accelerations", n, velocities, times),
    )


def _rows(message: JointTrajectoryMsg, field: str, n: int, below: np.ndarray, times: np.ndarray) -> np.ndarray:
    rows = [getattr(p, field) for p in message.points]
    if all(len(row) == n for row in rows):
        return np.array(rows).reshape(len(rows), n)
    if len(rows) < 2 or np.any(np.diff(times) <= 0):
        return np.zeros_like(below)
    return np.gradient(below, times, axis=0)


def grasp_msg(grasp: Grasp) -> GraspMsg:
    """Grasp as message."""
    return GraspMsg(
        id=grasp.grasp_id,
        pose_tcp=pose_msg(grasp.T_base_tcp),
        width_m=float(grasp.width_m),
        quality=float(grasp.quality),
        model_score=math.nan if grasp.model_score is None else float(grasp.model_score),
        status=_GRASP_STATUS[grasp.status],
        reason_code=int(grasp.reason_code),
        reason=grasp.reason,
        object_id=int(grasp.object_id),
        source=grasp.source,
    )


def grasp_from(message: GraspMsg) -> Grasp:
    """Grasp from its message.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for values out of range.
    """
    try:
        return Grasp(
            T_base_tcp=pose_matrix(message.pose_tcp),
            width_m=message.width_m,
            quality=message.quality,
            model_score=None if math.isnan(message.model_score) else message.model_score,
            status=_STATUS_GRASP[message.status],
            reason_code=ErrorCode(message.reason_code),
            reason=message.reason,
            object_id=message.object_id,
            source=message.source,
            grasp_id=message.id,
        )
    except (KeyError, ValueError) as error:
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, f"A grasp message is not valid: {error}") from error


def grasp_array_msg(
    grasps: Sequence[Grasp],
    *,
    frame_id: str,
    stamp: int,
    goal_id: str,
    code: ErrorCode = ErrorCode.NONE,
    message: str = "",
    point_px: Sequence[float] = (),
) -> GraspArrayMsg:
    """Ranked grasps as message."""
    chosen = next((i for i, g in enumerate(grasps) if g.status is GraspStatus.CHOSEN), -1)
    return GraspArrayMsg(
        header=header(frame_id, stamp),
        goal_id=goal_id,
        error_code=int(code),
        error_msg=message,
        grasps=[grasp_msg(g) for g in grasps],
        chosen=chosen,
        point_px=array("d", point_px),
    )


def trace_msg(
    trace: Trace | None,
    *,
    frame_id: str,
    goal_id: str,
    stamp: int = 0,
    code: ErrorCode = ErrorCode.NONE,
    message: str = "",
    status: int = TraceMsg.STATUS_PROPOSED,
) -> TraceMsg:
    """Trace as message; an absent trace carries only its outcome."""
    out = TraceMsg(goal_id=goal_id, error_code=int(code), error_msg=message, status=status)
    out.header = header(frame_id, trace.stamp_ns if trace is not None else stamp)
    if trace is not None:
        out.revision = trace.revision
        out.author = _AUTHOR[trace.author]
        out.image_width_px, out.image_height_px = trace.width_px, trace.height_px
        out.uv = array("d", trace.uv.reshape(-1))
        if trace.points_base_m is not None:
            out.points = [point_msg(p) for p in trace.points_base_m]
    return out


def trace_from(message: TraceMsg) -> Trace:
    """Trace from its message.

    Raises:
        MolmoRosError: TRACE_INVALID in words.
    """
    if len(message.uv) % 2 or len(message.uv) > 2 * _MAX_POINTS:
        raise MolmoRosError(ErrorCode.TRACE_INVALID, f"A trace needs pairs of pixels, got {len(message.uv)} numbers.")
    uv = np.array(message.uv, dtype=np.float64).reshape(-1, 2)
    points = np.array([point_array(p) for p in message.points]) if message.points else None
    return Trace(
        uv=uv,
        width_px=message.image_width_px,
        height_px=message.image_height_px,
        points_base_m=points,
        author=Author.PERSON if message.author == TraceMsg.AUTHOR_PERSON else Author.MODEL,
        stamp_ns=stamp_ns(message.header.stamp),
        revision=message.revision,
    )


def path_msg(trace: Trace, frame_id: str) -> Path:
    """A lifted trace as nav_msgs/Path."""
    path = Path(header=header(frame_id, trace.stamp_ns))
    if trace.points_base_m is not None:
        for p in trace.points_base_m:
            pose = PoseStamped(header=path.header)
            pose.pose.position = point_msg(p)
            pose.pose.orientation.w = 1.0
            path.poses.append(pose)
    return path


def chunk_msg(chunk: ActionChunk, *, goal_id: str, stamp: int) -> ActionChunkMsg:
    """ActionChunk as message."""
    return ActionChunkMsg(
        header=header("", stamp),
        goal_id=goal_id,
        sequence=chunk.sequence,
        observation_stamp=time_msg(chunk.observation_stamp_ns),
        dt_s=chunk.dt_s,
        kind=chunk.kind.value,
        names=list(chunk.names),
        horizon=chunk.horizon,
        values=array("d", chunk.values.reshape(-1)),
    )


def chunk_from(message: ActionChunkMsg) -> ActionChunk:
    """ActionChunk from its message.

    Raises:
        MolmoRosError: PAYLOAD_INVALID for a shape or kind that does not fit.
    """
    n = len(message.names)
    if n == 0 or message.horizon * n != len(message.values):
        raise MolmoRosError(
            ErrorCode.PAYLOAD_INVALID,
            f"An action chunk of {message.horizon} x {n} came with {len(message.values)} values.",
        )
    try:
        kind = ActionKind(message.kind)
    except ValueError as error:
        raise MolmoRosError(ErrorCode.PAYLOAD_INVALID, f'"{message.kind}" is no kind of action.') from error
    return ActionChunk(
        names=tuple(message.names),
        values=np.array(message.values).reshape(message.horizon, n),
        kind=kind,
        dt_s=message.dt_s,
        observation_stamp_ns=stamp_ns(message.observation_stamp),
        sequence=message.sequence,
    )


def thought_msg(thought: Thought, *, goal_id: str, frame_id: str, stamp: int) -> ThoughtMsg:
    """Thought as message."""
    phases: Mapping[str, float] = thought.phase_s
    return ThoughtMsg(
        header=header(frame_id, stamp),
        goal_id=goal_id,
        backend=thought.backend,
        model_id=thought.model_id,
        revision=thought.revision,
        contract_hash=thought.contract_hash,
        prompt=thought.prompt,
        raw_text=thought.raw_text,
        points_px=array("d", thought.points_px.reshape(-1)),
        depth_tokens=array("i", thought.depth_tokens),
        trace_px=array("d", thought.trace_px.reshape(-1)),
        actions=array("d", thought.actions.reshape(-1)),
        actions_horizon=int(thought.actions.shape[0]) if thought.actions.size else 0,
        phases=list(phases),
        phase_seconds=array("d", phases.values()),
        error_code=int(thought.code),
        error_msg=thought.message,
    )


def thought_from(message: ThoughtMsg) -> Thought:
    """Thought from its message."""
    actions = np.array(message.actions)
    return Thought(
        prompt=message.prompt,
        raw_text=message.raw_text,
        points_px=np.array(message.points_px).reshape(-1, 2),
        depth_tokens=tuple(message.depth_tokens),
        trace_px=np.array(message.trace_px).reshape(-1, 2),
        actions=actions.reshape(message.actions_horizon, -1) if message.actions_horizon else np.zeros((0, 0)),
        backend=message.backend,
        model_id=message.model_id,
        revision=message.revision,
        contract_hash=message.contract_hash,
        phase_s=dict(zip(message.phases, message.phase_seconds, strict=False)),
        code=ErrorCode(message.error_code),
        message=message.error_msg,
    )
