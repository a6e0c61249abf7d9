"""Action clients."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from unique_identifier_msgs.msg import UUID

from molmo_ros.embedded.typesys import DeserializationError
from rclpy.action.handles import ActionClientHandle, take_response
from rclpy.action.status_codec import unpack_status
from rclpy.executors import await_or_execute
from rclpy.qos import QoSProfile, qos_profile_action_status_default, qos_profile_services_default
from rclpy.task import Future
from rclpy.type_support import check_for_type_support
from rclpy.waitable import NumberOfEntities, Waitable

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node

_DONE = frozenset((GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_CANCELED, GoalStatus.STATUS_ABORTED))


class ClientGoalHandle:
    """A goal that a server has answered."""

    def __init__(self, action_client: ActionClient, goal_id: Any, goal_response: Any) -> None:
        self._action_client = action_client
        self._goal_id = goal_id
        self._goal_response = goal_response
        self._status = GoalStatus.STATUS_UNKNOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientGoalHandle) and self._goal_id == other.goal_id

    __hash__ = None

    def __repr__(self) -> str:
        return f"ClientGoalHandle <id={self.goal_id.uuid}, accepted={self.accepted}, status={self.status}>"

    @property
    def goal_id(self) -> Any:
        """``unique_identifier_msgs/msg/UUID`` of the goal."""
        return self._goal_id

    @property
    def stamp(self) -> Any:
        """When the server accepted it."""
        return self._goal_response.stamp

    @property
    def accepted(self) -> bool:
        """Whether the server accepted it."""
        return self._goal_response.accepted

    @property
    def status(self) -> int:
        """The last status heard of; a constant of ``action_msgs/msg/GoalStatus``."""
        return self._status

    def cancel_goal(self) -> Any:
        """Ask for the goal to be cancelled and wait for the answer; not for use in callbacks."""
        return _wait(self.cancel_goal_async())

    def cancel_goal_async(self) -> Future:
        """Ask for the goal to be cancelled; the future holds ``CancelGoal.Response``."""
        return self._action_client._cancel_goal_async(self)

    def get_result(self) -> Any:
        """Wait for the result; not for use in callbacks."""
        return _wait(self.get_result_async())

    def get_result_async(self) -> Future:
        """Ask for the result; the future holds the action's ``GetResult`` response."""
        return self._action_client._get_result_async(self)


def _wait(future: Future) -> Any:
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    done.wait()
    error = future.exception()
    if error is not None:
        raise error
    return future.result()


class ActionClient(Waitable):
    """Sends goals to an action server.

    Args:
        node: The node it belongs to.
        action_type: Class of the action.
        action_name: Its name.
        callback_group: The node's default group if not given.
        goal_service_qos_profile: For the service that takes goals.
        result_service_qos_profile: For the service that gives results.
        cancel_service_qos_profile: For the service that cancels.
        feedback_sub_qos_profile: For feedback.
        status_sub_qos_profile: For status.
    """

    def __init__(
        self,
        node: Node,
        action_type: type,
        action_name: str,
        *,
        callback_group: CallbackGroup | None = None,
        goal_service_qos_profile: QoSProfile = qos_profile_services_default,
        result_service_qos_profile: QoSProfile = qos_profile_services_default,
        cancel_service_qos_profile: QoSProfile = qos_profile_services_default,
        feedback_sub_qos_profile: QoSProfile | None = None,
        status_sub_qos_profile: QoSProfile = qos_profile_action_status_default,
    ) -> None:
        group = callback_group if callback_group is not None else node.default_callback_group
        super().__init__(group)
        check_for_type_support(action_type)
        self._node = node
        self._action_type = action_type
        self._feedback_type = action_type.Impl.FeedbackMessage
        self._action_name = action_name
        feedback_qos = feedback_sub_qos_profile if feedback_sub_qos_profile is not None else QoSProfile(depth=10)
        with node.handle:
            self._client_handle = ActionClientHandle(
                node.handle,
                action_type,
                action_name,
                goal_service_qos_profile.get_c_qos_profile(),
                result_service_qos_profile.get_c_qos_profile(),
                cancel_service_qos_profile.get_c_qos_profile(),
                feedback_qos.get_c_qos_profile(),
                status_sub_qos_profile.get_c_qos_profile(),
            )
        # A response may arrive before the number of its request is noted: both happen under the lock.
        self._lock = threading.Lock()
        self._ready = (False,) * 5
        self._goal_handles: dict[bytes, weakref.ref[ClientGoalHandle]] = {}
        self._feedback_callbacks: dict[bytes, Callable[[Any], Any]] = {}
        self._pending_goal_requests: dict[int, Future] = {}
        self._goal_sequence_number_to_goal_id: dict[int, Any] = {}
        self._pending_cancel_requests: dict[int, Future] = {}
        self._pending_result_requests: dict[int, Future] = {}
        self._result_sequence_number_to_goal_id: dict[int, Any] = {}
        group.add_entity(self)
        node.add_waitable(self)
        self._logger = node.get_logger().get_child("action_client")

    def is_ready(self, wait_set: Any) -> bool:
        """Whether a response, feedback or a status waits."""
        self._ready = self._client_handle.is_ready(wait_set)
        return any(self._ready)

    def take_data(self) -> dict[str, Any]:
        """Take what was found ready."""
        impl, handle = self._action_type.Impl, self._client_handle
        feedback, status, goal, cancel, result = self._ready
        data: dict[str, Any] = {}
        if goal:
            data["goal"] = take_response(handle.goal, impl.SendGoalService.Response)
        if cancel:
            data["cancel"] = take_response(handle.cancel, CancelGoal.Response)
        if result:
            data["result"] = take_response(handle.result, impl.GetResultService.Response)
        if feedback or result:
            # Feedback that was sent before the result is heard before the result ends the goal.
            data["feedback"] = self._take_feedback()
        if status:
            data["status"] = handle.status.take_message(impl.GoalStatusMessage, True)
        return {name: taken for name, taken in data.items() if taken is not None}

    def _take_feedback(self) -> list[tuple[Callable[[Any], Any], Any]]:
        found = []
        while (taken := self._client_handle.feedback.take_message(self._feedback_type, False)) is not None:
            callback = self._feedback_callbacks.get(bytes(taken[0].goal_id.uuid))
            if callback is not None:
                found.append((callback, taken[0]))
        return found

    async def execute(self, taken_data: dict[str, Any]) -> None:
        """Complete futures and call feedback callbacks for what was taken."""
        if "goal" in taken_data:
            self._handle_goal_response(*taken_data["goal"])
        if "cancel" in taken_data:
            self._complete("cancel", self._pending_cancel_requests, *taken_data["cancel"])
        for callback, message in taken_data.get("feedback", ()):
            await await_or_execute(callback, message)
        if "status" in taken_data:
            self._handle_status(taken_data["status"][0])
        if "result" in taken_data:
            self._complete("result", self._pending_result_requests, *taken_data["result"])

    def _handle_goal_response(self, sequence_number: int, response: Any) -> None:
        with self._lock:
            goal_id = self._goal_sequence_number_to_goal_id.get(sequence_number)
            future = self._pending_goal_requests.get(sequence_number)
        if goal_id is None or future is None:
            self._warn_unexpected("goal")
            return
        goal_handle = ClientGoalHandle(self, goal_id, response)
        if goal_handle.accepted:
            key = bytes(goal_id.uuid)
            if key in self._goal_handles:
                raise RuntimeError(f"Two goals were accepted with the same ID ({goal_handle})")
            self._goal_handles[key] = weakref.ref(goal_handle)
        else:
            self._feedback_callbacks.pop(bytes(goal_id.uuid), None)
        future.set_result(goal_handle)

    def _complete(self, what: str, pending: dict[int, Future], sequence_number: int, response: Any) -> None:
        with self._lock:
            future = pending.get(sequence_number)
        if future is None:
            self._warn_unexpected(what)
        else:
            future.set_result(response)

    def _warn_unexpected(self, what: str) -> None:
        self._logger.warning(
            f"Ignoring unexpected {what} response. There may be more than one action server"
            f" for the action '{self._action_name}'"
        )

    def _handle_status(self, sample: bytes) -> None:
        if not self._goal_handles:
            return
        try:
            statuses = unpack_status(sample)
        except DeserializationError as error:
            self._logger.warning(f"Dropped a malformed status of {self._action_name}: {error}", once=True)
            return
        for key, status in statuses:
            reference = self._goal_handles.get(key)
            if reference is None:
                continue
            goal_handle = reference()
            if goal_handle is not None:
                goal_handle._status = status
            if goal_handle is None or status in _DONE:
                self._goal_handles.pop(key, None)

    def get_num_entities(self) -> NumberOfEntities:
        """How many entities of each kind it waits for."""
        return NumberOfEntities(*self._client_handle.get_num_entities())

    def add_to_wait_set(self, wait_set: Any) -> None:
        """Wait for responses, feedback and status."""
        self._client_handle.add_to_waitset(wait_set)

    def __enter__(self) -> Any:
        return self._client_handle.__enter__()

    def __exit__(self, t: Any, v: Any, tb: Any) -> None:
        self._client_handle.__exit__(t, v, tb)

    def send_goal(self, goal: Any, **kwargs: Any) -> Any:
        """Send a goal and wait for its result; not for use in callbacks.

        Args:
            goal: The goal message.
            kwargs: As for :meth:`send_goal_async`.

        Raises:
            TypeError: It is not the action's goal type.
        """
        return _wait(self.send_goal_async(goal, **kwargs)).get_result()

    def send_goal_async(
        self, goal: Any, feedback_callback: Callable[[Any], Any] | None = None, goal_uuid: Any = None
    ) -> Future:
        """Send a goal; the future holds a :class:`ClientGoalHandle` once the server has answered.

        Args:
            goal: The goal message.
            feedback_callback: Gets each feedback message of this goal.
            goal_uuid: ``unique_identifier_msgs/msg/UUID``; a random one if not given.

        Raises:
            TypeError: It is not the action's goal type.
        """
        if not isinstance(goal, self._action_type.Goal):
            raise TypeError(f"the goal must be a {self._action_type.Goal.__name__}, not {type(goal).__name__}")
        goal_id = UUID(uuid=list(uuid.uuid4().bytes)) if goal_uuid is None else goal_uuid
        request = self._action_type.Impl.SendGoalService.Request(goal_id=goal_id, goal=goal)
        if feedback_callback is not None:
            self._feedback_callbacks[bytes(goal_id.uuid)] = feedback_callback
        future = Future()
        with self._lock:
            number = self._client_handle.goal.send_request(request)
            self._note("goal", self._pending_goal_requests, number, future)
            self._goal_sequence_number_to_goal_id[number] = goal_id
        future.add_done_callback(self._forget_goal_request)
        self.add_future(future)
        return future

    @staticmethod
    def _note(what: str, pending: dict[int, Future], number: int, future: Future) -> None:
        if number in pending:
            raise RuntimeError(f"Sequence ({number}) conflicts with pending {what} request")
        pending[number] = future

    def _forget(self, pending: dict[int, Future], future: Future) -> int | None:
        with self._lock:
            number = next((number for number, other in pending.items() if other is future), None)
            if number is not None:
                del pending[number]
        self.remove_future(future)
        return number

    def _forget_goal_request(self, future: Future) -> None:
        number = self._forget(self._pending_goal_requests, future)
        self._goal_sequence_number_to_goal_id.pop(number, None)

    def _forget_cancel_request(self, future: Future) -> None:
        self._forget(self._pending_cancel_requests, future)

    def _forget_result_request(self, future: Future) -> None:
        number = self._forget(self._pending_result_requests, future)
        goal_id = self._result_sequence_number_to_goal_id.pop(number, None)
        if goal_id is not None:
            self._feedback_callbacks.pop(bytes(goal_id.uuid), None)

    def _cancel_goal_async(self, goal_handle: ClientGoalHandle) -> Future:
        self._require_goal_handle(goal_handle)
        request = CancelGoal.Request()
        request.goal_info.goal_id = goal_handle.goal_id
        future = Future()
        with self._lock:
            number = self._client_handle.cancel.send_request(request)
            self._note("cancel", self._pending_cancel_requests, number, future)
        future.add_done_callback(self._forget_cancel_request)
        self.add_future(future)
        return future

    def _get_result_async(self, goal_handle: ClientGoalHandle) -> Future:
        self._require_goal_handle(goal_handle)
        request = self._action_type.Impl.GetResultService.Request(goal_id=goal_handle.goal_id)
        future = Future()
        with self._lock:
            number = self._client_handle.result.send_request(request)
            self._note("result", self._pending_result_requests, number, future)
            self._result_sequence_number_to_goal_id[number] = goal_handle.goal_id
        future.add_done_callback(self._forget_result_request)
        self.add_future(future)
        return future

    @staticmethod
    def _require_goal_handle(goal_handle: Any) -> None:
        if not isinstance(goal_handle, ClientGoalHandle):
            raise TypeError(f"Expected type ClientGoalHandle but received {type(goal_handle)}")

    def server_is_ready(self) -> bool:
        """Whether a server for this action is there."""
        with self._node.handle:
            return self._client_handle.is_action_server_available()

    def wait_for_server(self, timeout_sec: float | None = None) -> bool:
        """Wait for a server; returns as soon as it is there.

        Args:
            timeout_sec: Longest time to wait; None for no limit.

        Returns:
            Whether there is one.
        """
        with self._node.handle:
            return self._client_handle.wait_for_server(timeout_sec)

    def destroy(self) -> None:
        """Leave the graph."""
        self._client_handle.destroy_when_not_in_use()
        self._node.remove_waitable(self)
