"""Action server and client over a real session: every way a goal can go."""

import threading

import pytest
from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from example_interfaces.action import Fibonacci
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.action.client import ClientGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import qos_profile_action_status_default
from ros_world import TIMEOUT_S, finished, world
from unique_identifier_msgs.msg import UUID


@pytest.fixture
def nodes():
    with world("asker", "doer") as pair:
        yield pair


class Pair:
    """A server and a client of one action."""

    def __init__(self, nodes, execute, **options):
        asker, doer = nodes
        group = ReentrantCallbackGroup()
        self.server = ActionServer(doer, Fibonacci, "count", execute, callback_group=group, **options)
        self.client = ActionClient(asker, Fibonacci, "count")
        assert self.client.wait_for_server(TIMEOUT_S)

    def send(self, order=3, **options) -> ClientGoalHandle:
        return finished(self.client.send_goal_async(Fibonacci.Goal(order=order), **options))


def count(goal_handle):
    for number in range(goal_handle.request.order):
        goal_handle.publish_feedback(Fibonacci.Feedback(sequence=list(range(number + 1))))
    goal_handle.succeed()
    return Fibonacci.Result(sequence=list(range(goal_handle.request.order)))


def accept_cancel(goal_handle):
    return CancelResponse.ACCEPT


class Patient:
    """Executes until it is told to stop, or cancelled."""

    def __init__(self):
        self.started = threading.Event()
        self.stop = threading.Event()

    def __call__(self, goal_handle):
        self.started.set()
        while not self.stop.wait(0.002):
            if goal_handle.is_cancel_requested:
                goal_handle.canceled()
                return Fibonacci.Result(sequence=[1])
        goal_handle.succeed()
        return Fibonacci.Result(sequence=[2])


def test_a_goal_succeeds_with_feedback_and_result(nodes):
    pair = Pair(nodes, count)
    heard, last = [], threading.Event()

    def hear(message):
        heard.append(list(message.feedback.sequence))
        if len(heard) == 3:
            last.set()

    goal = pair.send(feedback_callback=hear)
    assert goal.accepted
    answer = finished(goal.get_result_async())
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert list(answer.result.sequence) == [0, 1, 2]
    assert heard == [[0], [0, 1], [0, 1, 2]] or last.wait(TIMEOUT_S)


def test_a_goal_can_be_rejected(nodes):
    pair = Pair(nodes, count, goal_callback=lambda goal: GoalResponse.REJECT)
    assert not pair.send().accepted
    assert pair.server._goal_handles == {}


def test_a_goal_callback_that_answers_nonsense_rejects(nodes):
    pair = Pair(nodes, count, goal_callback=lambda goal: True)
    assert not pair.send().accepted


def test_a_goal_with_a_known_id_is_rejected(nodes):
    patient = Patient()
    pair = Pair(nodes, patient)
    goal_id = UUID(uuid=list(range(16)))
    assert pair.send(goal_uuid=goal_id).accepted
    assert not pair.send(goal_uuid=goal_id).accepted
    patient.stop.set()


@pytest.mark.parametrize(
    ("end", "status"),
    [("succeed", GoalStatus.STATUS_SUCCEEDED), ("abort", GoalStatus.STATUS_ABORTED)],
)
def test_the_status_the_server_sets_is_the_one_the_client_gets(nodes, end, status):
    def execute(goal_handle):
        getattr(goal_handle, end)()
        return Fibonacci.Result(sequence=[9])

    answer = finished(Pair(nodes, execute).send().get_result_async())
    assert (answer.status, list(answer.result.sequence)) == (status, [9])


def test_a_goal_left_open_is_aborted(nodes):
    answer = finished(Pair(nodes, lambda goal_handle: Fibonacci.Result()).send().get_result_async())
    assert answer.status == GoalStatus.STATUS_ABORTED


def test_a_callback_that_raises_aborts_with_an_empty_result(nodes, capfd):
    def execute(goal_handle):
        raise ValueError("no")

    answer = finished(Pair(nodes, execute).send().get_result_async())
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert list(answer.result.sequence) == []


def test_a_coroutine_may_execute(nodes):
    async def execute(goal_handle):
        goal_handle.succeed()
        return Fibonacci.Result(sequence=[4])

    answer = finished(Pair(nodes, execute).send().get_result_async())
    assert list(answer.result.sequence) == [4]


def test_a_goal_is_cancelled(nodes):
    patient = Patient()
    pair = Pair(nodes, patient, cancel_callback=accept_cancel)
    goal = pair.send()
    assert patient.started.wait(TIMEOUT_S)
    answer = finished(goal.cancel_goal_async())
    assert answer.return_code == CancelGoal.Response.ERROR_NONE
    assert [info.goal_id for info in answer.goals_canceling] == [goal.goal_id]
    result = finished(goal.get_result_async())
    assert (result.status, list(result.result.sequence)) == (GoalStatus.STATUS_CANCELED, [1])


def test_cancelling_is_refused_unless_the_server_says_otherwise(nodes):
    patient = Patient()
    pair = Pair(nodes, patient)
    goal = pair.send()
    assert finished(goal.cancel_goal_async()).goals_canceling == []
    patient.stop.set()
    assert finished(goal.get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def test_an_ended_goal_cannot_be_cancelled(nodes):
    pair = Pair(nodes, count, cancel_callback=accept_cancel)
    goal = pair.send()
    finished(goal.get_result_async())
    answer = finished(goal.cancel_goal_async())
    assert answer.return_code == CancelGoal.Response.ERROR_GOAL_TERMINATED


def test_every_goal_is_cancelled_by_an_empty_request(nodes):
    patient = Patient()
    pair = Pair(nodes, patient, cancel_callback=accept_cancel)
    goals = [pair.send() for _ in range(3)]
    cancel = nodes[0].create_client(CancelGoal, "count/_action/cancel_goal")
    answer = finished(cancel.call_async(CancelGoal.Request()))
    assert len(answer.goals_canceling) == 3
    assert {finished(goal.get_result_async()).status for goal in goals} == {GoalStatus.STATUS_CANCELED}


def test_goals_accepted_until_a_time_are_cancelled(nodes):
    patient = Patient()
    pair = Pair(nodes, patient, cancel_callback=accept_cancel)
    older, newer = pair.send(), pair.send()
    cancel = nodes[0].create_client(CancelGoal, "count/_action/cancel_goal")
    request = CancelGoal.Request()
    request.goal_info.stamp = older.stamp
    answer = finished(cancel.call_async(request))
    assert [info.goal_id for info in answer.goals_canceling] == [older.goal_id]
    patient.stop.set()
    assert finished(newer.get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def test_an_unknown_goal_cannot_be_cancelled_and_has_no_result(nodes):
    pair = Pair(nodes, count, cancel_callback=accept_cancel)
    stranger = ClientGoalHandle(pair.client, UUID(uuid=[7] * 16), None)
    answer = finished(stranger.cancel_goal_async())
    assert answer.return_code == CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID
    assert finished(stranger.get_result_async()).status == GoalStatus.STATUS_UNKNOWN


def test_execution_can_be_deferred(nodes):
    kept = []
    arrived = threading.Event()

    def keep(goal_handle):
        kept.append(goal_handle)
        arrived.set()

    pair = Pair(nodes, count, handle_accepted_callback=keep)
    goal = pair.send()
    assert arrived.wait(TIMEOUT_S)
    assert kept[0].status == GoalStatus.STATUS_ACCEPTED
    kept[0].execute()
    assert finished(goal.get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def test_a_second_end_is_refused(nodes):
    errors = []

    def execute(goal_handle):
        goal_handle.succeed()
        try:
            goal_handle.abort()
        except Exception as error:
            errors.append(type(error).__name__)
        return Fibonacci.Result()

    answer = finished(Pair(nodes, execute).send().get_result_async())
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert errors == ["RCLError"]


def test_a_result_can_be_fetched_twice_and_expires(nodes):
    pair = Pair(nodes, count, result_timeout=0.3)
    goal = pair.send()
    first, second = (finished(goal.get_result_async()) for _ in range(2))
    assert first == second
    gone = threading.Event()
    destroy = pair.server._goal_handles[bytes(goal.goal_id.uuid)].destroy
    pair.server._goal_handles[bytes(goal.goal_id.uuid)].destroy = lambda: (destroy(), gone.set())
    assert gone.wait(TIMEOUT_S)
    assert finished(goal.get_result_async()).status == GoalStatus.STATUS_UNKNOWN


def test_blocking_calls_work_outside_callbacks(nodes):
    pair = Pair(nodes, count)
    assert list(pair.client.send_goal(Fibonacci.Goal(order=2)).result.sequence) == [0, 1]


@pytest.mark.parametrize("goal", [Fibonacci.Result(), 3, None])
def test_a_goal_of_another_type_is_refused(nodes, goal):
    client = ActionClient(nodes[0], Fibonacci, "count")
    with pytest.raises(TypeError):
        client.send_goal_async(goal)


def test_feedback_of_another_type_is_refused(nodes):
    refused = threading.Event()

    def execute(goal_handle):
        try:
            goal_handle.publish_feedback("half way")
        except TypeError:
            refused.set()
        goal_handle.succeed()
        return Fibonacci.Result()

    finished(Pair(nodes, execute).send().get_result_async())
    assert refused.is_set()


def test_an_invalid_name_is_refused(nodes):
    with pytest.raises(ValueError, match="invalid topic name '1 count'"):
        ActionServer(nodes[1], Fibonacci, "1 count", count)
    with pytest.raises(ValueError, match="invalid topic name '1 count'"):
        ActionClient(nodes[0], Fibonacci, "1 count")


def test_a_callback_that_cannot_be_called_is_refused(nodes):
    with pytest.raises(TypeError, match="not callable"):
        ActionServer(nodes[1], Fibonacci, "count", None)


def test_no_server_is_waited_for_in_vain(nodes):
    client = ActionClient(nodes[0], Fibonacci, "nobody")
    assert not client.wait_for_server(0.05)
    assert not client.server_is_ready()


def test_a_destroyed_server_is_gone(nodes):
    pair = Pair(nodes, count)
    pair.server.destroy()
    assert not pair.client.server_is_ready()
    assert all(waitable is not pair.server for waitable in nodes[1].waitables)


def test_a_server_destroyed_while_it_executes_ends_quietly(nodes, capfd):
    patient = Patient()
    ended = threading.Event()

    def execute(goal_handle):
        result = patient(goal_handle)
        ended.set()
        return result

    pair = Pair(nodes, execute)
    pair.send().get_result_async()
    assert patient.started.wait(TIMEOUT_S)
    pair.server.destroy()
    patient.stop.set()
    assert ended.wait(TIMEOUT_S)
    assert "Traceback" not in capfd.readouterr().err


def test_a_client_may_go_before_its_goal_ends(nodes):
    patient = Patient()
    pair = Pair(nodes, patient)
    pair.send().get_result_async()
    assert patient.started.wait(TIMEOUT_S)
    pair.client.destroy()
    patient.stop.set()
    newcomer = ActionClient(nodes[0], Fibonacci, "count")
    assert newcomer.wait_for_server(TIMEOUT_S)
    goal = finished(newcomer.send_goal_async(Fibonacci.Goal(order=1)))
    assert finished(goal.get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def test_status_follows_the_goal(nodes):
    patient = Patient()
    pair = Pair(nodes, patient)
    statuses, over = [], threading.Event()

    def hear(message):
        statuses.extend(entry.status for entry in message.status_list)
        if statuses[-1] == GoalStatus.STATUS_SUCCEEDED:
            over.set()

    nodes[0].create_subscription(GoalStatusArray, "count/_action/status", hear, qos_profile_action_status_default)
    goal = pair.send()
    assert patient.started.wait(TIMEOUT_S)
    patient.stop.set()
    finished(goal.get_result_async())
    assert over.wait(TIMEOUT_S)
    assert statuses == sorted(statuses)
