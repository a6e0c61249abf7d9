"""Timers, rates, clocks and simulated time."""

from __future__ import annotations

import threading

import pytest
import rclpy
from builtin_interfaces.msg import Time as TimeMsg
from hypothesis import given
from hypothesis import strategies as st
from rclpy.clock import Clock, ClockChange, ClockType, JumpThreshold, ROSClock
from rclpy.duration import Duration
from rclpy.exceptions import ROSInterruptException
from rclpy.impl.clocks import Clock as CoreClock
from rclpy.impl.clocks import Timer as CoreTimer
from rclpy.parameter import Parameter
from rclpy.time import Time
from rclpy_world import PATIENCE_S, context, node, spinning
from rosgraph_msgs.msg import Clock as ClockMsg

S = 1_000_000_000


@given(st.integers(0, 2**63 - 1))
def test_a_time_survives_its_message(nanoseconds: int) -> None:
    time = Time(nanoseconds=min(nanoseconds, (2**31 - 1) * S), clock_type=ClockType.ROS_TIME)
    assert Time.from_msg(time.to_msg()) == time


@given(st.integers(-(2**31) * S, (2**31 - 1) * S))
def test_a_duration_survives_its_message(nanoseconds: int) -> None:
    assert Duration.from_msg(Duration(nanoseconds=nanoseconds).to_msg()).nanoseconds == nanoseconds


def test_times_of_different_clocks_do_not_compare() -> None:
    with pytest.raises(TypeError):
        _ = Time(clock_type=ClockType.ROS_TIME) < Time(clock_type=ClockType.SYSTEM_TIME)


class _Told(CoreClock):
    """A clock of ROS time at a time the test tells."""

    def __init__(self) -> None:
        super().__init__(ClockType.ROS_TIME)
        self.set_ros_time_override_is_enabled(True)

    def tell(self, nanoseconds: int) -> None:
        self.set_ros_time_override(Time(nanoseconds=nanoseconds)._time_handle)


class _Silent:
    def wake(self) -> None:
        """Nobody waits."""


def test_a_late_timer_skips_the_deadlines_it_missed() -> None:
    clock = _Told()
    timer = CoreTimer(clock, _Silent(), 10)
    clock.tell(35)
    assert timer.is_ready()
    timer.call_timer()
    assert timer.time_until_next_call() == 5


def test_a_timer_starts_anew_when_time_jumps_back() -> None:
    clock = _Told()
    clock.tell(1000)
    timer = CoreTimer(clock, _Silent(), 10)
    clock.tell(5)
    assert timer.time_until_next_call() == 10


def test_a_cancelled_timer_is_never_due_until_reset() -> None:
    clock = _Told()
    timer = CoreTimer(clock, _Silent(), 10)
    timer.cancel_timer()
    clock.tell(100)
    assert (timer.is_ready(), timer.time_until_next_call()) == (False, None)
    timer.reset_timer()
    assert timer.time_until_next_call() == 10


def test_a_clock_that_is_told_the_time_sets_no_timeout() -> None:
    timer = CoreTimer(_Told(), _Silent(), 10)
    assert timer.wait_ns() is None


def test_jump_callbacks_hear_what_passes_their_threshold() -> None:
    clock, heard = ROSClock(), []
    threshold = JumpThreshold(min_forward=Duration(seconds=1), min_backward=Duration(seconds=-1))
    handle = clock.create_jump_callback(threshold, post_callback=lambda jump: heard.append(jump))
    clock._set_ros_time_is_active(True)
    clock.set_ros_time_override(Time(nanoseconds=S // 2, clock_type=ClockType.ROS_TIME))
    clock.set_ros_time_override(Time(nanoseconds=5 * S, clock_type=ClockType.ROS_TIME))
    clock.set_ros_time_override(Time(nanoseconds=1 * S, clock_type=ClockType.ROS_TIME))
    handle.unregister()
    clock.set_ros_time_override(Time(nanoseconds=9 * S, clock_type=ClockType.ROS_TIME))
    assert heard[0].clock_change == ClockChange.ROS_TIME_ACTIVATED
    assert [jump.delta.nanoseconds for jump in heard] == [0, 4 * S + S // 2, -4 * S]


def test_a_node_follows_the_clock_topic_when_it_uses_sim_time() -> None:
    with node(parameter_overrides=[Parameter("use_sim_time", value=True)]) as it, spinning(it) as until:
        assert it.get_clock().ros_time_is_active
        publisher = it.create_publisher(ClockMsg, "/clock", 1)
        ticks = []
        it.create_timer(1.0, lambda: ticks.append(it.get_clock().now().nanoseconds))
        publisher.publish(ClockMsg(clock=TimeMsg(sec=100, nanosec=S // 2)))
        assert until(lambda: it.get_clock().now().nanoseconds == 100 * S + S // 2)
        assert until(lambda: len(ticks) == 1)
        publisher.publish(ClockMsg(clock=TimeMsg(sec=101)))
        assert until(lambda: len(ticks) == 2)
        assert ticks == [100 * S + S // 2, 101 * S]


def test_simulated_time_can_be_switched_on_and_off() -> None:
    with node() as it:
        it.set_parameters([Parameter("use_sim_time", value=True)])
        assert it.get_clock().now().nanoseconds == 0
        it.set_parameters([Parameter("use_sim_time", value=False)])
        assert it.get_clock().now().nanoseconds > 10**18


def test_sleeping_until_a_simulated_time_ends_when_it_is_shown() -> None:
    with context() as made:
        clock = ROSClock()
        clock._set_ros_time_is_active(True)
        clock.set_ros_time_override(Time(nanoseconds=S, clock_type=ClockType.ROS_TIME))
        slept = []
        until = Time(nanoseconds=2 * S, clock_type=ClockType.ROS_TIME)
        thread = threading.Thread(target=lambda: slept.append(clock.sleep_until(until, made)))
        thread.start()
        while not clock.handle._jumps:
            thread.join(0.005)
        clock.set_ros_time_override(until)
        thread.join(PATIENCE_S)
        assert slept == [True]


def test_shutdown_wakes_a_sleeper() -> None:
    with context() as made:
        clock, slept = Clock(clock_type=ClockType.STEADY_TIME), []
        thread = threading.Thread(target=lambda: slept.append(clock.sleep_for(Duration(seconds=3600), made)))
        thread.start()
        while not clock.handle._jumps:
            thread.join(0.005)
        rclpy.shutdown(context=made)
        thread.join(PATIENCE_S)
        assert slept == [False]


def test_shutdown_interrupts_a_rate() -> None:
    with node() as it:
        rate = it.create_rate(0.001)
        raised = threading.Event()

        def sleep() -> None:
            try:
                rate.sleep()
            except ROSInterruptException:
                raised.set()

        thread = threading.Thread(target=sleep)
        thread.start()
        while not rate._num_sleepers:
            thread.join(0.005)
        rclpy.shutdown(context=it.context)
        assert raised.wait(PATIENCE_S)
        thread.join()
