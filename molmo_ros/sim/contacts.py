"""Which touches are faults: the arm against the table, itself or an object; fingers may touch what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.sim.assembly import OBJECT_PREFIX, TABLE
from molmo_ros.sim.rendering import load_mujoco

_OTHER, _TABLE, _ARM, _FINGER, _OBJECT = range(5)

KINDS = ("arm_table", "arm_self", "arm_object", "finger_table")
"""Kinds of touches that are recorded. The first two are never right; the arm (hand body included) touching an object
and a finger touching the table may be gentle, so they are counted apart."""


@dataclass(frozen=True, kw_only=True)
class Touch:
    """One recorded pair of bodies.

    Attributes:
        kind: One of `KINDS`.
        first: Name of a link or object.
        second: Name of the other.
        first_time_s: Simulation time of the first contact [s].
        steps: Physics steps it lasted in all.
        force_n: Greatest normal force [N].
    """

    kind: str
    first: str
    second: str
    first_time_s: float
    steps: int
    force_n: float


@dataclass
class ContactLog:
    """Touches by pair since the last clear; fed once per physics step.

    Args:
        model: The MjModel.
        finger_links: Names of the links that may touch objects.
        arm_links: Names of all other links of the robot.
    """

    model: Any
    finger_links: tuple[str, ...]
    arm_links: tuple[str, ...]
    touches: dict[tuple[str, str], Touch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        model = self.model
        self._mujoco = load_mujoco()
        names = [model.body(i).name for i in range(model.nbody)]
        self._names = [names[b].removeprefix(OBJECT_PREFIX) for b in model.geom_bodyid]
        of_body = np.full(model.nbody, _OTHER)
        for i, name in enumerate(names):
            if name == TABLE:
                of_body[i] = _TABLE
            elif name in self.finger_links:
                of_body[i] = _FINGER
            elif name in self.arm_links:
                of_body[i] = _ARM
            elif name.startswith(OBJECT_PREFIX):
                of_body[i] = _OBJECT
        self._class = of_body[model.geom_bodyid]
        kind = np.full((5, 5), -1)
        for a, b, index in (
            (_ARM, _TABLE, 0),
            (_ARM, _ARM, 1),
            (_ARM, _FINGER, 1),
            (_ARM, _OBJECT, 2),
            (_FINGER, _TABLE, 3),
        ):
            kind[a, b] = kind[b, a] = index
        self._kind = kind

    def clear(self) -> None:
        """Forgets everything."""
        self.touches.clear()

    def record(self, data: Any) -> None:
        """Looks at the contacts of the newest step."""
        if data.ncon == 0:
            return
        geoms = data.contact.geom
        kinds = self._kind[self._class[geoms[:, 0]], self._class[geoms[:, 1]]]
        if kinds.max() < 0:
            return
        for i in np.nonzero(kinds >= 0)[0]:
            if data.contact.dist[i] > 0 or data.contact.efc_address[i] < 0:
                continue
            self._add(data, int(i), KINDS[kinds[i]])

    def _add(self, data: Any, index: int, kind: str) -> None:
        first, second = sorted(self._names[g] for g in data.contact.geom[index])
        force: npt.NDArray[np.float64] = np.zeros(6)
        self._mujoco.mj_contactForce(self.model, data, index, force)
        known = self.touches.get((first, second))
        self.touches[(first, second)] = Touch(
            kind=kind,
            first=first,
            second=second,
            first_time_s=known.first_time_s if known else float(data.time),
            steps=known.steps + 1 if known else 1,
            force_n=max(known.force_n if known else 0.0, float(force[0])),
        )

    def of_kind(self, *kinds: str) -> tuple[Touch, ...]:
        """Touches of some kinds, the first ones first."""
        found = [touch for touch in self.touches.values() if touch.kind in kinds]
        return tuple(sorted(found, key=lambda touch: touch.first_time_s))
