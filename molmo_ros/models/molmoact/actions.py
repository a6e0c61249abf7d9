"""From action symbols to robot deltas: statistics, un-normalisation and the sanity gate.

A v1 action is 7-D: dx, dy, dz in metres, droll, dpitch, dyaw in radians, and the gripper, 1 = open. Frame and axes
of the deltas are those of the training data (base frame, from its lineage; unverified upstream).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from molmo_ros.models.errors import ActionRejectedError, CheckpointError, InputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ActionStats:
    """Quantiles of one dataset.

    Attributes:
        key: Dataset key.
        q01: (dim,) first percentile.
        q99: (dim,) ninety-ninth percentile.
        mask: (dim,) True where a dimension was normalised; the gripper never is.
    """

    key: str
    q01: npt.NDArray[np.float32]
    q99: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]

    @property
    def dim(self) -> int:
        """Number of action dimensions."""
        return len(self.q01)

    def unnormalise(self, values: npt.ArrayLike) -> FloatArray:
        """Map values in [-1, 1] to physical units; masked dimensions pass through.

        Args:
            values: (..., dim).
        """
        normalised = np.asarray(values, dtype=np.float64)
        if normalised.shape[-1:] != (self.dim,):
            raise InputError(f"An action of '{self.key}' has {self.dim} values, not {normalised.shape[-1:]}.")
        scaled = 0.5 * (normalised + 1.0) * (self.q99 - self.q01) + self.q01
        return np.where(self.mask, scaled, normalised)


def action_stats(norm_stats: Mapping[str, Any], key: str | None) -> ActionStats:
    """Choose the statistics of a dataset.

    Args:
        norm_stats: The ``norm_stats`` of a ``config.json``.
        key: Dataset key; None is allowed where there is one dataset only.

    Raises:
        CheckpointError: There are no statistics, several to choose from, not this one, or they are malformed.
    """
    if not norm_stats:
        raise CheckpointError("The checkpoint has no norm_stats, so its actions cannot be given units.")
    names = ", ".join(sorted(norm_stats))
    if key is None:
        if len(norm_stats) > 1:
            raise CheckpointError(f"The checkpoint has several norm_stats; choose 'unnorm_key' among {names}.")
        key = next(iter(norm_stats))
    if key not in norm_stats:
        raise CheckpointError(f"The checkpoint has no norm_stats for '{key}'; it has {names}.")
    try:
        action = norm_stats[key]["action"]
        q01 = np.asarray(action["q01"], dtype=np.float32)
        q99 = np.asarray(action["q99"], dtype=np.float32)
        mask = np.array(action.get("mask", np.ones(q01.shape, dtype=bool)), dtype=bool)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"The norm_stats of '{key}' are malformed: {error}.") from error
    if q01.ndim != 1 or len(q01) == 0 or not q01.shape == q99.shape == mask.shape:
        raise CheckpointError(f"The norm_stats of '{key}' have lists of different lengths.")
    if not (np.isfinite(q01).all() and np.isfinite(q99).all()):
        raise CheckpointError(f"The norm_stats of '{key}' hold numbers that are not finite.")
    mask[-1] = False
    return ActionStats(key=key, q01=q01, q99=q99, mask=mask)


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """Bounds of the sanity gate.

    Attributes:
        min_span: Least share of the dataset's q01..q99 range that the largest motion dimension must use; released
            7B-D weights are reported to answer with about 1e-4 of it whatever they see (allenai/molmoact #29, #37).
        max_translation_m: Largest translation of one step.
        max_rotation_rad: Largest rotation of one step.
        repeats: After this many equal answers to different images the model counts as blind.
    """

    min_span: float = 1e-3
    max_translation_m: float = 0.25
    max_rotation_rad: float = 0.8
    repeats: int = 4


class SanityGate:
    """Refuses actions that a defective or blind model writes.

    One gate serves one goal; it remembers the answers it saw.
    """

    def __init__(self, stats: ActionStats, limits: GateLimits | None = None) -> None:
        self._stats = stats
        self._limits = limits or GateLimits()
        self._seen: list[tuple[bytes, bytes]] = []

    def check(self, steps: Sequence[Sequence[float]], *, expected_steps: int, image_digest: bytes) -> FloatArray:
        """Un-normalise and judge one answer.

        Args:
            steps: (steps, dim) values in [-1, 1].
            expected_steps: Number of steps the checkpoint was trained to write, 1 or 8.
            image_digest: Identifies the image the answer is for.

        Returns:
            (steps, dim) actions in physical units.

        Raises:
            ActionRejectedError: With the reason in words.
        """
        if len(steps) != expected_steps:
            raise ActionRejectedError(f"The answer holds {len(steps)} action steps, {expected_steps} were expected.")
        actions = self._stats.unnormalise(np.asarray(steps, dtype=np.float64).reshape(expected_steps, -1))
        if not np.isfinite(actions).all():
            raise ActionRejectedError("The answer holds an action that is not finite.")
        self._check_size(actions)
        self._check_blindness(actions, image_digest)
        return actions

    def _check_size(self, actions: FloatArray) -> None:
        moving = actions[:, self._stats.mask]
        span = np.asarray(self._stats.q99 - self._stats.q01, dtype=np.float64)[self._stats.mask]
        used = np.abs(moving) / np.maximum(span, 1e-9)
        if used.size and used.max() < self._limits.min_span:
            raise ActionRejectedError(
                "The action is next to zero in every direction, the known fault of released MolmoAct weights; "
                "use the trace strategy or another checkpoint."
            )
        if actions.shape[1] < 6:
            return
        translation = float(np.linalg.norm(actions[:, :3], axis=1).max())
        rotation = float(np.abs(actions[:, 3:6]).max())
        if translation > self._limits.max_translation_m or rotation > self._limits.max_rotation_rad:
            raise ActionRejectedError(
                f"The action moves {translation:.3f} m or turns {rotation:.2f} rad in one step, beyond "
                f"{self._limits.max_translation_m} m and {self._limits.max_rotation_rad} rad."
            )

    def _check_blindness(self, actions: FloatArray, image_digest: bytes) -> None:
        answer = np.round(actions, 6).tobytes()
        self._seen = [*self._seen, (image_digest, answer)][-self._limits.repeats :]
        images = {image for image, _ in self._seen}
        answers = {given for _, given in self._seen}
        if len(self._seen) == self._limits.repeats and len(answers) == 1 and len(images) == self._limits.repeats:
            raise ActionRejectedError(
                f"The model gave the same action for {self._limits.repeats} different images; it does not look at them."
            )
