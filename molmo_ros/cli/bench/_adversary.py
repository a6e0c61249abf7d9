"""Random and hostile streams of position commands for the gate, closed around what the gate accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from molmo_ros.core.robot import JointState
from molmo_ros.motion.gate import GateMemory
from molmo_ros.motion.limits import JointLimits

PERIOD_NS = 10_000_000
ATTACK_SHARE = 0.08
FINGERS = ("fr3_finger_joint1", "fr3_finger_joint2")


class Command(NamedTuple):
    """One question to the gate."""

    names: tuple[str, ...]
    positions: Any
    measured: JointState
    now_ns: int


class Corpus:
    """Streams worth coming back to: those that made the gate answer in a way not seen before.

    A ticket is a pair of seeds, one for the stream and one for the attacks within it. Half of all streams are new, the
    other half repeat a kept stream with other attacks.

    Args:
        rng: Source of chance.
    """

    MOST_KEPT = 1000

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._kept: list[int] = []
        self.seen: set[tuple[str, ...]] = set()

    def ticket(self) -> tuple[int, int]:
        """Seeds of the next stream and of its attacks."""
        stream, attacks = self._rng.integers(0, 2**63, 2).tolist()
        if self._kept and self._rng.random() < 0.5:
            stream = self._kept[int(self._rng.integers(len(self._kept)))]
        return stream, attacks

    def learn(self, ticket: tuple[int, int], outcomes: set[tuple[str, ...]]) -> None:
        """Keeps the stream when one of its outcomes is new."""
        if outcomes <= self.seen:
            return
        self.seen |= outcomes
        if len(self._kept) < self.MOST_KEPT:
            self._kept.append(ticket[0])


class Session:
    """A stream from arming until its end; the gate's memory steers what comes next.

    Args:
        rng: Source of chance.
        limits: The robot's limits.
        start: (N,) where the arm stands.
        length: Number of commands.
        chance: Source of the attacks and of the clock's jitter; rng when None.
        period_s: Control period [s].
    """

    MODES = ("walk", "bang", "edge", "pursue", "drift", "flip", "jump")

    def __init__(
        self,
        rng: np.random.Generator,
        limits: JointLimits,
        start: npt.NDArray[np.float64],
        length: int,
        chance: np.random.Generator | None = None,
        period_s: float = 0.01,
    ) -> None:
        self.limits, self.dt = limits, period_s
        self.mode = self.MODES[int(rng.integers(len(self.MODES)))]
        size = len(limits.names)
        self.start = start.tolist()
        self.names = limits.names
        self.state_names = (*FINGERS, *limits.names) if rng.random() < 0.3 else (*limits.names, *FINGERS)
        self._arm = [self.state_names.index(name) for name in limits.names]
        self.now_ns = int(rng.integers(10**9, 10**15))
        self._accel = self._accelerations(rng, size, length)
        self._chance = (chance or rng).random((length, 4)).tolist()
        self._noise = rng.standard_normal((length, size))
        self._target = self._far_target(rng)
        self._speed = (limits.velocity * rng.choice([0.3, 1.0, 1.0, 1.2], size)).tolist()
        self._drift = (rng.uniform(-0.3, 0.3, size) * limits.velocity).tolist()
        self._tracking = float(rng.choice([0.0, 0.3, 1.0, 1.0]))
        self.measured = list(self.start)
        self._attacks: list[Callable[[Command, int], Command]] = [
            self._not_finite,
            self._names_attack,
            self._type_attack,
            self._size_attack,
            self._time_attack,
            self._measured_attack,
            self._flip_one,
            self._extreme,
        ]
        self._k = 0

    def _accelerations(self, rng: np.random.Generator, size: int, length: int) -> list[list[float]]:
        most = self.limits.acceleration
        if self.mode == "bang":
            raw = rng.choice([-1.0, 1.0], (length, size)) * rng.choice([0.999, 1.0, 1.0 + 5e-7, 1.0 + 1e-5])
        elif self.mode == "edge":
            held = np.repeat(rng.choice([-1.0, 0.0, 1.0], (length // 8 + 1, size)), 8, axis=0)[:length]
            raw = held * (1.0 + rng.normal(0, 1e-6, (length, size)))
        else:
            smooth = np.cumsum(rng.normal(0, 0.35, (length, size)), axis=0)
            raw = np.sin(smooth) * rng.uniform(0.2, 1.05)
        return (raw * most).tolist()  # type: ignore[no-any-return]

    def _far_target(self, rng: np.random.Generator) -> list[float]:
        span = self.limits.upper - self.limits.lower
        return (self.limits.lower + span * rng.uniform(-0.1, 1.1, len(span))).tolist()  # type: ignore[no-any-return]

    def next(self, memory: GateMemory | None) -> Command:
        """The command that follows what was accepted last."""
        k = self._k
        self._k += 1
        chance = self._chance[k]
        self.now_ns += PERIOD_NS + (int((chance[3] - 0.5) * 4e6) if chance[2] < 0.3 else 0)
        q0 = memory.positions if memory is not None else self.measured
        paused = memory is None or self.now_ns - memory.stamp_ns > 2.5 * PERIOD_NS
        v0 = [0.0] * len(q0) if memory is None or paused else memory.velocities
        q = self._step(k, q0, v0)
        self.measured = [m + self._tracking * (x - m) for m, x in zip(self.measured, q0, strict=True)]
        state = [0.04] * len(self.state_names)
        for where, value in zip(self._arm, self.measured, strict=True):
            state[where] = value
        positions = np.array(state)
        measured = JointState(
            names=self.state_names,
            positions=positions,
            velocities=np.zeros(len(state)),
            efforts=np.zeros(len(state)),
            stamp_ns=self.now_ns - int(chance[1] * 5e6),
        )
        command = Command(self.names, q, measured, self.now_ns)
        if chance[0] < ATTACK_SHARE:
            attack = self._attacks[int(chance[1] * len(self._attacks))]
            command = attack(command, k)
            self.now_ns = max(self.now_ns, command.now_ns)
        return command

    def _step(self, k: int, q0: Any, v0: Any) -> list[float]:
        dt = self.dt
        mode = self.mode
        if mode == "jump":
            size = 10.0 ** (-12.0 + 14.0 * self._chance[k][1])
            return [x + size * n for x, n in zip(q0, self._noise[k].tolist(), strict=True)]
        if mode == "flip" and k % 7 == 6:
            return [-x for x in q0]
        if mode == "flip" and k % 5 == 4:
            return [x - v * dt for x, v in zip(q0, v0, strict=True)]
        if mode == "drift":
            wanted = self._drift
        elif mode == "pursue":
            wanted = [max(-s, min(s, 4.0 * (t - x))) for t, x, s in zip(self._target, q0, self._speed, strict=True)]
        else:
            return [x + (v + a * dt) * dt for x, v, a in zip(q0, v0, self._accel[k], strict=True)]
        most = self.limits.acceleration.tolist()
        return [x + max(v - a * dt, min(v + a * dt, w)) * dt for x, v, w, a in zip(q0, v0, wanted, most, strict=True)]

    def _not_finite(self, command: Command, k: int) -> Command:
        bad = (float("nan"), float("inf"), float("-inf"), -float("nan"))[k % 4]
        q = list(command.positions)
        q[k % len(q)] = bad
        return command._replace(positions=q)

    def _names_attack(self, command: Command, k: int) -> Command:
        names, q = list(command.names), list(command.positions)
        kind = k % 8
        if kind < 3:
            order = np.argsort(self._noise[k]).tolist()
            return command._replace(names=tuple(names[i] for i in order), positions=[q[i] for i in order])
        changed = (
            names[:-1],
            [*names, FINGERS[0]],
            [names[0], *names[:-1]],
            [*names[:-1], "panda_joint7"],
            [],
        )[kind - 3]
        return command._replace(names=tuple(changed), positions=(q + q)[: len(changed)])

    def _type_attack(self, command: Command, k: int) -> Command:
        q = command.positions
        good = [np.array(q), np.array(q, dtype=np.float32), tuple(q), np.array(q)[::-1][::-1]]
        bad = ["ready", None, [str(x) + "x" for x in q], [[x] for x in q], [None] * len(q), object(), b"\x00" * 56]
        odd = [np.array(q) + 0j, [10**400] * len(q), [True] * len(q), np.array(q, dtype=object)]
        forms: list[Any] = [*good, *bad, *odd]
        return command._replace(positions=forms[k % len(forms)])

    def _size_attack(self, command: Command, k: int) -> Command:
        size = (0, 1, len(command.positions) - 1, len(command.positions) + 1, 64)[k % 5]
        return command._replace(positions=(list(command.positions) * 10)[:size])

    def _time_attack(self, command: Command, k: int) -> Command:
        back, forth = -(10 ** (k % 12)), 10 ** (k % 11)
        kind = k % 4
        if kind == 0:
            return command._replace(now_ns=command.now_ns + back)
        if kind == 1:
            return command._replace(now_ns=command.now_ns + forth)
        if kind == 2:
            return command._replace(now_ns=command.now_ns - PERIOD_NS + 1)
        return command._replace(now_ns=command.now_ns + PERIOD_NS * (k % 30))

    def _measured_attack(self, command: Command, k: int) -> Command:
        state = command.measured
        positions = state.positions.copy()
        names = state.names
        stamp = state.stamp_ns
        kind = k % 6
        if kind == 0:
            positions[k % len(positions)] = np.nan
        elif kind == 1:
            positions[k % len(positions)] = np.inf
        elif kind == 2:
            names, positions = names[:-3], positions[:-3]
        elif kind == 3:
            stamp -= 200_000_000
        elif kind == 4:
            stamp += 10**12
        else:
            positions = positions[:4]
        return command._replace(
            measured=JointState(
                names=names, positions=positions, velocities=positions, efforts=positions, stamp_ns=stamp
            )
        )

    def _flip_one(self, command: Command, k: int) -> Command:
        q = list(command.positions)
        i = k % len(q)
        q[i] = -q[i]
        return command._replace(positions=q)

    def _extreme(self, command: Command, k: int) -> Command:
        values = (5e-324, -5e-324, 1e308, -1e308, -0.0, 2.0**1023, 1e-300, np.nextafter(command.positions[0], 9.0))
        q = list(command.positions)
        q[k % len(q)] = float(values[k % len(values)])
        return command._replace(positions=q)
