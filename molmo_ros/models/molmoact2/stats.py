"""Normalisation statistics of MolmoAct2: ``norm_stats.json``, per robot tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.models.errors import CheckpointError, InputError
from molmo_ros.models.weights import read_json

FloatArray = npt.NDArray[np.float32]
EPS = 1e-6
_RANGES = {"min_max": ("min", "max"), "q01_q99": ("q01", "q99"), "q10_q90": ("q10", "q90"), "mean_std": ("mean", "std")}
_FEATURES = ("mean", "std", "min", "max", "q01", "q99", "q10", "q90", "mask", "names")


@dataclass(frozen=True, kw_only=True, eq=False)
class Normaliser:
    """Maps one feature between physical units and the model's range.

    Attributes:
        mode: "q01_q99", "q10_q90", "min_max", "mean_std" or "none".
        low: Lower bound, or the mean.
        high: Upper bound, or the standard deviation.
        mask: False where values pass through; None for everywhere normalised.
        constant: True where the data never moved: normalises to 0.
    """

    mode: str
    low: FloatArray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    high: FloatArray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    mask: npt.NDArray[np.bool_] | None = None
    constant: npt.NDArray[np.bool_] | None = None

    @property
    def bounded(self) -> bool:
        """Whether the model's range is [-1, 1]."""
        return self.mode not in ("none", "mean_std")

    def normalise(self, values: npt.ArrayLike) -> FloatArray:
        """Map (..., dim) physical values to the model's range."""
        given = np.asarray(values, dtype=np.float32)
        mapped: npt.NDArray[Any] = given
        if self.mode == "mean_std":
            mapped = (given - self.low) / np.maximum(self.high, EPS)
        elif self.bounded:
            mapped = np.clip(2.0 * (given - self.low) / np.maximum(self.high - self.low, EPS) - 1.0, -1.0, 1.0)
        if self.mask is not None:
            mapped = np.where(self.mask, mapped, given)
        if self.constant is not None:
            mapped = np.where(self.constant, np.float32(0.0), mapped)
        return np.asarray(mapped, dtype=np.float32)

    def unnormalise(self, values: npt.ArrayLike) -> FloatArray:
        """Map (..., dim) of the model's range to physical values; bounded modes clip to [-1, 1] first."""
        given = np.asarray(values, dtype=np.float32)
        if self.bounded:
            given = np.clip(given, -1.0, 1.0)
        mapped: npt.NDArray[Any] = given
        if self.mode == "mean_std":
            mapped = given * self.high + self.low
        elif self.bounded:
            mapped = (given + 1.0) * (self.high - self.low) / 2.0 + self.low
        if self.mask is not None:
            mapped = np.where(self.mask, mapped, given)
        return np.asarray(mapped, dtype=np.float32)


def normaliser(stats: Mapping[str, Any], mode: str) -> Normaliser:
    """Build a normaliser.

    Args:
        stats: Lists by name: q01, q99, min, max, mean, std, mask.
        mode: How to normalise.

    Raises:
        CheckpointError: The mode is unknown, or what it needs is missing or malformed.
    """
    if mode != "none" and mode not in _RANGES:
        raise CheckpointError(f"norm_stats.json asks for the unknown normalisation '{mode}'.")

    def array(name: str) -> FloatArray | None:
        value = stats.get(name)
        return None if value is None else np.asarray(value, dtype=np.float32)

    try:
        known = {name: array(name) for name in _FEATURES[:-2]}
        mask = None if stats.get("mask") is None else np.asarray(stats["mask"], dtype=np.bool_)
        if mode == "none":
            like = next((v for v in known.values() if v is not None), None)
            return Normaliser(
                mode=mode, mask=mask if mask is None or like is None else np.broadcast_to(mask, like.shape)
            )
        low, high = (known[name] for name in _RANGES[mode])
        if low is None or high is None:
            raise CheckpointError(f"Normalisation '{mode}' needs {' and '.join(_RANGES[mode])} in norm_stats.json.")
        if low.shape != high.shape or not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise CheckpointError(f"norm_stats.json: {' and '.join(_RANGES[mode])} do not fit together.")
        least, most = known["min"], known["max"]
        constant = None if mode == "mean_std" or least is None or most is None else least == most
        shaped = None if mask is None else np.broadcast_to(mask, low.shape)
        return Normaliser(mode=mode, low=low, high=high, mask=shaped, constant=constant)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"norm_stats.json is malformed: {error}.") from error


def _dim(stats: Mapping[str, Any] | None) -> int | None:
    for name in _FEATURES:
        value = (stats or {}).get(name)
        if isinstance(value, list) and value:
            return len(value[-1]) if isinstance(value[-1], list) else len(value)
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class RobotTag:
    """One embodiment of a checkpoint.

    Attributes:
        tag: Its name.
        setup: Text of the setup in the prompt.
        control: Text of the control mode in the prompt.
        cameras: Camera keys in the order of training.
        horizon: Steps the flow generates, None for the checkpoint's longest.
        action_steps: Steps to hand out, None for all.
        state_names: Names of the state dimensions as far as the file gives them.
        action_names: As ``state_names``.
    """

    tag: str
    setup: str
    control: str
    cameras: tuple[str, ...]
    horizon: int | None
    action_steps: int | None
    action_dim: int | None
    state_dim: int | None
    action: Normaliser | None
    state: Normaliser | None
    state_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()

    def normalise_state(self, state: npt.ArrayLike) -> FloatArray:
        """Normalise a measured state.

        Raises:
            InputError: It is not finite or of another length.
        """
        given = np.asarray(state, dtype=np.float32)
        if not np.isfinite(given).all():
            raise InputError("The robot's state holds a value that is not finite.")
        if self.state_dim is not None and given.shape[-1:] != (self.state_dim,):
            raise InputError(f"'{self.tag}' has a state of {self.state_dim} values, not {given.shape[-1:]}.")
        return given if self.state is None else self.state.normalise(given)

    def unnormalise_action(self, action: npt.ArrayLike) -> FloatArray:
        """Give a chunk its units."""
        return np.asarray(action, dtype=np.float32) if self.action is None else self.action.unnormalise(action)


def _positive(metadata: Mapping[str, Any], key: str, tag: str) -> int | None:
    value = metadata.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise CheckpointError(f"norm_stats.json: '{key}' of '{tag}' must be a number from 1 on.")
    return value


def robot_tags(payload: Mapping[str, Any]) -> dict[str, RobotTag]:
    """Read a ``norm_stats.json``.

    Raises:
        CheckpointError: It is malformed.
    """
    mode = str(payload.get("norm_mode", "min_max"))
    tags = {}
    for tag, metadata in (payload.get("metadata_by_tag") or {}).items():
        if not isinstance(metadata, Mapping):
            raise CheckpointError(f"norm_stats.json: '{tag}' is no object.")
        action, state = metadata.get("action_stats"), metadata.get("state_stats")
        tags[str(tag)] = RobotTag(
            tag=str(tag),
            setup=str(metadata.get("setup_type") or ""),
            control=str(metadata.get("control_mode") or ""),
            cameras=tuple(str(key) for key in metadata.get("camera_keys") or ()),
            horizon=_positive(metadata, "action_horizon", str(tag)),
            action_steps=_positive(metadata, "n_action_steps", str(tag)),
            action_dim=_dim(action),
            state_dim=_dim(state),
            action=None if action is None else normaliser(action, mode),
            state=None if state is None else normaliser(state, mode),
            state_names=tuple(str(n) for n in (state or {}).get("names") or ()),
            action_names=tuple(str(n) for n in (action or {}).get("names") or ()),
        )
    return tags


def load_tags(path: Path) -> dict[str, RobotTag]:
    """Read the ``norm_stats.json`` of a checkpoint folder."""
    return robot_tags(read_json(path))


def choose_tag(tags: Mapping[str, RobotTag], tag: str) -> RobotTag:
    """Return the embodiment a contract names.

    Raises:
        CheckpointError: The checkpoint does not know it.
    """
    if tag not in tags:
        raise CheckpointError(f"The checkpoint knows no robot tag '{tag}'; it has {', '.join(sorted(tags)) or 'none'}.")
    return tags[tag]
