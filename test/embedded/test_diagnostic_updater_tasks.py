"""Diagnostics: what tasks report and what the updater publishes."""

import threading

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from diagnostic_updater import (
    CompositeDiagnosticTask,
    DiagnosedPublisher,
    DiagnosticStatusWrapper,
    FrequencyStatus,
    FrequencyStatusParam,
    FunctionDiagnosticTask,
    Heartbeat,
    TimeStampStatus,
    TimeStampStatusParam,
    Updater,
)
from rclpy.clock import Clock, ClockType
from rclpy.time import Time
from ros_world import TIMEOUT_S, world
from sensor_msgs.msg import Image

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def saying(level, message):
    def run(stat):
        stat.summary(level, message)
        stat.add(f"{message} value", 5.5)
        return stat

    return FunctionDiagnosticTask(message, run)


def aged(status, seconds):
    """Make a frequency status believe that its window began so long ago."""
    status.times = [
        Time(nanoseconds=t.nanoseconds - int(seconds * 1e9), clock_type=ClockType.ROS_TIME) for t in status.times
    ]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((OK, "fine"), (WARN, "hot"), (WARN, "hot")),
        ((WARN, "hot"), (OK, "fine"), (WARN, "hot")),
        ((WARN, "hot"), (ERROR, "broken"), (ERROR, "hot; broken")),
        ((OK, ""), (OK, "fine"), (OK, "fine")),
    ],
)
def test_merging_keeps_the_worse_level_and_the_bad_messages(first, second, expected):
    status = DiagnosticStatusWrapper(level=first[0], message=first[1])

    status.mergeSummary(*second)

    assert (status.level, status.message) == expected


def test_a_composite_reports_as_one():
    both = CompositeDiagnosticTask("arm")
    both.addTask(saying(OK, "joints"))
    both.addTask(saying(ERROR, "gripper"))

    status = both.run(DiagnosticStatusWrapper())

    assert (status.level, status.message) == (ERROR, "gripper")
    assert [(v.key, v.value) for v in status.values] == [("joints value", "5.5"), ("gripper value", "5.5")]


@pytest.mark.parametrize(
    ("events", "level", "message"),
    [
        (0, ERROR, "No events recorded."),
        (5, WARN, "Frequency too low."),
        (10, OK, "Desired frequency met"),
        (30, WARN, "Frequency too high."),
    ],
)
def test_frequency_is_judged_with_tolerance(events, level, message):
    # Ten events in a second are asked for, give or take a fifth.
    status = FrequencyStatus(FrequencyStatusParam({"min": 10, "max": 10}, 0.2, 1))
    for _ in range(events):
        status.tick()
    aged(status, 1.0)

    report = status.run(DiagnosticStatusWrapper())

    assert (report.level, report.message) == (level, message)
    values = {v.key: v.value for v in report.values}
    assert values["Events in window"] == str(events)
    assert values["Target frequency (Hz)"] == "10.000000"


def test_the_window_slides():
    status = FrequencyStatus(FrequencyStatusParam({"min": 1}, 0.0, 2))
    status.tick()
    for _ in range(3):
        aged(status, 0.5)
        report = status.run(DiagnosticStatusWrapper())

    assert report.message == "No events recorded."


@pytest.mark.parametrize(("age_s", "level"), [(0.0, OK), (4.0, OK), (6.0, ERROR), (-2.0, ERROR)])
def test_stamps_too_old_or_from_the_future_are_errors(age_s, level):
    status = TimeStampStatus(TimeStampStatusParam(-1.0, 5.0))
    now_s = Clock(clock_type=ClockType.ROS_TIME).now().nanoseconds * 1e-9

    status.tick(now_s - age_s)

    assert status.run(DiagnosticStatusWrapper()).level == level
    assert status.run(DiagnosticStatusWrapper()).message == "No data since last update."


def test_a_zero_stamp_is_an_error():
    status = TimeStampStatus()
    status.tick(Time(nanoseconds=0))
    status.tick(Clock(clock_type=ClockType.ROS_TIME).now())

    assert status.run(DiagnosticStatusWrapper()).message == "Zero timestamp seen."


def test_the_updater_publishes_every_task_under_the_nodes_name():
    received, arrived = [], threading.Event()

    def take(array):
        received.extend(array.status)
        if any(s.name == "driver: arm" and s.message == "hot" for s in array.status):
            arrived.set()

    with world("driver", "monitor") as (driver, monitor):
        monitor.create_subscription(DiagnosticArray, "/diagnostics", take, 10)
        updater = Updater(driver, period=0.05)
        updater.setHardwareID("FR3-1")
        updater.add(Heartbeat())
        updater.add("arm", saying(WARN, "hot").run)

        assert arrived.wait(TIMEOUT_S)

        by_name = {s.name: s for s in received}
        assert by_name["driver: Heartbeat"].message == "Alive"
        assert by_name["driver: arm"].hardware_id == "FR3-1"
        assert updater.removeByName("arm")
        assert not updater.removeByName("arm")


def test_period_and_name_are_parameters():
    with world("driver", parameter_overrides=[]) as (driver,):
        updater = Updater(driver, period=10.0)

        assert driver.get_parameter("diagnostic_updater.period").value == 10.0
        assert driver.get_parameter("diagnostic_updater.use_fqn").value is False
        updater.period = 5.0
        assert updater.timer.timer_period_ns == 5 * 10**9


def test_a_diagnosed_publisher_counts_what_it_publishes():
    with world("camera") as (camera,):
        updater = Updater(camera, period=100.0)
        publisher = DiagnosedPublisher(
            camera.create_publisher(Image, "rgb", 5),
            updater,
            FrequencyStatusParam({"min": 0.0}),
            TimeStampStatusParam(),
        )
        image = Image()
        image.header.stamp = camera.get_clock().now().to_msg()

        publisher.publish(image)

        report = publisher.run(DiagnosticStatusWrapper())
        assert report.level == OK
        assert {v.key: v.value for v in report.values}["Events since startup"] == "1"
        assert publisher.getName() == "/rgb topic status"
