"""The transform buffer a node keeps."""

from __future__ import annotations

import threading
import time as system_time
from collections.abc import Callable
from typing import Any

import rclpy
import rclpy.clock
import rclpy.logging
from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.srv import FrameGraph
from tf2_py import BufferCore

from .buffer_interface import BufferInterface

Check = Callable[[], tuple[bool, str]]


class Buffer(BufferCore, BufferInterface):
    """Keeps the transforms that arrive, answers lookups and lets callers wait for them.

    Args:
        cache_time: How much history to keep per frame; 10 s when not given.
        node: A node whose clock is followed and that offers the service ``tf2_frames``.
    """

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        BufferCore.__init__(self, *(() if cache_time is None else (cache_time,)))
        BufferInterface.__init__(self)
        self._pending: list[tuple[Future, Check, Callable[[], TransformStamped]]] = []
        self._new_data = threading.Condition(threading.RLock())
        if node is None:
            self.clock = rclpy.clock.Clock()
        else:
            self.srv = node.create_service(FrameGraph, "tf2_frames", self._on_frames_request)
            self.clock = node.get_clock()
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
        self.jump_handle = self.clock.create_jump_callback(threshold, post_callback=self.time_jump_callback)

    def _on_frames_request(self, _request: FrameGraph.Request, response: FrameGraph.Response) -> FrameGraph.Response:
        response.frame_yaml = self.all_frames_as_yaml()
        return response

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Forget everything: transforms from the future of the new time are worthless."""
        rclpy.logging.get_logger("tf2_buffer").warning("Detected jump back in time. Clearing tf buffer.")
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform of a moving frame and wake whoever waits for it."""
        super().set_transform(transform, authority)
        self._wake_waiting()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Set a transform that is valid at all times and wake whoever waits for it."""
        super().set_transform_static(transform, authority)
        self._wake_waiting()

    def _wake_waiting(self) -> None:
        with self._new_data:
            self._new_data.notify_all()
            pending, self._pending = self._pending, []
            still_pending = []
            for entry in pending:
                future, check, fetch = entry
                if future.done() or future.cancelled():
                    continue
                try:
                    if check()[0]:
                        future.set_result(fetch())
                    else:
                        still_pending.append(entry)
                except BaseException as error:
                    future.set_exception(error)
            self._pending = still_pending + self._pending

    def _wait_until(self, check: Check, timeout: Duration) -> tuple[bool, str]:
        """Check at every new transform until the (wall) time is up."""
        answer = check()
        if answer[0] or timeout.nanoseconds <= 0:
            return answer
        deadline = system_time.monotonic() + timeout.nanoseconds / 1e9
        with self._new_data:
            while not (answer := check())[0]:
                left = deadline - system_time.monotonic()
                if left <= 0.0 or not self._new_data.wait(left):
                    return check()
        return answer

    def _wait_async(self, check: Check, fetch: Callable[[], TransformStamped]) -> Future:
        future = Future()
        with self._new_data:
            if check()[0]:
                future.set_result(fetch())
            else:
                self._pending.append((future, check, fetch))
        return future

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return the transform that takes points of the source frame into the target frame.

        Args:
            target_frame: The frame to transform into.
            source_frame: The frame to transform from.
            time: When; zero means the latest time known for the whole chain.
            timeout: How long to wait for it.

        Returns:
            The transform, with the time it is valid for.

        Raises:
            LookupException: A frame is unknown.
            ConnectivityException: No chain joins the frames.
            ExtrapolationException: The time is outside the history.
            InvalidArgumentException: A frame name is invalid.
        """
        if timeout.nanoseconds > 0:
            self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    async def lookup_transform_async(self, target_frame: str, source_frame: str, time: Time) -> TransformStamped:
        """Wait for a transform and return it (arguments as in `lookup_transform`)."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return the transform between two frames at two times.

        Args:
            target_frame: The frame to transform into.
            target_time: When to see the target frame.
            source_frame: The frame to transform from.
            source_time: When to see the source frame.
            fixed_frame: The frame that does not move between the two times.
            timeout: How long to wait for it.

        Returns:
            The transform. Raises as `lookup_transform` does.
        """
        if timeout.nanoseconds > 0:
            self.can_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    async def lookup_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> TransformStamped:
        """Wait for a transform and return it (arguments as in `lookup_transform_full`)."""
        await self.wait_for_transform_full_async(target_frame, target_time, source_frame, source_time, fixed_frame)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Tell whether `lookup_transform` would succeed, waiting for it to become so.

        With ``return_debug_tuple`` the reason comes along.
        """
        answer = self._wait_until(lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return answer if return_debug_tuple else answer[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
        return_debug_tuple: bool = False,
    ) -> bool | tuple[bool, str]:
        """Tell whether `lookup_transform_full` would succeed, waiting for it to become so."""
        wanted = (target_frame, target_time, source_frame, source_time, fixed_frame)
        answer = self._wait_until(lambda: self.can_transform_full_core(*wanted), timeout)
        return answer if return_debug_tuple else answer[0]

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """Return a future that holds the transform as soon as it is known."""
        wanted: tuple[Any, ...] = (target_frame, source_frame, time)
        return self._wait_async(lambda: self.can_transform_core(*wanted), lambda: self.lookup_transform_core(*wanted))

    def wait_for_transform_full_async(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
    ) -> Future:
        """Return a future that holds the transform between two times as soon as it is known."""
        wanted = (target_frame, target_time, source_frame, source_time, fixed_frame)
        return self._wait_async(
            lambda: self.can_transform_full_core(*wanted),
            lambda: self.lookup_transform_full_core(*wanted),
        )
