"""A Franka FR3 through franky 2.0: joint motions, impedance streaming, the Franka Hand. Not yet run on hardware.

franky keeps the 1 kHz loop in C++. From here go motions it plans itself, and targets for its impedance tracker.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MissingDependencyError, MolmoRosError
from molmo_ros.core.robot import GripperState, JointState, JointTrajectory, MotionResult
from molmo_ros.robots.franky_hand import FrankyHand
from molmo_ros.robots.franky_path import Dynamics, path_points
from molmo_ros.robots.franky_stream import Impedance, ImpedanceSession

Array = npt.NDArray[np.float64]

POLL_S = 0.005
STOP_LIMIT_S = 2.0
STOPPABLE_S = 0.085
"""No joint goes faster than what full deceleration brings to rest in this time, so that a cancel holds in 100 ms."""
REACHED_RAD = 0.02
PATH_TOLERANCE_RAD = 0.004


@dataclass(frozen=True, kw_only=True)
class FrankyConfig:
    """How to drive the robot.

    Attributes:
        robot_ip: Address of its control unit.
        realtime: Whether to insist on a PREEMPT_RT kernel, which a real robot needs.
        dynamics: Share of the largest velocity, acceleration and jerk, in (0, 1].
        torque_threshold_nm: External joint torque at which it stops by reflex [Nm].
        force_threshold_n: External force at the hand at which it stops by reflex [N, Nm].
        impedance: How it follows a stream.
    """

    robot_ip: str
    realtime: bool = True
    dynamics: float = 0.3
    torque_threshold_nm: float = 20.0
    force_threshold_n: float = 30.0
    impedance: Impedance = field(default_factory=Impedance)


def load_franky() -> Any:
    """The vendor's module.

    Raises:
        MissingDependencyError: When it is not installed.
    """
    try:
        import franky
    except ImportError as error:
        raise MissingDependencyError("franky", "franka") from error
    return franky


class FrankyDriver:
    """The arm and its hand as a `RobotDriver`.

    A fault (reflex, lost connection, refused motion) is latched: nothing moves until `recover` is called.

    Args:
        config: How to drive it.
        joint_names: Its seven joints.
        limits: Lower and upper joint limits, each (7,) [rad].
        finger_names: Joints of the fingers; each has half the opening.
        franky: The vendor's module; imported when None.

    Raises:
        MolmoRosError: DRIVER_UNAVAILABLE when the robot does not answer, CONFIG_INVALID for a dynamics factor outside
            (0, 1], DEPENDENCY_MISSING without franky.
    """

    def __init__(
        self,
        config: FrankyConfig,
        joint_names: tuple[str, ...],
        limits: tuple[Array, Array],
        finger_names: tuple[str, ...] = (),
        *,
        franky: Any = None,
    ) -> None:
        if not 0 < config.dynamics <= 1:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "The relative dynamics must lie in (0, 1]; begin with 0.05.")
        if not config.robot_ip:
            raise MolmoRosError(ErrorCode.CONFIG_INVALID, "Say where the robot is: robot_ip:=ADDRESS.")
        self._franky = franky = load_franky() if franky is None else franky
        self._names, self._limits, self._fingers = joint_names, limits, finger_names
        self._config = config
        self._lock = threading.Lock()
        self._moving = threading.Lock()
        self._halt = threading.Event()
        self._fault: MolmoRosError | None = None
        self._session: ImpedanceSession | None = None
        realtime = franky.RealtimeConfig.Enforce if config.realtime else franky.RealtimeConfig.Ignore
        try:
            self._robot = franky.Robot(
                config.robot_ip,
                relative_dynamics_factor=franky.RelativeDynamicsFactor(config.dynamics),
                realtime_config=realtime,
            )
            self._robot.set_collision_behavior(config.torque_threshold_nm, config.force_threshold_n)
            self._dynamics = self._bounded()
            self._hand = FrankyHand(franky, config.robot_ip)
        except franky.RealtimeException as error:
            raise MolmoRosError(
                ErrorCode.DRIVER_UNAVAILABLE,
                f"The kernel is not a real-time one, which the FR3 needs; boot PREEMPT_RT: {error}",
            ) from error
        except franky.Exception as error:
            raise MolmoRosError(
                ErrorCode.DRIVER_UNAVAILABLE,
                f"No connection to the FR3 at {config.robot_ip}; unlock its brakes and enable FCI in Desk: {error}",
            ) from error

    def _bounded(self) -> Dynamics:
        """Bounds the velocity by the stopping time, and gives what the vendor's planner will then allow."""
        robot, share = self._robot, self._config.dynamics
        acceleration = np.asarray(robot.joint_acceleration_limit.max, dtype=np.float64)
        fastest = np.asarray(robot.joint_velocity_limit.max, dtype=np.float64)
        robot.joint_velocity_limit.set(np.minimum(fastest, acceleration * STOPPABLE_S / share))
        return Dynamics(
            velocity=np.asarray(robot.joint_velocity_limit.get(), dtype=np.float64) * share,
            acceleration=np.asarray(robot.joint_acceleration_limit.get(), dtype=np.float64) * share,
            jerk=np.asarray(robot.joint_jerk_limit.get(), dtype=np.float64) * share,
        )

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the seven arm joints."""
        return self._names

    @property
    def fault(self) -> MolmoRosError | None:
        """Why it does not move, until recovered."""
        return self._fault

    def joint_state(self) -> JointState:
        """The robot's own measurement, now, and the fingers' last one.

        Raises:
            MolmoRosError: JOINT_STATES_LOST when it does not answer, JOINT_STATES_INVALID when not finite.
        """
        try:
            state = self._robot.state
        except self._franky.Exception as error:
            raise MolmoRosError(
                ErrorCode.JOINT_STATES_LOST, f"The FR3 has stopped answering; check the cable and Desk: {error}"
            ) from error
        q, dq, tau = (np.asarray(v, dtype=np.float64) for v in (state.q, state.dq, state.tau_J))
        if not (np.all(np.isfinite(q)) and np.all(np.isfinite(dq))):
            raise MolmoRosError(ErrorCode.JOINT_STATES_INVALID, "The FR3 measures a joint that is not finite.")
        count = len(self._fingers)
        finger = self._hand.state().width_m / max(count, 1)
        return JointState(
            names=self._names + self._fingers,
            positions=np.concatenate([q, np.full(count, finger)]),
            velocities=np.concatenate([dq, np.zeros(count)]),
            efforts=np.concatenate([tau, np.zeros(count)]),
            stamp_ns=time.time_ns(),
        )

    def gripper_state(self) -> GripperState:
        """The hand's last measurement."""
        return self._hand.state()

    def execute(self, trajectory: JointTrajectory, cancelled: Callable[[], bool]) -> MotionResult:
        """Follows a trajectory as one waypoint motion; slower where the dynamics bound asks for it."""
        if not self._moving.acquire(blocking=False):
            return MotionResult(code=ErrorCode.COMMANDER_CONFLICT, message="The arm is already under way.")
        try:
            self._refuse_when_faulty()
            self._end_stream()
            self._halt.clear()
            self._start(trajectory)
            stopped = self._watch(cancelled)
            if stopped:
                return MotionResult(
                    code=ErrorCode.CANCELED,
                    message="The motion was cancelled; the arm holds.",
                    gripper=self._hand.state(),
                )
            off = float(np.max(np.abs(self._measured() - self._in_order(trajectory.names, trajectory.positions[-1]))))
            if off > REACHED_RAD:
                raise MolmoRosError(
                    ErrorCode.TRACKING_ERROR, f"The arm ended {off:.3f} rad from its goal; it has met something."
                )
        except MolmoRosError as error:
            return MotionResult(code=error.code, message=error.message, gripper=self._hand.state())
        finally:
            self._moving.release()
        return MotionResult(gripper=self._hand.state())

    def _start(self, trajectory: JointTrajectory) -> None:
        franky = self._franky
        ordered = JointTrajectory(
            names=self._names,
            times_s=trajectory.times_s,
            positions=self._in_order(trajectory.names, trajectory.positions),
            velocities=self._in_order(trajectory.names, trajectory.velocities),
            accelerations=self._in_order(trajectory.names, trajectory.accelerations),
        )
        points = path_points(ordered, self._measured(), self._dynamics, PATH_TOLERANCE_RAD)
        waypoints = [
            franky.JointWaypoint(
                franky.JointState(p.position, p.velocity), minimum_time=franky.Duration(int(p.duration_ms))
            )
            for p in points
        ]
        # A motion object is good for one run only.
        self._ask(lambda: self._robot.move(franky.JointWaypointMotion(waypoints), asynchronous=True))

    def _watch(self, cancelled: Callable[[], bool]) -> bool:
        """Waits for the end; true when it was stopped on the way."""
        give_up_s = math.inf
        while self._ask(self._robot.poll_motion):
            if give_up_s == math.inf and (self._halt.is_set() or cancelled()):
                self._ask(self._brake)
                give_up_s = time.monotonic() + STOP_LIMIT_S
            if time.monotonic() > give_up_s:
                self._ask(self._robot.stop)
                raise self._latch(MolmoRosError(ErrorCode.DRIVER_REJECTED, "The arm did not stop when told to."))
            time.sleep(POLL_S)
        return give_up_s != math.inf

    def _brake(self) -> None:
        """Takes over from the running motion at full deceleration, whatever the dynamics factor."""
        full = self._franky.RelativeDynamicsFactor.MAX_DYNAMICS
        self._robot.move(self._franky.JointStopMotion(full), asynchronous=True)

    def stream(self, names: tuple[str, ...], positions: Array) -> None:
        """One target for the impedance tracker, which starts with the first one.

        Raises:
            MolmoRosError: The latched fault, COMMANDER_CONFLICT during a motion, GATE_NAMES, GATE_NOT_FINITE.
        """
        q = self._in_order(names, np.asarray(positions, dtype=np.float64))
        if not np.all(np.isfinite(q)):
            raise MolmoRosError(ErrorCode.GATE_NOT_FINITE, "A streamed target is not finite.")
        with self._lock:
            self._refuse_when_faulty()
            if self._moving.locked():
                raise MolmoRosError(ErrorCode.COMMANDER_CONFLICT, "A motion is under way; wait or cancel it first.")
            session = self._session
            if session is not None and session.error is not None:
                self._session = None
                raise self._blame(session.error)
            if session is None or not session.alive:
                if session is not None and not session.end(0.0):
                    # The old controller is still coming to rest; the next one may not start before that.
                    return
                session = ImpedanceSession(
                    self._franky, self._robot, self._config.impedance, self._limits, self._dynamics.velocity
                )
                self._session = session
            session.offer(q)

    def _end_stream(self) -> None:
        """The control mode may not change in motion, so the tracker ends before a motion begins."""
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        if not session.end():
            self._session = session
            raise MolmoRosError(ErrorCode.DRIVER_REJECTED, "The arm has not come to rest after streaming; try again.")
        if session.error is not None:
            raise self._blame(session.error)

    def move_gripper(self, width_m: float, max_effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """Opens or closes the hand until the width is reached or something is held."""
        return self._hand.go(width_m, max_effort_n, cancelled)

    def hold(self) -> None:
        """Stops what is under way; the arm holds where it then is."""
        self._halt.set()
        session = self._session
        if session is not None and session.alive:
            try:
                session.freeze(self._measured())
            except MolmoRosError as error:
                self._fault = self._fault or error
                session.end(0.0)

    def recover(self) -> None:
        """The vendor's error recovery, on somebody's explicit request only; it never resumes a motion.

        Raises:
            MolmoRosError: REFLEX or STOPPED when the robot still refuses.
        """
        try:
            well = self._robot.recover_from_errors()
        except self._franky.Exception as error:
            raise self._blame(error) from error
        mode = self._robot.state.robot_mode
        if not well or mode in (self._franky.RobotMode.Reflex, self._franky.RobotMode.UserStopped):
            raise MolmoRosError(
                ErrorCode.REFLEX,
                f"The FR3 does not recover from {mode.name}; look at Desk, guide the arm clear by hand.",
            )
        self._fault = None

    def close(self) -> None:
        """Ends streaming and lets go of the robot."""
        self._halt.set()
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.end()
        self._hand.close()

    def _measured(self) -> Array:
        return self.joint_state().positions[: len(self._names)]

    def _in_order(self, names: tuple[str, ...], values: Array) -> Array:
        """Columns in the robot's joint order."""
        if sorted(names) != sorted(self._names):
            raise MolmoRosError(ErrorCode.GATE_NAMES, f"The FR3's joints are {', '.join(self._names)}.")
        return np.asarray(values[..., [names.index(n) for n in self._names]], dtype=np.float64)

    def _refuse_when_faulty(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _ask(self, call: Callable[[], Any]) -> Any:
        """A call to the vendor; what it raises is named and latched.

        Raises:
            MolmoRosError: See `_blame`.
        """
        try:
            return call()
        except Exception as error:
            raise self._blame(error) from error

    def _latch(self, error: MolmoRosError) -> MolmoRosError:
        self._fault = error
        return error

    def _blame(self, error: Exception) -> MolmoRosError:
        """Names what the vendor raised by the robot's mode, and latches it."""
        franky = self._franky
        if isinstance(error, MolmoRosError):
            return self._latch(error)
        if isinstance(error, franky.NetworkException):
            return self._latch(
                MolmoRosError(ErrorCode.DRIVER_UNAVAILABLE, f"The connection to the FR3 is lost: {error}")
            )
        try:
            mode = self._robot.state.robot_mode
        except franky.Exception:
            mode = None
        if mode == franky.RobotMode.UserStopped:
            return self._latch(
                MolmoRosError(ErrorCode.STOPPED, "The FR3's own stop button is pressed; release it, then recover.")
            )
        if mode == franky.RobotMode.Reflex or isinstance(error, franky.ControlException):
            return self._latch(
                MolmoRosError(ErrorCode.REFLEX, f"The FR3 stopped itself; clear the way, then recover: {error}")
            )
        return self._latch(MolmoRosError(ErrorCode.DRIVER_REJECTED, f"The FR3 refused the motion: {error}"))
