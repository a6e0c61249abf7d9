"""The server seen by a viewer that follows RViz' protocol: ask once, then count the updates."""

import threading

import pytest
from geometry_msgs.msg import Pose
from interactive_markers import InteractiveMarkerServer, MenuHandler
from ros_world import TIMEOUT_S, finished, world
from std_msgs.msg import Header
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerFeedback,
    InteractiveMarkerUpdate,
)
from visualization_msgs.srv import GetInteractiveMarkers


def marker(name, x=0.0):
    message = InteractiveMarker(name=name)
    message.header.frame_id = "base"
    message.pose.position.x = x
    return message


def pose(x):
    message = Pose()
    message.position.x = x
    return message


def feedback(name, event=InteractiveMarkerFeedback.BUTTON_CLICK, client="rviz", **fields):
    return InteractiveMarkerFeedback(marker_name=name, event_type=event, client_id=client, **fields)


class Viewer:
    """Holds the updates of a server in their order."""

    def __init__(self, node, namespace):
        self.updates = []
        self.changed = threading.Condition()
        self.subscription = node.create_subscription(InteractiveMarkerUpdate, f"{namespace}/update", self.take, 100)
        self.publisher = node.create_publisher(InteractiveMarkerFeedback, f"{namespace}/feedback", 10)
        self.client = node.create_client(GetInteractiveMarkers, f"{namespace}/get_interactive_markers")

    def take(self, update):
        with self.changed:
            self.updates.append(update)
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.updates) >= count, TIMEOUT_S)
        return self.updates[count - 1]

    def ask(self):
        assert self.client.wait_for_service(TIMEOUT_S)
        return finished(self.client.call_async(GetInteractiveMarkers.Request()))


@pytest.fixture
def stage():
    with world("editor", "rviz") as (editor, rviz):
        server = InteractiveMarkerServer(editor, "trace")
        viewer = Viewer(rviz, "trace")
        assert viewer.client.wait_for_service(TIMEOUT_S)
        yield server, viewer
        server.shutdown()


def test_a_new_viewer_gets_all_markers_and_the_number_of_the_last_update(stage):
    server, viewer = stage
    server.insert(marker("a"))
    server.applyChanges()
    server.insert(marker("b"))
    server.applyChanges()

    answer = viewer.ask()

    assert sorted(m.name for m in answer.markers) == ["a", "b"]
    assert answer.sequence_number == 2


def test_updates_are_numbered_without_gaps_and_say_what_changed(stage):
    server, viewer = stage
    server.insert(marker("a"))
    server.applyChanges()
    server.setPose("a", pose(2.0))
    server.applyChanges()
    server.erase("a")
    server.applyChanges()

    updates = [viewer.wait_for(count) for count in (1, 2, 3)]

    assert [u.seq_num for u in updates] == [1, 2, 3]
    assert all(u.type == InteractiveMarkerUpdate.UPDATE for u in updates)
    assert [m.name for m in updates[0].markers] == ["a"]
    assert [(p.name, p.pose.position.x, p.header.frame_id) for p in updates[1].poses] == [("a", 2.0, "base")]
    assert updates[2].erases == ["a"]


def test_nothing_is_sent_before_the_changes_are_applied(stage):
    server, viewer = stage

    server.insert(marker("a"))

    assert viewer.ask().markers == []
    server.applyChanges()
    server.applyChanges()
    assert viewer.ask().sequence_number == 1


def test_dragging_moves_the_marker_and_calls_back(stage):
    server, viewer = stage
    heard = threading.Event()
    server.insert(
        marker("a"), feedback_callback=lambda _: heard.set(), feedback_type=InteractiveMarkerFeedback.POSE_UPDATE
    )
    server.applyChanges()
    viewer.wait_for(1)

    viewer.publisher.publish(feedback("a", InteractiveMarkerFeedback.POSE_UPDATE, pose=pose(0.7)))

    assert heard.wait(TIMEOUT_S)
    assert viewer.wait_for(2).poses[0].pose.position.x == 0.7
    assert server.get("a").pose.position.x == 0.7


def test_of_two_viewers_that_drag_at_once_the_second_is_refused(stage):
    server, _ = stage
    server.insert(marker("a"))
    server.applyChanges()
    server.processFeedback(feedback("a", InteractiveMarkerFeedback.POSE_UPDATE, "first", pose=pose(1.0)))

    server.processFeedback(feedback("a", InteractiveMarkerFeedback.POSE_UPDATE, "second", pose=pose(9.0)))

    assert server.get("a").pose.position.x == 1.0


def test_callbacks_go_by_kind_of_feedback_with_a_default(stage):
    server, _ = stage
    heard = []
    server.insert(marker("a"), feedback_callback=lambda f: heard.append("any"))
    server.setCallback("a", lambda f: heard.append("click"), InteractiveMarkerFeedback.BUTTON_CLICK)
    server.applyChanges()

    server.processFeedback(feedback("a"))
    server.processFeedback(feedback("a", InteractiveMarkerFeedback.MOUSE_UP))
    server.setCallback("a", None, InteractiveMarkerFeedback.BUTTON_CLICK)
    server.processFeedback(feedback("a"))

    assert heard == ["click", "any", "any"]


def test_a_callback_may_change_markers(stage):
    server, viewer = stage
    server.insert(marker("a"), feedback_callback=lambda f: server.erase("a"))
    server.applyChanges()

    server.processFeedback(feedback("a"))

    assert viewer.wait_for(2).erases == ["a"]
    assert server.get("a") is None


def test_feedback_for_an_unknown_marker_is_ignored(stage):
    server, _ = stage

    server.processFeedback(feedback("nobody", InteractiveMarkerFeedback.POSE_UPDATE, pose=pose(1.0)))

    assert server.seq_num == 0


def test_pending_changes_can_be_read_and_do_not_leak(stage):
    server, _ = stage
    server.insert(marker("a"))
    server.setPose("a", pose(3.0), Header(frame_id="table"))

    copy = server.get("a")
    assert (copy.pose.position.x, copy.header.frame_id) == (3.0, "table")
    copy.pose.position.x = 99.0
    assert server.get("a").pose.position.x == 3.0
    assert server.setPose("nobody", pose(1.0)) is False
    assert server.erase("nobody") is False


def test_clearing_and_shutting_down_take_the_markers_away(stage):
    server, viewer = stage
    for name in ("a", "b"):
        server.insert(marker(name))
    server.applyChanges()
    viewer.wait_for(1)

    server.shutdown()

    assert sorted(viewer.wait_for(2).erases) == ["a", "b"]


def test_a_menu_becomes_entries_with_parents_and_check_boxes(stage):
    server, _ = stage
    menu = MenuHandler()
    points = menu.insert("Points")
    delete = menu.insert("Delete", parent=points)
    accept = menu.insert("Accept")
    hidden = menu.insert("Hidden")
    menu.setCheckState(accept, MenuHandler.CHECKED)
    menu.setVisible(hidden, False)
    server.insert(marker("a"))

    assert menu.apply(server, "a")

    entries = server.get("a").menu_entries
    assert [(e.id, e.parent_id, e.title) for e in entries] == [
        (points, 0, "Points"),
        (delete, points, "Delete"),
        (accept, 0, "[x] Accept"),
    ]
    assert menu.insert("Lost", parent=999) is None


def test_choosing_an_entry_calls_its_function(stage):
    server, _ = stage
    menu, chosen = MenuHandler(), []
    entry = menu.insert("Delete", callback=chosen.append)
    plain = menu.insert("Plain")
    server.insert(marker("a"))
    menu.apply(server, "a")
    server.applyChanges()

    for number in (entry, plain, 999):
        server.processFeedback(feedback("a", InteractiveMarkerFeedback.MENU_SELECT, menu_entry_id=number))

    assert [f.menu_entry_id for f in chosen] == [entry]


def test_a_changed_menu_is_put_on_all_its_markers_again(stage):
    server, _ = stage
    menu = MenuHandler()
    entry = menu.insert("Accept")
    for name in ("a", "b"):
        server.insert(marker(name))
        menu.apply(server, name)
    menu.setCheckState(entry, MenuHandler.UNCHECKED)

    assert menu.reApply(server)
    assert server.get("b").menu_entries[0].title == "[ ] Accept"
    server.erase("b")
    assert menu.reApply(server) is False
