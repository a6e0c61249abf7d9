"""Streams a policy's chunks to a robot: player, follower and gate, one control period at a time.

Whoever owns the clock calls `ChunkStreamer.tick`: a node's loop, or a simulation as fast as it goes. When there is no
fresh action, or the gate refuses one, the arm brakes and holds; it moves again with the next chunk that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from molmo_ros.core.errors import ErrorCode, MolmoRosError
from molmo_ros.core.robot import JointState
from molmo_ros.core.types import ActionChunk
from molmo_ros.motion.chunks import ChunkPlayer, ChunkRules, Target
from molmo_ros.motion.following import Follower
from molmo_ros.motion.gate import GAP_PERIODS
from molmo_ros.motion.limits import JointLimits
from molmo_ros.robots.gated import GatedDriver

NEAR_RAD = 0.015
"""A held command this near to the measured joints is where the next motion begins; else it begins where they are."""


STILL_RAD_S = 0.05
"""Below this the arm counts as at rest; half of what the gate asks of a motion's start [rad/s]."""


class ChunkStreamer:
    """Plays one goal's chunks on a robot. Not safe for use from two threads at once.

    Args:
        driver: The robot behind the gate; nobody else commands it meanwhile.
        limits: Joint limits, in the gate's joint order.
        rules: How chunks are played.
        period_s: Control period [s].
        gripper: Called once with the column and the opening [m] when a gripper shall move; must return at once.
        base: Called with a step in the odometry frame, (3,) [m, m, rad], and the time it takes [s]; None: stop.
    """

    def __init__(
        self,
        driver: GatedDriver,
        limits: JointLimits,
        rules: ChunkRules,
        *,
        period_s: float = 0.01,
        gripper: Callable[[str, float], None] | None = None,
        base: Callable[[npt.NDArray[np.float64] | None, float], None] | None = None,
    ) -> None:
        self.player = ChunkPlayer(rules)
        self._driver, self._rules = driver, rules
        self._follower = Follower(limits, period_s=period_s)
        self._period_ns = int(period_s * 1e9)
        self._gap_ns = int(GAP_PERIODS * period_s * 1e9)
        self._gripper, self._base = gripper, base
        self._commanded: npt.NDArray[np.float64] | None = None
        self._sent_ns = -(2**63)
        self._grippers: Mapping[str, bool] = {}
        self._base_moves = False
        self._told_to_hold = False
        self.problem: tuple[ErrorCode, str] = (ErrorCode.NONE, "")

    @property
    def moving(self) -> bool:
        """Whether the commanded state is not at rest."""
        return self._follower.moving

    def offer(self, chunk: ActionChunk) -> tuple[ErrorCode, str]:
        """Gives a chunk to the player; NONE, or why it was refused."""
        try:
            measured = self._driver.joint_state()
        except MolmoRosError as error:
            return error.code, error.message
        here = dict(zip(measured.names, measured.positions.tolist(), strict=True))
        return self.player.offer(chunk, measured.stamp_ns, here)

    def tick(self) -> None:
        """One control period. Ticks that come before a newer measurement do nothing, so speeds stay true."""
        try:
            now_ns, measured = self._driver.now_ns(), self._driver.joint_state()
        except MolmoRosError as error:
            self._drop(error)
            return
        if now_ns < self._sent_ns:
            self._sent_ns = now_ns
            jumped = MolmoRosError(ErrorCode.CLOCK_JUMPED, "The clock was set back; it holds until newer actions come.")
            self.player.fault(jumped.code, jumped.message)
            self._driver.hold()
            self._drop(jumped)
            return
        if now_ns - self._sent_ns < self._period_ns // 2:
            return
        target = self.player.target(now_ns)
        self.problem = target.code, target.message
        self._move_base(target)
        self._move_grippers()
        try:
            self._move_arm(target, measured, now_ns)
        except MolmoRosError as error:
            self.player.fault(error.code, error.message)
            self._drop(error)
        except RuntimeError as error:
            self._drop(MolmoRosError(ErrorCode.PLANNING_FAILED, f"The arm cannot follow: {error}."))
            self._driver.hold()

    def brake(self) -> bool:
        """One control period of coming to rest; true once it rests. For the end of a goal."""
        self._stop_base()
        if not self._follower.active or not self._follower.moving:
            self._follower.end()
            return True
        try:
            now_ns = self._driver.now_ns()
            if self._late(now_ns):
                self._follower.end()
                return True
            if now_ns - self._sent_ns >= self._period_ns // 2:
                self._send(self._follower.brake(), now_ns)
        except (MolmoRosError, RuntimeError):
            self._follower.end()
            self._driver.hold()
            return True
        return False

    def _late(self, now_ns: int) -> bool:
        """Whether nothing was sent for so long that the driver holds by now."""
        return now_ns - self._sent_ns > self._gap_ns

    def release(self) -> None:
        """Somebody else holds or moves the robot from now on."""
        self._stop_base()
        self._follower.end()
        self._commanded = None

    def _drop(self, error: MolmoRosError) -> None:
        """The driver holds already, or can not be reached."""
        self.problem = error.code, error.message
        self._stop_base()
        self._follower.end()
        self._commanded, self._told_to_hold = None, False

    def _move_arm(self, target: Target, measured: JointState, now_ns: int) -> None:
        follower = self._follower
        late = self._late(now_ns)
        if target.positions is None or target.velocities is None:
            if follower.active and follower.moving and not late:
                self._send(follower.brake(), now_ns)
            else:
                follower.end()
            return
        if late and follower.moving:
            follower.end()
        if not follower.active:
            here = measured.select(self._rules.names)
            held = self._commanded
            if held is None or float(np.max(np.abs(held - here))) > NEAR_RAD:
                if not self._told_to_hold:
                    self._driver.hold()
                    self._told_to_hold = True
                    return
                if not self._still(measured):
                    return
                held = here
            follower.begin(held)
            self._told_to_hold = False
        self._send(follower.follow(target.positions, target.velocities), now_ns)

    def _still(self, measured: JointState) -> bool:
        """Whether the arm has come to rest, so that the gate lets a motion begin."""
        if len(measured.velocities) != len(measured.names):
            return True
        speeds = [abs(float(measured.velocities[measured.names.index(n)])) for n in self._rules.names]
        return max(speeds, default=0.0) < STILL_RAD_S

    def _send(self, positions: npt.NDArray[np.float64], now_ns: int) -> None:
        self._driver.stream(self._rules.names, positions, at_ns=now_ns)
        self._commanded, self._sent_ns = positions, now_ns

    def _move_grippers(self) -> None:
        closed = self.player.closed
        for name, shut in closed.items():
            if self._grippers.get(name) is not shut and self._gripper is not None:
                self._gripper(name, 0.0 if shut else self._rules.gripper_open_m)
        self._grippers = closed

    def _move_base(self, target: Target) -> None:
        if target.base_step is None:
            self._stop_base()
        elif self._base is not None:
            self._base_moves = True
            self._base(target.base_step, target.base_dt_s)

    def _stop_base(self) -> None:
        if self._base_moves and self._base is not None:
            self._base(None, 0.0)
        self._base_moves = False
