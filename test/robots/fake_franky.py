"""A robot at franky's boundary that is as strict as the vendor's: only Robot and Gripper are ours.

Motions, waypoints, durations, references and the tracker are franky's own, so units and shapes are checked by it. The
arm moves in wall-clock time: position motions as ruckig plans them, tracked references with a lag of 30 ms.
"""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import franky
import numpy as np
import ruckig

# franka_description robots/fr3/joint_limits.yaml; accelerations and jerks: libfranka rate_limiting.h.
LOWER = np.array([-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159])
UPPER = np.array([2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159])
VELOCITY = np.array([2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26])
READY = np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785])
LAG_S = 0.03
JUMP_RAD = 0.35


class FakeLimit:
    """One of the robot's dynamics limits."""

    def __init__(self, robot: FakeRobot, largest: np.ndarray) -> None:
        self._robot, self.max, self._value = robot, largest, largest.copy()

    def get(self) -> np.ndarray:
        return self._value.copy()

    def set(self, value: Any) -> None:
        if self._robot.is_in_control:
            raise RuntimeError("the limit cannot be set while the robot is in control")
        if np.any(np.asarray(value) > self.max):
            raise RuntimeError("the limit is above Franka's")
        self._value = np.asarray(value, dtype=float)


class FakeRobot:
    """Stands for franky.Robot."""

    def __init__(
        self,
        fci_hostname: str,
        relative_dynamics_factor: Any = 1.0,
        default_torque_threshold: float = 20.0,
        default_force_threshold: float = 30.0,
        controller_mode: Any = franky.ControllerMode.JointImpedance,
        realtime_config: Any = franky.RealtimeConfig.Enforce,
    ) -> None:
        if fci_hostname == "unreachable":
            raise franky.NetworkException("libfranka: Connection to FCI refused.")
        if fci_hostname == "no-rt" and realtime_config == franky.RealtimeConfig.Enforce:
            raise franky.RealtimeException("libfranka: Running kernel does not have realtime capabilities.")
        self._factor = franky.JointStopMotion(relative_dynamics_factor).relative_dynamics_factor
        self._lock = threading.RLock()
        self._q, self._dq, self._ddq = READY.copy(), np.zeros(7), np.zeros(7)
        self._mode = franky.RobotMode.Idle
        self._motion: Any = None
        self._used: list[Any] = []
        self._legs: list[tuple[float, Any]] = []
        self._begun = self._last = time.perf_counter()
        self._stored: Exception | None = None
        self.collision: tuple[Any, Any] | None = None
        self.log: list[str] = []
        self.references: list[tuple[np.ndarray, np.ndarray]] = []
        self.released = True
        self._velocity = FakeLimit(self, VELOCITY)
        self._acceleration = FakeLimit(self, np.full(7, 10.0))
        self._jerk = FakeLimit(self, np.full(7, 5000.0))

    # What tests do to it.

    def reflex(self) -> None:
        """Something was hit."""
        with self._lock:
            self._advance()
            self._abort("joint_reflex")

    def press_stop(self) -> None:
        """The user's stop button."""
        with self._lock:
            self._abort("user stop")
            self._mode, self.released = franky.RobotMode.UserStopped, False

    def _abort(self, why: str) -> None:
        self.log.append(why)
        if self._motion is not None:
            self._stored = franky.ControlException(
                f'libfranka: Move command aborted: motion aborted by reflex! ["{why}"]'
            )
        self._motion, self._mode, self._dq = None, franky.RobotMode.Reflex, np.zeros(7)

    # What franky.Robot does.

    @property
    def joint_velocity_limit(self) -> FakeLimit:
        return self._velocity

    @property
    def joint_acceleration_limit(self) -> FakeLimit:
        return self._acceleration

    @property
    def joint_jerk_limit(self) -> FakeLimit:
        return self._jerk

    @property
    def state(self) -> Any:
        with self._lock:
            self._advance()
            return SimpleNamespace(q=self._q.copy(), dq=self._dq.copy(), tau_J=np.zeros(7), robot_mode=self._mode)

    @property
    def current_joint_positions(self) -> np.ndarray:
        return np.asarray(self.state.q)

    @property
    def is_in_control(self) -> bool:
        with self._lock:
            self._advance()
            return self._motion is not None

    @property
    def has_errors(self) -> bool:
        return self._mode == franky.RobotMode.Reflex

    def set_collision_behavior(self, torque_thresholds: Any, force_thresholds: Any) -> None:
        if self.is_in_control:
            raise franky.CommandException("libfranka: command rejected while moving")
        self.collision = torque_thresholds, force_thresholds

    def recover_from_errors(self) -> bool:
        self.log.append("recover")
        if not self.released:
            return False
        self._mode, self._stored = franky.RobotMode.Idle, None
        return True

    def stop(self) -> None:
        with self._lock:
            self._advance()
            if self._motion is not None:
                self._stored = franky.ControlException("libfranka: Move command preempted!")
            self._motion, self._dq = None, np.zeros(7)

    def poll_motion(self) -> bool:
        with self._lock:
            self._advance()
            self._surface()
            return self._motion is not None

    def join_motion(self, timeout: float | None = None) -> bool:
        end = time.perf_counter() + (timeout if timeout is not None else 60.0)
        while self.poll_motion():
            if time.perf_counter() > end:
                return False
            time.sleep(0.001)
        return True

    def move(
        self, motion: Any, asynchronous: bool = False, limit_rate: bool = False, cutoff_frequency: float = 100.0
    ) -> None:
        with self._lock:
            self._advance()
            self._surface()
            if any(motion is used for used in self._used):
                raise franky.MotionReuseException("motion objects are single use")
            self._used.append(motion)
            if self._mode not in (franky.RobotMode.Idle, franky.RobotMode.Move):
                raise franky.CommandException(
                    f'libfranka: Move command rejected: command not possible in the current mode ("{self._mode.name}")!'
                )
            torque = isinstance(motion, franky.BaseTorqueMotion)
            if self._motion is not None and torque != isinstance(self._motion, franky.BaseTorqueMotion):
                raise franky.InvalidMotionTypeException("the control signal type must not change in motion")
            self.log.append(type(motion).__name__)
            self._begun = self._last = time.perf_counter()
            self._legs = [] if torque else self._plan(motion)
            if self._mode != franky.RobotMode.Reflex:
                self._motion, self._mode = motion, franky.RobotMode.Move
        if not asynchronous:
            self.join_motion()

    def _surface(self) -> None:
        stored, self._stored = self._stored, None
        if stored is not None:
            raise stored

    def _share(self, motion: Any, waypoint: Any = None) -> tuple[float, float, float]:
        parts = [self._factor, motion.relative_dynamics_factor]
        parts += [waypoint.relative_dynamics_factor] if waypoint is not None else []
        if any(p.max_dynamics for p in parts):
            return 1.0, 1.0, 1.0
        return tuple(float(np.prod([getattr(p, n) for p in parts])) for n in ("velocity", "acceleration", "jerk"))

    def _plan(self, motion: Any) -> list[tuple[float, Any]]:
        self._motion = motion
        state = (self._q, self._dq, self._ddq)
        if isinstance(motion, franky.JointStopMotion):
            return [self._leg(state, None, np.zeros(7), self._share(motion), 0.0)]
        legs = []
        for waypoint in motion.waypoints:
            q, dq = np.asarray(waypoint.target.position), np.asarray(waypoint.target.velocity)
            if np.any(q < LOWER) or np.any(q > UPPER):
                self._abort("joint_position_limits_violation")
                return []
            least = waypoint.minimum_time.to_sec() if waypoint.minimum_time else 0.0
            try:
                legs.append(self._leg(state, q, dq, self._share(motion, waypoint), least))
            except RuntimeError:
                self._abort("joint_velocity_violation")
                return []
            state = (q, dq, np.zeros(7))
        return legs

    def _leg(self, state: Any, q: Any, dq: Any, share: Any, least: float) -> tuple[float, Any]:
        request = ruckig.InputParameter(7)
        request.current_position, request.current_velocity, request.current_acceleration = map(list, state)
        request.max_velocity = list(self._velocity.get() * share[0])
        request.max_acceleration = list(self._acceleration.get() * share[1])
        request.max_jerk = list(self._jerk.get() * share[2])
        request.target_velocity, request.target_acceleration = list(dq), [0.0] * 7
        if q is None:
            request.control_interface = ruckig.ControlInterface.Velocity
            request.synchronization = ruckig.Synchronization.No
        else:
            request.target_position = list(q)
        if least:
            request.minimum_duration = least
        trajectory = ruckig.Trajectory(7)
        if int(ruckig.Ruckig(7).calculate(request, trajectory)) < 0:
            raise RuntimeError("no motion")
        return trajectory.duration, trajectory

    def _advance(self) -> None:
        now = time.perf_counter()
        motion, dt = self._motion, now - self._last
        self._last = now
        if motion is None:
            return
        if isinstance(motion, franky.BaseTorqueMotion):
            self._follow(motion, dt, now)
            return
        since = now - self._begun
        for duration, leg in self._legs:
            if since < duration:
                self._q, self._dq, self._ddq = (np.array(v) for v in leg.at_time(since))
                return
            since -= duration
        if self._legs:
            self._q = np.array(self._legs[-1][1].at_time(self._legs[-1][0])[0])
        self._finish()

    def _follow(self, motion: Any, dt: float, now: float) -> None:
        if isinstance(motion, franky.TorqueStopMotion):
            self._dq = np.zeros(7)
            if now - self._begun > 0.05:
                self._finish()
            return
        reference = motion.get_reference()
        q, dq = np.asarray(reference.q), np.asarray(reference.dq)
        if not self.references or not np.array_equal(self.references[-1][0], q):
            self.references.append((q, dq))
        if float(np.max(np.abs(q - self._q))) > JUMP_RAD:
            self._abort("joint_reflex")
            return
        before = self._q
        self._q = self._q + (q - self._q) * (1 - np.exp(-dt / LAG_S))
        self._dq = (self._q - before) / max(dt, 1e-6)

    def _finish(self) -> None:
        self._motion, self._mode = None, franky.RobotMode.Idle
        self._dq, self._ddq = np.zeros(7), np.zeros(7)


class FakeFuture:
    """Stands for franky.BoolFuture."""

    def __init__(self, gripper: FakeGripper, duration_s: float, end: Any) -> None:
        self._gripper, self._due, self._end = gripper, time.perf_counter() + duration_s, end
        self.stopped = False

    def wait(self, timeout: float | None = None) -> bool:
        left = 0.0 if self.stopped else max(0.0, self._due - time.perf_counter())
        time.sleep(left if timeout is None else min(left, timeout))
        return left == 0.0 or (timeout is None or left <= timeout)

    def get(self) -> bool:
        self.wait()
        return bool(self._end(self.stopped))


class FakeGripper:
    """Stands for franky.Gripper: fingers that stop at an object of a given width."""

    object_m: float | None = None

    def __init__(self, fci_hostname: str) -> None:
        self._width, self._grasped = 0.08, False
        self._future: FakeFuture | None = None
        self.log: list[tuple[Any, ...]] = []

    @property
    def width(self) -> float:
        return self._width

    @property
    def max_width(self) -> float:
        return 0.08

    @property
    def is_grasped(self) -> bool:
        return self._grasped

    @property
    def state(self) -> Any:
        return SimpleNamespace(width=self._width, max_width=0.08, is_grasped=self._grasped)

    def stop(self) -> bool:
        self.log.append(("stop",))
        if self._future is not None:
            self._future.stopped = True
        return True

    def move_async(self, width: float, speed: float) -> FakeFuture:
        self.log.append(("move", width))
        if not 0 <= width <= 0.08 or not 0 < speed <= 0.2:
            raise franky.CommandException("libfranka gripper: command out of range")

        def end(stopped: bool) -> bool:
            if stopped:
                return False
            blocked = self.object_m is not None and width < self.object_m <= self._width
            self._width, self._grasped = (self.object_m if blocked else width), False
            return not blocked

        return self._go(abs(width - self._width) / speed, end)

    def grasp_async(
        self, width: float, speed: float, force: float, epsilon_inner: float = 0.005, epsilon_outer: float = 0.005
    ) -> FakeFuture:
        self.log.append(("grasp", width, force))
        if not 0 <= width <= 0.08 or not 0 < force <= 140:
            raise franky.CommandException("libfranka gripper: command out of range")

        def end(stopped: bool) -> bool:
            if stopped:
                return False
            self._width = self.object_m if self.object_m is not None and self.object_m <= self._width else 0.0
            self._grasped = width - epsilon_inner < self._width < width + epsilon_outer
            return self._grasped

        return self._go(self._width / speed / 4, end)

    def _go(self, duration_s: float, end: Any) -> FakeFuture:
        self._future = FakeFuture(self, duration_s, end)
        return self._future


def fake_franky() -> Any:
    """The vendor's module with our Robot and Gripper."""
    real = {name: getattr(franky, name) for name in dir(franky) if not name.startswith("__")}
    return SimpleNamespace(**{**real, "Robot": FakeRobot, "Gripper": FakeGripper})
