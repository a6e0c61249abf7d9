"""Offer interactive markers to viewers such as RViz."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from threading import RLock

from builtin_interfaces.msg import Time as TimeMsg
from geometry_msgs.msg import Pose
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from std_msgs.msg import Header
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerFeedback,
    InteractiveMarkerPose,
    InteractiveMarkerUpdate,
)
from visualization_msgs.srv import GetInteractiveMarkers

FeedbackCallback = Callable[[InteractiveMarkerFeedback], None]

# While one viewer moves a marker, another one's feedback is refused for so long.
OWNERSHIP = Duration(seconds=1.0)


@dataclass(kw_only=True)
class _Callbacks:
    """Whom to call for which kind of feedback."""

    default: FeedbackCallback | None = None
    by_type: dict[int, FeedbackCallback] = field(default_factory=dict)

    def set(self, callback: FeedbackCallback | None, feedback_type: int) -> None:
        if feedback_type == InteractiveMarkerServer.DEFAULT_FEEDBACK_CALLBACK:
            self.default = callback
        elif callback is not None:
            self.by_type[feedback_type] = callback
        else:
            self.by_type.pop(feedback_type, None)

    def of(self, feedback_type: int) -> FeedbackCallback | None:
        return self.by_type.get(feedback_type, self.default)


@dataclass(kw_only=True)
class _Shown:
    """A marker as the viewers have it."""

    marker: InteractiveMarker
    last_feedback: Time
    callbacks: _Callbacks
    last_client_id: str = ""


class _Change(Enum):
    FULL = "full"
    POSE = "pose"
    ERASE = "erase"


@dataclass(kw_only=True)
class _Pending:
    """A change that the viewers do not have yet."""

    kind: _Change
    marker: InteractiveMarker = field(default_factory=InteractiveMarker)
    callbacks: _Callbacks = field(default_factory=_Callbacks)


class InteractiveMarkerServer:
    """Holds a set of interactive markers and keeps any number of viewers up to date.

    Changes made by `insert`, `setPose`, `erase` and `clear` reach the viewers with the next
    `applyChanges`.

    Args:
        node: The node to serve from.
        namespace: Viewers find the server by this name.
        update_pub_qos: Profile of the update topic.
        feedback_sub_qos: Profile of the feedback topic.
    """

    DEFAULT_FEEDBACK_CALLBACK = 255

    def __init__(
        self,
        node: Node,
        namespace: str,
        *,
        update_pub_qos: QoSProfile = QoSProfile(depth=100),
        feedback_sub_qos: QoSProfile = QoSProfile(depth=1),
    ) -> None:
        self.node = node
        self.namespace = namespace
        self.seq_num = 0
        self.mutex = RLock()
        self._shown: dict[str, _Shown] = {}
        self._pending: dict[str, _Pending] = {}
        self.get_interactive_markers_srv = node.create_service(
            GetInteractiveMarkers,
            f"{namespace}/get_interactive_markers",
            self.getInteractiveMarkersCallback,
        )
        self.update_pub = node.create_publisher(InteractiveMarkerUpdate, f"{namespace}/update", update_pub_qos)
        self.feedback_sub = node.create_subscription(
            InteractiveMarkerFeedback,
            f"{namespace}/feedback",
            self.processFeedback,
            feedback_sub_qos,
        )

    def shutdown(self) -> None:
        """Take the markers away from the viewers and stop; call it before destroying the node."""
        if self.node.context.ok() and self.update_pub is not None:
            self.clear()
            self.applyChanges()
        if self.get_interactive_markers_srv is not None:
            self.node.destroy_service(self.get_interactive_markers_srv)
            self.get_interactive_markers_srv = None
        if self.update_pub is not None:
            self.node.destroy_publisher(self.update_pub)
            self.update_pub = None
        if self.feedback_sub is not None:
            self.node.destroy_subscription(self.feedback_sub)
            self.feedback_sub = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.shutdown()

    def insert(
        self,
        marker: InteractiveMarker,
        *,
        feedback_callback: FeedbackCallback | None = None,
        feedback_type: int = DEFAULT_FEEDBACK_CALLBACK,
    ) -> None:
        """Add a marker, or replace the one of the same name.

        Args:
            marker: The marker.
            feedback_callback: Function to call with feedback; it counts at once.
            feedback_type: Which kind of feedback; all kinds without a function of their own.
        """
        with self.mutex:
            pending = self._pending.setdefault(marker.name, _Pending(kind=_Change.FULL))
            pending.kind = _Change.FULL
            pending.marker = marker
            if feedback_callback is not None:
                self.setCallback(marker.name, feedback_callback, feedback_type)

    def setPose(self, name: str, pose: Pose, header: Header = Header()) -> bool:
        """Move a marker.

        Args:
            name: Name of the marker.
            pose: Its new pose.
            header: Its new frame; the old one is kept when this names no frame.

        Returns:
            Whether there is such a marker.
        """
        with self.mutex:
            shown, pending = self._shown.get(name), self._pending.get(name)
            if shown is None and (pending is None or pending.kind is not _Change.FULL):
                return False
            if not header.frame_id:
                header = pending.marker.header if shown is None else shown.marker.header
            self._set_pose(name, pose, header)
            return True

    def erase(self, name: str) -> bool:
        """Remove a marker; returns whether there was one."""
        with self.mutex:
            if name not in self._pending and name not in self._shown:
                return False
            self._pending[name] = _Pending(kind=_Change.ERASE)
            return True

    def clear(self) -> None:
        """Remove all markers."""
        with self.mutex:
            self._pending = {name: _Pending(kind=_Change.ERASE) for name in self._shown}

    def setCallback(
        self,
        name: str,
        feedback_callback: FeedbackCallback | None,
        feedback_type: int = DEFAULT_FEEDBACK_CALLBACK,
    ) -> bool:
        """Set whom to call with a marker's feedback; it counts at once.

        Args:
            name: Name of the marker.
            feedback_callback: The function; ``None`` to call nobody.
            feedback_type: Which kind of feedback; all kinds without a function of their own.

        Returns:
            Whether there is such a marker.
        """
        with self.mutex:
            found = [entry for table in (self._shown, self._pending) if (entry := table.get(name))]
            for entry in found:
                entry.callbacks.set(feedback_callback, feedback_type)
            return bool(found)

    def get(self, name: str) -> InteractiveMarker | None:
        """Return a copy of a marker with its pending changes, or nothing."""
        with self.mutex:
            shown, pending = self._shown.get(name), self._pending.get(name)
            if pending is None:
                return None if shown is None else deepcopy(shown.marker)
            if pending.kind is _Change.FULL:
                return deepcopy(pending.marker)
            if pending.kind is _Change.ERASE or shown is None:
                return None
            marker = deepcopy(shown.marker)
            marker.pose, marker.header = pending.marker.pose, pending.marker.header
            return marker

    def applyChanges(self) -> None:
        """Send the pending changes to the viewers."""
        with self.mutex:
            if not self._pending:
                return
            update = InteractiveMarkerUpdate()
            update.type = InteractiveMarkerUpdate.UPDATE
            for name, pending in self._pending.items():
                self._apply(name, pending, update)
            self._pending = {}
            self.seq_num += 1
            self.publish(update)

    def _apply(self, name: str, pending: _Pending, update: InteractiveMarkerUpdate) -> None:
        shown = self._shown.get(name)
        if pending.kind is _Change.FULL:
            if shown is None:
                self._shown[name] = _Shown(
                    marker=pending.marker,
                    last_feedback=self.node.get_clock().now(),
                    callbacks=pending.callbacks,
                )
            else:
                shown.marker = pending.marker
            update.markers.append(pending.marker)
        elif pending.kind is _Change.ERASE:
            if self._shown.pop(name, None) is not None:
                update.erases.append(name)
        elif shown is not None:
            shown.marker.pose, shown.marker.header = pending.marker.pose, pending.marker.header
            moved = InteractiveMarkerPose()
            moved.header, moved.pose, moved.name = shown.marker.header, shown.marker.pose, name
            update.poses.append(moved)

    def processFeedback(self, feedback: InteractiveMarkerFeedback) -> None:
        """Take a viewer's feedback: move the marker, call back, update all viewers."""
        with self.mutex:
            shown = self._shown.get(feedback.marker_name)
            if shown is None:
                return
            now = self.node.get_clock().now()
            is_other = shown.last_client_id not in {"", feedback.client_id}
            if is_other and now - shown.last_feedback < OWNERSHIP:
                self.node.get_logger().debug(
                    f"Rejecting feedback for '{feedback.marker_name}': conflicting feedback from separate clients"
                )
                return
            shown.last_feedback = now
            shown.last_client_id = feedback.client_id
            if feedback.event_type == InteractiveMarkerFeedback.POSE_UPDATE:
                # An unstamped marker is fixed to its frame: only its pose may change.
                is_unstamped = shown.marker.header.stamp == TimeMsg()
                header = shown.marker.header if is_unstamped else feedback.header
                self._set_pose(feedback.marker_name, feedback.pose, header)
            callback = shown.callbacks.of(feedback.event_type)
        if callback is not None:
            callback(feedback)
        self.applyChanges()

    def publish(self, update: InteractiveMarkerUpdate) -> None:
        """Number an update and publish it."""
        update.seq_num = self.seq_num
        self.update_pub.publish(update)

    def getInteractiveMarkersCallback(
        self, request: GetInteractiveMarkers.Request, response: GetInteractiveMarkers.Response
    ) -> GetInteractiveMarkers.Response:
        """Answer a new viewer with all markers and the number of the last update."""
        with self.mutex:
            response.sequence_number = self.seq_num
            response.markers = [shown.marker for shown in self._shown.values()]
            return response

    def _set_pose(self, name: str, pose: Pose, header: Header) -> None:
        pending = self._pending.setdefault(name, _Pending(kind=_Change.POSE))
        if pending.kind is not _Change.FULL:
            pending.kind = _Change.POSE
        pending.marker.pose, pending.marker.header = pose, header
