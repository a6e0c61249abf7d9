"""What reached the driver, judged again with none of the gate's code: formulas written out, numbers read anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from molmo_ros.core.robot import JointState
from molmo_ros.motion.description import share_file

Array = npt.NDArray[np.float64]

PERIOD_S = 0.01
STEP_RAD = 0.15
START_RAD = 0.02
LEAD_S = 0.02
GAP_S = 0.025
OVERLAP_M = 0.003
RELATIVE = 1e-6 + 1e-9
SMALL = 2e-9
# Corners of the open fingers' tips in the tool frame [m]: franka_description's finger boxes.
TIPS = np.array([[x, y, 0.0095] for x in (-0.00875, 0.00875) for y in (-0.0552, -0.04, 0.04, 0.0552)])


class RecordingDriver:
    """Keeps every target it is given, and nothing else.

    Args:
        names: Joint names it knows.
        capacity: Number of targets it can keep.
    """

    def __init__(self, names: tuple[str, ...], capacity: int) -> None:
        self.joint_names = names
        self.targets = np.empty((capacity, len(names)))
        self.count = 0
        self.misnamed = 0

    def stream(self, names: tuple[str, ...], positions: npt.NDArray[np.float64]) -> None:
        """Keeps one target."""
        if names != self.joint_names or positions.shape != (len(self.joint_names),):
            self.misnamed += 1
            return
        self.targets[self.count] = positions
        self.count += 1


@dataclass(kw_only=True)
class Audit:
    """Counts of bounds that targets of a recording driver broke; all zero when the gate holds."""

    violations: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    moving: int = 0

    def add(self, name: str, broken: npt.NDArray[np.bool_]) -> None:
        """Counts the rows of broken that hold any True."""
        rows = broken.reshape(len(broken), -1).any(axis=1)
        self.violations[name] = self.violations.get(name, 0) + int(rows.sum())


class Auditor:
    """Judges recorded targets.

    Args:
        poses: Tool poses (B, 4, 4) in the base frame at joint positions (B, N), by batch kinematics.
    """

    def __init__(self, poses: Any, robot: str = "fr3") -> None:
        data = yaml.safe_load(share_file(f"config/robots/{robot}.yaml").read_text(encoding="utf-8"))
        joints = data["joints"].values()
        self._poses = poses
        self._low = np.array([j["lower"] for j in joints])
        self._high = np.array([j["upper"] for j in joints])
        self._fast = np.array([j["velocity"] for j in joints])
        self._hard = np.array([j["acceleration"] for j in joints])
        self._sharp = np.array([j["jerk"] for j in joints])
        curve = [j["velocity_curve"] for j in joints]
        self._a, self._b, self._cu, self._cl = (
            np.array([c[key] for c in curve]) for key in ("a", "b", "upper", "lower")
        )
        self._tolerance = float(data["velocity_tolerance"])
        self._box = np.array([data["workspace"]["lower"], data["workspace"]["upper"]])

    def judge(self, q: Array, measured: Array, t_ns: npt.NDArray[np.int64], first: npt.NDArray[np.bool_]) -> Audit:
        """Judges targets in the order they were sent.

        Args:
            q: (M, N) targets [rad].
            measured: (M, N) measured positions when each was sent [rad].
            t_ns: (M,) when each was sent [ns].
            first: (M,) whether it was the first after arming.
        """
        audit = Audit(checked=len(q))
        if not len(q):
            return audit
        audit.add("not finite", ~np.isfinite(q))
        audit.add("position", (q < self._low) | (q > self._high))
        bound = np.where(first, START_RAD, STEP_RAD)[:, None]
        audit.add("step", np.abs(q - measured) > bound + SMALL)
        before = np.vstack([q[:1], q[:-1]])
        elapsed = np.diff(t_ns, prepend=t_ns[:1]) * 1e-9
        audit.add("clock", (elapsed < 0) & ~first)
        v = np.where(first[:, None], 0.0, (q - before) / PERIOD_S)
        fresh = (first | (elapsed > GAP_S))[:, None]
        v_before = np.where(fresh, 0.0, np.vstack([v[:1], v[:-1]]))
        a = np.where(first[:, None], 0.0, (v - v_before) / PERIOD_S)
        a_before = np.where(fresh, 0.0, np.vstack([a[:1], a[:-1]]))
        j = np.where(first[:, None], 0.0, (a - a_before) / PERIOD_S)
        up = np.sqrt(np.clip(self._b * (self._cu - q), 0.0, None)) - self._a
        down = np.sqrt(np.clip(self._b * (self._cl + q), 0.0, None)) - self._a
        fastest = np.clip(np.minimum(self._fast, np.where(v > 0, up, down)) - self._tolerance, 0.0, None)
        audit.add("velocity", np.abs(v) > fastest * (1 + RELATIVE) + SMALL)
        audit.add("acceleration", np.abs(a) > self._hard * (1 + RELATIVE) + SMALL)
        audit.add("jerk", np.abs(j) > self._sharp * (1 + RELATIVE) + SMALL)
        audit.add("rate", self._ahead(t_ns, first)[:, None] > LEAD_S + 1e-9)
        pose = self._poses(q)
        tool = pose[:, :3, 3]
        audit.add("workspace", (tool < self._box[0] - 1e-9) | (tool > self._box[1] + 1e-9))
        tips = np.einsum("bij,kj->bki", pose[:, :3, :3], TIPS) + tool[:, None]
        audit.add("table", tips[:, :, 2] < -OVERLAP_M - 1e-9)
        audit.moving = int(np.any(np.abs(v) > 1e-3, axis=1).sum())
        return audit

    @staticmethod
    def _ahead(t_ns: npt.NDArray[np.int64], first: npt.NDArray[np.bool_]) -> Array:
        """(M,) how far the count of targets runs ahead of the clock since any earlier one of the session [s]."""
        ahead = np.zeros(len(t_ns))
        starts = np.flatnonzero(first).tolist()
        for i, j in zip(starts, [*starts[1:], len(t_ns)], strict=True):
            lead = np.arange(j - i) * PERIOD_S - (t_ns[i:j] - t_ns[i]) * 1e-9
            ahead[i:j] = lead - np.minimum.accumulate(lead)
        return ahead


def arm_positions(state: JointState, where: list[int]) -> Array:
    """The arm's part of a measured state."""
    return np.asarray(state.positions[where])
