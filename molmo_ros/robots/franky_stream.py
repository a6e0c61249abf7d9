"""Streaming to an FR3: franky's joint impedance tracker on a thread of its own; the 1 kHz loop stays in C++."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Impedance:
    """How the arm follows a stream.

    Attributes:
        stiffness: Per joint [Nm/rad]; with ``cartesian_stiffness`` this is the law of the DROID robots.
        cartesian_stiffness: At the end effector, x y z [N/m], then about them [Nm/rad].
        period_s: Time between two targets given to the tracker [s].
        stale_s: Age at which a target's velocity no longer counts: the arm holds [s].
        linger_s: Time without a target after which the controller ends [s].
    """

    stiffness: tuple[float, ...] = (40.0, 30.0, 50.0, 25.0, 35.0, 25.0, 10.0)
    cartesian_stiffness: tuple[float, ...] = (750.0, 750.0, 750.0, 15.0, 15.0, 15.0)
    period_s: float = 0.01
    stale_s: float = 0.05
    linger_s: float = 1.0


class ImpedanceSession:
    """One run of the tracker: from its first target until nothing came for a while, a fault, or `end`.

    Args:
        franky: The vendor's module.
        robot: Its connected robot.
        impedance: How the arm follows.
        limits: Lower and upper joint limits, each (7,) [rad]; the controller pushes back near them.
        velocity: (7,) largest velocity fed forward [rad/s].
    """

    def __init__(
        self, franky: Any, robot: Any, impedance: Impedance, limits: tuple[Array, Array], velocity: Array
    ) -> None:
        self._franky, self._robot, self._impedance = franky, robot, impedance
        self._limits, self._fastest = limits, velocity
        self._lock = threading.Lock()
        self._target: tuple[Array, Array, float] | None = None
        self._used_s = time.monotonic()
        self._ending = threading.Event()
        self._done = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="franky-stream", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether targets still reach the arm."""
        return not self._done.is_set() and not self._ending.is_set()

    def offer(self, q: Array) -> None:
        """A new target (7,) [rad]; its velocity is that since the target before."""
        now = time.monotonic()
        with self._lock:
            dq: Array = np.zeros(len(q))
            if self._target is not None and 1e-4 < now - self._target[2] <= self._impedance.stale_s:
                dq = np.clip((q - self._target[0]) / (now - self._target[2]), -self._fastest, self._fastest)
            self._target = (np.array(q, dtype=np.float64), dq, now)
            self._used_s = now
        if not self._thread.is_alive() and not self._done.is_set():
            self._thread.start()

    def freeze(self, q: Array) -> None:
        """Holds at measured joints (7,) [rad] until the next target."""
        with self._lock:
            self._target = (np.array(q, dtype=np.float64), np.zeros(len(q)), 0.0)

    def end(self, timeout_s: float = 3.0) -> bool:
        """Lets the controller come to rest and end; false when it has not by then."""
        self._ending.set()
        if self._thread.ident is None:
            self._done.set()
        return self._done.wait(timeout_s)

    def _run(self) -> None:
        law = self._impedance
        try:
            tracker = self._franky.JointImpedanceTracker(
                self._robot,
                stiffness=np.array(law.stiffness),
                cartesian_stiffness=np.array(law.cartesian_stiffness),
                lower_joint_limits=self._limits[0],
                upper_joint_limits=self._limits[1],
                period=law.period_s,
            )
            with tracker:
                while not self._ending.is_set() and tracker.tick():
                    now = time.monotonic()
                    with self._lock:
                        if now - self._used_s > law.linger_s:
                            # Under the lock: no target can be taken and then lost.
                            self._ending.set()
                            break
                        target = self._target
                    if target is not None:
                        q, dq, since = target
                        fresh = now - since <= law.stale_s
                        tracker.set_target(q, dq if fresh else np.zeros(len(q)))
        except Exception as error:
            # Of any kind: whatever ended the controller is told to the next caller.
            self.error = error
        finally:
            self._done.set()
