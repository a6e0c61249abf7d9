"""The tree of frames over time and the lookups in it."""

from __future__ import annotations

import math
import threading
from typing import Any, NamedTuple

from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from . import _report
from ._cache import Sample, StaticCache, TimeCache
from ._exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from ._rotation import (
    IDENTITY,
    ORIGIN,
    Quaternion,
    Vector,
    add,
    conjugate,
    cross,
    multiply,
    rotate,
    rotation_vector,
    scale,
    subtract,
)

DEFAULT_CACHE_NS = 10 * 10**9
NORMALIZATION_TOLERANCE = 10e-3

Cache = TimeCache | StaticCache


class _Pose(NamedTuple):
    """A resolved transform and the time it is valid for."""

    rotation: Quaternion
    translation: Vector
    stamp_ns: int

    def after(self, first: _Pose) -> _Pose:
        """Return the transform that applies ``first`` and then this one."""
        return _Pose(
            multiply(self.rotation, first.rotation),
            add(rotate(self.rotation, first.translation), self.translation),
            self.stamp_ns,
        )


def _nanoseconds(value: Any, what: str) -> int:
    """Read a rclpy Time or Duration, or their messages, as nanoseconds."""
    if hasattr(value, "sec") and hasattr(value, "nanosec"):
        return int(value.sec) * 10**9 + int(value.nanosec)
    if hasattr(value, "nanoseconds"):
        return int(value.nanoseconds)
    raise TypeError(f"{what} must have sec and nanosec, or nanoseconds.")


def _require_names(*names: str) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a frame name must be a str, not {type(name).__name__}")


class BufferCore:
    """Stores transforms between named frames and answers lookups at any stored time.

    Args:
        cache_time: How much history to keep per frame (a Duration); 10 s when not given.
    """

    def __init__(self, cache_time: Any = None) -> None:
        self._cache_ns = DEFAULT_CACHE_NS if cache_time is None else _nanoseconds(cache_time, "duration")
        self._frames: dict[str, Cache | None] = {}
        self._authorities: dict[str, str] = {}
        self._lock = threading.RLock()

    # Storing

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform of a moving frame; a faulty one is logged and ignored."""
        self._store(transform, authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Set a transform that is valid at all times."""
        self._store(transform, authority, is_static=True)

    def _store(self, message: TransformStamped, authority: str, *, is_static: bool) -> None:
        parent = message.header.frame_id.removeprefix("/")
        child = message.child_frame_id.removeprefix("/")
        t, q = message.transform.translation, message.transform.rotation
        translation = (float(t.x), float(t.y), float(t.z))
        rotation = (float(q.x), float(q.y), float(q.z), float(q.w))
        fault = _report.fault_of(parent, child, translation, rotation, NORMALIZATION_TOLERANCE)
        if fault:
            _report.error(fault.format(authority=authority))
            return
        sample = Sample(_nanoseconds(message.header.stamp, "time"), parent, translation, rotation)
        with self._lock:
            cache = self._frames.get(child)
            if cache is None or cache.is_static != is_static:
                cache = StaticCache() if is_static else TimeCache(self._cache_ns)
                self._frames[child] = cache
            self._frames.setdefault(parent, None)
            accepted = cache.insert(sample)
            if accepted:
                self._authorities[child] = authority
        if not accepted:
            _report.old_data(child, sample.stamp_ns, authority)

    def clear(self) -> None:
        """Forget the history of every moving frame; names and static frames stay."""
        with self._lock:
            for cache in self._frames.values():
                if cache is not None:
                    cache.clear()

    def can_transform_core(self, target_frame: str, source_frame: str, time: Any) -> tuple[bool, str]:
        """Tell whether a lookup would succeed and, if not, why."""
        _require_names(target_frame, source_frame)
        stamp_ns = _nanoseconds(time, "time")
        if target_frame == source_frame:
            return True, ""
        with self._lock:
            problem = self._name_problem("canTransform", target=target_frame, source=source_frame)
            if problem:
                return False, problem
            return self._is_connected(target_frame, source_frame, stamp_ns)

    def can_transform_full_core(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
    ) -> tuple[bool, str]:
        """Tell whether a lookup through a fixed frame would succeed and, if not, why."""
        _require_names(target_frame, source_frame, fixed_frame)
        target_ns, source_ns = _nanoseconds(target_time, "time"), _nanoseconds(source_time, "time")
        with self._lock:
            problem = self._name_problem("canTransform", target=target_frame, source=source_frame, fixed=fixed_frame)
            if problem:
                return False, problem
            answer = self._is_connected(target_frame, fixed_frame, target_ns)
            return answer if not answer[0] else self._is_connected(fixed_frame, source_frame, source_ns)

    def lookup_transform_core(self, target_frame: str, source_frame: str, time: Any) -> TransformStamped:
        """Return the transform that takes points of the source frame into the target frame."""
        _require_names(target_frame, source_frame)
        pose = self._lookup(target_frame, source_frame, _nanoseconds(time, "time"))
        return _to_message(pose, target_frame, source_frame)

    def lookup_transform_full_core(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
    ) -> TransformStamped:
        """Return the transform from the source frame then to the target frame at another time."""
        _require_names(target_frame, source_frame, fixed_frame)
        target_ns, source_ns = _nanoseconds(target_time, "time"), _nanoseconds(source_time, "time")
        self._require_known("lookupTransform", target=target_frame, source=source_frame, fixed=fixed_frame)
        first = self._lookup(fixed_frame, source_frame, source_ns)
        second = self._lookup(target_frame, fixed_frame, target_ns)
        return _to_message(second.after(first), target_frame, source_frame)

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Return the newest time at which every link between two frames is known."""
        _require_names(target_frame, source_frame)
        for name in (target_frame, source_frame):
            self._require_known_name("get_latest_common_time", name)
        with self._lock:
            return Time(nanoseconds=self._common_stamp(target_frame, source_frame))

    def lookupVelocityCore(
        self, tracking_frame: str, observation_frame: str, time: Any, averaging_interval: Any
    ) -> tuple[Vector, Vector]:
        """Return the linear and angular velocity of one frame as seen from another."""
        return self.lookupVelocityFullCore(
            tracking_frame,
            observation_frame,
            observation_frame,
            (0.0, 0.0, 0.0),
            tracking_frame,
            time,
            averaging_interval,
        )

    def lookupVelocityFullCore(
        self,
        tracking_frame: str,
        observation_frame: str,
        reference_frame: str,
        reference_point: tuple[float, float, float],
        reference_point_frame: str,
        time: Any,
        averaging_interval: Any,
    ) -> tuple[Vector, Vector]:
        """Return the velocity of a frame expressed in a reference frame at a reference point.

        Args:
            tracking_frame: The moving frame.
            observation_frame: The frame in which it is observed.
            reference_frame: The frame in which the answer is expressed.
            reference_point: The point (m) whose linear velocity is wanted.
            reference_point_frame: The frame of that point.
            time: The middle of the averaging interval.
            averaging_interval: Over how much time to average.

        Returns:
            Linear (m/s) and angular (rad/s) velocity.
        """
        stamp_ns = _nanoseconds(time, "time")
        interval_ns = _nanoseconds(averaging_interval, "duration")
        with self._lock:
            latest_ns = self._common_stamp(observation_frame, tracking_frame)
        end_ns = min(stamp_ns + interval_ns // 2, latest_ns)
        # A start of 0 would mean "the latest", hence the 10 us.
        start_ns = max(10_000, end_ns - interval_ns)
        span_s = (end_ns - start_ns) / 1e9
        start = self._lookup(observation_frame, tracking_frame, start_ns)
        end = self._lookup(observation_frame, tracking_frame, end_ns)
        if span_s == 0.0:
            raise ExtrapolationException(f"Only one transform of '{tracking_frame}' is known: its velocity is not")
        turned = rotation_vector(multiply(conjugate(start.rotation), end.rotation))
        angular = scale(rotate(start.rotation, turned), 1.0 / span_s)
        linear = scale(subtract(end.translation, start.translation), 1.0 / span_s)

        to_reference = self._lookup(reference_frame, observation_frame, stamp_ns)
        origin = self._lookup(reference_frame, tracking_frame, stamp_ns)
        point_pose = self._lookup(reference_frame, reference_point_frame, stamp_ns)
        point = add(rotate(point_pose.rotation, tuple(reference_point)), point_pose.translation)
        angular = rotate(to_reference.rotation, angular)
        linear = rotate(to_reference.rotation, linear)
        return add(linear, cross(angular, subtract(point, origin.translation))), angular

    def all_frames_as_string(self) -> str:
        """Return one sentence per frame."""
        with self._lock:
            return self._describe()

    def all_frames_as_yaml(self) -> str:
        """Return parent, broadcaster, rate and times of every frame as YAML."""
        with self._lock:
            return _report.frames_as_yaml(self._frames, self._authorities)

    def _describe(self) -> str:
        return "".join(
            f"Frame {name} exists with parent {cache.latest.parent if cache.latest else 'NO_PARENT'}.\n"
            for name, cache in self._frames.items()
            if cache is not None
        )

    def _frameExists(self, frame_id: str) -> bool:
        with self._lock:
            return frame_id in self._frames

    def _getFrameStrings(self) -> list[str]:
        with self._lock:
            return list(self._frames)

    def _allFramesAsDot(self, time: Any = None) -> str:
        now_ns = 0 if time is None else _nanoseconds(time, "time")
        with self._lock:
            return _report.frames_as_dot(self._frames, self._authorities, now_ns)

    def _chain(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
    ) -> list[str]:
        """Return the frames passed on the way from the source to the target."""
        target_ns, source_ns = _nanoseconds(target_time, "time"), _nanoseconds(source_time, "time")
        with self._lock:
            names = self._names_between(fixed_frame, source_frame, source_ns)
            if target_ns == source_ns and fixed_frame == target_frame:
                return names
            return names + self._names_between(target_frame, fixed_frame, target_ns)[1:]

    def _name_problem(self, function: str, **frames: str) -> str:
        for role, name in frames.items():
            if not name:
                rationale = "in tf2 frame_ids cannot be empty"
            elif name.startswith("/"):
                rationale = "in tf2 frame_ids cannot start with a '/'"
            elif name not in self._frames:
                rationale = "frame does not exist"
            else:
                continue
            return f'Invalid frame ID "{name}" passed to {function} argument {role}_frame - {rationale}'
        return ""

    def _require_known_name(self, function: str, name: str) -> None:
        rationale = ""
        if not name:
            rationale = "in tf2 frame_ids cannot be empty"
        elif name.startswith("/"):
            rationale = "in tf2 frame_ids cannot start with a '/'"
        if rationale:
            raise InvalidArgumentException(f'Invalid argument "{name}" passed to {function} - {rationale}')
        with self._lock:
            if name not in self._frames:
                raise LookupException(f'"{name}" passed to {function} does not exist. ')

    def _require_known(self, function: str, **frames: str) -> None:
        for role, name in frames.items():
            self._require_known_name(f"{function} argument {role}_frame", name)

    def _is_connected(self, target: str, source: str, stamp_ns: int) -> tuple[bool, str]:
        try:
            self._walk(target, source, stamp_ns)
        except TransformException as error:
            return False, str(error)
        return True, ""

    def _lookup(self, target: str, source: str, stamp_ns: int) -> _Pose:
        with self._lock:
            if target == source:
                cache = self._frames.get(target)
                if stamp_ns == 0 and cache is not None:
                    stamp_ns = cache.latest_stamp_ns
                return _Pose(IDENTITY, ORIGIN, stamp_ns)
            self._require_known("lookupTransform", target=target, source=source)
            up, down, stamp_ns = self._walk(target, source, stamp_ns)
        pose = _compose(down, stamp_ns)
        inverse_rotation = conjugate(pose.rotation)
        inverse = _Pose(inverse_rotation, scale(rotate(inverse_rotation, pose.translation), -1.0), stamp_ns)
        return inverse.after(_compose(up, stamp_ns))

    def _walk(self, target: str, source: str, stamp_ns: int) -> tuple[list[Sample], list[Sample], int]:
        """Find the links from both frames up to their nearest common ancestor.

        Returns:
            The source's links, the target's links, and the time they are valid for.

        Raises:
            ConnectivityException: There is no common ancestor.
            ExtrapolationException: There might be one, but not at this time.
            LookupException: The frames form a loop.
        """
        if target == source:
            return [], [], stamp_ns
        if stamp_ns == 0:
            stamp_ns = self._common_stamp(target, source)
        up: list[Sample] = []
        depth_of = {source: 0}
        too_early_or_late: ExtrapolationException | None = None
        frame = source
        while frame != target and (cache := self._frames[frame]) is not None:
            try:
                link = cache.sample(stamp_ns)
            except ExtrapolationException as error:
                too_early_or_late = error
                break
            up.append(link)
            frame = link.parent
            if frame in depth_of:
                raise self._loop()
            depth_of[frame] = len(up)

        down: list[Sample] = []
        seen = {target}
        frame = target
        while frame not in depth_of:
            cache = self._frames[frame]
            if cache is None:
                if too_early_or_late is not None:
                    raise self._with_frames(too_early_or_late, target, source)
                raise _not_connected(target, source)
            try:
                link = cache.sample(stamp_ns)
            except ExtrapolationException as error:
                raise self._with_frames(error, target, source) from None
            down.append(link)
            frame = link.parent
            if frame in seen:
                raise self._loop()
            seen.add(frame)
        return up[: depth_of[frame]], down, stamp_ns

    def _names_between(self, target: str, source: str, stamp_ns: int) -> list[str]:
        up, down, _ = self._walk(target, source, stamp_ns)
        first = [source, *(link.parent for link in up)]
        second = [target, *(link.parent for link in down)]
        return first + second[-2::-1]

    def _common_stamp(self, target: str, source: str) -> int:
        """Return the newest time known for every link between two frames, 0 if all are static."""
        if target == source:
            cache = self._frames.get(source)
            return 0 if cache is None else cache.latest_stamp_ns
        links = self._latest_links(source, stop_at=target)
        depth_of = {source: 0} | {link.parent: i + 1 for i, link in enumerate(links)}
        stamps: list[int] = []
        frame = target
        seen = {target}
        while frame not in depth_of:
            cache = self._frames.get(frame)
            if cache is None or cache.latest is None:
                raise _not_connected(target, source)
            stamps.append(cache.latest_stamp_ns)
            frame = cache.latest.parent
            if frame in seen:
                raise self._loop()
            seen.add(frame)
        stamps += [link.stamp_ns for link in links[: depth_of[frame]]]
        return min((stamp for stamp in stamps if stamp), default=0)

    def _latest_links(self, frame: str, stop_at: str) -> list[Sample]:
        links: list[Sample] = []
        seen = {frame}
        while frame != stop_at:
            cache = self._frames.get(frame)
            if cache is None or cache.latest is None:
                break
            links.append(cache.latest)
            frame = cache.latest.parent
            if frame in seen:
                raise self._loop()
            seen.add(frame)
        return links

    def _loop(self) -> LookupException:
        return LookupException(f"The tf tree is invalid because it contains a loop.\n{self._describe()}\n")

    @staticmethod
    def _with_frames(error: ExtrapolationException, target: str, source: str) -> ExtrapolationException:
        return ExtrapolationException(f"{error}, when looking up transform from frame [{source}] to frame [{target}]")


def _not_connected(target: str, source: str) -> ConnectivityException:
    return ConnectivityException(
        f"Could not find a connection between '{target}' and '{source}' because they are not "
        "part of the same tree.Tf has two or more unconnected trees."
    )


def _compose(links: list[Sample], stamp_ns: int) -> _Pose:
    rotation, translation = IDENTITY, ORIGIN
    for link in links:
        translation = add(rotate(link.rotation, translation), link.translation)
        rotation = multiply(link.rotation, rotation)
    return _Pose(rotation, translation, stamp_ns)


def _to_message(pose: _Pose, target_frame: str, source_frame: str) -> TransformStamped:
    message = TransformStamped()
    message.header.frame_id = target_frame
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(pose.stamp_ns, 10**9)
    message.child_frame_id = source_frame
    norm = math.sqrt(sum(c * c for c in pose.rotation)) or 1.0
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = pose.translation
    rotation.x, rotation.y, rotation.z, rotation.w = (c / norm for c in pose.rotation)
    return message
