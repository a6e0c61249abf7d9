"""The Franka Hand through franky: open, close, grasp what has no known width, stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from molmo_ros.core.errors import ErrorCode
from molmo_ros.core.robot import GripperState, MotionResult

POLL_S = 0.005
READ_PERIOD_S = 0.1
LIMIT_S = 15.0
SPEED_M_S = 0.1
SHUT_M = 0.005
"""Asked to close to less than this, the hand grasps whatever lies between its fingers."""
ANY_WIDTH_M = 1.0
"""A tolerance that takes whatever is held for grasped."""
STALL_M = 0.003


class FrankyHand:
    """The hand on its own connection; a thread keeps its last measurement.

    Args:
        franky: The vendor's module.
        robot_ip: Address of the arm it is mounted on.
    """

    def __init__(self, franky: Any, robot_ip: str) -> None:
        self._franky = franky
        self._gripper = franky.Gripper(robot_ip)
        self._busy = threading.Lock()
        self._closed = threading.Event()
        self._state = GripperState(width_m=0.0)
        self._read()
        self._reader = threading.Thread(target=self._follow, name="franky-hand", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        state = self._gripper.state
        held = bool(state.is_grasped)
        self._state = GripperState(width_m=float(state.width), stalled=held, moving=self._busy.locked())

    def _follow(self) -> None:
        while not self._closed.wait(READ_PERIOD_S):
            # An error here is told by the next command; the last measurement stays until then.
            with contextlib.suppress(Exception):
                self._read()

    def state(self) -> GripperState:
        """The last measurement."""
        return self._state

    def close(self) -> None:
        """Ends the reading."""
        self._closed.set()
        self._reader.join(1.0)

    def go(self, width_m: float, effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        """Opens or closes to a width; closing goes on with force when something is in the way.

        Args:
            width_m: Opening [m].
            effort_n: Gripping force [N].
            cancelled: Polled every 5 ms.
        """
        if not self._busy.acquire(blocking=False):
            return MotionResult(code=ErrorCode.GRIPPER_FAILED, message="The hand is already under way.")
        try:
            return self._go(width_m, effort_n, cancelled)
        except Exception as error:
            return MotionResult(
                code=ErrorCode.GRIPPER_FAILED,
                message=f"The hand refused the command; home it in Desk: {error}",
                gripper=self._state,
            )
        finally:
            self._busy.release()

    def _go(self, width_m: float, effort_n: float, cancelled: Callable[[], bool]) -> MotionResult:
        gripper = self._gripper
        limit_m = float(gripper.max_width)
        if width_m > limit_m + 1e-3:
            return MotionResult(
                code=ErrorCode.GRIPPER_FAILED,
                message=f"The hand opens to {limit_m:.3f} m; home it if that is too little.",
            )
        before_m = float(gripper.width)
        closing = width_m < before_m - 1e-3
        reached: bool | None = None
        if width_m > SHUT_M or not closing:
            reached = self._await(gripper.move_async(min(width_m, limit_m), SPEED_M_S), cancelled, blocked_ok=closing)
            if reached is None:
                return self._cancelled()
        if closing and not reached:
            held = self._await(
                gripper.grasp_async(width_m, SPEED_M_S, effort_n, epsilon_inner=ANY_WIDTH_M, epsilon_outer=ANY_WIDTH_M),
                cancelled,
            )
            if held is None:
                return self._cancelled()
            reached = held
        self._read()
        wide = self._state.width_m
        stalled = closing and wide > width_m + STALL_M
        self._state = GripperState(width_m=wide, stalled=stalled)
        if not reached:
            return MotionResult(code=ErrorCode.GRIPPER_FAILED, message="The hand gave up.", gripper=self._state)
        return MotionResult(gripper=self._state)

    def _await(self, future: Any, cancelled: Callable[[], bool], blocked_ok: bool = False) -> bool | None:
        """What a command ended with; None when it was cancelled. A blocked one counts as not reached."""
        end = time.monotonic() + LIMIT_S
        asked = False
        while not future.wait(POLL_S):
            if not asked and (cancelled() or time.monotonic() > end):
                asked = True
                self._gripper.stop()
                end = time.monotonic() + 1.0
            elif asked and time.monotonic() > end:
                return None
        if asked:
            return None
        try:
            return bool(future.get())
        except self._franky.CommandException:
            if blocked_ok:
                return False
            raise

    def _cancelled(self) -> MotionResult:
        self._read()
        return MotionResult(code=ErrorCode.CANCELED, message="The hand was stopped.", gripper=self._state)
