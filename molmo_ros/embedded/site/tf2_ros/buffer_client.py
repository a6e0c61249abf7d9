"""Look transforms up in a buffer that another process keeps."""

from __future__ import annotations

import threading
import time as system_time
import warnings
from typing import Any

import builtin_interfaces.msg
from geometry_msgs.msg import TransformStamped
from rclpy.action.client import ActionClient
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from tf2_py import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)

from .buffer_interface import BufferInterface

_EXCEPTIONS = {
    TF2Error.LOOKUP_ERROR: LookupException,
    TF2Error.CONNECTIVITY_ERROR: ConnectivityException,
    TF2Error.EXTRAPOLATION_ERROR: ExtrapolationException,
    TF2Error.INVALID_ARGUMENT_ERROR: InvalidArgumentException,
    TF2Error.TIMEOUT_ERROR: TimeoutException,
}


class BufferClient(BufferInterface):
    """Asks a buffer server by an action. The node must be spun by another thread.

    Args:
        node: The node to ask from.
        ns: Name of the server's action.
        check_frequency: Kept for compatibility; answers are awaited, not polled.
        timeout_padding: What the way to the server and back may take on top of a timeout.
    """

    def __init__(
        self,
        node: Node,
        ns: str,
        check_frequency: float = 10.0,
        timeout_padding: Duration = Duration(seconds=2.0),
    ) -> None:
        super().__init__()
        self.node = node
        self.action_client = ActionClient(node, LookupTransform, action_name=ns)
        self.check_frequency = check_frequency
        self.timeout_padding = timeout_padding

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return a transform; raises what the server's buffer raised, or TimeoutException."""
        if isinstance(time, builtin_interfaces.msg.Time):
            warnings.warn(
                "Passing a builtin_interfaces.msg.Time argument is deprecated, and will be "
                "removed in the near future. Use rclpy.time.Time instead.",
                stacklevel=2,
            )
            stamp = time
        elif isinstance(time, Time):
            stamp = time.to_msg()
        else:
            raise TypeError("Must pass a rclpy.time.Time object.")
        goal = LookupTransform.Goal()
        goal.target_frame = target_frame
        goal.source_frame = source_frame
        goal.source_time = stamp
        goal.timeout = timeout.to_msg()
        goal.advanced = False
        return self._ask(goal)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
    ) -> TransformStamped:
        """Return a transform between two times; raises as `lookup_transform` does."""
        goal = LookupTransform.Goal()
        goal.target_frame = target_frame
        goal.source_frame = source_frame
        goal.source_time = source_time.to_msg()
        goal.timeout = timeout.to_msg()
        goal.target_time = target_time.to_msg()
        goal.fixed_frame = fixed_frame
        goal.advanced = True
        return self._ask(goal)

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),
    ) -> bool:
        """Tell whether `lookup_transform` succeeds."""
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException:
            return False
        return True

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),
    ) -> bool:
        """Tell whether `lookup_transform_full` succeeds."""
        try:
            self.lookup_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        except TransformException:
            return False
        return True

    def _ask(self, goal: Any) -> TransformStamped:
        if not self.action_client.server_is_ready():
            raise TimeoutException("The BufferServer is not ready.")
        allowed = Duration.from_msg(goal.timeout).nanoseconds + self.timeout_padding.nanoseconds
        deadline = system_time.monotonic() + allowed / 1e9
        goal_handle = _await(self.action_client.send_goal_async(goal), deadline)
        if not goal_handle.accepted:
            raise TimeoutException(
                "The LookupTransform goal sent to the BufferServer did not come back with "
                "accepted status. Something is likely wrong with the server."
            )
        result = _await(goal_handle.get_result_async(), deadline).result
        if result.error.error == TF2Error.NO_ERROR:
            return result.transform
        kind = _EXCEPTIONS.get(result.error.error, TransformException)
        raise kind(result.error.error_string)

    def destroy(self) -> None:
        """Close the connection to the server."""
        self.action_client.destroy()


def _await(future: Future, deadline: float) -> Any:
    """Block until a future that another thread completes is done."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(max(0.0, deadline - system_time.monotonic())):
        future.cancel()
        raise TimeoutException(
            "The LookupTransform goal sent to the BufferServer did not come back in the "
            "specified time. Something is likely wrong with the server."
        )
    return future.result()
