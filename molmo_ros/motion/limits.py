"""Joint limits: position, velocity (also as a function of position), acceleration and jerk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class JointLimits:
    """Limits of N joints; every array is (N,), in rad (or m) and seconds.

    The velocity near the ends of a joint's range is bounded by ``-a + sqrt(b * distance)``, the form of libfranka's
    rate_limiting.h, where the distance is measured to ``curve_upper`` or, downwards, to ``-curve_lower``. A joint
    without such a curve has infinite ends.

    Attributes:
        names: Joint names.
        lower: Lowest position.
        upper: Highest position.
        velocity: Highest speed.
        acceleration: Highest acceleration.
        jerk: Highest jerk.
        curve_a: Offset of the velocity curve.
        curve_b: Slope of the velocity curve.
        curve_upper: Upper end of the curve.
        curve_lower: Negated lower end of the curve.
        velocity_tolerance: Taken off every velocity bound.
    """

    names: tuple[str, ...]
    lower: Array
    upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array
    curve_a: Array
    curve_b: Array
    curve_upper: Array
    curve_lower: Array
    velocity_tolerance: float = 0.0

    def __post_init__(self) -> None:
        for name in (
            "lower",
            "upper",
            "velocity",
            "acceleration",
            "jerk",
            "curve_a",
            "curve_b",
            "curve_upper",
            "curve_lower",
        ):
            value = np.array(getattr(self, name), dtype=np.float64)
            if value.shape != (len(self.names),) or np.any(np.isnan(value)):
                message = f"{name} needs one number for each of {len(self.names)} joints"
                raise ValueError(message)
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        if np.any(self.upper <= self.lower) or np.any(self.velocity <= 0) or np.any(self.acceleration <= 0):
            message = "joint limits must leave room: lower < upper, velocity > 0, acceleration > 0"
            raise ValueError(message)
        if np.any(self.jerk <= 0):
            message = "jerk limits must be positive"
            raise ValueError(message)

    @classmethod
    def from_mapping(cls, joints: Mapping[str, Mapping[str, Any]], *, velocity_tolerance: float = 0.0) -> JointLimits:
        """Limits from ``{joint: {lower, upper, velocity, acceleration, jerk, velocity_curve: {a, b, upper, lower}}}``.

        Raises:
            KeyError: When a limit is missing.
            ValueError: When a limit is not a number, or leaves no room.
        """
        flat = {"a": 0.0, "b": 1.0, "upper": np.inf, "lower": np.inf}
        curves = [joint.get("velocity_curve", flat) for joint in joints.values()]

        def column(key: str) -> Array:
            return np.array([float(joint[key]) for joint in joints.values()])

        return cls(
            names=tuple(joints),
            lower=column("lower"),
            upper=column("upper"),
            velocity=column("velocity"),
            acceleration=column("acceleration"),
            jerk=column("jerk"),
            curve_a=np.array([float(curve["a"]) for curve in curves]),
            curve_b=np.array([float(curve["b"]) for curve in curves]),
            curve_upper=np.array([float(curve["upper"]) for curve in curves]),
            curve_lower=np.array([float(curve["lower"]) for curve in curves]),
            velocity_tolerance=velocity_tolerance,
        )

    def velocity_bounds(self, q: npt.NDArray[np.floating[Any]]) -> tuple[Array, Array]:
        """Lowest and highest velocity, (..., N) each, at positions (..., N); lowest <= 0 <= highest."""
        up = np.sqrt(np.maximum(0.0, self.curve_b * (self.curve_upper - q))) - self.curve_a
        down = np.sqrt(np.maximum(0.0, self.curve_b * (self.curve_lower + q))) - self.curve_a
        highest = np.maximum(0.0, np.minimum(self.velocity, up) - self.velocity_tolerance)
        lowest = -np.maximum(0.0, np.minimum(self.velocity, down) - self.velocity_tolerance)
        return lowest, highest

    def inside(self, q: npt.NDArray[np.floating[Any]], margin: float = 0.0) -> npt.NDArray[np.bool_]:
        """Whether positions (..., N) lie within the range, at least margin away from its ends."""
        return np.asarray(np.all((q >= self.lower + margin) & (q <= self.upper - margin), axis=-1))

    def violation(self, q: npt.NDArray[np.floating[Any]]) -> str:
        """One clause that names the joint furthest outside its range; empty when all are inside."""
        over = np.maximum(self.lower - q, q - self.upper)
        i = int(np.argmax(over))
        if not over[i] > 0:
            return ""
        return f"{self.names[i]} would be at {q[i]:.4f}, outside {self.lower[i]:.4f}..{self.upper[i]:.4f}"

    def scaled(self, *, velocity: float = 1.0, acceleration: float = 1.0, jerk: float = 1.0) -> JointLimits:
        """The same limits with velocity (curves included), acceleration and jerk multiplied by factors of 0..1."""
        return replace(
            self,
            velocity=self.velocity * velocity,
            acceleration=self.acceleration * acceleration,
            jerk=self.jerk * jerk,
            curve_a=self.curve_a * velocity,
            curve_b=self.curve_b * velocity**2,
            velocity_tolerance=self.velocity_tolerance * velocity,
        )
