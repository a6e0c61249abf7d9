"""The FR3 driver against a robot that refuses what the vendor's refuses."""

from __future__ import annotations

import ast
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

franky = pytest.importorskip(
    "franky", reason="the vendor's wheel is the reference of this test: pip install franky-control"
)
sys.path.insert(0, str(Path(__file__).parent))

import fake_franky  # noqa: E402

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError  # noqa: E402
from molmo_ros.core.robot import JointTrajectory, RobotDriver  # noqa: E402
from molmo_ros.motion.description import load_robot  # noqa: E402
from molmo_ros.motion.timing import time_parameterise  # noqa: E402
from molmo_ros.robots import franky_driver  # noqa: E402
from molmo_ros.robots.franky_driver import FrankyConfig, FrankyDriver  # noqa: E402
from molmo_ros.robots.franky_path import Dynamics, deviation, path_points  # noqa: E402

ROBOT = load_robot("fr3")
NAMES = ROBOT.limits.names
READY = fake_franky.READY


def connect(ip: str = "robot", **changes: object) -> FrankyDriver:
    config = FrankyConfig(robot_ip=ip, dynamics=1.0, **changes)  # type: ignore[arg-type]
    limits = (ROBOT.limits.lower, ROBOT.limits.upper)
    return FrankyDriver(config, NAMES, limits, ROBOT.gripper_joints, franky=fake_franky.fake_franky())


@pytest.fixture
def driver() -> Iterator[FrankyDriver]:
    made = connect()
    yield made
    made.close()


def trajectory(by: float, start: np.ndarray = READY) -> JointTrajectory:
    step = by * np.array([1.0, 0.3, -0.5, 0.4, 0.6, 0.2, -0.7])
    return time_parameterise(np.array([start, start + step]), ROBOT.limits)


def never() -> bool:
    return False


def later(seconds: float) -> tuple[threading.Event, threading.Timer]:
    event = threading.Event()
    timer = threading.Timer(seconds, event.set)
    timer.start()
    return event, timer


def test_it_is_a_robot_driver(driver: FrankyDriver) -> None:
    assert isinstance(driver, RobotDriver)


def test_a_trajectory_is_followed_in_its_own_time(driver: FrankyDriver) -> None:
    path = trajectory(0.2)
    robot = driver._robot
    off: list[float] = []
    begun: list[float] = []

    def watch() -> bool:
        begun.append(time.perf_counter())
        if robot.is_in_control:
            with robot._lock:
                q, since = robot.state.q, time.perf_counter() - robot._begun
            off.append(float(np.max(np.abs(q - path.sample(since)[0]))))
        return False

    assert driver.execute(path, watch).code is ErrorCode.NONE
    np.testing.assert_allclose(robot.state.q, path.positions[-1], atol=1e-6)
    assert len(off) > 3
    # 4 mrad are promised; the rest is the clock of this test at no more than 0.85 rad/s.
    assert max(off) < 0.004 + 0.85 * 0.01


def test_columns_are_brought_into_the_robots_order(driver: FrankyDriver) -> None:
    path = trajectory(0.1)
    turned = JointTrajectory(
        names=path.names[::-1],
        times_s=path.times_s,
        positions=path.positions[:, ::-1],
        velocities=path.velocities[:, ::-1],
        accelerations=path.accelerations[:, ::-1],
    )
    assert driver.execute(turned, never).code is ErrorCode.NONE
    np.testing.assert_allclose(driver._robot.state.q, path.positions[-1], atol=1e-6)


def test_two_motions_never_share_an_object(driver: FrankyDriver) -> None:
    there, back = trajectory(0.05), time_parameterise(np.array([trajectory(0.05).positions[-1], READY]), ROBOT.limits)
    assert driver.execute(there, never).code is ErrorCode.NONE
    assert driver.execute(back, never).code is ErrorCode.NONE
    assert driver._robot.log.count("JointWaypointMotion") == 2


def test_a_cancel_comes_to_rest_within_a_tenth_of_a_second_of_planned_braking(driver: FrankyDriver) -> None:
    event, _ = later(0.4)
    result = driver.execute(trajectory(0.9), event.is_set)
    robot = driver._robot
    assert result.code is ErrorCode.CANCELED
    assert "JointStopMotion" in robot.log
    assert robot._legs[-1][0] < 0.1
    assert np.max(np.abs(robot.state.dq)) == 0.0


def test_hold_from_another_thread_ends_the_motion(driver: FrankyDriver) -> None:
    threading.Timer(0.2, driver.hold).start()
    assert driver.execute(trajectory(0.9), never).code is ErrorCode.CANCELED


def test_low_dynamics_play_the_same_path_slower() -> None:
    path = trajectory(0.3)
    slow = Dynamics(
        velocity=0.05 * ROBOT.limits.velocity,
        acceleration=0.05 * ROBOT.limits.acceleration,
        jerk=0.05 * ROBOT.limits.jerk,
    )
    points = path_points(path, READY, slow, 0.004)
    total_s = sum(p.duration_ms for p in points) / 1e3
    assert total_s > 4 * path.duration_s
    assert deviation(points, path, READY, slow, total_s / path.duration_s) <= 0.004
    assert max(float(np.max(np.abs(p.velocity) / slow.velocity)) for p in points) <= 1.0


def test_no_joint_may_go_faster_than_it_stops_in_time(driver: FrankyDriver) -> None:
    assert np.all(driver._robot.joint_velocity_limit.get() <= 0.85 + 1e-9)


@pytest.mark.parametrize("when", ["idle", "moving"])
def test_a_reflex_is_latched_until_recovered(driver: FrankyDriver, when: str) -> None:
    robot = driver._robot
    if when == "moving":
        threading.Timer(0.2, robot.reflex).start()
    else:
        robot.reflex()
    assert driver.execute(trajectory(0.6), never).code is ErrorCode.REFLEX
    moves = len(robot.log)
    here = np.asarray(robot.state.q)
    assert driver.execute(trajectory(0.1, here), never).code is ErrorCode.REFLEX
    with pytest.raises(MolmoRosError, match="recover"):
        driver.stream(NAMES, here)
    assert len(robot.log) == moves, "nothing may be tried before the recovery"
    driver.recover()
    assert driver.execute(trajectory(0.1, here), never).code is ErrorCode.NONE


def test_recovery_fails_while_the_users_stop_is_pressed(driver: FrankyDriver) -> None:
    robot = driver._robot
    threading.Timer(0.2, robot.press_stop).start()
    assert driver.execute(trajectory(0.6), never).code is ErrorCode.STOPPED
    with pytest.raises(MolmoRosError):
        driver.recover()
    assert driver.fault is not None
    robot.released = True
    driver.recover()
    assert driver.fault is None


def settle(driver: FrankyDriver, q: np.ndarray) -> None:
    end = time.monotonic() + 5.0
    while np.max(np.abs(driver._robot.state.q - q)) > 2e-3:
        assert time.monotonic() < end, "the arm never came near its target"
        driver.stream(NAMES, q)
        time.sleep(0.01)


def test_a_stream_moves_the_arm_and_a_motion_after_it_changes_mode_cleanly(driver: FrankyDriver) -> None:
    for share in np.linspace(0.0, 1.0, 20):
        driver.stream(NAMES, READY + share * 0.1)
        time.sleep(0.01)
    settle(driver, READY + 0.1)
    path = trajectory(0.05, np.asarray(driver._robot.state.q))
    assert driver.execute(path, never).code is ErrorCode.NONE
    log = driver._robot.log
    assert log.index("JointImpedanceTrackingMotion") < log.index("TorqueStopMotion") < log.index("JointWaypointMotion")


def test_a_moving_target_carries_its_velocity(driver: FrankyDriver) -> None:
    for k in range(30):
        driver.stream(NAMES, READY + 0.003 * k)
        time.sleep(0.01)
    speeds = [float(np.max(dq)) for _, dq in driver._robot.references]
    assert max(speeds) > 0.1
    assert max(speeds) <= 0.85 + 1e-9


def test_hold_freezes_a_stream_where_the_arm_is(driver: FrankyDriver) -> None:
    for k in range(30):
        driver.stream(NAMES, READY + 0.01 * k)
        time.sleep(0.01)
    driver.hold()
    end = time.monotonic() + 2.0
    while np.max(np.abs(driver._robot.state.dq)) > 1e-2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert np.max(driver._robot.state.q) < np.max(READY + 0.29)


def test_a_stream_is_refused_during_a_motion(driver: FrankyDriver) -> None:
    event = threading.Event()
    worker = threading.Thread(target=driver.execute, args=(trajectory(0.8), event.is_set))
    worker.start()
    while not driver._robot.is_in_control:
        time.sleep(0.002)
    with pytest.raises(MolmoRosError) as caught:
        driver.stream(NAMES, READY)
    event.set()
    worker.join()
    assert caught.value.code is ErrorCode.COMMANDER_CONFLICT


def test_a_reflex_while_streaming_is_told_to_the_next_target(driver: FrankyDriver) -> None:
    settle(driver, READY + 0.01)
    driver._robot.reflex()
    driver._session._done.wait(5.0)  # type: ignore[union-attr]
    with pytest.raises(MolmoRosError) as caught:
        driver.stream(NAMES, READY + 0.01)
    assert caught.value.code is ErrorCode.REFLEX


@pytest.mark.parametrize(("ip", "says"), [("unreachable", "FCI"), ("no-rt", "PREEMPT_RT")])
def test_a_robot_that_is_not_there_is_named(ip: str, says: str) -> None:
    with pytest.raises(MolmoRosError, match=says) as caught:
        connect(ip)
    assert caught.value.code is ErrorCode.DRIVER_UNAVAILABLE


def test_without_the_wheel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", None)
    with pytest.raises(MissingDependencyError, match=r"molmo_ros\[franka\]"):
        franky_driver.load_franky()


@pytest.mark.parametrize(
    ("object_m", "width_m", "wide", "stalled"),
    [(None, 0.0, 0.0, False), (0.03, 0.0, 0.03, True), (None, 0.04, 0.04, False), (0.06, 0.04, 0.06, True)],
)
def test_the_hand_closes_on_what_is_there(
    driver: FrankyDriver, object_m: float | None, width_m: float, wide: float, stalled: bool
) -> None:
    driver._hand._gripper.object_m = object_m
    result = driver.move_gripper(width_m, 40.0, never)
    assert (result.code, result.gripper.width_m, result.gripper.stalled) == (ErrorCode.NONE, wide, stalled)  # type: ignore[union-attr]


def test_closing_halfway_in_free_air_does_not_close_fully(driver: FrankyDriver) -> None:
    driver.move_gripper(0.05, 40.0, never)
    assert ("grasp", 0.05, 40.0) not in driver._hand._gripper.log


def test_a_cancelled_hand_is_stopped(driver: FrankyDriver) -> None:
    assert driver.move_gripper(0.0, 40.0, lambda: True).code is ErrorCode.CANCELED
    assert ("stop",) in driver._hand._gripper.log


def test_a_failing_hand_is_a_named_fault(driver: FrankyDriver) -> None:
    assert driver.move_gripper(0.0, 400.0, never).code is ErrorCode.GRIPPER_FAILED


# The fake itself: naive use is refused as the vendor refuses it, and it has the vendor's signatures.


def test_the_fake_refuses_a_motion_object_used_twice() -> None:
    robot, motion = fake_franky.FakeRobot("robot"), franky.JointStopMotion()
    robot.move(motion)
    with pytest.raises(franky.MotionReuseException):
        robot.move(motion)


def test_the_fake_refuses_another_control_mode_in_motion() -> None:
    robot = fake_franky.FakeRobot("robot")
    robot.move(franky.JointMotion(READY + 0.5), asynchronous=True)
    with pytest.raises(franky.InvalidMotionTypeException):
        robot.move(franky.JointImpedanceTrackingMotion(), asynchronous=True)


def test_the_fake_refuses_a_motion_before_the_recovery() -> None:
    robot = fake_franky.FakeRobot("robot")
    robot.reflex()
    with pytest.raises(franky.CommandException):
        robot.move(franky.JointStopMotion())


def test_the_fake_stops_itself_at_a_target_out_of_range() -> None:
    robot = fake_franky.FakeRobot("robot")
    with pytest.raises(franky.ControlException, match="joint_position_limits"):
        robot.move(franky.JointMotion(np.degrees(READY)))


def test_the_fake_refuses_limits_in_motion() -> None:
    robot = fake_franky.FakeRobot("robot")
    robot.move(franky.JointMotion(READY + 0.5), asynchronous=True)
    with pytest.raises(RuntimeError):
        robot.joint_velocity_limit.set(np.ones(7))


def vendor_signatures(name: str) -> dict[str, list[list[str]]]:
    """Argument names of every public member of a class of the installed wheel, one list per overload."""
    stub = Path(franky.__file__).parent / "_franky.pyi"
    found: dict[str, list[list[str]]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    found.setdefault(item.name, []).append([a.arg for a in item.args.args])
    return found


@pytest.mark.parametrize(
    ("vendor", "fake", "helpers"),
    [
        ("_RobotInternal", "FakeRobot", {"reflex", "press_stop"}),
        ("Gripper", "FakeGripper", set()),
        ("BoolFuture", "FakeFuture", set()),
        ("VectorDynamicsLimit", "FakeLimit", set()),
    ],
)
def test_the_fake_has_the_signatures_of_the_wheel(vendor: str, fake: str, helpers: set[str]) -> None:
    theirs = vendor_signatures(vendor)
    tree = ast.parse(Path(fake_franky.__file__).read_text(encoding="utf-8"))
    ours = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == fake)
    wrong = []
    for item in ours.body:
        public = isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name == "__init__")
        if not isinstance(item, ast.FunctionDef) or not public or item.name in helpers:
            continue
        if item.name == "__init__" and fake in ("FakeFuture", "FakeLimit"):
            continue
        arguments = [a.arg for a in item.args.args]
        if not any(overload[: len(arguments)] == arguments for overload in theirs.get(item.name, [])):
            wrong.append(item.name)
    assert wrong == []
