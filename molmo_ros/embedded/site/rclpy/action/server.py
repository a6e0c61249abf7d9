"""Action servers."""

from __future__ import annotations

import functools
import threading
import traceback
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalInfo, GoalStatus
from action_msgs.srv import CancelGoal

from rclpy.action.goals import Goal, GoalEvent
from rclpy.action.handles import ActionServerHandle, take_request
from rclpy.executors import await_or_execute
from rclpy.impl.errors import RCLError
from rclpy.qos import QoSProfile, qos_profile_action_status_default, qos_profile_services_default
from rclpy.task import Future
from rclpy.type_support import check_for_type_support
from rclpy.waitable import NumberOfEntities, Waitable

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node


class GoalResponse(Enum):
    """What a goal callback answers."""

    REJECT = 1
    ACCEPT = 2


class CancelResponse(Enum):
    """What a cancel callback answers."""

    REJECT = 1
    ACCEPT = 2


class ServerGoalHandle:
    """A goal as its server's callbacks see it.

    Raises:
        RuntimeError: The goal's UUID is known already.
    """

    def __init__(self, action_server: ActionServer, goal_info: GoalInfo, goal_request: Any) -> None:
        self._goal: Goal | None = action_server._handle.accept(goal_info)
        self._action_server = action_server
        self._goal_info = goal_info
        self._goal_request = goal_request
        self._lock = threading.Lock()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServerGoalHandle) and self.goal_id == other.goal_id

    __hash__ = None

    @property
    def request(self) -> Any:
        """The goal message."""
        return self._goal_request

    @property
    def goal_id(self) -> Any:
        """``unique_identifier_msgs/msg/UUID`` of the goal."""
        return self._goal_info.goal_id

    @property
    def is_active(self) -> bool:
        """Whether the goal has not reached a terminal state."""
        with self._lock:
            return self._goal is not None and self._goal.is_active

    @property
    def is_cancel_requested(self) -> bool:
        """Whether a cancel request was accepted and the goal has not ended."""
        return self.status == GoalStatus.STATUS_CANCELING

    @property
    def status(self) -> int:
        """A constant of ``action_msgs/msg/GoalStatus``."""
        with self._lock:
            return GoalStatus.STATUS_UNKNOWN if self._goal is None else self._goal.status

    def _update_state(self, event: GoalEvent) -> None:
        with self._lock:
            if self._goal is None:
                return
            self._goal.apply(event)
            if not self._goal.is_active:
                self._action_server.notify_goal_done()
            self._action_server._handle.publish_status()

    def execute(self, execute_callback: Callable[[ServerGoalHandle], Any] | None = None) -> None:
        """Start executing; a goal that is being cancelled already still runs its callback."""
        if not self.is_cancel_requested:
            self._update_state(GoalEvent.EXECUTE)
        self._action_server.notify_execute(self, execute_callback)

    def publish_feedback(self, feedback: Any) -> None:
        """Send feedback about this goal.

        Raises:
            TypeError: It is not the action's feedback type.
        """
        action_type = self._action_server.action_type
        if not isinstance(feedback, action_type.Feedback):
            raise TypeError(f"feedback must be a {action_type.Feedback.__name__}, not {type(feedback).__name__}")
        with self._lock:
            if self._goal is None:
                return
            message = action_type.Impl.FeedbackMessage(goal_id=self.goal_id, feedback=feedback)
            self._action_server._handle.publish_feedback(message)

    def succeed(self) -> None:
        """End the goal as succeeded."""
        self._update_state(GoalEvent.SUCCEED)

    def abort(self) -> None:
        """End the goal as aborted."""
        self._update_state(GoalEvent.ABORT)

    def canceled(self) -> None:
        """End the goal as cancelled, after a cancel request was accepted."""
        self._update_state(GoalEvent.CANCELED)

    def destroy(self) -> None:
        """Let go of the goal; further updates are ignored."""
        with self._lock:
            self._goal = None


def default_handle_accepted_callback(goal_handle: ServerGoalHandle) -> None:
    """Execute at once."""
    goal_handle.execute()


def default_goal_callback(goal_request: Any) -> GoalResponse:
    """Accept every goal."""
    return GoalResponse.ACCEPT


def default_cancel_callback(cancel_request: Any) -> CancelResponse:
    """Refuse to cancel."""
    return CancelResponse.REJECT


class ActionServer(Waitable):
    """Serves an action.

    Args:
        node: The node it belongs to.
        action_type: Class of the action.
        action_name: Its name.
        execute_callback: Executes a goal and returns its result.
        callback_group: The node's default group if not given.
        goal_callback: Decides about new goals.
        handle_accepted_callback: Gets each accepted goal; executes it at once by default.
        cancel_callback: Decides about cancel requests.
        goal_service_qos_profile: For the service that takes goals.
        result_service_qos_profile: For the service that gives results.
        cancel_service_qos_profile: For the service that cancels.
        feedback_pub_qos_profile: For feedback.
        status_pub_qos_profile: For status.
        result_timeout: Seconds for which the result of an ended goal is kept.
    """

    def __init__(
        self,
        node: Node,
        action_type: type,
        action_name: str,
        execute_callback: Callable[[ServerGoalHandle], Any],
        *,
        callback_group: CallbackGroup | None = None,
        goal_callback: Callable[[Any], Any] = default_goal_callback,
        handle_accepted_callback: Callable[[ServerGoalHandle], Any] = default_handle_accepted_callback,
        cancel_callback: Callable[[Any], Any] = default_cancel_callback,
        goal_service_qos_profile: QoSProfile = qos_profile_services_default,
        result_service_qos_profile: QoSProfile = qos_profile_services_default,
        cancel_service_qos_profile: QoSProfile = qos_profile_services_default,
        feedback_pub_qos_profile: QoSProfile | None = None,
        status_pub_qos_profile: QoSProfile = qos_profile_action_status_default,
        result_timeout: float = 900,
    ) -> None:
        group = callback_group if callback_group is not None else node.default_callback_group
        super().__init__(group)
        self._lock = threading.Lock()
        self.register_handle_accepted_callback(handle_accepted_callback)
        self.register_goal_callback(goal_callback)
        self.register_cancel_callback(cancel_callback)
        self.register_execute_callback(execute_callback)
        check_for_type_support(action_type)
        self._node = node
        self._action_type = action_type
        feedback_qos = feedback_pub_qos_profile if feedback_pub_qos_profile is not None else QoSProfile(depth=10)
        with node.handle, node.get_clock().handle:
            self._handle = ActionServerHandle(
                node.handle,
                node.get_clock().handle,
                action_type,
                action_name,
                goal_service_qos_profile.get_c_qos_profile(),
                result_service_qos_profile.get_c_qos_profile(),
                cancel_service_qos_profile.get_c_qos_profile(),
                feedback_qos.get_c_qos_profile(),
                status_pub_qos_profile.get_c_qos_profile(),
                result_timeout,
            )
        self._goal_handles: dict[bytes, ServerGoalHandle] = {}
        self._result_futures: dict[bytes, Future] = {}
        self._ready = (False, False, False, False)
        group.add_entity(self)
        node.add_waitable(self)
        self._logger = node.get_logger().get_child("action_server")

    @property
    def action_type(self) -> type:
        """Class of the action."""
        return self._action_type

    async def _execute_goal_request(self, header: Any, request: Any) -> None:
        key = bytes(request.goal_id.uuid)
        info = GoalInfo(goal_id=request.goal_id)
        with self._lock:
            known = self._handle.goal_exists(key)
        goal_handle = None
        if not known:
            answer = await await_or_execute(self._goal_callback, request.goal)
            if not isinstance(answer, GoalResponse):
                self._logger.warning("Goal request callback did not return a GoalResponse type. Rejecting goal.")
            elif answer is GoalResponse.ACCEPT:
                goal_handle = self._accept(key, info, request.goal)
        response = self._action_type.Impl.SendGoalService.Response(accepted=goal_handle is not None, stamp=info.stamp)
        try:
            self._handle.goal.service_send_response(response, header)
        except RCLError:
            self._logger.warning("Failed to send goal response (the client may have gone away)")
            return
        if goal_handle is not None:
            await await_or_execute(self._handle_accepted_callback, goal_handle)

    def _accept(self, key: bytes, info: GoalInfo, goal: Any) -> ServerGoalHandle | None:
        info.stamp = self._node.get_clock().now().to_msg()
        try:
            with self._lock:
                goal_handle = ServerGoalHandle(self, info, goal)
        except RuntimeError as error:
            self._logger.error(f"Failed to accept new goal with ID {key.hex()}: {error}")
            return None
        future = Future()
        self._goal_handles[key] = goal_handle
        self._result_futures[key] = future
        self.add_future(future)
        return goal_handle

    async def _execute_goal(self, execute_callback: Callable[[Any], Any], goal_handle: ServerGoalHandle) -> None:
        key = bytes(goal_handle.goal_id.uuid)
        try:
            result = await await_or_execute(execute_callback, goal_handle)
        except Exception as error:
            result = self._action_type.Result()
            self._logger.error(f"Error raised in execute callback: {error}")
            traceback.print_exc()
        if goal_handle.is_active:
            self._logger.warning(f"Goal state not set, assuming aborted. Goal ID: {key.hex()}")
            goal_handle.abort()
        response = self._action_type.Impl.GetResultService.Response(status=goal_handle.status, result=result)
        future = self._result_futures.get(key)
        if future is not None:
            future.set_result(response)

    async def _execute_cancel_request(self, header: Any, request: Any) -> None:
        with self._lock:
            code, asked = self._handle.goals_to_cancel(request.goal_info)
        canceling = [info for info in asked if await self._cancel(bytes(info.goal_id.uuid))]
        response = CancelGoal.Response(return_code=code, goals_canceling=canceling)
        try:
            self._handle.cancel.service_send_response(response, header)
        except RCLError:
            self._logger.warning("Failed to send cancel response (the client may have gone away)")

    async def _cancel(self, key: bytes) -> bool:
        """Ask the user whether a goal may be cancelled, and mark it so."""
        goal_handle = self._goal_handles.get(key)
        if goal_handle is None:
            return False
        if await await_or_execute(self._cancel_callback, goal_handle) is not CancelResponse.ACCEPT:
            return False
        try:
            goal_handle._update_state(GoalEvent.CANCEL_GOAL)
        except RCLError as error:
            # The goal may have ended while the user was asked.
            self._logger.debug(f"Failed to cancel goal in cancel callback: {error}")
            return False
        return True

    async def _execute_get_result_request(self, header: Any, request: Any) -> None:
        future = self._result_futures.get(bytes(request.goal_id.uuid))
        if future is None:
            response = self._action_type.Impl.GetResultService.Response(status=GoalStatus.STATUS_UNKNOWN)
            self._handle.result.service_send_response(response, header)
            return
        future.add_done_callback(functools.partial(self._send_result_response, header))

    def _send_result_response(self, header: Any, future: Future) -> None:
        try:
            self._handle.result.service_send_response(future.result(), header)
        except RCLError:
            self._logger.warning("Failed to send result response (the client may have gone away)")

    async def _execute_expire_goals(self, keys: list[bytes]) -> None:
        for key in keys:
            goal_handle = self._goal_handles.pop(key, None)
            if goal_handle is not None:
                goal_handle.destroy()
            future = self._result_futures.pop(key, None)
            if future is not None:
                self.remove_future(future)

    def is_ready(self, wait_set: Any) -> bool:
        """Whether a request waits or a result is due to be dropped."""
        with self._lock:
            self._ready = self._handle.is_ready(wait_set)
        return any(self._ready)

    def take_data(self) -> dict[str, Any]:
        """Take what was found ready."""
        impl = self._action_type.Impl
        goal, cancel, result, expired = self._ready
        data: dict[str, Any] = {}
        with self._lock:
            if goal:
                data["goal"] = take_request(self._handle.goal, impl.SendGoalService.Request)
            if cancel:
                data["cancel"] = take_request(self._handle.cancel, impl.CancelGoalService.Request)
            if result:
                data["result"] = take_request(self._handle.result, impl.GetResultService.Request)
            if expired:
                data["expired"] = self._handle.expire_goals()
        return {name: taken for name, taken in data.items() if taken}

    async def execute(self, taken_data: dict[str, Any]) -> None:
        """Work on what was taken, cancel requests first."""
        if "cancel" in taken_data:
            await self._execute_cancel_request(*taken_data["cancel"])
        if "goal" in taken_data:
            await self._execute_goal_request(*taken_data["goal"])
        if "result" in taken_data:
            await self._execute_get_result_request(*taken_data["result"])
        if "expired" in taken_data:
            await self._execute_expire_goals(taken_data["expired"])

    def get_num_entities(self) -> NumberOfEntities:
        """How many entities of each kind it waits for."""
        return NumberOfEntities(*self._handle.get_num_entities())

    def add_to_wait_set(self, wait_set: Any) -> None:
        """Wait for requests and for results to expire."""
        with self._lock:
            self._handle.add_to_waitset(wait_set)

    def __enter__(self) -> Any:
        return self._handle.__enter__()

    def __exit__(self, t: Any, v: Any, tb: Any) -> None:
        self._handle.__exit__(t, v, tb)

    def notify_execute(self, goal_handle: ServerGoalHandle, execute_callback: Callable[[Any], Any] | None) -> None:
        """Schedule a goal's execution in the node's executor."""
        callback = execute_callback if execute_callback is not None else self._execute_callback
        self._node.executor.create_task(self._execute_goal, callback, goal_handle)

    def notify_goal_done(self) -> None:
        """Plan when the result of a goal that has just ended is dropped."""
        with self._lock:
            self._handle.note_goal_end()

    def register_handle_accepted_callback(self, handle_accepted_callback: Callable[[Any], Any] | None) -> None:
        """Replace the callback that gets each accepted goal; None for the default."""
        self._handle_accepted_callback = handle_accepted_callback or default_handle_accepted_callback

    def register_goal_callback(self, goal_callback: Callable[[Any], Any] | None) -> None:
        """Replace the callback that decides about goals; None for the default."""
        self._goal_callback = goal_callback or default_goal_callback

    def register_cancel_callback(self, cancel_callback: Callable[[Any], Any] | None) -> None:
        """Replace the callback that decides about cancel requests; None for the default."""
        self._cancel_callback = cancel_callback or default_cancel_callback

    def register_execute_callback(self, execute_callback: Callable[[Any], Any]) -> None:
        """Replace the callback that executes goals.

        Raises:
            TypeError: It cannot be called.
        """
        if not callable(execute_callback):
            raise TypeError("Failed to register goal execution callback: not callable")
        self._execute_callback = execute_callback

    def destroy(self) -> None:
        """Leave the graph and forget every goal."""
        for goal_handle in self._goal_handles.values():
            goal_handle.destroy()
        for future in self._result_futures.values():
            self.remove_future(future)
        self._handle.destroy_when_not_in_use()
        self._node.remove_waitable(self)
