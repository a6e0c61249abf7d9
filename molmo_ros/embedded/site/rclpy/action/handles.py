"""What an action is made of on the wire: three services and two topics under ``NAME/_action``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalInfo, GoalStatusArray
from action_msgs.srv import CancelGoal

from molmo_ros.embedded.transport import keys
from rclpy.action.goals import Goal, stamp_ns
from rclpy.action.status_codec import pack_status
from rclpy.impl.clocks import Clock, Timer
from rclpy.impl.errors import RCLError
from rclpy.impl.handle import Handle
from rclpy.impl.services import Client, Service
from rclpy.impl.topics import Publisher, Subscription

if TYPE_CHECKING:
    from rclpy.impl.node import Node
    from rclpy.impl.qos import rmw_qos_profile_t
    from rclpy.impl.services import rmw_request_id_t
    from rclpy.impl.wait import WaitSet

NS_PER_S = 1_000_000_000


def _resolve(node: Node, action_name: str, what: str) -> str:
    try:
        return node.resolve(action_name, only_expand=False, is_service=False)
    except ValueError as error:
        raise ValueError(
            f"Failed to create action {what} due to invalid topic name '{action_name}' : {error}"
        ) from None


class _Group(Handle):
    """Handles that live and die together, and where they stand in a wait set."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, Handle]] = []
        self._places: list[tuple[str, int]] = []

    def _own(self, kind: str, part: Any) -> Any:
        self._parts.append((kind, part))
        return part

    def get_num_entities(self) -> tuple[int, int, int, int, int]:
        """Subscriptions, guard conditions, timers, clients and services."""
        kinds = [kind for kind, _ in self._parts]
        return tuple(map(kinds.count, ("subscription", "guard_condition", "timer", "client", "service")))

    def add_to_waitset(self, wait_set: WaitSet) -> None:
        """Wait for every part."""
        self._places = [
            (kind, getattr(wait_set, f"add_{kind}")(part)) for kind, part in self._parts if kind != "publisher"
        ]

    def is_ready(self, wait_set: WaitSet | None = None) -> tuple[bool, ...]:
        """Which parts, in their order, were found ready by the wait set they were added to last."""
        if wait_set is None:
            return any(part.is_ready() for _, part in self._parts)  # type: ignore[return-value]
        return tuple(wait_set.is_ready(kind, index) for kind, index in self._places)

    def _destroy(self) -> None:
        for _, part in self._parts:
            part.destroy_when_not_in_use()


class ActionClientHandle(_Group):
    """The client's side: subscriptions to feedback and status, clients of the three services.

    Raises:
        ValueError: The action's name is not valid.
    """

    def __init__(
        self,
        node: Node,
        action_type: type,
        action_name: str,
        goal_qos: rmw_qos_profile_t,
        result_qos: rmw_qos_profile_t,
        cancel_qos: rmw_qos_profile_t,
        feedback_qos: rmw_qos_profile_t,
        status_qos: rmw_qos_profile_t,
    ) -> None:
        super().__init__()
        impl = action_type.Impl
        name = _resolve(node, action_name, "client")
        self._graph, self._context = node.session.graph, node.context
        base = f"{name}/_action"
        self.feedback = self._own(
            "subscription", Subscription(node, impl.FeedbackMessage, f"{base}/feedback", feedback_qos)
        )
        self.status = self._own("subscription", Subscription(node, GoalStatusArray, f"{base}/status", status_qos))
        self.goal = self._own("client", Client(node, impl.SendGoalService, f"{base}/send_goal", goal_qos))
        self.cancel = self._own("client", Client(node, CancelGoal, f"{base}/cancel_goal", cancel_qos))
        self.result = self._own("client", Client(node, impl.GetResultService, f"{base}/get_result", result_qos))

    def is_action_server_available(self) -> bool:
        """Whether all that a server consists of is in the graph."""
        return (
            all(client.service_server_is_available() for client in (self.goal, self.cancel, self.result))
            and self._graph.count(keys.PUBLISHER, self.feedback.get_topic_name()) > 0
            and self._graph.count(keys.PUBLISHER, self.status.get_topic_name()) > 0
        )

    def wait_for_server(self, timeout_s: float | None) -> bool:
        """Block until a server is there, the context ends or the time is over."""
        self._graph.wait_for(lambda: self.is_action_server_available() or not self._context.ok(), timeout_s)
        return self.is_action_server_available()


class ActionServerHandle(_Group):
    """The server's side: the three services, the two publishers, and the goals with their expiry.

    Raises:
        ValueError: The action's name is not valid.
    """

    def __init__(
        self,
        node: Node,
        clock: Clock,
        action_type: type,
        action_name: str,
        goal_qos: rmw_qos_profile_t,
        result_qos: rmw_qos_profile_t,
        cancel_qos: rmw_qos_profile_t,
        feedback_qos: rmw_qos_profile_t,
        status_qos: rmw_qos_profile_t,
        result_timeout_s: float,
    ) -> None:
        super().__init__()
        impl = action_type.Impl
        base = f"{_resolve(node, action_name, 'server')}/_action"
        self._clock = clock
        self._timeout_ns = int(result_timeout_s * NS_PER_S)
        self._goals: dict[bytes, Goal] = {}
        self.goal = self._own("service", Service(node, impl.SendGoalService, f"{base}/send_goal", goal_qos))
        self.cancel = self._own("service", Service(node, CancelGoal, f"{base}/cancel_goal", cancel_qos))
        self.result = self._own("service", Service(node, impl.GetResultService, f"{base}/get_result", result_qos))
        self._expiry = self._own("timer", Timer(clock, node.context, 0, autostart=False))
        self._feedback = self._own("publisher", Publisher(node, impl.FeedbackMessage, f"{base}/feedback", feedback_qos))
        self._status = self._own("publisher", Publisher(node, GoalStatusArray, f"{base}/status", status_qos))

    def goal_exists(self, key: bytes) -> bool:
        """Whether a goal with this UUID is known."""
        return key in self._goals

    def accept(self, info: GoalInfo) -> Goal:
        """Take up a new goal.

        Raises:
            RCLError: There is one with its UUID.
        """
        goal = Goal(info)
        if goal.key in self._goals:
            raise RCLError("Failed to accept new goal: goal ID already exists")
        self._goals[goal.key] = goal
        return goal

    def publish_feedback(self, message: Any) -> None:
        """Send feedback."""
        self._feedback.publish(message)

    def publish_status(self) -> None:
        """Send the status of every goal."""
        self._status.publish_raw(pack_status(list(self._goals.values())))

    def goals_to_cancel(self, info: GoalInfo) -> tuple[int, list[GoalInfo]]:
        """What a cancel request asks for: a return code and the goals concerned.

        A UUID alone means that goal, nothing at all means every goal, a time means the goals that
        were accepted until then (and the goal of the UUID, if there is one).
        """
        response = CancelGoal.Response
        key, until_ns = bytes(info.goal_id.uuid), stamp_ns(info.stamp)
        if any(key) and until_ns == 0:
            goal = self._goals.get(key)
            if goal is None:
                return response.ERROR_UNKNOWN_GOAL_ID, []
            if not goal.is_cancelable:
                return response.ERROR_GOAL_TERMINATED, []
            return response.ERROR_NONE, [goal.info]
        every = not any(key) and until_ns == 0
        return response.ERROR_NONE, [
            goal.info
            for goal in self._goals.values()
            if goal.is_cancelable and (every or goal.stamp_ns <= until_ns or goal.key == key)
        ]

    def note_goal_end(self) -> None:
        """Plan when results of ended goals are dropped; to be called when a goal ends."""
        now = self._clock.now_ns()
        for goal in self._goals.values():
            if goal.ended_ns is None and not goal.is_active:
                goal.ended_ns = now
        self._plan_expiry()

    def expire_goals(self) -> list[bytes]:
        """Drop the goals whose results were kept long enough; returns their UUIDs."""
        now = self._clock.now_ns()
        expired = [
            key
            for key, goal in self._goals.items()
            if goal.ended_ns is not None and now - goal.ended_ns >= self._timeout_ns
        ]
        for key in expired:
            del self._goals[key]
        self._plan_expiry()
        return expired

    def _plan_expiry(self) -> None:
        ends = [goal.ended_ns for goal in self._goals.values() if goal.ended_ns is not None]
        if not ends or self._timeout_ns < 0:
            self._expiry.cancel_timer()
            return
        left = min(ends) + self._timeout_ns - self._clock.now_ns()
        self._expiry.change_timer_period(max(0, left))
        self._expiry.reset_timer()


def take_request(service: Service, request_type: type) -> tuple[rmw_request_id_t, Any] | None:
    """The oldest request with the header that names it, or nothing."""
    request, info = service.service_take_request(request_type)
    return None if info is None else (info.request_id, request)


def take_response(client: Client, response_type: type) -> tuple[int, Any] | None:
    """The oldest response with its request's number, or nothing."""
    info, response = client.take_response(response_type)
    return None if info is None else (info.request_id.sequence_number, response)
